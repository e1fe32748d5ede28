"""The verdict on a window's quality: against the reference, against limits, and segment by segment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import erfc, sqrt
from typing import Literal

import numpy as np

from trimtab.drift.discoveries import benjamini_hochberg
from trimtab.drift.proportions import normal_quantile
from trimtab.drift.verdict import Verdict
from trimtab.quality.comparison import worsening
from trimtab.quality.estimate import Estimate
from trimtab.quality.intervals import Metric
from trimtab.quality.performance import LabelCoverage, Performance
from trimtab.quality.settings import ERRORS, HIGHER_IS_BETTER, QualitySettings

_MOST_NAMED = 3
type Basis = Literal["realised", "estimated"]


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One metric that decides: before, now, and by how much it got worse (as `worsening` tells it)."""

    name: str
    reference: Metric
    current: Metric
    worse: Metric
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class SegmentChange:
    """A segment in which the metric that decides first certainly got worse; `rows` are those of now."""

    column: str
    value: str
    rows: int
    change: MetricChange


@dataclass(frozen=True, slots=True)
class QualityJudgement:
    """The verdict on one window, from its labels (`realised`) or without them (`estimated`).

    `changes`: the metrics that decide. `segments`: those that certainly got worse. `beyond`: metrics beyond a limit.
    """

    basis: Basis
    verdict: Verdict
    reason: str
    rows: int
    metrics: Mapping[str, Metric]
    changes: tuple[MetricChange, ...] = ()
    segments: tuple[SegmentChange, ...] = ()
    beyond: tuple[str, ...] = ()


def judge_realised(
    reference: Performance | None,
    current: Performance,
    coverage: LabelCoverage,
    settings: QualitySettings,
    *,
    is_closed: bool,
) -> QualityJudgement:
    """The verdict from labels. `is_closed`: whether labels are no longer waited for; a window that is fully labelled
    need not wait."""
    if why := _why_not_judged(coverage, settings, is_closed=is_closed):
        return QualityJudgement("realised", Verdict.INSUFFICIENT_DATA, why, current.rows, current.metrics)
    found = _judge("realised", reference, current.metrics, current, settings)
    if coverage.selection <= settings.selection or found.verdict is Verdict.INSUFFICIENT_DATA:
        return found
    note = f"; which rows have a label depends on the prediction (Cramér's V {coverage.selection:.2g})"
    verdict = Verdict.WARN if found.verdict is Verdict.ALERT else found.verdict
    return replace(found, verdict=verdict, reason=found.reason + note)


def judge_estimate(
    reference: Performance, estimate: Estimate, settings: QualitySettings, *, contradiction: str = ""
) -> QualityJudgement:
    """The verdict without labels. `contradiction`: why labels of late say that such estimates are wrong at present (see
    `cause.contradiction`); then nothing is known."""
    unknown = contradiction or estimate.unknown
    if unknown:
        reason = f"cannot be estimated without labels: {unknown}"
        return QualityJudgement("estimated", Verdict.INSUFFICIENT_DATA, reason, estimate.rows, {})
    return _judge(
        "estimated",
        reference,
        estimate.metrics,
        Performance(estimate.problem, estimate.rows, estimate.metrics, {}),
        settings,
    )


def _why_not_judged(coverage: LabelCoverage, settings: QualitySettings, *, is_closed: bool) -> str:
    labelled = f"{coverage.usable:,} of {coverage.answered:,} rows have a label"
    if not is_closed and coverage.usable < coverage.answered:
        return f"{labelled}, and others may still come (label_delay_hours is {settings.label_delay_hours:g})"
    if coverage.usable < settings.min_labels:
        lost = f"; {coverage.unmatched:,} labels that came meanwhile are of other rows" if coverage.unmatched else ""
        empty = f"; {coverage.empty:,} ground-truth records hold no such label" if coverage.empty else ""
        return f"{labelled}, {settings.min_labels:,} are needed{lost}{empty}"
    if coverage.share < settings.min_label_share:
        return f"{labelled}, less than min_label_share ({100 * settings.min_label_share:g} %)"
    return ""


