"""detect_drift: every hour by schedule, judge each monitored endpoint's windows of captures against its reference.

By payload, for one endpoint and any past moment: `{"endpoint": "churn", "until": "2026-11-20T08:00:00Z"}`. Where
there are many endpoints, it shares them out among invocations of itself: `{"endpoints": ["churn", …]}`.
Every run starts from what is stored, so that a lost, late or repeated run does no harm.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import batched
from typing import Any, Literal

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel

from trimtab.aws import s3, sagemaker, state_bucket
from trimtab.aws.again import again_on
from trimtab.aws.backlog import Backlog, Captures, judged_windows
from trimtab.aws.cloudwatch_metrics import publish_metrics
from trimtab.aws.drift_subjects import Run, Subject, create_reference, is_monitored, read_subjects, reference_source
from trimtab.aws.embedded_metrics import log_metrics
from trimtab.aws.endpoint_settings import load_endpoint_settings, parameter_name, tell_problem
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import region_and_account, start_function
from trimtab.aws.quality_documents import last_verdict
from trimtab.aws.reprofiling import profile_again
from trimtab.aws.state_table import StaleStateError
from trimtab.capture.pack import ObjectProfile, profile_document
from trimtab.capture.reference import Reference
from trimtab.capture.window import columns_of, coverage_of, objects_on_former_grids, sample_of_objects
from trimtab.data_quality.evidence import after_window as after_data_window
from trimtab.data_quality.evidence import data_quality_finding
from trimtab.diagnosis.importance import Importance, given_importance, importance_once
from trimtab.diagnosis.window import deployment_behind, diagnose, diagnosis_document
from trimtab.drift.evidence import drift_finding, drift_score, reference_finding, settings_finding, window_of_document
from trimtab.drift.history import History, history_document
from trimtab.drift.hysteresis import AlertState, notification
from trimtab.drift.judgement import WindowJudgement, judge_window
from trimtab.drift.late import judged_again
from trimtab.drift.past import Past, past_of, windows_to_read
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window
from trimtab.findings import Origin
from trimtab.model_monitor.metrics import NAMESPACE, window_metrics
from trimtab.model_monitor.reports import window_reports
from trimtab.settings import DetectDriftSettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

WINDOW_METRICS = {
    Verdict.OK: "WindowsOk",
    Verdict.WARN: "WindowsWarn",
    Verdict.ALERT: "WindowsAlert",
    Verdict.INSUFFICIENT_DATA: "WindowsInsufficient",
}
OLDEST_METRICS = timedelta(days=14)
"""CloudWatch takes no older ones."""
LATE_CAPTURES = timedelta(hours=24)
"""Captures that come this long after their window has ended still count: it is judged again."""
OVERTAKEN = (StaleStateError, s3.ObjectNotFoundError)
"""What a run meets when another one judges the same window: its state is written, its packs are joined to one."""
FAN_OUT = 100
"""So many endpoints are judged by one invocation; more are shared out among several."""


class Request(BaseModel):
    """The payload. The schedule's own event has neither field: every endpoint, until now."""

    endpoint: str | None = None
    endpoints: tuple[str, ...] = ()
    until: AwareDatetime | None = None


class EndpointsFailedError(RuntimeError):
    """Some endpoints could not be judged; all others were."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = Request.model_validate(event)
    region, account = region_and_account(context.invoked_function_arn)
    settings = DetectDriftSettings.from_environment(os.environ)
    run = Run(settings, account, region, now=datetime.now(UTC), until=request.until)
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    # what is asked for by name is judged even when SageMaker does not know it any more
    surely = [request.endpoint] if request.endpoint else state_bucket.batch_destinations(run.bucket)
    endpoints = surely if request.endpoint else request.endpoints or all_endpoints(surely)
    if len(endpoints) > FAN_OUT and not request.endpoints:
        return share_out(endpoints, request.until, context.function_name)
    for endpoint in endpoints:
        try:
            if endpoint in surely or is_monitored(endpoint):
                outcomes[endpoint] = again_on(OVERTAKEN, partial(judge_endpoint, endpoint, run))
        except Exception:
            # one endpoint must not stop the others; the error raised at the end makes Lambda try again
            logger.exception("Endpoint could not be judged", extra={"endpoint": endpoint})
            metrics.add_metric("EndpointsFailed", MetricUnit.Count, 1)
            failed.append(endpoint)
    metrics.add_metric("EndpointsJudged", MetricUnit.Count, len(outcomes))
    if failed:
        raise EndpointsFailedError(f"could not be judged: {', '.join(failed)}; judged: {', '.join(outcomes) or 'none'}")
    return {"endpoints": outcomes}


def all_endpoints(batch_destinations: Sequence[str]) -> list[str]:
    """The account's endpoints, and what batch transforms capture as."""
    return list(dict.fromkeys((*sagemaker.endpoint_names(), *batch_destinations)))


