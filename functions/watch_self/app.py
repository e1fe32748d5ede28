"""watch_self: every 15 minutes by schedule, see whether captures come in whole and whether Trimtab itself is well.

Its last act is a heartbeat: an alarm that goes straight to the topic fires when that stays away. By payload, for one
endpoint: `{"endpoint": "churn"}`. Every run starts from what is stored, so that a lost or repeated run does no harm.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from trimtab.aws import s3, sagemaker, sqs, state_bucket
from trimtab.aws.again import again_on
from trimtab.aws.capture_files import count_files
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.installation_metrics import read_failed_hours, read_function_faults, read_queue_ages
from trimtab.aws.lambda_functions import region_and_account
from trimtab.aws.request_metrics import read_obstacles, read_requests
from trimtab.aws.sagemaker import Endpoint
from trimtab.aws.state_table import StaleStateError, read_state, write_state
from trimtab.aws.variant_packs import list_packs, read_objects
from trimtab.capture.variants import BATCH
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import HOUR, whole_hour
from trimtab.findings import Action, Origin
from trimtab.health.arrival import Clues, answered_requests, judge_arrival, requests_start
from trimtab.health.capture_memory import (
    CaptureMemory,
    capture_document,
    capture_from_document,
    count_hours,
    see_packs,
    unread_hours,
)
from trimtab.health.capture_switch import capture_bucket, capture_switch
from trimtab.health.check import Check
from trimtab.health.hours import complete_hours
from trimtab.health.installation import (
    ALL_THE_SAME,
    capture_lag,
    dead_letters,
    function_faults,
    lasting_failure,
    queue_age,
)
from trimtab.health.memory import (
    Memory,
    health_finding,
    is_raised,
    leave,
    memories_document,
    memories_from_document,
    remember,
)
from trimtab.health.payloads import decode_coverage, payload_schema
from trimtab.health.places import (
    WHOLE,
    configuration_document,
    configured_since,
    places_known,
    places_left,
)
from trimtab.settings import EndpointSettings, WatchSelfSettings, is_opted_out

logger = Logger()
metrics = Metrics()
tracer = Tracer()

type Requests = Mapping[datetime, float] | None
"""How many came in each minute; None: not known."""
type Announced = tuple[bool | None, Action | None]
"""Whether a capture bucket tells EventBridge of new objects (None: not known), and what was done when it did not."""

PLACES = ("self", "health_places")
"""Where the state table keeps which endpoints and variants are watched: what is gone cannot be listed."""


class Request(BaseModel):
    """The payload. The schedule's own event has no such field: every endpoint, and Trimtab itself."""

    endpoint: str | None = None


class EndpointsFailedError(RuntimeError):
    """Some endpoints could not be looked at; all others were."""


@dataclass(frozen=True)
class Run:
    """What is the same for every endpoint of one invocation. `lag`: for how many minutes captures wait to be read."""

    settings: WatchSelfSettings
    account: str
    region: str
    now: datetime
    lag: float

    @property
    def bucket(self) -> str:
        return self.settings.state_bucket_name


@dataclass(frozen=True)
class Watched:
    """An endpoint and its settings. `configured`: since when it captures as it does."""

    endpoint: Endpoint
    settings: EndpointSettings
    configured: datetime

    @property
    def delay(self) -> timedelta:
        return timedelta(minutes=self.settings.watermark_minutes)

    @property
    def reminder(self) -> timedelta:
        return timedelta(hours=self.settings.reminder_hours)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = Request.model_validate(event)
    region, account = region_and_account(context.invoked_function_arn)
    settings, now = WatchSelfSettings.from_environment(os.environ), datetime.now(UTC)
    queues = check_queues(settings, now)
    run = Run(settings, account, region, now, lag=capture_lag(queues))
    places = read_state(settings.state_table_name, *PLACES)
    watched, left, failed = watched_endpoints(request.endpoint, places.content, run)
    known = leave_places(places.content, watched, left, run)
    requests = requests_to(watched, run)
    buckets = ask_buckets(watched, settings)
    outcomes: dict[str, Any] = {}
    for each in watched:
        name = each.endpoint.name
        try:
            outcomes[name] = watch_endpoint(each, requests, buckets, run)
        except Exception:
            # one endpoint must not stop the others; the error raised at the end makes Lambda try again
            logger.exception("Endpoint could not be watched", extra={"endpoint": name})
            failed.append(name)
    if known != places.content:
        with suppress(StaleStateError):  # the next run sees the same
            write_state(settings.state_table_name, *PLACES, known, after=places)
    own = {} if request.endpoint else watch_installation(queues, run)
    metrics.add_dimension("Name", settings.name)
    metrics.add_metric("Heartbeat", MetricUnit.Count, 1)
    if failed:
        raise EndpointsFailedError(
            f"could not be watched: {', '.join(failed)}; watched: {', '.join(outcomes) or 'none'}"
        )
    return {"endpoints": outcomes, "trimtab": own}


