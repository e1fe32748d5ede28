"""judge_quality: every hour by schedule, how good the answers of each endpoint are whose settings ask for it.

By labels once these are waited for no longer, until then by an estimate without them. By payload, for one endpoint and
any past moment: `{"endpoint": "churn", "until": "2026-11-20T08:00:00Z"}`; with `"again": "2026-11-01T00:00:00Z"` the
windows that began since then are judged again, as after labels that came very late.
Every run starts from what is stored, so that a lost, late or repeated run does no harm.
"""

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel

from trimtab.aws import quality_documents, quality_rows, s3, state_bucket
from trimtab.aws.again import again_on
from trimtab.aws.embedded_metrics import log_metrics
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import region_and_account
from trimtab.aws.quality_subjects import (
    Run,
    Subject,
    collected_labels,
    known_outputs,
    labelled_training_rows,
    read_answers,
)
from trimtab.aws.state_table import StaleStateError, read_state, write_state
from trimtab.drift.evidence import window_of_document
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window
from trimtab.findings import Origin
from trimtab.quality.alert import alert_document, alert_from_document, news_of
from trimtab.quality.assessment import QualityAssessment, assess_quality
from trimtab.quality.entry import Entry, entry_of, is_due, looks_due
from trimtab.quality.evidence import metrics_to_publish, quality_document, quality_finding
from trimtab.quality.kept import ANSWERS, answers_prefix, variants_prefix, verdict_key
from trimtab.quality.kept_reference import (
    KeptReference,
    adopted,
    is_enough,
    reference_document,
    reference_from_document,
    with_window,
)
from trimtab.quality.labels import Join
from trimtab.quality.series import contradiction_before, series_document, series_of_document, with_entry
from trimtab.quality.settings import QualitySettings
from trimtab.quality.windows import InputDrift, drifted_inputs, quality_windows
from trimtab.settings import EndpointSettings, JudgeQualitySettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

GOLDEN_RATIO = (1 + 5**0.5) / 2
RESERVE_MS = 60_000
"""With less time left no other window is begun."""
MOST_METRIC_AGE = timedelta(days=13)
"""CloudWatch takes no older ones (two weeks)."""


class Request(BaseModel):
    """The payload. The schedule's own event has no field of it: every endpoint, until now."""

    endpoint: str | None = None
    until: AwareDatetime | None = None
    again: AwareDatetime | None = None


class EndpointsFailedError(RuntimeError):
    """The quality of some endpoints could not be judged; that of all others was."""