def share_out(endpoints: Sequence[str], until: datetime | None, function: str) -> dict[str, Any]:
    """Let several invocations of this function judge so many endpoints."""
    parts = list(batched(endpoints, FAN_OUT, strict=False))
    for part in parts:
        start_function(function, {"endpoints": part, **({"until": until.isoformat()} if until else {})})
    metrics.add_metric("EndpointsSharedOut", MetricUnit.Count, len(endpoints))
    return {"invocations": len(parts)}


@tracer.capture_method(capture_response=False)
def judge_endpoint(endpoint: str, run: Run) -> dict[str, Any]:
    """Judge every variant of one endpoint; the outcome by variant."""
    loaded = load_endpoint_settings(run.settings.name, run.table, endpoint)
    report_settings(endpoint, loaded.problem, run)
    reference = state_bucket.read_reference(run.bucket, endpoint)
    wanted = loaded.settings.reference
    if wanted and (reference is None or reference.source != wanted):
        start_function(run.settings.build_reference_function_name, {"endpoint": endpoint, "source": wanted})
        return {"*": waiting(f"the reference is being built from {wanted}")}
    outcomes = {
        subject.origin.variant: judge_variant(subject, against)
        for subject, against in read_subjects(endpoint, loaded.settings, reference, run)
    }
    return outcomes or {"*": waiting("no captures yet")}


def judge_variant(subject: Subject, reference: Reference | None) -> Mapping[str, Any]:
    """Judge the windows that have closed since the last run; the last one's document, or what is waited for."""
    settings, run = subject.settings, subject.run
    stored = subject.history("drift")
    history = stored.last
    if run.until and history.cursor and run.until < history.cursor:
        known = state_bucket.last_window(*subject.names, ended_by=run.until)
        return known or waiting("no window had ended by then")
    outcome: Mapping[str, Any] | None = None
    if reference and (late := judge_late_windows(subject, reference, history)):
        outcome, history = late
        stored.write(history)
    backlog = Backlog(*subject.names, history.cursor, run.horizon, reference.grid.name if reference else "")
    while (plan := backlog.plan(history.cursor, run.now, settings)).closed:
        window = plan.closed[0]
        objects = backlog.read(window.start, window.end)
        if reference is None or reference.source == reference_source(subject.origin.variant, window):
            # in the second case a run was killed before it came to say so
            reference = adopt_reference(subject, window, objects)
            history = replace(history, cursor=window.end)
        elif former := objects_on_former_grids(objects, reference, run.now):
            profile_again(run.settings.capture_queue_url, former)
            return waiting(f"{len(former):,} captures are being profiled again for the new reference")
        else:
            outcome, after = judge(subject, reference, window, backlog, history)
            history = tell("drift", subject, outcome, history, after)
            tell_of_data(subject, outcome)
        stored.write(history)
        backlog.drop(window.end)
    if outcome is None and history.state is AlertState.RAISED:
        lasting = state_bucket.last_window(*subject.names, ended_by=run.horizon)
        stored.write(tell("drift", subject, lasting, history, history) if lasting else history)
    rows = plan.open.rows if plan.open else 0
    return outcome or waiting(f"{rows:,} of {settings.drift.alert_rows:,} rows for the next window")


