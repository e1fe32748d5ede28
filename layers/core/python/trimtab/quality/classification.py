"""Metrics of a classifier on labelled rows, each with its interval."""

from collections.abc import Mapping

import numpy as np

from trimtab.capture.table import FloatArray, IntArray
from trimtab.quality.intervals import Flags, Metric, area, design_effect, mean, share, wilson

RESAMPLES = 400
MOST_CLASSES = 100
"""With more classes macro F1 is left out: hardly any would have rows enough."""


def binary_metrics(
    is_positive: Flags, predicted: Flags, scores: FloatArray | None, requests: IntArray, confidence: float
) -> Mapping[str, Metric]:
    """Accuracy, precision, recall, specificity, F1; with scores (NaN where there is none) also AUC and, where they are
    probabilities, the Brier score. What cannot be told, as the recall without positive rows, is left out.

    F1 = 2J / (1 + J) with J = TP / (TP + FP + FN), a share, so its bounds are those of J.
    """
    right = is_positive == predicted
    both, either = is_positive & predicted, is_positive | predicted
    found = {
        "accuracy": share(right, np.ones(len(right)), requests, confidence),
        "precision": share(both, predicted, requests, confidence),
        "recall": share(both, is_positive, requests, confidence),
        "specificity": share(~either, ~is_positive, requests, confidence),
        "f1": _f1_of(share(both, either, requests, confidence)),
    }
    if scores is not None:
        scored = np.isfinite(scores)
        given, events, of_requests = scores[scored], is_positive[scored], requests[scored]
        found["auc"] = area(given, events, of_requests, confidence)
        if len(given) and given.min() >= 0 and given.max() <= 1:
            brier = mean((given - events) ** 2, of_requests, confidence)
            found["brier"] = brier and _between(brier, 0.0, 1.0)
    return {name: metric for name, metric in found.items() if metric is not None}


def multiclass_metrics(
    truth: IntArray, predicted: IntArray, classes: int, requests: IntArray, confidence: float, *, seed: int = 0
) -> Mapping[str, Metric]:
    """Accuracy, and macro F1 over the classes that occur, from codes below `classes`.

    Macro F1's bounds are by bootstrap of the confusion matrix, of as many rows as are independent.
    """
    right = truth == predicted
    all_rows = np.ones(len(right))
    accuracy = share(right, all_rows, requests, confidence)
    if accuracy is None:
        return {}
    if classes > MOST_CLASSES:
        return {"accuracy": accuracy}
    matrix = np.bincount(truth * classes + predicted, minlength=classes**2).astype(np.float64)
    occurs = _counts(matrix[None], classes)[1][0] > 0
    value = float(_macro_f1(matrix[None], classes, occurs)[0])
    independent = max(1, round(len(right) / design_effect(right, all_rows, requests)))
    random = np.random.default_rng(seed)
    drawn = random.multinomial(independent, matrix / matrix.sum(), size=RESAMPLES).astype(np.float64)
    lower, upper = np.quantile(_macro_f1(drawn, classes, occurs), [(1 - confidence) / 2, (1 + confidence) / 2])
    if value in (0.0, 1.0):  # resamples of rows that are all right, or all wrong, do not differ
        lower, upper = wilson(value * independent, independent, confidence)
    return {"accuracy": accuracy, "macro_f1": Metric(value, min(value, float(lower)), max(value, float(upper)))}


def _macro_f1(matrices: FloatArray, classes: int, occurs: Flags) -> FloatArray:
    both, either = _counts(matrices, classes)
    with np.errstate(invalid="ignore"):
        f1 = 2 * both / (both + either)
    # a class that no resampled row has or was given is right as far as it goes
    return np.asarray(np.nan_to_num(f1, nan=1.0)[:, occurs].mean(axis=1))


def _counts(matrices: FloatArray, classes: int) -> tuple[FloatArray, FloatArray]:
    """Per class: rows that are and were called it, and rows that are or were."""
    square = matrices.reshape(-1, classes, classes)
    both = np.diagonal(square, axis1=1, axis2=2)
    return both, square.sum(axis=1) + square.sum(axis=2) - both


def _f1_of(overlap: Metric | None) -> Metric | None:
    if overlap is None:
        return None
    value, lower, upper = (
        None if j is None else 2 * j / (1 + j) for j in (overlap.value, overlap.lower, overlap.upper)
    )
    return Metric(value or 0.0, lower, upper)


def _between(metric: Metric, least: float, most: float) -> Metric:
    lower = None if metric.lower is None else max(least, metric.lower)
    return Metric(metric.value, lower, None if metric.upper is None else min(most, metric.upper))
