"""detect_drift: every hour by schedule, judge each monitored endpoint's windows of captures against its reference.

By payload, for one endpoint and any past moment: `{"endpoint": "churn", "until": "2026-11-20T08:00:00Z"}`.
Every run starts from what is stored, so that a lost, late or repeated run does no harm.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel

from trimtab.aws import s3, sagemaker, sqs, state_bucket
from trimtab.aws.backlog import Backlog
from trimtab.aws.cloudwatch_metrics import publish_metrics
from trimtab.aws.endpoint_settings import load_endpoint_settings, parameter_name
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import start_function
from trimtab.aws.state_table import StateDocument, read_state, write_state
from trimtab.capture.pack import ObjectProfile
from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference, reference_from_sketch
from trimtab.capture.variants import BATCH, reference_for, stands_alone
from trimtab.capture.window import add_objects, columns_of, coverage_of, objects_on_former_grids, sketch_objects
from trimtab.drift.assessment import assess
from trimtab.drift.evidence import (
    drift_finding,
    reference_finding,
    settings_finding,
    window_document,
    window_of_document,
)
from trimtab.drift.history import History, after_window, history_document, history_from_document, seen_columns
from trimtab.drift.hysteresis import AlertState, notification
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import HourRows, Window, WindowPlan, plan_windows
from trimtab.findings import SOURCE, Finding, Origin, State
from trimtab.model_monitor.metrics import NAMESPACE, window_metrics
from trimtab.model_monitor.reports import window_reports
from trimtab.settings import DetectDriftSettings, EndpointSettings, is_opted_out

logger = Logger()
metrics = Metrics()
tracer = Tracer()

WINDOW_METRICS = {
    Verdict.OK: "WindowsOk",
    Verdict.WARN: "WindowsWarn",
    Verdict.ALERT: "WindowsAlert",
    Verdict.INSUFFICIENT_DATA: "WindowsInsufficient",
}
LATE_CAPTURES = timedelta(hours=24)
"""Captures that come this long after their window has ended still count: it is judged again."""


class Request(BaseModel):
    """The payload. The schedule's own event has neither field: every endpoint, until now."""

    endpoint: str | None = None
    until: AwareDatetime | None = None


class EndpointsFailedError(RuntimeError):
    """Some endpoints could not be judged; all others were."""


@dataclass(frozen=True)
class Run:
    """What is the same for every endpoint of one invocation."""

    settings: DetectDriftSettings
    account: str
    region: str
    now: datetime
    until: datetime | None

    @property
    def bucket(self) -> str:
        return self.settings.state_bucket_name

    @property
    def horizon(self) -> datetime:
        """The moment up to which windows are judged."""
        return self.until or self.now


@dataclass(frozen=True)
class Subject:
    """One variant and how it is judged."""

    origin: Origin
    settings: EndpointSettings
    run: Run


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = Request.model_validate(event)
    _, _, _, region, account, *_ = context.invoked_function_arn.split(":")
    settings = DetectDriftSettings.from_environment(os.environ)
    run = Run(settings, account, region, now=datetime.now(UTC), until=request.until)
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    # what is asked for by name is judged even when SageMaker does not know it any more
    surely = [request.endpoint] if request.endpoint else batch_destinations(run.bucket)
    for endpoint in surely if request.endpoint else dict.fromkeys((*sagemaker.endpoint_names(), *surely)):
        try:
            if endpoint in surely or is_monitored(endpoint):
                outcomes[endpoint] = judge_endpoint(endpoint, run)
        except Exception:
            # one endpoint must not stop the others; the error raised at the end makes Lambda try again
            logger.exception("Endpoint could not be judged", extra={"endpoint": endpoint})
            metrics.add_metric("EndpointsFailed", MetricUnit.Count, 1)
            failed.append(endpoint)
    metrics.add_metric("EndpointsJudged", MetricUnit.Count, len(outcomes))
    if failed:
        raise EndpointsFailedError(f"could not be judged: {', '.join(failed)}; judged: {', '.join(outcomes) or 'none'}")
    return {"endpoints": outcomes}


