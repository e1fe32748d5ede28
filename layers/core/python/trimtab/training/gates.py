"""Whether a new model may be registered as fit to serve: one verdict for each gate, on each data set."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from trimtab.drift.proportions import wilson_lower
from trimtab.training.evaluation import DatasetScore, Evaluation
from trimtab.training.gate_thresholds import GateThresholds
from trimtab.training.metrics import LEVEL, paired_difference
from trimtab.training.service_gates import service_verdicts
from trimtab.training.verdicts import GateOutcome, GateVerdict, at_least, at_most, failed, insufficient


def judge_gates(evaluation: Evaluation, thresholds: GateThresholds) -> tuple[GateVerdict, ...]:
    """Every gate that is asked for. What is missing is INSUFFICIENT_DATA, which is no pass.

    Each data set that the thresholds name must pass, those that the evaluation has besides too. Without a champion
    nothing is compared with it.
    """
    names = (*thresholds.datasets, *(name for name in evaluation.datasets if name not in thresholds.datasets))
    quality = [
        verdict
        for name in names
        for verdict in quality_verdicts(evaluation, name, evaluation.datasets.get(name, DatasetScore()), thresholds)
    ]
    return tuple(
        each for each in (*quality, *service_verdicts(evaluation, thresholds)) if each.gate not in thresholds.skip
    )


def all_passed(verdicts: Sequence[GateVerdict]) -> bool:
    """Whether the model may be registered; no verdict at all is no pass."""
    return bool(verdicts) and all(each.passed for each in verdicts)


def why_not(verdicts: Iterable[GateVerdict]) -> tuple[str, ...]:
    """The reasons of the gates that are not passed."""
    return tuple(
        f"{each.gate}{f' on {each.dataset}' if each.dataset else ''}: {each.reason}"
        for each in verdicts
        if not each.passed
    )


def quality_verdicts(
    evaluation: Evaluation, dataset: str, score: DatasetScore, thresholds: GateThresholds
) -> list[GateVerdict]:
    """The gates on one data set."""
    verdicts = [finite(dataset, score)]
    if evaluation.problem == "regression":
        if thresholds.max_rmse is not None:
            verdicts.append(error_size(dataset, score, thresholds.max_rmse, thresholds))
    else:
        verdicts += [accuracy(dataset, score, thresholds), slices(dataset, score, thresholds)]
        verdicts.append(calibration(dataset, score, thresholds))
        if thresholds.min_auc is not None and evaluation.problem == "binary_classification":
            verdicts.append(area_under_curve(dataset, score, thresholds.min_auc, thresholds))
    if evaluation.champion is not None:
        compare = regression_non_inferiority if evaluation.problem == "regression" else non_inferiority
        verdicts.append(compare(dataset, score, thresholds))
    return verdicts


def accuracy(dataset: str, score: DatasetScore, thresholds: GateThresholds) -> GateVerdict:
    """Accuracy, by its Wilson bound."""
    value = score.share_correct
    if value is None:
        return insufficient("accuracy", dataset, "accuracy", "no rows were evaluated")
    counted = score.correct is not None and score.rows
    bound = wilson_lower(score.correct or 0, score.rows or 0, LEVEL) if counted else None
    by_bound = thresholds.policy == "lower_bound"
    return at_least("accuracy", dataset, "accuracy", value, bound, thresholds.min_accuracy, by_bound)


def area_under_curve(dataset: str, score: DatasetScore, threshold: float, thresholds: GateThresholds) -> GateVerdict:
    """AUC, by its bound."""
    if score.auc is None:
        return insufficient("auc", dataset, "AUC", "no AUC is there")
    by_bound = thresholds.policy == "lower_bound"
    return at_least("auc", dataset, "AUC", score.auc.value, score.auc.lower, threshold, by_bound)


def error_size(dataset: str, score: DatasetScore, threshold: float, thresholds: GateThresholds) -> GateVerdict:
    """RMSE, by its bound."""
    if score.rmse is None:
        return insufficient("rmse", dataset, "RMSE", "no RMSE is there")
    by_bound = thresholds.policy == "lower_bound"
    return at_most("rmse", dataset, "RMSE", score.rmse.value, score.rmse.upper, threshold, by_bound)


def non_inferiority(dataset: str, score: DatasetScore, thresholds: GateThresholds) -> GateVerdict:
    """Not much less accurate than the champion on the same rows."""
    metric, pair = "accuracy lost to the champion", score.comparison
    counts = None if pair is None else (pair.only_champion_right, pair.only_challenger_right)
    if pair is None or not pair.rows or counts is None or counts[0] is None or counts[1] is None:
        return insufficient("non_inferiority", dataset, metric, "the champion was not evaluated on the same rows")
    value, bound = paired_difference(counts[0], counts[1], pair.rows)
    by_bound = thresholds.policy == "lower_bound"
    return at_most("non_inferiority", dataset, metric, value, bound, thresholds.non_inferiority_margin, by_bound)


def regression_non_inferiority(dataset: str, score: DatasetScore, thresholds: GateThresholds) -> GateVerdict:
    """Not a much greater RMSE than the champion's on the same rows."""
    metric, pair = "RMSE over the champion's", score.comparison
    if pair is None or not pair.rows or pair.rmse_ratio is None:
        return insufficient("non_inferiority", dataset, metric, "the champion was not evaluated on the same rows")
    ratio, by_bound = pair.rmse_ratio, thresholds.policy == "lower_bound"
    return at_most("non_inferiority", dataset, metric, ratio.value, ratio.upper, thresholds.max_rmse_ratio, by_bound)


