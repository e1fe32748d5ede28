"""watch_self: every 15 minutes by schedule, see whether captures come in whole and whether Trimtab itself is well.

Its last act is a heartbeat: an alarm that goes straight to the topic fires when that stays away. By payload, for one
endpoint: `{"endpoint": "churn"}`. Every run starts from what is stored, so that a lost or repeated run does no harm.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from math import inf
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from trimtab.aws import s3, sagemaker, sqs, state_bucket
from trimtab.aws.cloudwatch_metrics import MetricQuery, Series, read_metrics
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import region_and_account
from trimtab.aws.sagemaker import Endpoint
from trimtab.aws.state_table import read_state, write_state
from trimtab.capture.pack import ObjectProfile, PackKey, union
from trimtab.capture.variants import production_variant
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import HOUR, whole_hour
from trimtab.findings import Action, Origin
from trimtab.health.capture_switch import capture_bucket, capture_switch
from trimtab.health.captures import Clues, capture_silent, captures_lost, decode_coverage, payload_schema
from trimtab.health.check import Check
from trimtab.health.hours import (
    HourCaptures,
    add_hours,
    columns_of,
    comparable,
    count_hour,
    hour_document,
    hour_from_document,
)
from trimtab.health.installation import dead_letters, function_faults, lasting_failure, queue_age
from trimtab.health.memory import (
    Memory,
    health_finding,
    is_raised,
    memories_document,
    memories_from_document,
    remember,
)
from trimtab.settings import EndpointSettings, WatchSelfSettings, is_opted_out

logger = Logger()
metrics = Metrics()
tracer = Tracer()

ENDPOINTS, DISKS = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
DEAD_LETTERS = {
    "capture": "capture files that could not be read five times",
    "alert": "findings that could not be told",
    "failed invocations": "runs of Trimtab's functions that failed for good",
}

ALL_THE_SAME = {
    "ExplanationsFailed": "why windows drifted",
    "ModelMonitorReportsFailed": "reports in Model Monitor's form",
}
"""What detect_drift counts when it fails at something without which windows are judged all the same."""


class Request(BaseModel):
    """The payload. The schedule's own event has no such field: every endpoint, and Trimtab itself."""

    endpoint: str | None = None


class EndpointsFailedError(RuntimeError):
    """Some endpoints could not be looked at; all others were."""


@dataclass(frozen=True)
class Run:
    """What is the same for every endpoint of one invocation.

    `lag`: for how many minutes captures wait to be read. `asked`: what buckets said of their notifications.
    """

    settings: WatchSelfSettings
    account: str
    region: str
    now: datetime
    lag: float = 0.0
    asked: dict[str, tuple[bool | None, Action | None]] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        return self.settings.state_bucket_name


@dataclass(frozen=True)
class Watched:
    """An endpoint, its settings, and when its requests came by variant and minute (None: not known)."""

    endpoint: Endpoint
    settings: EndpointSettings
    requests: dict[str, dict[datetime, float] | None] = field(default_factory=dict)

    @property
    def delay(self) -> timedelta:
        return timedelta(minutes=self.settings.watermark_minutes)


@dataclass(frozen=True)
class Captured:
    """What a variant's packs say: the last complete hours together, and what is to be remembered of them."""

    total: HourCaptures
    is_learned: bool
    last: datetime | None
    document: dict[str, Any]


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = Request.model_validate(event)
    region, account = region_and_account(context.invoked_function_arn)
    settings = WatchSelfSettings.from_environment(os.environ)
    run = Run(settings, account, region, now=datetime.now(UTC))
    queues = check_queues(run)
    run = replace(run, lag=lag_of(queues))
    watched, failed = watched_endpoints(request.endpoint, run)
    read_requests(watched, run)
    outcomes: dict[str, Any] = {}
    for each in watched:
        name = each.endpoint.name
        try:
            outcomes[name] = watch_endpoint(each, run)
        except Exception:
            # one endpoint must not stop the others; the error raised at the end makes Lambda try again
            logger.exception("Endpoint could not be watched", extra={"endpoint": name})
            failed.append(name)
    own = {} if request.endpoint else watch_installation(queues, run)
    metrics.add_dimension("Name", settings.name)
    metrics.add_metric("Heartbeat", MetricUnit.Count, 1)
    if failed:
        raise EndpointsFailedError(
            f"could not be watched: {', '.join(failed)}; watched: {', '.join(outcomes) or 'none'}"
        )
    return {"endpoints": outcomes, "trimtab": own}


