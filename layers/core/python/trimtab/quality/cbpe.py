"""Confidence-based performance estimation: how good a classifier's answers are, told from how sure it was of them.

As in NannyML: a calibrated probability says how likely each answer is right, and what that makes of accuracy, F1 or AUC
is an expectation over the labels that may come. Three things differ. The interval is that of the realised metric:
labels are drawn, and so is the calibration, as far as the reference leaves it open. Blocks of the reference are
estimated from the rest of it. And where that fails, or scores are unlike those of the reference, nothing is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

import numpy as np

from trimtab.capture.table import FloatArray
from trimtab.drift.proportions import normal_quantile
from trimtab.quality.calibration import Calibration, calibrate
from trimtab.quality.confusion import ScoreGroups, grouped, metrics_of_counts
from trimtab.quality.estimate import Check, Estimate, check_of, why_unchecked
from trimtab.quality.intervals import Flags, Metric, area
from trimtab.quality.outcomes import BinaryOutcomes, MulticlassOutcomes
from trimtab.quality.settings import Problem, QualitySettings

BLOCKS = 10
DRAWS = 400
_FEWEST_OF_CLASS = 50
_SUPPORT_BINS, _FEWEST_IN_BIN = 20, 3
_CHECKED = ("accuracy", "auc")
_BINARY = ("accuracy", "precision", "recall", "specificity", "f1", "auc", "brier")


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """`edges` and `is_supported`: bins of scores, and in which of them the reference has rows."""

    calibration: Calibration
    edges: FloatArray
    is_supported: Flags


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierReference:
    """What estimates rest on. `checks` by metric; `unknown`: why nothing can be estimated, "" when it can."""

    problem: Problem
    checks: Mapping[str, Check]
    unknown: str
    learned: _Learned | None = None


def classifier_reference(
    outcomes: BinaryOutcomes | MulticlassOutcomes, settings: QualitySettings, *, seed: int = 0
) -> ClassifierReference:
    """Learn from labelled rows, in order of time. Of several classes only the accuracy can be estimated, from how sure
    the model is of the class it gave."""
    problem = outcomes.problem
    scores, is_event, predicted = _events(outcomes)
    if scores is None:
        return ClassifierReference(problem, {}, "the model gives no scores")
    known = np.isfinite(scores)
    scores, is_event, predicted = scores[known], is_event[known], predicted[known]
    if unknown := _why_not_learned(scores, is_event, settings):
        return ClassifierReference(problem, {}, unknown)
    checks = _checks(problem, scores, is_event, predicted, seed)
    judged = {name: check for name, check in checks.items() if name in _CHECKED}
    edges = np.linspace(scores.min(), scores.max(), _SUPPORT_BINS + 1)
    is_supported = np.histogram(scores, edges)[0] >= _FEWEST_IN_BIN
    return ClassifierReference(
        problem,
        checks,
        why_unchecked(judged, settings.max_estimate_bias),
        _Learned(calibrate(scores, is_event), edges, is_supported),
    )


def estimate_classifier(
    reference: ClassifierReference,
    scores: FloatArray,
    predicted: Flags,
    settings: QualitySettings,
    *,
    counts: FloatArray | None = None,
    seed: int = 0,
) -> Estimate:
    """Estimate rows without labels. `counts`: how many rows each score stands for, 1 by default. Of several classes,
    `scores` are those of the class given and `predicted` is not looked at."""
    weights = np.ones(len(scores)) if counts is None else counts
    rows, known = round(float(weights.sum())), np.isfinite(scores)

    def nothing(why: str, unsupported: float = 0.0) -> Estimate:
        return Estimate(reference.problem, rows, {}, unsupported, why)

    learned = reference.learned
    if learned is None or reference.unknown:
        return nothing(reference.unknown)
    if weights[known].sum() < settings.min_labels:
        return nothing(f"{round(float(weights[known].sum())):,} of {settings.min_labels:,} rows with scores")
    is_like = known.copy()
    is_like[known] = _is_supported(learned, scores[known])
    unsupported = float(weights[~is_like].sum() / weights.sum())
    if unsupported > settings.max_unsupported:
        return nothing(f"{100 * unsupported:.3g} % of the rows have scores unlike those of the reference", unsupported)
    called = predicted[known] if reference.problem == "binary_classification" else np.ones(int(known.sum()), bool)
    groups, _ = grouped(scores[known], called, weights[known])
    values, errors = _expected(learned.calibration, groups, seed)
    z = normal_quantile((1 + settings.confidence) / 2)
    metrics = {}
    for name, check in reference.checks.items():
        if name in values and np.isfinite(values[name] + errors[name]):
            half = z * hypot(errors[name], check.excess) + unsupported  # rows unlike the reference's may all be wrong
            metrics[name] = Metric(values[name], max(0.0, values[name] - half), min(1.0, values[name] + half))
    return Estimate(reference.problem, rows, metrics, unsupported, "")


def _events(outcomes: BinaryOutcomes | MulticlassOutcomes) -> tuple[FloatArray | None, Flags, Flags]:
    """Scores, whether that is so which they are the probability of, and whether it was said to be so."""
    if isinstance(outcomes, BinaryOutcomes):
        return outcomes.scores, outcomes.is_positive, outcomes.predicted
    return outcomes.confidences, outcomes.truth == outcomes.predicted, np.ones(len(outcomes), bool)


def _why_not_learned(scores: FloatArray, is_event: Flags, settings: QualitySettings) -> str:
    rows, events = len(scores), int(is_event.sum())
    if rows < settings.min_reference_labels:
        return f"the reference has {rows:,} of {settings.min_reference_labels:,} labelled rows with scores"
    if (rarer := min(events, rows - events)) < _FEWEST_OF_CLASS:
        return f"the reference has {rarer} of {_FEWEST_OF_CLASS} rows of the rarer outcome"
    ranking = area(scores, is_event, np.arange(rows), settings.confidence)
    if ranking is None or ranking.lower is None or ranking.lower <= 0.5:
        return "on the reference the scores do not tell the outcomes apart"
    return ""


def _checks(problem: Problem, scores: FloatArray, is_event: Flags, predicted: Flags, seed: int) -> Mapping[str, Check]:
    """Each block of the reference, estimated from the others and compared with its labels."""
    blocks = []
    for inside in np.array_split(np.arange(len(scores)), BLOCKS):
        others = np.delete(np.arange(len(scores)), inside)
        groups, group = grouped(scores[inside], predicted[inside], np.ones(len(inside)))
        values, errors = _expected(calibrate(scores[others], is_event[others]), groups, seed)
        events = np.bincount(group, weights=is_event[inside], minlength=len(groups.rows))
        blocks.append((values, errors, metrics_of_counts(groups, events[None])))
    checks = {}
    for name in _BINARY if problem == "binary_classification" else ("accuracy",):
        told = [(values[name], errors[name], float(true[name][0])) for values, errors, true in blocks if name in values]
        if len(told) == BLOCKS and np.isfinite(told).all():
            checks[name] = check_of(*zip(*told, strict=True))
    return checks


def _expected(calibration: Calibration, groups: ScoreGroups, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """The metrics when labels come as the calibration says, and their standard errors."""
    random = np.random.default_rng(seed)
    middle = metrics_of_counts(groups, (groups.rows * calibration.probabilities(groups.scores))[None])
    rows = np.round(groups.rows).astype(np.int64)
    draws = np.array(
        [
            random.binomial(rows, calibration.probabilities(groups.scores, calibration.drawn(random)))
            for _ in range(DRAWS)
        ],
        dtype=np.float64,
    )
    drawn = metrics_of_counts(groups, draws)
    return (
        {name: float(value[0]) for name, value in middle.items()},
        {
            name: float(np.std(each[np.isfinite(each)])) if np.isfinite(each).any() else 0.0
            for name, each in drawn.items()
        },
    )


def _is_supported(learned: _Learned, scores: FloatArray) -> Flags:
    bins = np.clip(np.searchsorted(learned.edges, scores, side="right") - 1, 0, _SUPPORT_BINS - 1)
    is_inside = (scores >= learned.edges[0]) & (scores <= learned.edges[-1])
    return np.asarray(is_inside & learned.is_supported[bins])