def is_monitored(name: str) -> bool:
    """Whether an endpoint captures data and its tags do not opt out."""
    endpoint = sagemaker.describe_endpoint(name)
    return endpoint is not None and endpoint.captures_data and not is_opted_out(endpoint.tags)


def batch_destinations(bucket: str) -> list[str]:
    """The names under which batch transforms capture. SageMaker has no list of them: their profiles tell."""
    return [
        name
        for name in state_bucket.endpoints_with_packs(bucket)
        if not BATCH.isdisjoint(state_bucket.variants_with_packs(bucket, name))
    ]


@tracer.capture_method(capture_response=False)
def judge_endpoint(endpoint: str, run: Run) -> dict[str, Any]:
    """Judge every variant of one endpoint; the outcome by variant."""
    loaded = load_endpoint_settings(run.settings.name, run.settings.state_table_name, endpoint)
    report_settings(endpoint, loaded.problem, run)
    reference = state_bucket.read_reference(run.bucket, endpoint)
    wanted = loaded.settings.reference
    if wanted and (reference is None or reference.source != wanted):
        start_function(run.settings.build_reference_function_name, {"endpoint": endpoint, "source": wanted})
        return {"*": waiting(f"the reference is being built from {wanted}")}
    variants = state_bucket.variants_with_packs(run.bucket, endpoint)
    outcomes: dict[str, Any] = {}
    for variant in variants:
        origin = Origin(run.account, run.region, endpoint, variant)
        reference = reference or state_bucket.read_reference(run.bucket, endpoint)
        own = state_bucket.read_reference(run.bucket, endpoint, variant)
        chosen = reference_for(variant, own, reference)
        outcomes[variant] = judge_variant(Subject(origin, loaded.settings, run), chosen)
    return outcomes or {"*": waiting("no captures yet")}


def judge_variant(subject: Subject, reference: Reference | None) -> Mapping[str, Any]:
    """Judge the windows that have closed since the last run; the last one's document, or what is waited for."""
    origin, settings, run = subject.origin, subject.settings, subject.run
    partition, sort_key = f"endpoint#{origin.endpoint}", f"drift#{origin.variant}"
    state = read_state(run.settings.state_table_name, partition, sort_key)
    history = history_from_document(state.content)
    if run.until and history.cursor and run.until < history.cursor:
        stored = state_bucket.last_window(run.bucket, origin.endpoint, origin.variant, ended_by=run.until)
        return stored or waiting("no window had ended by then")

    def save(after: History, before: StateDocument) -> StateDocument:
        document = history_document(after)
        write_state(run.settings.state_table_name, partition, sort_key, document, after=before)
        return StateDocument(document, before.version + 1)

    outcome: Mapping[str, Any] | None = None
    if reference and history.cursor and (late := judge_late_windows(subject, reference, history, history.cursor)):
        outcome, history = late
        state = save(history, state)
    grid = reference.grid.name if reference else ""
    backlog = Backlog(run.bucket, origin.endpoint, origin.variant, history.cursor, run.horizon, grid)
    while (plan := plan_next(backlog, history, settings, run)).closed:
        window = plan.closed[0]
        objects = backlog.read(window.start, window.end)
        if reference is None:
            reference = adopt_reference(origin, window, objects, settings, run)
            history = replace(history, cursor=window.end)
        elif former := objects_on_former_grids(objects, reference, run.now):
            profile_again(former, run)
            return waiting(f"{len(former):,} captures are being profiled again for the new reference")
        else:
            outcome, after = judge_window(subject, reference, window, backlog, history)
            history = tell(subject, outcome, history, after)
        state = save(history, state)
        backlog.drop(window.end)
    if outcome is None and history.state is AlertState.RAISED:
        lasting = state_bucket.last_window(run.bucket, origin.endpoint, origin.variant, ended_by=run.horizon)
        reminded = tell(subject, lasting, history, history) if lasting else history
        if reminded is not history:
            save(reminded, state)
    rows = plan.open.rows if plan.open else 0
    return outcome or waiting(f"{rows:,} of {settings.drift.alert_rows:,} rows for the next window")