def watched_endpoints(only: str | None, run: Run) -> tuple[list[Watched], list[str]]:
    """Endpoints that capture, or once did, and whose tags do not opt out; and those that could not be looked at."""
    known = set(state_bucket.endpoints_with_packs(run.bucket))
    watched: list[Watched] = []
    failed: list[str] = []
    for name in [only] if only else sagemaker.endpoint_names():
        try:
            endpoint = sagemaker.describe_endpoint(name)
            if endpoint is None or is_opted_out(endpoint.tags):
                continue
            if endpoint.captures_data or name in known:
                loaded = load_endpoint_settings(run.settings.name, run.settings.state_table_name, name)
                watched.append(Watched(endpoint, loaded.settings))
        except Exception:
            logger.exception("Endpoint could not be described", extra={"endpoint": name})
            failed.append(name)
    return watched, failed


def read_requests(watched: Iterable[Watched], run: Run) -> None:
    """Ask CloudWatch once for the requests to all variants."""
    pairs = [(each, variant) for each in watched for variant in each.endpoint.variants]
    if not pairs:
        return
    start = min(requests_start(each, run) for each, _ in pairs)
    queries = [variant_query(each.endpoint, variant, "Invocations") for each, variant in pairs]
    for (each, variant), series in zip(pairs, read_metrics(queries, start, run.now), strict=True):
        each.requests[variant] = series.points if series.is_complete and series.points else None


def requests_start(watched: Watched, run: Run) -> datetime:
    """From when on the requests to an endpoint are looked at: twice the silence that is allowed, and the hours."""
    silence = timedelta(minutes=watched.settings.health.silent_minutes)
    return min(whole_hour(run.now - 2 * silence), complete_hours(watched, run)[0])


def complete_hours(watched: Watched, run: Run) -> list[datetime]:
    """The starts of the last hours whose captures should all be in."""
    end = whole_hour(run.now - watched.delay)
    return [end - i * HOUR for i in range(watched.settings.health.hours, 0, -1)]


def variant_query(endpoint: Endpoint, variant: str, metric: str, statistic: str = "Sum") -> MetricQuery:
    namespace = DISKS if metric == "DiskUtilization" else ENDPOINTS
    dimensions = (("EndpointName", endpoint.name), ("VariantName", variant))
    return MetricQuery(namespace, metric, dimensions, statistic, period=60)


@tracer.capture_method(capture_response=False)
def watch_endpoint(watched: Watched, run: Run) -> dict[str, Any]:
    """Check one endpoint and its variants; the outcome by variant, `*` for the endpoint as a whole."""
    endpoint = watched.endpoint
    reminder = timedelta(hours=watched.settings.reminder_hours)
    checks = [
        capture_switch(endpoint.name, is_enabled=endpoint.captures_data, status=endpoint.capture_status),
    ]
    action = None
    if endpoint.destination:
        bucket, _ = split_uri(endpoint.destination)
        tells, action = ask_bucket(bucket, run)
        checks.append(capture_bucket(endpoint.name, bucket, watched=capture_buckets(run), tells=tells))
    origin = Origin(run.account, run.region, endpoint.name, "*")
    memories = tell(origin, checks, {}, run, reminder, {"capture_bucket": action})
    is_blocked = any(is_raised(memories, check.name) for check in checks)
    outcome = {"*": summary(checks)}
    for variant in endpoint.variants:
        outcome[variant] = watch_variant(watched, variant, is_blocked, run, reminder)
    return outcome


def watch_variant(
    watched: Watched, variant: str, is_blocked: bool, run: Run, reminder: timedelta
) -> dict[str, dict[str, str]]:
    """Check one variant. `is_blocked`: its captures cannot arrive, which is told already."""
    origin = Origin(run.account, run.region, watched.endpoint.name, variant)
    remembered = read_state(run.settings.state_table_name, f"endpoint#{origin.endpoint}", f"health#{variant}").content
    captured = read_captured(watched, variant, remembered, run)
    checks = judge_content(origin, watched, captured)
    if not is_blocked:
        checks = judge_arrival(watched, variant, captured, run) + checks
    tell(origin, checks, captured.document, run, reminder)
    return summary(checks)