class VariantsFailedError(RuntimeError):
    """The quality of some variants of an endpoint could not be judged; that of all others was."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = Request.model_validate(event)
    region, account = region_and_account(context.invoked_function_arn)
    settings = JudgeQualitySettings.from_environment(os.environ)
    run = Run(
        settings,
        account,
        region,
        now=datetime.now(UTC),
        until=request.until and request.until.astimezone(UTC),
        again=request.again,
        is_late=lambda: context.get_remaining_time_in_millis() < RESERVE_MS,
    )
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    for endpoint in [request.endpoint] if request.endpoint else in_turn(s3.list_folders(run.bucket, ANSWERS), run.now):
        if run.is_late():
            failed.append(endpoint)
            continue
        try:
            monitor = load_endpoint_settings(settings.name, settings.state_table_name, endpoint).settings
            if monitor.quality:
                outcomes[endpoint] = judge_endpoint(endpoint, monitor, monitor.quality, run)
        except Exception:
            # one endpoint must not stop the others; the error raised at the end makes Lambda try again
            logger.exception("Quality could not be judged", extra={"endpoint": endpoint})
            metrics.add_metric("QualityEndpointsFailed", MetricUnit.Count, 1)
            failed.append(endpoint)
    if failed:
        raise EndpointsFailedError(f"could not be judged: {', '.join(failed)}; judged: {', '.join(outcomes) or 'none'}")
    return {"endpoints": outcomes}


def in_turn(names: list[str], now: datetime) -> list[str]:
    """The names, beginning with another one each hour: when there is no time for all, each is left out as seldom."""
    first = int(len(names) * (now.timestamp() // 3600 * GOLDEN_RATIO % 1))
    return [*names[first:], *names[:first]]


@tracer.capture_method(capture_response=False)
def judge_endpoint(endpoint: str, monitor: EndpointSettings, quality: QualitySettings, run: Run) -> dict[str, Any]:
    """Judge every variant of one endpoint; the outcome by variant. Raises VariantsFailedError."""
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    for variant in s3.list_folders(run.bucket, variants_prefix(endpoint)):
        subject = Subject(Origin(run.account, run.region, endpoint, variant), monitor, quality, run)
        try:
            outcomes[variant] = again_on(StaleStateError, partial(judge_variant, subject))
        except Exception:
            # one variant must not stop the others
            logger.exception("Quality could not be judged", extra={"origin": subject.origin})
            failed.append(variant)
    if failed:
        raise VariantsFailedError(f"{endpoint}: {', '.join(failed)}")
    return outcomes or {"*": waiting("no answers are kept yet")}


def judge_variant(subject: Subject) -> Mapping[str, Any]:
    """Judge the windows that are due; the last one's document, or what is waited for. Raises StaleStateError when
    another run does so at the same time: what that one knew and this one did not would be lost."""
    run, quality = subject.run, subject.quality
    stored, tag = quality_documents.open_series(*subject.names)
    entries = series_of_document(stored)
    if run.until and not run.again and entries and run.until < entries[-1].end:
        verdict = quality_documents.last_verdict(*subject.names, ended_by=run.until)
        return verdict or waiting("no window had ended by then")
    judged = {entry.start: entry for entry in entries}
    windows = (*(entry.window for entry in entries), *new_windows(subject, entries))
    name = quality_documents.name_of_reference(*subject.names)
    reference: KeptReference | None = None
    outputs: Collection[str] = ()
    labels = collected_labels(subject)
    outcome: Mapping[str, Any] | None = None
    for window in windows:
        if run.is_late():
            logger.warning("No time for further windows", extra={"origin": subject.origin, "next": window.start})
            break
        before, contradiction = judged.get(window.start), contradiction_before(entries, window.start)
        contradicted = bool(contradiction)
        if before and not is_due(
            before, run.horizon, quality, reference=name, contradicted=contradicted, again=run.again
        ):
            continue
        if reference is None:
            reference, outputs = find_reference(subject), known_outputs(subject)
        looks = looks_due(window.end, run.horizon, quality)
        documents = state_bucket.windows_ended_since(*subject.names, since=window.start, ended_by=window.end)
        drift = drifted_inputs(documents, outputs)
        answers = read_answers(subject, window)
        found, others = labels.of(answers, window.start) if looks else (None, 0)
        assessment = assess_quality(
            answers, found, reference.learned, quality, drift=drift, contradicted=contradiction, others=others
        )
        outcome = keep_verdict(subject, window, assessment, drift, reference, looks)
        publish_metrics(subject, window, assessment, before)
        entry = entry_of(window, assessment, quality, looks=looks, reference=reference.name, contradicted=contradicted)
        entries = with_entry(entries, entry, quality)
        tag = quality_documents.replace_series(*subject.names, series_document(entries, quality), after=tag)
        tell(subject, entries)
        if reference.learned is None and assessment.joined is not None:
            reference = grow_reference(subject, reference, window, assessment.joined)
        name = reference.name
    tell(subject, entries)
    return outcome or waiting(f"{quality.window_rows:,} rows are needed for the next window")


def new_windows(subject: Subject, entries: tuple[Entry, ...]) -> tuple[Window, ...]:
    """The windows after those that are known, made of the windows of drift that are closed."""
    run, quality = subject.run, subject.quality
    _, endpoint, variant = subject.names
    prefix = answers_prefix(endpoint, variant)
    start = entries[-1].end if entries else quality_rows.first_hour(run.bucket, prefix)
    if start is None:
        return ()
    documents = state_bucket.windows_ended_since(*subject.names, since=start, ended_by=run.horizon)
    closed = [window for window in map(window_of_document, documents) if window.start >= start]
    # drift waits for late captures before it closes a window
    until = run.horizon - timedelta(minutes=subject.monitor.watermark_minutes, hours=1)
    return quality_windows(closed, until=until, rows=quality.window_rows, max_hours=quality.max_window_hours)


def find_reference(subject: Subject) -> KeptReference:
    """The labelled rows that are kept to compare with, or those of the training data, as far as there are any."""
    stored = quality_documents.read_reference(*subject.names)
    kept = reference_from_document(*stored, subject.quality) if stored else KeptReference()
    if kept.learned:
        return kept
    rows = labelled_training_rows(subject)
    given = KeptReference(rows, f"labelled rows of {subject.monitor.reference}") if rows else None
    return adopt_reference(subject, given) if given and is_enough(given, subject.quality) else kept


def grow_reference(subject: Subject, before: KeptReference, window: Window, joined: Join) -> KeptReference:
    """The reference with the labelled rows of one more window; said to be the reference once it has enough."""
    if not len(joined.rows):
        return before
    grown = with_window(before, window, joined, subject.origin.variant)
    if is_enough(grown, subject.quality):
        return adopt_reference(subject, grown)
    quality_documents.write_reference(*subject.names, grown.rows, reference_document(grown))
    return grown


def adopt_reference(subject: Subject, enough: KeptReference) -> KeptReference:
    """Make these rows what quality is compared with, and say so."""
    reference, finding = adopted(enough, subject.origin, subject.quality, subject.run.now)
    publish_findings(subject.run.settings.findings_bus_name, [finding])
    quality_documents.write_reference(*subject.names, reference.rows, reference_document(reference))
    return reference


def keep_verdict(
    subject: Subject,
    window: Window,
    assessment: QualityAssessment,
    drift: InputDrift | None,
    reference: KeptReference,
    looks: int,
) -> Mapping[str, Any]:
    """Store the verdict on a window with all its evidence; its document."""
    document = quality_document(
        window, assessment, subject.quality, source=reference.source, name=reference.name, drift=drift, looks=looks
    )
    quality_documents.write_verdict(*subject.names, window.start, document)
    told = {"window": document["window"], "basis": document["basis"], "verdict": document["verdict"]}
    logger.info("Quality judged", extra={"origin": subject.origin, **told})
    metrics.add_metric("QualityWindowsJudged", MetricUnit.Count, 1)
    return document


def publish_metrics(subject: Subject, window: Window, assessment: QualityAssessment, before: Entry | None) -> None:
    """Publish what is new in the verdict on a window, as of its end. `before`: what was known of the window."""
    if subject.run.now - window.end <= MOST_METRIC_AGE:
        dimensions = {"EndpointName": subject.origin.endpoint, "VariantName": subject.origin.variant}
        log_metrics(metrics.provider.namespace, dimensions, metrics_to_publish(assessment, before), window.end)


def tell(subject: Subject, entries: tuple[Entry, ...]) -> None:
    """Publish what people are to be told about the alert, if anything, and remember that."""
    again_on(StaleStateError, partial(tell_once, subject, entries))


def tell_once(subject: Subject, entries: tuple[Entry, ...]) -> None:
    """The same, unless another run tells something meanwhile: StaleStateError."""
    settings, now = subject.run.settings, subject.run.now
    bucket, endpoint, variant = subject.names
    where = settings.state_table_name, f"endpoint#{endpoint}", f"quality#{variant}"
    stored, reminder = read_state(*where), timedelta(hours=subject.monitor.reminder_hours)
    news = news_of(entries, alert_from_document(stored.content), subject.quality, now=now, reminder=reminder)
    document = quality_documents.read_verdict(*subject.names, news.window) if news else None
    if news is None or document is None:
        return
    links = {"verdict": f"s3://{bucket}/{verdict_key(endpoint, variant, news.window)}"}
    finding = quality_finding(subject.origin, news.state, document, since=news.since, now=now, links=links)
    publish_findings(settings.findings_bus_name, [finding])
    write_state(*where, alert_document(news.alert, now), after=stored)


def waiting(reason: str) -> dict[str, Any]:
    """The outcome when nothing could be judged."""
    return {"verdict": Verdict.INSUFFICIENT_DATA.value, "reason": reason}