def plan_next(backlog: Backlog, history: History, settings: EndpointSettings, run: Run) -> WindowPlan:
    """The plan whose first closed window, if any, rests on rows that were read, not on a listing's upper bound."""
    while True:
        plan = plan_windows(
            [HourRows(hour, rows) for hour, rows in backlog.rows().items()],
            start=history.cursor,
            until=run.horizon,
            now=run.now,
            watermark=timedelta(minutes=settings.watermark_minutes),
            thresholds=settings.drift,
            max_hours=settings.max_window_hours,
        )
        if not plan.closed or backlog.is_read(plan.closed[0].start, plan.closed[0].end):
            return plan
        backlog.read(plan.closed[0].start, plan.closed[0].end)


def judge_window(
    subject: Subject, reference: Reference, window: Window, backlog: Backlog, history: History, revision: int = 1
) -> tuple[Mapping[str, Any], History]:
    """Judge one window and store the verdict with its evidence; its document, and the history after it."""
    origin, settings, run = subject.origin, subject.settings, subject.run
    objects = backlog.read(window.start, window.end)
    current = add_objects(objects, reference)
    hours = sorted(hour for hour, rows in backlog.rows().items() if rows and window.start <= hour < window.end)
    window = replace(window, hours=tuple(hours), rows=current.rows)
    seen = seen_columns(history, current)
    never_captured = reference.grid.columns.keys() - seen.seen
    assessment = assess(
        reference,
        current,
        settings.drift,
        importance=settings.importance or None,
        critical=settings.critical,
        ignore=settings.ignore | never_captured,
    )
    after = after_window(seen, window, assessment.verdict, settings.drift)
    document = window_document(
        window, assessment, after, reference, settings.drift, coverage_of(objects), never_captured=never_captured
    )
    named = settings.critical | settings.ignore | settings.importance.keys()
    document |= {
        "unknown_in_settings": sorted(named - reference.grid.columns.keys()),
        "revision": revision,
        "packs": backlog.compact(window.start, window.end),
        "history_before": history_document(history),
    }
    state_bucket.write_window(run.bucket, origin.endpoint, origin.variant, window.start, document)
    logger.info("Window judged", extra={"origin": origin, "window": document["window"], "verdict": document["verdict"]})
    metrics.add_metric(WINDOW_METRICS[assessment.verdict], MetricUnit.Count, 1)
    report_as_model_monitor(subject, reference, window, current, objects, revision)
    return document, after


def report_as_model_monitor(
    subject: Subject,
    reference: Reference,
    window: Window,
    current: Profile,
    objects: list[ObjectProfile],
    revision: int,
) -> None:
    """Where the settings ask for it, write and publish what Model Monitor would have. Failing at it stops nothing."""
    origin, settings, run = subject.origin, subject.settings, subject.run
    wanted, ignore = settings.model_monitor, settings.ignore
    about = (origin.endpoint, origin.variant, window.end, reference, current, wanted)
    try:
        if wanted.reports:
            columns = columns_of(objects, reference)
            for report in window_reports(*about, columns=columns, state_bucket=run.bucket, ignore=ignore):
                s3.write_object(report.bucket, report.key, report.body)
        if wanted.metrics and revision == 1:  # published again, they would add to themselves
            publish_metrics(NAMESPACE, window_metrics(*about, now=run.now, ignore=ignore))
    except Exception:
        logger.exception("Window could not be reported as Model Monitor", extra={"origin": origin})
        metrics.add_metric("ModelMonitorReportsFailed", MetricUnit.Count, 1)