def read_captured(watched: Watched, variant: str, remembered: Mapping[str, Any], run: Run) -> Captured:
    """What the packs of the last complete hours hold. Hours whose packs did not change are not read again."""
    hours = complete_hours(watched, run)
    variants = state_bucket.variants_with_packs(run.bucket, watched.endpoint.name)
    written = [
        pack
        for each in variants
        if production_variant(each) == variant  # the variant itself, and its models where they are told apart
        for pack in state_bucket.packs_written(run.bucket, watched.endpoint.name, each, hours[0], run.now + HOUR)
    ]
    # an hour's captures came before its end, whenever its pack was written
    moments = [min(moment, key.hour + HOUR) for key, moment in written]
    if "last_capture" in remembered:
        moments.append(datetime.fromisoformat(remembered["last_capture"]))
    last = max(moments, default=None)
    newest = max(written, key=lambda pack: pack[1], default=None)
    grid = newest[0].grid if newest else remembered.get("grid", "")
    keys = {hour: [key for key, _ in written if key.hour == hour] for hour in hours}
    is_learned = bool(remembered.get("columns")) and grid == remembered.get("grid")
    learned = frozenset(remembered["columns"]) if is_learned else frozenset()
    known = remembered.get("hours", {}) if is_learned else {}
    unread = [hour for hour in hours if known.get(hour.isoformat(), {}).get("packs") != names_of(keys[hour])]
    objects = {hour: read_objects(run.bucket, keys[hour], grid) for hour in unread}
    if not is_learned:
        same = comparable((entry for hour in unread for entry in objects[hour]), grid)
        if sum(entry.profile.rows for entry in same) >= watched.settings.health.schema_rows:
            learned, is_learned = columns_of(same), True
    counted = {
        hour: count_hour(objects[hour], grid, learned)
        if hour in objects
        else hour_from_document(known[hour.isoformat()]["counts"])
        for hour in hours
    }
    document = {
        "grid": grid,
        "columns": sorted(learned),
        "hours": {
            hour.isoformat(): {"packs": names_of(keys[hour]), "counts": hour_document(counted[hour])} for hour in hours
        },
    }
    if last:
        document["last_capture"] = last.isoformat()
    return Captured(add_hours(counted.values()), is_learned, last, document)


def read_objects(bucket: str, keys: list[PackKey], grid: str) -> list[ObjectProfile]:
    """The objects of an hour, each once per variant: an object can hold requests to several models."""
    packs: dict[str, list[list[ObjectProfile]]] = defaultdict(list)
    for key, pack in zip(keys, state_bucket.read_packs(bucket, keys), strict=True):
        packs[key.variant].append(pack)
    return [entry for each in packs.values() for entry in union(each, grid)]


def judge_content(origin: Origin, watched: Watched, captured: Captured) -> list[Check]:
    """Can the captures be read, and do they have the columns they had?"""
    where, thresholds, total = f"{origin.endpoint}/{origin.variant}", watched.settings.health, captured.total
    return [
        decode_coverage(where, read=total.read, lost=total.lost, unreadable=total.unreadable, thresholds=thresholds),
        payload_schema(
            where,
            objects=total.seen,
            rows=total.rows,
            extra=total.extra,
            absent=total.absent,
            ignore=watched.settings.ignore,
            is_learned=captured.is_learned,
            thresholds=thresholds,
        ),
    ]


