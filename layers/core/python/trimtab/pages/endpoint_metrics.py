"""What is stored of endpoints as metrics for Prometheus: drift, captures, quality, cost, canary.

An endpoint's values are kept as plain JSON values beside its row of the overview, so that the text of a thousand
endpoints is written without reading what is stored of each. What is not known has no value, never 0. Verdicts and
states are state sets, so that INSUFFICIENT_DATA is seen as such.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trimtab.drift.evidence import drift_score
from trimtab.drift.hysteresis import AlertState
from trimtab.drift.verdict import Verdict
from trimtab.pages.openmetrics import Family, Sample, openmetrics_text, state_set
from trimtab.pages.sources import Document, EndpointSources
from trimtab.rollout.state import KIND, Phase
from trimtab.rollout.verdict import Decision

type Values = Mapping[str, Any]
"""By metric a list of [labels beside the endpoint's, number or state]."""
type Read = Callable[[Document], Any]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: what it is, its unit (the end of its name), the states it may show, and how a document tells it."""

    name: str
    help: str
    read: Read
    unit: str = ""
    states: tuple[str, ...] = ()


def _at(*path: str) -> Read:
    """Reads what lies at a path in a document; None where it ends before."""

    def read(document: Document) -> Any:
        value: Any = document
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    return read


def _seconds(*path: str) -> Read:
    """Reads the moment at a path, in seconds since 1970."""
    read = _at(*path)
    return lambda document: (told := read(document)) and datetime.fromisoformat(told).timestamp()


WRITTEN = "trimtab_metrics_written_timestamp_seconds"
OF_WINDOWS = (
    Metric("trimtab_drift_score", "Greatest PSI of a column in the last window.", drift_score),
    Metric(
        "trimtab_drift_drifted_ratio",
        "Columns that drifted in the last window, of all that were compared.",
        lambda window: window["drifted_share"] if window["columns"] else None,
        "ratio",
    ),
    Metric("trimtab_drift_verdict", "The verdict on the last window.", _at("verdict"), states=tuple(Verdict)),
    Metric("trimtab_drift_alert", "Whether an alert on drift stands.", _at("state"), states=tuple(AlertState)),
    Metric("trimtab_drift_window_rows", "Rows of the last window.", _at("window", "rows"), "rows"),
    Metric(
        "trimtab_drift_window_end_timestamp_seconds",
        "When the last window ended.",
        _seconds("window", "end"),
        "seconds",
    ),
    Metric(
        "trimtab_capture_coverage_ratio",
        "Captured lines of the last window that could be read, of all.",
        _at("coverage", "share"),
        "ratio",
    ),
)
OF_QUALITY = (
    Metric("trimtab_quality_verdict", "The verdict on model quality.", _at("verdict"), states=tuple(Verdict)),
    Metric(
        "trimtab_quality_window_end_timestamp_seconds",
        "When the window ended that was judged on quality.",
        _seconds("end"),
        "seconds",
    ),
    Metric("trimtab_quality_alert", "Whether an alert on quality stands.", _at("state"), states=tuple(AlertState)),
    Metric("trimtab_quality_labels_ratio", "Answers of the window that have a label.", _at("labels_share"), "ratio"),
)
OF_QUALITY_METRICS = (
    Metric("trimtab_quality_value", "Model quality, from labels (realised) or without (estimated).", _at("value")),
    Metric("trimtab_quality_lower", "Lower bound of its interval.", _at("lower")),
    Metric("trimtab_quality_upper", "Upper bound of its interval.", _at("upper")),
)
OF_COST = (
    Metric("trimtab_cost_last_hour_usd", "US dollars of the last counted hour.", _at("last_hour", "usd"), "usd"),
    Metric("trimtab_cost_month_to_date_usd", "US dollars of this month (UTC).", _at("month", "to_date_usd"), "usd"),
    Metric("trimtab_cost_month_forecast_usd", "US dollars by its end.", _at("month", "forecast_usd"), "usd"),
    Metric("trimtab_cost_month_forecast_low_usd", "Lower bound of that.", _at("month", "low_usd"), "usd"),
    Metric("trimtab_cost_month_forecast_high_usd", "Upper bound of that.", _at("month", "high_usd"), "usd"),
    Metric("trimtab_cost_month_idle_usd", "US dollars of hours without predictions.", _at("month", "idle_usd"), "usd"),
    Metric(
        "trimtab_cost_alert", "Whether an alert on an unusual cost stands.", _at("anomaly", "state"),
        states=tuple(AlertState),
    ),
)  # fmt: skip
OF_COST_OVER_TIME = (
    Metric(
        "trimtab_cost_per_thousand_predictions_usd",
        "US dollars for 1,000 predictions, over the last hour and this month.",
        _at("usd_per_thousand_predictions"),
        "usd",
    ),
)
OF_CANARY = (
    Metric("trimtab_canary_phase", "Where the last rollout stands.", _at("phase"), states=tuple(Phase)),
    Metric(
        "trimtab_canary_decision", "What its judge says.", _at("judgement", "decision"), states=tuple(Decision)
    ),
    Metric("trimtab_canary_ln_e_harm", "ln of the evidence that it is worse.", _at("judgement", "ln_e_harm")),
    Metric("trimtab_canary_ln_e_safe", "ln of the evidence that it is not.", _at("judgement", "ln_e_safe")),
    Metric("trimtab_canary_ln_e_alarm", "What the first takes to roll back.", _at("judgement", "ln_e_alarm")),
    Metric(
        "trimtab_canary_relative_risk", "Its error rate against production's.", _at("judgement", "relative_risk")
    ),
    Metric("trimtab_canary_requests", "Requests that it answered.", _at("judgement", "canary_requests")),
)  # fmt: skip
METRICS = (*OF_WINDOWS, *OF_QUALITY, *OF_QUALITY_METRICS, *OF_COST, *OF_COST_OVER_TIME, *OF_CANARY)


def endpoint_values(sources: EndpointSources) -> Values:
    """An endpoint's metrics as plain JSON values, to be kept."""
    values: dict[str, list[Any]] = {}
    for metric, labels, document in _told(sources):
        value = metric.read(document)
        if value is not None:
            values.setdefault(metric.name, []).append([labels, value])
    return values


def metrics_text(values: Mapping[str, Values], written: datetime) -> str:
    """The OpenMetrics text of endpoints' values, by endpoint, as of `written`. It depends on no order. Values of
    metrics that are not known here, as those kept by another version, are left out."""
    own = Family(WRITTEN, "When these metrics were written.", (Sample({}, written.timestamp()),), unit="seconds")
    return openmetrics_text([own, *(_family(metric, sorted(values.items())) for metric in METRICS)])


def _told(sources: EndpointSources) -> Iterator[tuple[Metric, dict[str, str], Document]]:
    """What is to be read, with its labels, and where."""
    for variant in sorted(sources.variants, key=lambda each: each.name):
        labels = {"variant": variant.name}
        if variant.window:
            yield from ((metric, labels, variant.window) for metric in OF_WINDOWS)
        if variant.quality:
            last = variant.quality[-1]
            yield from ((metric, labels, last) for metric in OF_QUALITY)
            for name, found in sorted((last.get("metrics") or {}).items()):
                more = {**labels, "metric": name, "basis": str(last.get("basis", ""))}
                yield from ((metric, more, found) for metric in OF_QUALITY_METRICS)
    if cost := sources.cost:
        yield from ((metric, {}, cost) for metric in OF_COST)
        for over, key in (("hour", "last_hour"), ("month", "month")):
            yield from ((metric, {"over": over}, cost.get(key) or {}) for metric in OF_COST_OVER_TIME)
    if sources.change.get("kind") == KIND:
        yield from ((metric, {}, sources.change) for metric in OF_CANARY)


def _family(metric: Metric, endpoints: Iterable[tuple[str, Values]]) -> Family:
    told = [
        ({"endpoint": endpoint, **labels}, value)
        for endpoint, values in endpoints
        for labels, value in values.get(metric.name, ())
    ]
    if metric.states:
        return state_set(metric.name, metric.help, metric.states, told)
    return Family(metric.name, metric.help, tuple(Sample(*each) for each in told), unit=metric.unit)