def watched_endpoints(
    only: str | None, known: Mapping[str, Any], run: Run
) -> tuple[list[Watched], dict[str, str], list[str]]:
    """Endpoints that capture, or once did, and whose tags do not opt out; why others are not watched, those too that
    are only `known` from an earlier run; and those that could not be looked at."""
    with_packs = set(state_bucket.endpoints_with_packs(run.bucket))
    serving = [only] if only else list(sagemaker.endpoint_names())
    watched: list[Watched] = []
    left: dict[str, str] = {}
    failed: list[str] = []
    for name in dict.fromkeys([*serving, *([] if only else known)]):
        try:
            endpoint = sagemaker.describe_endpoint(name)
            if endpoint is None:
                left[name] = "The endpoint is gone."
            elif is_opted_out(endpoint.tags):
                left[name] = "The endpoint is tagged trimtab:monitor=off."
            elif name not in serving:
                continue  # it is being made or deleted, or is broken: nothing can be said of it now
            elif endpoint.captures_data or (name in with_packs and has_captured(name, run)):
                loaded = load_endpoint_settings(run.settings.name, run.settings.state_table_name, name)
                watched.append(Watched(endpoint, loaded.settings, endpoint.changed))
            else:
                left[name] = "The endpoint has data capture off, and no captures of it are known."
        except Exception:
            logger.exception("Endpoint could not be described", extra={"endpoint": name})
            failed.append(name)
    return watched, left, failed


def leave_places(
    known: Mapping[str, list[str]], watched: Iterable[Watched], left: Mapping[str, str], run: Run
) -> dict[str, list[str]]:
    """End the alerts of what is watched no more; what is `known` then. What could not be ended stays known."""
    now = {each.endpoint.name: each.endpoint.variants for each in watched}
    after = places_known(known, now, left)
    for (endpoint, variant), why in places_left(known, now, left).items():
        try:
            leave_place(Origin(run.account, run.region, endpoint, variant), why, run)
        except Exception:
            logger.exception("Alerts could not be ended", extra={"endpoint": endpoint, "variant": variant})
            after[endpoint] = sorted({*after.get(endpoint, ()), *known[endpoint]})
    return after


def leave_place(origin: Origin, why: str, run: Run) -> None:
    """End the alerts that stand of an endpoint or a variant that is watched no more, and forget them."""
    partition, sort = state_key(origin)
    before = read_state(run.settings.state_table_name, partition, sort)
    told = leave(memories_from_document(before.content.get("checks", {})), why, run.now)
    if told:
        findings = [health_finding(origin, each, now=run.now, fact=str(before.version)) for each in told]
        publish_findings(run.settings.findings_bus_name, findings)
        write_state(run.settings.state_table_name, partition, sort, {**before.content, "checks": {}}, after=before)


def has_captured(name: str, run: Run) -> bool:
    """Whether the packs under an endpoint's name are its own, not only those of batch transforms of that name."""
    return not BATCH.issuperset(state_bucket.variants_with_packs(run.bucket, name))


def requests_to(watched: Iterable[Watched], run: Run) -> Mapping[tuple[str, str], Requests]:
    """Requests by endpoint and variant: CloudWatch is asked once for all."""
    serving = [each for each in watched if each.endpoint.variants]
    start = min((requests_start(run.now, each.delay, each.settings.health) for each in serving), default=run.now)
    places = [(each.endpoint.name, variant) for each in serving for variant in each.endpoint.variants]
    return read_requests(places, start, run.now)


def ask_buckets(watched: Iterable[Watched], settings: WatchSelfSettings) -> Mapping[str, Announced]:
    """What the capture buckets that this stack listens to say of their notifications."""
    used = dict.fromkeys(each.endpoint.capture_place[0] for each in watched if each.endpoint.destination)
    return {bucket: ask_bucket(bucket, settings) for bucket in used if bucket in capture_buckets(settings)}


