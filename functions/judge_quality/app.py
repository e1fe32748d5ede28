"""judge_quality: every hour by schedule, how good the answers of each endpoint are whose settings ask for it.

By labels once these are waited for no longer, until then by an estimate without them. By payload, for one endpoint and
any past moment: `{"endpoint": "churn", "until": "2026-11-20T08:00:00Z"}`; with `"again": "2026-11-01T00:00:00Z"` the
windows that began since then are judged again, as after labels that came very late.
Every run starts from what is stored, so that a lost, late or repeated run does no harm.
"""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
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
from trimtab.aws.state_table import StaleStateError, StateDocument, read_state, write_state
from trimtab.drift.evidence import window_of_document
from trimtab.drift.hysteresis import AlertState, notification
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window
from trimtab.findings import Origin
from trimtab.quality.assessment import QualityAssessment, assess_quality
from trimtab.quality.evidence import quality_document, quality_finding, reference_quality_finding
from trimtab.quality.kept import ANSWERS, answers_prefix, variants_prefix, verdict_key
from trimtab.quality.keyed_rows import KeyedRows, are_drawn, union
from trimtab.quality.labelled import fewer_rows, join_of_labelled, labelled_of_sample, labelled_rows, usable_rows
from trimtab.quality.reference import QualityReference, reference_of
from trimtab.quality.series import (
    Alert,
    Entry,
    alert_now,
    contradiction_before,
    is_due,
    kept_for,
    lasts_until,
    looks_due,
    series_document,
    series_of_document,
    telling,
    with_entry,
)
from trimtab.quality.settings import DEFAULT_METRICS, QualitySettings
from trimtab.quality.windows import InputDrift, drift_document, drifted_inputs, quality_windows
from trimtab.settings import EndpointSettings, JudgeQualitySettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

GOLDEN_RATIO = (1 + 5**0.5) / 2
NO_REFERENCE: Mapping[str, Any] = {"name": "", "source": "", "windows": ()}
RESERVE_MS = 60_000
"""With less time left no other window is begun."""
SETTLED = timedelta(hours=3)
"""Hours so long past are kept in one file each: little comes for them any more."""
MOST_JUDGED = 250_000
"""Of a window with more rows so many are judged, requests being drawn by their hash: what fits into memory, and is
certain enough."""
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


@dataclass(frozen=True)
class Run:
    """What is the same for every endpoint of one invocation."""

    settings: JudgeQualitySettings
    account: str
    region: str
    now: datetime
    until: datetime | None
    again: datetime | None
    is_late: Callable[[], bool]

    @property
    def bucket(self) -> str:
        return self.settings.state_bucket_name

    @property
    def horizon(self) -> datetime:
        """The moment up to which answers and labels are looked at."""
        return min(self.until or self.now, self.now)


@dataclass(frozen=True)
class Subject:
    """One variant and how its quality is judged."""

    origin: Origin
    monitor: EndpointSettings
    quality: QualitySettings
    run: Run

    @property
    def names(self) -> tuple[str, str, str]:
        """Bucket, endpoint and variant, by which everything is stored."""
        return self.run.bucket, self.origin.endpoint, self.origin.variant


@dataclass(frozen=True)
class Reference:
    """The labelled rows that quality is compared with. `learned` is None until there are enough of them."""

    rows: KeyedRows
    about: Mapping[str, Any]
    learned: QualityReference | None = None

    @property
    def name(self) -> str:
        """Tells one reference from another; "" until there are enough rows."""
        return str(self.about["name"])


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
    run = subject.run
    stored_series, tag = quality_documents.open_series(*subject.names)
    entries = series_of_document(stored_series)
    if run.until and not run.again and entries and run.until < entries[-1].end:
        stored = quality_documents.last_verdict(*subject.names, ended_by=run.until)
        return stored or waiting("no window had ended by then")
    known = {entry.start: entry for entry in entries}
    windows = [Window(entry.start, entry.end, (), entry.rows) for entry in entries]
    windows += new_windows(subject, entries)
    name = quality_documents.name_of_reference(*subject.names)
    reference: Reference | None = None
    outputs: Collection[str] = ()
    labels = collected_labels(subject)
    outcome: Mapping[str, Any] | None = None
    for window in windows:
        if run.is_late():
            logger.warning("No time for further windows", extra={"origin": subject.origin, "next": window.start})
            break
        contradicted = contradiction_before(entries, window.start)
        if (entry := known.get(window.start)) and not is_wanted(entry, subject, name, contradicted):
            continue
        if reference is None:
            reference, outputs = find_reference(subject), known_outputs(subject)
        looks = looks_due(window.end, run.horizon, subject.quality)
        documents = state_bucket.windows_ended_since(*subject.names, since=window.start, ended_by=window.end)
        drift, answers = drifted_inputs(documents, outputs), read_answers(subject, window)
        found, others = labels.of(answers, window.start) if looks else (None, 0)
        assessment = assess_quality(
            answers,
            found,
            reference.learned,
            subject.quality,
            drift=drift,
            contradicted=contradicted,
            others=others,
        )
        outcome = keep_verdict(subject, window, assessment, drift, reference, looks)
        count(subject, window, assessment, entry)
        now_known = entry_of(window, assessment, reference, subject.quality, looks, contradicted)
        entries = with_entry(entries, now_known, kept_for(subject.quality))
        document = series_document(entries, subject.quality)
        tag = quality_documents.replace_series(*subject.names, document, after=tag)
        tell(subject, entries)
        if looks and reference.learned is None:
            reference = grow_reference(subject, reference, window, assessment)
        name = reference.name
    tell(subject, entries)
    return outcome or waiting(f"{subject.quality.window_rows:,} rows are needed for the next window")