def judge_arrival(watched: Watched, variant: str, captured: Captured, run: Run) -> list[Check]:
    """Do the captures come in, and are they all there? What costs more is asked only when they seem not to."""
    endpoint, thresholds = watched.endpoint, watched.settings.health
    where, hours = f"{endpoint.name}/{variant}", complete_hours(watched, run)
    since = captured.last or endpoint.changed

    def judge(requests: Mapping[datetime, float] | None, clues: Clues) -> list[Check]:
        silent = capture_silent(
            where,
            requests,
            sampling=endpoint.sampling,
            since=since,
            now=run.now,
            delay=watched.delay,
            thresholds=thresholds,
            clues=clues,
        )
        if silent.verdict is Verdict.ALERT:
            return [silent]  # that captures are lost goes without saying
        if run.lag > watched.settings.watermark_minutes:
            return [silent]  # they may wait to be read
        within = {m: n for m, n in (requests or {}).items() if hours[0] <= m < hours[-1] + HOUR}
        lost = captures_lost(
            where,
            captured=captured.total.captured,
            answered=None if not within or hours[0] < endpoint.changed else round(sum(within.values())),
            sampling=endpoint.sampling,
            thresholds=thresholds,
            clues=clues,
        )
        return [silent, lost]

    requests = watched.requests.get(variant)
    checks = judge(requests, Clues())
    if requests is None or all(check.verdict is not Verdict.ALERT for check in checks):
        return checks
    details = ["Invocation4XXErrors", "Invocation5XXErrors", "DiskUtilization"]
    queries = [
        variant_query(endpoint, variant, name, "Maximum" if name == "DiskUtilization" else "Sum") for name in details
    ]
    rejected, failed, disk = read_metrics(queries, requests_start(watched, run), run.now)
    clues = Clues(disk_percent=disk.largest(), files=files_since(endpoint, variant, since, run))
    return judge(answered_requests(requests, rejected, failed), clues)


def answered_requests(requests: Mapping[datetime, float], *refused: Series) -> dict[datetime, float]:
    """Requests less those that got an error, for which SageMaker may write no capture."""
    return {
        minute: max(0.0, count - sum(series.points.get(minute, 0.0) for series in refused))
        for minute, count in requests.items()
    }


def files_since(endpoint: Endpoint, variant: str, since: datetime, run: Run) -> int | None:
    """How many capture files S3 has of a variant since then, at most a day back."""
    bucket, prefix = split_uri(endpoint.destination)
    if bucket not in capture_buckets(run):
        return None
    folder = "/".join(part for part in (prefix, endpoint.name, variant) if part)
    first = max(since, run.now - 24 * HOUR)
    listed = s3.list_written(bucket, f"{folder}/", start_after=f"{folder}/{first:%Y/%m/%d/%H}/")
    return sum(moment > since for _, moment in listed)


def ask_bucket(bucket: str, run: Run) -> tuple[bool | None, Action | None]:
    """Whether a capture bucket tells EventBridge of new objects, and what was done about it when it did not."""
    if bucket not in run.asked and bucket in capture_buckets(run):
        try:
            tells, action = s3.tells_event_bridge(bucket), None
            if not tells and run.settings.manage_capture_buckets:
                s3.tell_event_bridge(bucket)
                action = Action(name="switch_on_notifications", mode="act", outcome=f"switched on for {bucket}")
                logger.info("EventBridge notifications switched on", extra={"bucket": bucket})
            run.asked[bucket] = (tells, action)
        except Exception:
            logger.exception("Bucket could not be asked", extra={"bucket": bucket})
            run.asked[bucket] = (None, None)
    return run.asked.get(bucket, (None, None))


def watch_installation(queues: list[Check], run: Run) -> dict[str, dict[str, str]]:
    """Check Trimtab's dead letters besides its queues and, in the first run of each hour, its functions."""
    settings = run.settings
    origin = Origin(run.account, run.region, "", "")
    checks = [*queues, *check_dead_letters(settings)]
    if run.now.minute < 15:
        checks += [*check_functions(run), *check_failures(run)]
    tell(origin, checks, {}, run, reminder=timedelta(hours=24))
    return summary(checks)


def check_queues(run: Run) -> list[Check]:
    """The age of what waits. CloudWatch is asked only about queues that hold something."""
    urls = {"capture": run.settings.capture_queue_url, "alert": run.settings.alert_queue_url}
    waiting = {name: sqs.message_count(url) for name, url in urls.items()}
    filled = [name for name, count in waiting.items() if count]
    metric = partial(MetricQuery, "AWS/SQS", "ApproximateAgeOfOldestMessage", statistic="Maximum", period=60)
    queries = [metric((("QueueName", urls[name].rpartition("/")[2]),)) for name in filled]
    series = read_metrics(queries, run.now - timedelta(minutes=15), run.now)
    ages = {name: each.points[max(each.points)] / 60 for name, each in zip(filled, series, strict=True) if each.points}
    limit = run.settings.queue_age_minutes
    return [
        queue_age(name, waiting=count, age_minutes=ages.get(name), limit_minutes=limit)
        for name, count in waiting.items()
    ]