def ask_bucket(bucket: str, settings: WatchSelfSettings) -> Announced:
    """Ask one bucket and, where that is wanted, switch its notifications on."""
    try:
        if s3.tells_event_bridge(bucket):
            return True, None
        if not settings.manage_capture_buckets:
            return False, None
        s3.tell_event_bridge(bucket)
        logger.info("EventBridge notifications switched on", extra={"bucket": bucket})
        return False, Action(name="switch_on_notifications", mode="act", outcome=f"switched on for {bucket}")
    except Exception:
        logger.exception("Bucket could not be asked", extra={"bucket": bucket})
        return None, None


@tracer.capture_method(capture_response=False)
def watch_endpoint(
    watched: Watched, requests: Mapping[tuple[str, str], Requests], buckets: Mapping[str, Announced], run: Run
) -> dict[str, Any]:
    """Check one endpoint and its variants; the outcome by variant, `*` for the endpoint as a whole."""
    endpoint = watched.endpoint
    checks = [capture_switch(endpoint.name, is_enabled=endpoint.captures_data, status=endpoint.capture_status)]
    action = None
    if endpoint.destination:
        bucket, _ = endpoint.capture_place
        tells, action = buckets.get(bucket, (None, None))
        checks.append(capture_bucket(endpoint.name, bucket, watched=capture_buckets(run.settings), tells=tells))
    origin = Origin(run.account, run.region, endpoint.name, WHOLE)
    remembered = read_state(run.settings.state_table_name, *state_key(origin)).content
    since = configured_since(remembered, endpoint.configuration, created=endpoint.created, changed=endpoint.changed)
    watched, document = replace(watched, configured=since), configuration_document(endpoint.configuration, since)
    memories = tell(origin, checks, document, run, watched.reminder, {"capture_bucket": action})
    is_blocked = any(is_raised(memories, check.name) for check in checks)
    outcome = {WHOLE: summary(checks)}
    for variant in endpoint.variants:
        outcome[variant] = watch_variant(watched, variant, requests[endpoint.name, variant], is_blocked, run)
    return outcome


def watch_variant(
    watched: Watched, variant: str, requests: Requests, is_blocked: bool, run: Run
) -> dict[str, dict[str, str]]:
    """Check one variant. `is_blocked`: its captures cannot arrive, which is told already."""
    origin = Origin(run.account, run.region, watched.endpoint.name, variant)
    where, thresholds = f"{origin.endpoint}/{variant}", watched.settings.health
    remembered = read_state(run.settings.state_table_name, *state_key(origin)).content
    memory = capture_from_document(remembered)
    # detect_drift may join packs meanwhile
    captured = again_on(s3.ObjectNotFoundError, partial(read_captured, watched, variant, memory, run))
    content = [
        decode_coverage(where, captured.total, thresholds),
        payload_schema(
            where,
            captured.total,
            ignore=watched.settings.ignore,
            is_learned=captured.columns is not None,
            thresholds=thresholds,
        ),
    ]
    checks = content if is_blocked else [*check_arrival(watched, variant, requests, captured, run), *content]
    tell(origin, checks, capture_document(captured), run, watched.reminder)
    return summary(checks)


def read_captured(watched: Watched, variant: str, memory: CaptureMemory, run: Run) -> CaptureMemory:
    """What the packs of the last complete hours hold. Hours whose packs did not change are not read again."""
    thresholds = watched.settings.health
    hours = complete_hours(run.now, watched.delay, thresholds.hours)
    written = list_packs(run.bucket, watched.endpoint.name, variant, hours[0], run.now + HOUR)
    memory = see_packs(memory, written)
    packs = {hour: [key for key, _ in written if key.hour == hour] for hour in hours}
    objects = {hour: read_objects(run.bucket, packs[hour], memory.grid) for hour in unread_hours(memory, packs)}
    return count_hours(memory, packs, objects, thresholds.schema_rows)


