"""Why quality fell, as far as labels, estimates without them, and the drift of the inputs tell together.

An estimate without labels assumes that answers of a kind are as right as they were. So on one and the same rows
reference → estimate is what another mix of rows explains, and estimate → realised is what it does not: the concept
itself changed (P(y|x) moved). Deployments and faults of the data are found elsewhere, and come before all of these.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from trimtab.drift.verdict import Verdict
from trimtab.quality.comparison import worsening
from trimtab.quality.estimate import Estimate
from trimtab.quality.intervals import Metric
from trimtab.quality.judgement import MetricChange, QualityJudgement, interval_text
from trimtab.quality.performance import Performance
from trimtab.quality.settings import DEFAULT_METRICS
from trimtab.quality.windows import InputDrift

type Cause = Literal["data_fault", "concept_change", "covariate_shift", "traffic_mix", "unknown"]

_ADDITIVE = frozenset({"accuracy", "mae", "brier"})
"""Metrics that are means over rows, so that those of segments add up by share."""
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class CauseHint:
    """The likeliest cause of a loss of quality, with its evidence in one sentence.

    `metric`: the one it is told from; `change`: by how much it got worse in all, `explained`: how much of that the
    estimate without labels expects, None where that was not asked or there is none. All as `worsening` tells it.
    """

    cause: Cause
    text: str
    metric: str
    change: float
    explained: float | None


def likely_cause(
    judgement: QualityJudgement,
    *,
    reference: Performance,
    current: Performance | None,
    estimate: Estimate | None,
    drift: InputDrift | None,
) -> CauseHint | None:
    """Why the metric that lost most did; None where none did. `current`: by labels; `estimate`: of the very rows that
    have them, or of all rows where no labels are in. `drift`: what became of the inputs, None when that is not known.
    """
    lost = [change for change in judgement.changes if change.verdict in (Verdict.ALERT, Verdict.WARN)]
    if not lost:
        return None
    change = max(lost, key=lambda each: (each.verdict is Verdict.ALERT, each.worse.value))
    drifted = None if drift is None else drift.moved
    if drift and drift.faulty and not drift.moved:
        text = f"the data of {_listed(drift.faulty)} is at fault, and no other input moved"
        return CauseHint("data_fault", text, change.name, change.worse.value, None)
    if judgement.basis == "estimated":
        return _of_inputs(change, reference, current, drifted, explained=change.worse.value)
    expected = estimate.metrics.get(change.name) if estimate and not estimate.unknown else None
    if expected is None:
        return _without_estimate(change, reference, current, drifted)
    explained = worsening(change.name, change.reference, expected)
    share = explained.value if explained else 0.0
    disagrees = is_contradicted(change.name, expected, change.current) and share < change.worse.value / 2
    # where nothing else can be behind the loss, what labels tell beyond the estimate need not be certain by itself
    if disagrees or (_has_none_moved(drifted) and share < change.worse.value and not _mix(change, reference, current)):
        moved = "no input moved" if not drifted else f"that {_listed(drifted)} moved does not explain it"
        moved = "whether inputs moved is not known" if drifted is None else moved
        text = (
            f"labels {'disagree with' if disagrees else 'look worse than'} what such rows used to get: {change.name} "
            f"{interval_text(change.current)} where {interval_text(expected)} was to be expected; {moved}"
        )
        return CauseHint("concept_change", text, change.name, change.worse.value, share)
    return _of_inputs(change, reference, current, drifted, explained=share)


def is_contradicted(name: str, expected: Metric, realised: Metric) -> bool:
    """Whether a realised metric is worse than an estimate of it allows. The estimate's interval is one for the realised
    metric, so this is a test at its confidence."""
    change = worsening(name, expected, Metric(realised.value, realised.value, realised.value))
    return change is not None and change.lower is not None and change.lower > 0


def contradiction(estimate: Estimate, current: Performance) -> str:
    """Why estimates are not to be used at present: the labels of the latest closed window say otherwise than the
    estimate of the very same rows, in either direction. "" when they do not."""
    for name in DEFAULT_METRICS[estimate.problem]:
        expected, realised = estimate.metrics.get(name), current.metrics.get(name)
        if expected is None or realised is None or expected.lower is None or expected.upper is None:
            continue
        if not expected.lower <= realised.value <= expected.upper:
            return (
                f"of the latest rows with labels {name} is {realised.value:.4g}, estimated without them it was "
                f"{interval_text(expected)}"
            )
    return ""


def _of_inputs(
    change: MetricChange,
    reference: Performance,
    current: Performance | None,
    drifted: Collection[str] | None,
    *,
    explained: float,
) -> CauseHint:
    """The cause of a loss that comes with other rows: another mix of segments, or inputs that moved otherwise. Not
    known where none of them did."""
    if mix := _mix(change, reference, current):
        return CauseHint("traffic_mix", mix, change.name, change.worse.value, explained)
    if _has_none_moved(drifted):
        text = "the loss is what is expected of such rows without their labels; but no input moved"
        return CauseHint("unknown", text, change.name, change.worse.value, explained)
    moved = f"; {_listed(drifted)} moved" if drifted else ""
    text = f"rows of a kind that the model is less right about have become more frequent{moved}"
    return CauseHint("covariate_shift", text, change.name, change.worse.value, explained)


def _without_estimate(
    change: MetricChange, reference: Performance, current: Performance | None, drifted: Collection[str] | None
) -> CauseHint:
    if mix := _mix(change, reference, current):
        return CauseHint("traffic_mix", mix, change.name, change.worse.value, None)
    if drifted is None:
        text = "whether inputs moved is not known, and nothing is estimated without labels"
        return CauseHint("unknown", text, change.name, change.worse.value, None)
    if drifted:
        text = f"{_listed(drifted)} moved; without an estimate a change of the concept besides cannot be ruled out"
        return CauseHint("covariate_shift", text, change.name, change.worse.value, None)
    text = "labels disagree with the answers more than before, and no input moved"
    return CauseHint("concept_change", text, change.name, change.worse.value, None)


def _has_none_moved(drifted: Collection[str] | None) -> bool:
    """Whether it is known that no input moved."""
    return drifted is not None and not drifted


def _mix(change: MetricChange, reference: Performance, current: Performance | None) -> str:
    """What other shares of segments explain of a loss, when that is half of it or more; "" else."""
    if current is None or change.name not in _ADDITIVE:
        return ""
    for column, now in current.segments.items():
        expected = _reweighted(change.name, reference, column, {value: each.share for value, each in now.items()})
        if expected is None:
            continue
        worse = worsening(change.name, _point(change.reference), _point(Metric(expected, None, None)))
        if worse is not None and worse.value >= change.worse.value / 2:
            return (
                f"the values of {column} come in other shares than before: that alone makes {change.name} "
                f"{expected:.4g} of {change.reference.value:.4g}"
            )
    return ""


def _reweighted(name: str, reference: Performance, column: str, shares: Mapping[str, float]) -> float | None:
    """The reference's metric, were its segments' shares these; None where a segment is not known there."""
    before = reference.segments.get(column, {})
    known = {
        value: before[value].metrics[name] for value in shares if value in before and name in before[value].metrics
    }
    total = sum(shares[value] for value in known)
    if total < 0.95:  # what is left of other segments must not decide
        return None
    return sum(shares[value] * metric.value for value, metric in known.items()) / total


def _point(metric: Metric) -> Metric:
    return Metric(metric.value, metric.value, metric.value)


def _listed(names: Collection[str]) -> str:
    told = sorted(names)
    return ", ".join(told[:_MOST_NAMED]) + (f" and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else "")