def lag_of(queues: Iterable[Check]) -> float:
    """For how many minutes captures wait to be read; without end when they wait and nobody knows since when."""
    [capture] = (check.evidence for check in queues if check.evidence["queue"] == "capture")
    age: float | None = capture["age_minutes"] if capture["waiting"] else 0.0
    return inf if age is None else age


def check_dead_letters(settings: WatchSelfSettings) -> list[Check]:
    """Is anything in the queues of what was given up?"""
    urls = {
        "capture": settings.capture_dead_letter_queue_url,
        "alert": settings.alert_dead_letter_queue_url,
        "failed invocations": settings.failed_invocations_queue_url,
    }
    return [
        dead_letters(name, messages=sqs.message_count(url), lost=DEAD_LETTERS[name], url=url)
        for name, url in urls.items()
    ]


def check_functions(run: Run) -> list[Check]:
    """Errors and throttles of Trimtab's functions in the last hour."""
    names = run.settings.function_names.split(",")
    metric = partial(MetricQuery, "AWS/Lambda", statistic="Sum", period=300)
    queries = [metric(fault, (("FunctionName", name),)) for name in names for fault in ("Errors", "Throttles")]
    series = read_metrics(queries, run.now - HOUR, run.now)
    return [
        function_faults(name, errors=errors.total(), throttles=throttles.total())
        for name, errors, throttles in zip(names, series[::2], series[1::2], strict=True)
    ]


def check_failures(run: Run) -> list[Check]:
    """What detect_drift failed at in the last day without failing itself. It counts nothing where nothing failed, but
    always how many endpoints it judged."""
    namespace, service = str(metrics.provider.namespace), (("service", "detect_drift"),)
    queries = [
        MetricQuery(namespace, name, service, statistic="Sum", period=3600)
        for name in ("EndpointsJudged", *ALL_THE_SAME)
    ]
    runs, *failures = read_metrics(queries, whole_hour(run.now) - 24 * HOUR, run.now)
    return [
        lasting_failure(
            name, missing=missing, failed_hours=len(each.points) if runs.points and each.is_complete else None
        )
        for (name, missing), each in zip(ALL_THE_SAME.items(), failures, strict=True)
    ]


def tell(
    origin: Origin,
    checks: list[Check],
    document: Mapping[str, Any],
    run: Run,
    reminder: timedelta,
    actions: Mapping[str, Action | None] = {},
) -> Mapping[str, Memory]:
    """Publish what changed and what lasts, then remember it beside `document`; the memories."""
    partition, sort = (
        (f"endpoint#{origin.endpoint}", f"health#{origin.variant}") if origin.endpoint else ("self", "health")
    )
    before = read_state(run.settings.state_table_name, partition, sort)
    memories, told = remember(
        memories_from_document(before.content.get("checks", {})), checks, now=run.now, reminder=reminder
    )
    findings = [
        health_finding(origin, each, now=run.now, fact=str(before.version), action=actions.get(each.check.name))
        for each in told
    ]
    publish_findings(run.settings.findings_bus_name, findings)
    content = {**document, "checks": memories_document(memories)}
    if content != before.content:
        write_state(run.settings.state_table_name, partition, sort, content, after=before)
    return memories


def summary(checks: Iterable[Check]) -> dict[str, dict[str, str]]:
    """The verdicts and reasons, for whoever called. What is not known says so."""
    return {check.name: {"verdict": check.verdict.value, "reason": check.reason} for check in checks}


def capture_buckets(run: Run) -> list[str]:
    return run.settings.capture_buckets.split(",")


def names_of(keys: Iterable[PackKey]) -> str:
    """Stands for these packs: other packs, other name."""
    return sha256("\n".join(sorted(str(key) for key in keys)).encode()).hexdigest()[:16]


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and prefix, without slashes at its ends, of an S3 URI."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return bucket, prefix.strip("/")