def check_arrival(watched: Watched, variant: str, requests: Requests, captured: CaptureMemory, run: Run) -> list[Check]:
    """Do the captures come in, and are they all there? What costs more is asked only when they seem not to."""
    endpoint, thresholds = watched.endpoint, watched.settings.health
    judge = partial(
        judge_arrival,
        f"{endpoint.name}/{variant}",
        captured=captured.total.captured,
        hours=list(captured.hours),
        sampling=endpoint.sampling,
        last=captured.last,
        changed=watched.configured,
        now=run.now,
        delay=watched.delay,
        may_wait=run.lag > watched.settings.watermark_minutes,
        thresholds=thresholds,
    )
    checks = judge(requests)
    if requests is None or all(check.verdict is not Verdict.ALERT for check in checks):
        return checks
    start = requests_start(run.now, watched.delay, thresholds)
    rejected, failed, disk = read_obstacles((endpoint.name, variant), start, run.now)
    since = captured.last or watched.configured
    is_listed = endpoint.capture_place[0] in capture_buckets(run.settings)
    files = count_files(endpoint, variant, since, start=max(since, run.now - 24 * HOUR)) if is_listed else None
    clues = Clues(disk_percent=disk.largest(), files=files)
    return judge(answered_requests(requests, rejected.points, failed.points), clues=clues)


def watch_installation(queues: list[Check], run: Run) -> dict[str, dict[str, str]]:
    """Check Trimtab's dead letters besides its queues and, in the first run of each hour, its functions."""
    origin = Origin(run.account, run.region, "", "")
    checks = [*queues, *check_dead_letters(run.settings)]
    if run.now.minute < 15:
        checks += [*check_functions(run), *check_failures(run)]
    tell(origin, checks, {}, run, reminder=timedelta(hours=24))
    return summary(checks)


def check_queues(settings: WatchSelfSettings, now: datetime) -> list[Check]:
    """The age of what waits. CloudWatch is asked only about queues that hold something."""
    urls = {"capture": settings.capture_queue_url, "alert": settings.alert_queue_url}
    waiting = {name: sqs.message_count(url) for name, url in urls.items()}
    filled = [name for name, count in waiting.items() if count]
    read = read_queue_ages([urls[name] for name in filled], now - timedelta(minutes=15), now)
    ages = dict(zip(filled, read, strict=True))
    return [
        queue_age(name, waiting=count, age_minutes=ages.get(name), limit_minutes=settings.queue_age_minutes)
        for name, count in waiting.items()
    ]


def check_dead_letters(settings: WatchSelfSettings) -> list[Check]:
    """Is anything in the queues of what was given up?"""
    urls = {
        "capture": settings.capture_dead_letter_queue_url,
        "alert": settings.alert_dead_letter_queue_url,
        "failed invocations": settings.failed_invocations_queue_url,
    }
    return [dead_letters(name, messages=sqs.message_count(url), url=url) for name, url in urls.items()]


def check_functions(run: Run) -> list[Check]:
    """Errors and throttles of Trimtab's functions in the last hour."""
    names = run.settings.function_names.split(",")
    faults = read_function_faults(names, run.now - HOUR, run.now)
    return [
        function_faults(name, errors=errors, throttles=throttles)
        for name, (errors, throttles) in zip(names, faults, strict=True)
    ]


def check_failures(run: Run) -> list[Check]:
    """What detect_drift failed at in the last day without failing itself. It counts nothing where nothing failed, but
    always how many endpoints it judged."""
    names, start = list(ALL_THE_SAME), whole_hour(run.now) - 24 * HOUR
    namespace = str(metrics.provider.namespace)
    hours = read_failed_hours(namespace, "detect_drift", "EndpointsJudged", names, start, run.now)
    return [lasting_failure(name, failed_hours=failed) for name, failed in zip(names, hours, strict=True)]


def tell(
    origin: Origin,
    checks: list[Check],
    document: Mapping[str, Any],
    run: Run,
    reminder: timedelta,
    actions: Mapping[str, Action | None] = {},
) -> Mapping[str, Memory]:
    """Publish what changed and what lasts, then remember it beside `document`; the memories."""
    partition, sort = state_key(origin)
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


def state_key(origin: Origin) -> tuple[str, str]:
    """Where the state table keeps what is remembered of an endpoint's variant, or of Trimtab itself."""
    return (f"endpoint#{origin.endpoint}", f"health#{origin.variant}") if origin.endpoint else ("self", "health")


def summary(checks: Iterable[Check]) -> dict[str, dict[str, str]]:
    """The verdicts and reasons, for whoever called. What is not known says so."""
    return {check.name: {"verdict": check.verdict.value, "reason": check.reason} for check in checks}


def capture_buckets(settings: WatchSelfSettings) -> list[str]:
    return settings.capture_buckets.split(",")