def slices(dataset: str, score: DatasetScore, thresholds: GateThresholds) -> GateVerdict:
    """No slice that is large enough may be much worse than asked of all rows, or than all rows are.

    The verdict shows the worst slice; the reason names every one that fails.
    """
    metric, threshold = "accuracy of a slice", thresholds.min_accuracy - thresholds.slice_slack
    gaps = dict(score.slice_gaps)
    judged = {name: each for name, each in score.slices.items() if each.rows >= thresholds.min_slice_rows}
    overall = score.share_correct
    found: list[GateVerdict] = []
    for name, each in judged.items():
        share, bound = each.correct / each.rows, wilson_lower(each.correct, each.rows, LEVEL)
        by_bound = thresholds.policy == "lower_bound"
        verdict = at_least("slices", dataset, metric, share, bound, threshold, by_bound)
        found.append(replace(verdict, reason=f"{name}: {verdict.reason}"))
        if overall is not None:
            gaps[name] = overall - share
    wide = {name: gap for name, gap in sorted(gaps.items()) if gap > thresholds.max_slice_gap}
    if wide:
        told = ", ".join(f"{name} by {gap:.4f}" for name, gap in wide.items())
        reason = f"less accurate than the rest: {told}; {thresholds.max_slice_gap:g} is allowed"
        return failed(
            "slices", dataset, "accuracy that a slice lacks", reason, max(wide.values()), thresholds.max_slice_gap
        )
    if not found:
        least = thresholds.min_slice_rows
        return insufficient("slices", dataset, metric, f"no slice of at least {least} rows was evaluated")
    worst = min(found, key=lambda each: (each.passed, each.interval and each.interval[0], each.reason))
    bad = [each.reason for each in found if each.outcome is GateOutcome.FAILED]
    return replace(worst, reason="; ".join(bad) or f"{len(found)} slices, the worst {worst.reason}")


def calibration(dataset: str, score: DatasetScore, thresholds: GateThresholds) -> GateVerdict:
    """The model is as sure as it is right."""
    value = score.calibration_error
    if value is None:
        return insufficient("calibration", dataset, "calibration error", "no probabilities were evaluated")
    most = thresholds.max_calibration_error
    return at_most("calibration", dataset, "calibration error", value, None, most, by_bound=False)


def finite(dataset: str, score: DatasetScore) -> GateVerdict:
    """No prediction is NaN, infinite or no class."""
    metric = "predictions that are none"
    if score.not_finite is None:
        return insufficient("finite", dataset, metric, "whether every prediction is one is not known")
    return at_most("finite", dataset, metric, score.not_finite, None, 0.0, by_bound=False)