def _judge(
    basis: Basis,
    reference: Performance | None,
    metrics: Mapping[str, Metric],
    current: Performance,
    settings: QualitySettings,
) -> QualityJudgement:
    beyond = tuple(
        sorted(name for name, limit in settings.limits.items() if _is_beyond(name, metrics.get(name), limit))
    )
    if reference is not None and reference.problem != current.problem:
        why = f"the reference is a {reference.problem}, the labels are of a {current.problem}"
        return QualityJudgement(basis, Verdict.INSUFFICIENT_DATA, why, current.rows, metrics)
    before = reference.metrics if reference else {}
    changes = _changes(before, metrics, settings.judged_metrics(current.problem), settings)
    segments = _segments(reference, current, settings) if reference else ()
    verdicts = {change.verdict for change in changes}
    if beyond or Verdict.ALERT in verdicts:
        verdict = Verdict.ALERT
    elif segments or Verdict.WARN in verdicts:
        verdict = Verdict.WARN
    else:
        judged = changes or any(name in metrics for name in settings.limits)
        verdict = Verdict.OK if judged else Verdict.INSUFFICIENT_DATA
    reason = _sentence(basis, changes, segments, [(name, metrics[name], settings.limits[name]) for name in beyond])
    if verdict is Verdict.INSUFFICIENT_DATA:
        reason = "there is no reference with labels, nor a limit, to compare with"
    return QualityJudgement(basis, verdict, reason, current.rows, metrics, changes, segments, beyond)


def _changes(
    before: Mapping[str, Metric], now: Mapping[str, Metric], names: tuple[str, ...], settings: QualitySettings
) -> tuple[MetricChange, ...]:
    return tuple(
        MetricChange(name, before[name], now[name], worse, _verdict(name, worse, settings))
        for name in names
        if name in before and name in now and (worse := worsening(name, before[name], now[name]))
    )


def _verdict(name: str, worse: Metric, settings: QualitySettings) -> Verdict:
    """ALERT when certainly worse than harmless, WARN when certainly worse and by half of that."""
    harmless, lower = _harmless(name, settings), worse.lower or 0.0
    if lower > harmless:
        return Verdict.ALERT
    return Verdict.WARN if lower > 0 and worse.value >= harmless / 2 else Verdict.OK


def _harmless(name: str, settings: QualitySettings) -> float:
    return settings.harmless_increase if name in ERRORS else settings.harmless_drop


def _is_beyond(name: str, metric: Metric | None, limit: float) -> bool:
    if metric is None:
        return False
    if name in HIGHER_IS_BETTER:
        return metric.upper is not None and metric.upper < limit
    return metric.lower is not None and metric.lower > limit


def _segments(reference: Performance, current: Performance, settings: QualitySettings) -> tuple[SegmentChange, ...]:
    """Segments that got worse by more than is harmless, at a false-discovery rate over all that both periods have."""
    name = settings.judged_metrics(current.problem)[0]
    found, p_values = [], []
    for column, segments in current.segments.items():
        for value, segment in segments.items():
            before = reference.segments.get(column, {}).get(value)
            if before is None:
                continue
            for change in _changes(before.metrics, segment.metrics, (name,), settings):
                found.append(SegmentChange(column, value, segment.rows, change))
                p_values.append(_p_harmless(change, settings))
    q_values = benjamini_hochberg(np.array(p_values)) if found else ()
    certain = [change for change, q in zip(found, q_values, strict=True) if q <= settings.segment_fdr]
    return tuple(sorted(certain, key=lambda each: -each.change.worse.value))


def _p_harmless(change: MetricChange, settings: QualitySettings) -> float:
    """One-sided p of the metric having got worse by no more than is harmless (normal approximation)."""
    worse, z = change.worse, normal_quantile((1 + settings.confidence) / 2)
    error = (worse.value - (worse.lower if worse.lower is not None else worse.value)) / z
    excess = worse.value - _harmless(change.name, settings)
    if error <= 0:
        return 0.0 if excess > 0 else 1.0
    return erfc(excess / error / sqrt(2)) / 2


def _sentence(
    basis: Basis,
    changes: tuple[MetricChange, ...],
    segments: tuple[SegmentChange, ...],
    beyond: list[tuple[str, Metric, float]],
) -> str:
    verb = "is estimated at" if basis == "estimated" else "is"
    told = [f"{name} {verb} {interval_text(metric)}, beyond the limit {limit:g}" for name, metric, limit in beyond]
    told += [
        f"{change.name} {verb} {interval_text(change.current)}, it was {interval_text(change.reference)}"
        for change in changes
    ]
    told += [
        f"{each.change.name} where {each.column} is {each.value} went from {each.change.reference.value:.3g} "
        f"to {each.change.current.value:.3g}"
        for each in segments[:_MOST_NAMED]
    ]
    return "; ".join(told)


def interval_text(metric: Metric) -> str:
    """A metric for people to read: "0.914 (0.902 to 0.925)"."""
    if metric.lower is None or metric.upper is None:
        return f"{metric.value:.4g}"
    return f"{metric.value:.4g} ({metric.lower:.4g} to {metric.upper:.4g})"