def judge(
    subject: Subject, reference: Reference, window: Window, backlog: Backlog, history: History, revision: int = 1
) -> tuple[Mapping[str, Any], History]:
    """Judge one window and store the verdict with its evidence; its document, and the history after it."""
    settings, captures = subject.settings, backlog.captures(window, reference)
    past, importance = read_past(subject, reference, window, history), importance_of(subject, reference)
    judged = judge_window(
        reference,
        captures.window,
        captures.profile,
        coverage_of(captures.objects),
        history,
        past,
        settings.drift,
        importance=settings.importance or (importance.shares if settings.estimate_importance else None) or None,
        critical=settings.critical,
        ignore=settings.ignore,
    )
    named = settings.critical | settings.ignore | settings.importance.keys()
    document: Mapping[str, Any] = {
        **judged.document,
        "unknown_in_settings": sorted(named - reference.grid.columns.keys()),
        "revision": revision,
        "packs": backlog.compact(window.start, window.end, settings.sample_rows),
        "history_before": history_document(history),
        "profile": profile_document(captures.profile),
        **explain(subject, reference, captures, importance, judged),
    }
    state_bucket.write_window(*subject.names, window.start, document)
    subject.series.add(document)
    told = {"window": document["window"], "verdict": document["verdict"]}
    logger.info("Window judged", extra={"origin": subject.origin, **told})
    metrics.add_metric(WINDOW_METRICS[Verdict(document["verdict"])], MetricUnit.Count, 1)
    if revision == 1:
        publish_score(subject, document)
    report_as_model_monitor(subject, reference, captures, revision)
    return document, judged.history


def read_past(subject: Subject, reference: Reference, window: Window, history: History) -> Past:
    """What came before a window, as far as it bears on the verdict."""
    grid, thresholds, scores = reference.grid, subject.settings.drift, subject.series.scores
    profiles = subject.series.profiles(windows_to_read(scores, window, grid.name, thresholds))
    return past_of(scores, profiles, window, grid, history, thresholds, subject.deployments)


def importance_of(subject: Subject, reference: Reference) -> Importance:
    """How much each column matters: as the settings say, else estimated once from the reference's rows. Failing at it
    stops nothing."""
    settings = subject.settings
    if settings.importance:
        return given_importance(settings.importance)
    try:
        most = settings.multivariate.max_columns
        return importance_once(subject.rows.importance, reference.grid.name, settings.ignore, most=most)
    except Exception:
        logger.exception("Importances could not be estimated", extra={"origin": subject.origin})
        metrics.add_metric("ExplanationsFailed", MetricUnit.Count, 1)
        return Importance(unknown="the reference's rows could not be read")


def explain(
    subject: Subject, reference: Reference, captures: Captures, importance: Importance, judged: WindowJudgement
) -> Mapping[str, Any]:
    """What a window's document says of faults and causes besides. Failing at it stops nothing."""
    settings, window = subject.settings, captures.window
    try:
        rows = sample_of_objects(captures.objects, settings.multivariate.max_rows, reference, settings.redact)
        diagnosis = diagnose(
            reference,
            captures.profile,
            judged.assessment,
            (subject.rows.sample, rows if rows.rows else None),
            importance,
            settings.drift,
            settings.data_quality,
            settings.multivariate,
            deployment=deployment_behind(window, judged.history.since, subject.deployments),
            quality=last_verdict(*subject.names, window.end) if settings.quality else None,
        )
        return diagnosis_document(diagnosis, judged.document)
    except Exception:
        logger.exception("Window could not be explained", extra={"origin": subject.origin})
        metrics.add_metric("ExplanationsFailed", MetricUnit.Count, 1)
        return {}


def publish_score(subject: Subject, document: Mapping[str, Any]) -> None:
    """Publish how far a window moved, as of its end. Published again, it would be counted twice."""
    score, end = drift_score(document), window_of_document(document).end
    if score is not None and subject.run.now - end < OLDEST_METRICS:
        dimensions = {"EndpointName": subject.origin.endpoint, "VariantName": subject.origin.variant}
        log_metrics(metrics.provider.namespace, dimensions, {"DriftScore": score}, end)