def is_wanted(entry: Entry, subject: Subject, reference: str, contradicted: str) -> bool:
    """Whether a window that has been judged is to be judged again."""
    run = subject.run
    if run.again and entry.start >= run.again and looks_due(entry.end, run.horizon, subject.quality) >= entry.looks:
        return True  # not as of a moment before its labels were looked at
    return is_due(entry, run.horizon, subject.quality, reference=reference, contradicted=bool(contradicted))


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


def read_answers(subject: Subject, window: Window) -> KeyedRows:
    """The answers of a window, of the requests that are drawn."""
    bucket, endpoint, variant = subject.names
    prefix, settled = answers_prefix(endpoint, variant), subject.run.now - SETTLED
    share = min(subject.quality.keep_share, MOST_JUDGED / max(window.rows, 1))

    def drawn() -> KeyedRows:
        parts = quality_rows.read_hours(bucket, prefix, window.start, window.end, settled=settled)
        return union(rows.where(are_drawn(rows.keys, share)) for rows in parts)

    return again_on(s3.ObjectNotFoundError, drawn)


def collected_labels(subject: Subject) -> quality_rows.CollectedLabels:
    """The labels that have been collected of the requests that are drawn."""
    bucket, endpoint, _ = subject.names
    share, settled = subject.quality.keep_share, subject.run.now - SETTLED
    return quality_rows.CollectedLabels(bucket, endpoint, subject.run.horizon, share=share, settled=settled)


def known_outputs(subject: Subject) -> Collection[str]:
    """The columns that drift is not asked about here, because they came out of the model."""
    bucket, endpoint, variant = subject.names
    against = state_bucket.read_reference(bucket, endpoint, variant) or state_bucket.read_reference(bucket, endpoint)
    return against.outputs if against else ()


def find_reference(subject: Subject) -> Reference:
    """The labelled rows that are kept to compare with, or those of the training data, as far as there are any."""
    rows, about = quality_documents.read_reference(*subject.names) or (union(()), dict(NO_REFERENCE))
    if about["name"]:
        return Reference(rows, about, reference_of(join_of_labelled(rows), subject.quality))
    bucket, endpoint, _ = subject.names
    monitor = subject.monitor
    sample = state_bucket.read_reference_sample(bucket, endpoint) if monitor.reference else None
    given = sample and labelled_of_sample(
        sample, subject.quality, importance=monitor.importance, never=monitor.redact | monitor.ignore
    )
    if given and usable_rows(given, subject.quality) >= subject.quality.min_reference_labels:
        return adopt_reference(subject, given, f"labelled rows of {monitor.reference}", ())
    return Reference(rows, about)


def grow_reference(subject: Subject, before: Reference, window: Window, assessment: QualityAssessment) -> Reference:
    """The reference with the labelled rows of one more window; said to be the reference once it has enough."""
    if assessment.joined is None or not len(assessment.joined.rows):
        return before
    rows = fewer_rows(union((before.rows, labelled_rows(assessment.joined))))
    windows = sorted({*before.about["windows"], f"{window.start.isoformat()}/{window.end.isoformat()}"})
    start, end = windows[0].partition("/")[0], windows[-1].partition("/")[2]
    source = f"labelled answers of {subject.origin.variant} from {start} to {end}"
    if usable_rows(rows, subject.quality) >= subject.quality.min_reference_labels:
        return adopt_reference(subject, rows, source, tuple(windows))
    about = {"name": "", "source": source, "windows": windows}
    quality_documents.write_reference(*subject.names, rows, about)
    return Reference(rows, about)


def adopt_reference(subject: Subject, rows: KeyedRows, source: str, windows: tuple[str, ...]) -> Reference:
    """Make these rows what quality is compared with, and say so."""
    learned = reference_of(join_of_labelled(rows), subject.quality)
    unknown = learned.learned.unknown
    finding = reference_quality_finding(subject.origin, source, learned.performance, unknown, subject.run.now)
    publish_findings(subject.run.settings.findings_bus_name, [finding])
    about = {"name": finding.id[:16], "source": source, "windows": list(windows), "rows": learned.performance.rows}
    quality_documents.write_reference(*subject.names, rows, about)
    return Reference(rows, about, learned)