def judge_late_windows(
    subject: Subject, reference: Reference, history: History, cursor: datetime
) -> tuple[Mapping[str, Any], History] | None:
    """Judge again, with the same bounds, the windows of the last day that have got captures since, and follow what that
    changes in the windows after them; the last document and the history after it, None when nothing came late."""
    origin, run = subject.origin, subject.run
    documents = state_bucket.windows_ended_since(
        run.bucket, origin.endpoint, origin.variant, since=run.horizon - LATE_CAPTURES, ended_by=cursor
    )
    documents = [document for document in documents if document["reference"]["grid"] == reference.grid.name]
    if not documents:
        return None
    first = window_of_document(documents[0]).start
    backlog = Backlog(run.bucket, origin.endpoint, origin.variant, first, cursor, reference.grid.name)

    def has_changed(document: Mapping[str, Any]) -> bool:
        window = window_of_document(document)
        return set(backlog.names(window.start, window.end)) != set(document["packs"])

    touched = list(dropwhile(lambda document: not has_changed(document), documents))
    if not touched:
        return None
    again = history_from_document(touched[0]["history_before"])
    last: Mapping[str, Any] = touched[-1]
    for document in touched:
        window = window_of_document(document)
        if has_changed(document):
            last, again = judge_window(subject, reference, window, backlog, again, document["revision"] + 1)
        else:
            last = document
            again = after_window(again, window, Verdict(document["verdict"]), subject.settings.drift)
    again = replace(again, cursor=cursor, notified=history.notified, seen=again.seen | history.seen)
    return last, tell(subject, last, history, again)


def tell(subject: Subject, document: Mapping[str, Any], before: History, after: History) -> History:
    """Publish what people are to be told about the alert after a window, if anything; the history that knows of it."""
    run = subject.run
    told = notification(
        before.state,
        after.state,
        last_notified=after.notified,
        now=run.now,
        reminder=timedelta(hours=subject.settings.reminder_hours),
    )
    if told is None:
        return after
    publish_findings(run.settings.findings_bus_name, [finding_of(subject.origin, document, told, run)])
    return replace(after, notified=run.now)


def finding_of(origin: Origin, document: Mapping[str, Any], state: State, run: Run) -> Finding:
    """The finding about a judged window, with the address of its full evidence."""
    start = datetime.fromisoformat(document["window"]["start"])
    key = state_bucket.window_key(origin.endpoint, origin.variant, start)
    return drift_finding(origin, document, state, run.now, links={"verdict": f"s3://{run.bucket}/{key}"})


def adopt_reference(
    origin: Origin, window: Window, objects: list[ObjectProfile], settings: EndpointSettings, run: Run
) -> Reference | None:
    """Make the first complete window the endpoint's reference, or the variant's own if it stands alone, and say so.
    None: it has too few rows."""
    if window.rows < settings.drift.alert_rows:
        return None
    source = f"captures of {origin.variant} from {window.start:%Y-%m-%dT%H:%MZ} to {window.end:%Y-%m-%dT%H:%MZ}"
    reference = reference_from_sketch(
        sketch_objects(objects), source=source, created=run.now.isoformat(), categorical=settings.categorical
    )
    name = origin.variant if stands_alone(origin.variant) else state_bucket.CURRENT
    if not state_bucket.create_reference(run.bucket, origin.endpoint, reference, name):
        return state_bucket.read_reference(run.bucket, origin.endpoint, name)
    why = "No reference was given, so live data is compared with the first complete window."
    publish_findings(run.settings.findings_bus_name, [reference_finding(origin, reference, why, run.now)])
    return reference


def profile_again(objects: list[ObjectProfile], run: Run) -> None:
    """Send capture objects to be profiled on the present grid, as if they had just been created."""
    identities = sorted({entry.announced for entry in objects})
    sqs.send_messages(
        run.settings.capture_queue_url,
        (
            {"source": SOURCE, "detail": {"bucket": {"name": bucket}, "object": {"key": key}}}
            for bucket, key in identities
        ),
    )


def report_settings(endpoint: str, problem: str, run: Run) -> None:
    """Tell people once when an endpoint's settings cannot be used, and once when they can be again."""
    table, partition = run.settings.state_table_name, f"endpoint#{endpoint}"
    before = read_state(table, partition, "settings-problem")
    known = before.content.get("problem", "")
    if problem == known:
        return
    origin = Origin(run.account, run.region, endpoint, "*")
    parameter = parameter_name(run.settings.name, endpoint)
    finding = settings_finding(origin, problem, parameter, str(before.version), run.now)
    publish_findings(run.settings.findings_bus_name, [finding])
    write_state(table, partition, "settings-problem", {"problem": problem}, after=before)


def waiting(reason: str) -> dict[str, Any]:
    """The outcome when nothing could be judged."""
    return {"verdict": Verdict.INSUFFICIENT_DATA.value, "reason": reason}