def report_as_model_monitor(subject: Subject, reference: Reference, captures: Captures, revision: int) -> None:
    """Where the settings ask for it, write and publish what Model Monitor would have. Failing at it stops nothing."""
    wanted, ignore, (bucket, endpoint, variant) = subject.settings.model_monitor, subject.settings.ignore, subject.names
    about = (endpoint, variant, captures.window.end, reference, captures.profile, wanted)
    try:
        if wanted.reports:
            columns = columns_of(captures.objects, reference)
            for report in window_reports(*about, columns=columns, state_bucket=bucket, ignore=ignore):
                s3.write_object(report.bucket, report.key, report.body)
        if wanted.metrics and revision == 1:  # published again, they would add to themselves
            publish_metrics(NAMESPACE, window_metrics(*about, now=subject.run.now, ignore=ignore))
    except Exception:
        logger.exception("Window could not be reported as Model Monitor", extra={"origin": subject.origin})
        metrics.add_metric("ModelMonitorReportsFailed", MetricUnit.Count, 1)


def judge_late_windows(
    subject: Subject, reference: Reference, history: History
) -> tuple[Mapping[str, Any], History] | None:
    """Judge again, with the same bounds, the windows of the last day that have got captures since, and follow what that
    changes in the windows after them; the last document and the history after it, None when nothing came late."""
    if history.cursor is None:
        return None
    since = subject.run.horizon - LATE_CAPTURES
    judged = judged_windows(*subject.names, since, history.cursor, reference.grid.name)
    if judged is None:
        return None
    documents, backlog = judged

    def judge_again(document: Mapping[str, Any], before: History) -> tuple[Mapping[str, Any], History]:
        again = judge(subject, reference, window_of_document(document), backlog, before, document["revision"] + 1)
        tell_of_data(subject, again[0])
        return again

    found = judged_again(documents, backlog.has_changed, judge_again, history, subject.settings.drift)
    if found is None:
        return None
    last, after = found
    return last, tell("drift", subject, last, history, after)


def tell(
    of: Literal["drift", "data"], subject: Subject, document: Mapping[str, Any], before: History, after: History
) -> History:
    """Publish what people are to be told after a window, if anything; the history that knows of it."""
    now, reminder = subject.run.now, timedelta(hours=subject.settings.reminder_hours)
    state = notification(before.state, after.state, last_notified=after.notified, now=now, reminder=reminder)
    if state is None:
        return after
    # report_drift makes the report when it hears of this finding
    links = subject.links(window_of_document(document).start, has_report=of == "drift" and state != "cleared")
    finding_of = drift_finding if of == "drift" else data_quality_finding
    publish_findings(subject.run.settings.findings_bus_name, [finding_of(subject.origin, document, state, now, links)])
    return replace(after, notified=now)


def tell_of_data(subject: Subject, document: Mapping[str, Any]) -> None:
    """Follow whether a variant's data is at fault, and tell people of it."""
    verdict = Verdict(document.get("data_quality", {}).get("verdict", Verdict.INSUFFICIENT_DATA))
    if verdict is Verdict.INSUFFICIENT_DATA:
        return
    stored = subject.history("data")
    before, start = stored.last, window_of_document(document).start
    after = after_data_window(before, start, verdict, subject.settings.drift)
    stored.write(tell("data", subject, document, before, after))


def adopt_reference(subject: Subject, window: Window, objects: list[ObjectProfile]) -> Reference | None:
    """Make the first complete window what is compared with, and say so. None: it has too few rows."""
    if window.rows < subject.settings.drift.alert_rows:
        return None
    reference, is_adopted = create_reference(subject, window, objects)
    if reference and is_adopted:
        why = "No reference was given, so live data is compared with the first complete window."
        finding = reference_finding(subject.origin, reference, why, subject.run.now)
        publish_findings(subject.run.settings.findings_bus_name, [finding])
    return reference


def report_settings(endpoint: str, problem: str, run: Run) -> None:
    """Tell people once when an endpoint's settings cannot be used, and once when they can be again."""

    def tell_it(occasion: str) -> None:
        origin, parameter = Origin(run.account, run.region, endpoint, "*"), parameter_name(run.settings.name, endpoint)
        finding = settings_finding(origin, problem, parameter, occasion, run.now)
        publish_findings(run.settings.findings_bus_name, [finding])

    tell_problem(run.table, f"endpoint#{endpoint}", problem, tell_it)


def waiting(reason: str) -> dict[str, Any]:
    """The outcome when nothing could be judged."""
    return {"verdict": Verdict.INSUFFICIENT_DATA.value, "reason": reason}