def keep_verdict(
    subject: Subject,
    window: Window,
    assessment: QualityAssessment,
    drift: InputDrift | None,
    reference: Reference,
    looks: int,
) -> Mapping[str, Any]:
    """Store the verdict on a window with all its evidence; its document."""
    document = quality_document(
        window,
        assessment.judgement,
        subject.quality,
        performance=assessment.performance,
        coverage=assessment.coverage,
        checks=assessment.checks,
        cause=assessment.cause,
        looks=looks,
    )
    document |= {"reference": {"source": reference.about["source"], "name": reference.name}}
    document |= {"contradiction": assessment.contradiction, **drift_document(drift)}
    quality_documents.write_verdict(*subject.names, window.start, document)
    told = {"window": document["window"], "basis": document["basis"], "verdict": document["verdict"]}
    logger.info("Quality judged", extra={"origin": subject.origin, **told})
    metrics.add_metric("QualityWindowsJudged", MetricUnit.Count, 1)
    return document


def count(subject: Subject, window: Window, assessment: QualityAssessment, before: Entry | None) -> None:
    """Publish the metrics that decide, and the share of labels, once by estimate and once by labels. `before`: what was
    known of the window."""
    judgement, run = assessment.judgement, subject.run
    if run.now - window.end > MOST_METRIC_AGE or judgement.verdict is Verdict.INSUFFICIENT_DATA:
        return
    if before and before.verdict is not Verdict.INSUFFICIENT_DATA and before.basis == judgement.basis:
        return
    values = {
        f"{judgement.basis.title()}{change.name.title().replace('_', '')}": change.current.value
        for change in judgement.changes
    }
    if assessment.coverage:
        values["LabelShare"] = assessment.coverage.share
    dimensions = {"EndpointName": subject.origin.endpoint, "VariantName": subject.origin.variant}
    log_metrics(metrics.provider.namespace, dimensions, values, window.end)


def entry_of(
    window: Window,
    assessment: QualityAssessment,
    reference: Reference,
    quality: QualitySettings,
    looks: int,
    contradicted: str,
) -> Entry:
    """A judged window in short."""
    judgement, coverage = assessment.judgement, assessment.coverage
    shown = quality.metrics or {name for names in DEFAULT_METRICS.values() for name in names}
    return Entry(
        start=window.start,
        end=window.end,
        rows=window.rows,
        basis=judgement.basis,
        verdict=judgement.verdict,
        metrics={name: metric for name, metric in judgement.metrics.items() if name in shown},
        labels_share=coverage.share if coverage else None,
        looks=looks,
        reference=reference.name,
        contradiction=assessment.contradiction,
        withheld=judgement.basis == "estimated" and bool(contradicted),
        cause=assessment.cause.cause if assessment.cause else "",
    )


def tell(subject: Subject, entries: tuple[Entry, ...]) -> None:
    """Publish what people are to be told about the alert, if anything, and remember that."""
    again_on(StaleStateError, lambda: tell_once(subject, entries))


def tell_once(subject: Subject, entries: tuple[Entry, ...]) -> None:
    """The same, unless another run tells something meanwhile: StaleStateError."""
    run = subject.run
    partition, sort_key = f"endpoint#{subject.origin.endpoint}", f"quality#{subject.origin.variant}"
    stored = read_state(run.settings.state_table_name, partition, sort_key)
    before, notified = alert_from_document(stored)
    after = alert_now(entries, subject.quality, before)
    told = notification(
        before.state,
        after.state,
        last_notified=notified,
        now=run.now,
        reminder=timedelta(hours=subject.monitor.reminder_hours),
    )
    by = telling(entries, after.state)
    document = quality_documents.read_verdict(*subject.names, by.start) if told and by else None
    if told is None or document is None:
        return
    if told == "continued" and lasts_until(entries, subject.quality) < run.now:
        return  # nobody asks the endpoint any more
    since = after.since or before.since or datetime.fromisoformat(document["window"]["start"])
    bucket, endpoint, variant = subject.names
    key = verdict_key(endpoint, variant, datetime.fromisoformat(document["window"]["start"]))
    links = {"verdict": f"s3://{bucket}/{key}"}
    finding = quality_finding(subject.origin, told, document, since=since, now=run.now, links=links)
    publish_findings(run.settings.findings_bus_name, [finding])
    write_state(run.settings.state_table_name, partition, sort_key, document_of_alert(after, run.now), after=stored)


def alert_from_document(stored: StateDocument) -> tuple[Alert, datetime | None]:
    """The alert that people know of, and when they were last told."""
    if not stored.content:
        return Alert(), None
    since, notified = stored.content["since"], stored.content["notified"]
    return (
        Alert(AlertState(stored.content["state"]), since and datetime.fromisoformat(since)),
        notified and datetime.fromisoformat(notified),
    )


def document_of_alert(alert: Alert, notified: datetime) -> dict[str, Any]:
    return {
        "state": alert.state.value,
        "since": alert.since and alert.since.isoformat(),
        "notified": notified.isoformat(),
    }


def waiting(reason: str) -> dict[str, Any]:
    """The outcome when nothing could be judged."""
    return {"verdict": Verdict.INSUFFICIENT_DATA.value, "reason": reason}
