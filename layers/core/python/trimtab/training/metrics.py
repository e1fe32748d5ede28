"""How good a model's answers are, and between what bounds: accuracy, AUC, RMSE, calibration, and two models compared.

Bounds are one-sided. Those by bootstrap resample rows (Efron and Tibshirani 1993, percentiles) and are never more
favourable than the value itself.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from trimtab.drift.proportions import normal_quantile

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]

LEVEL = 0.05
RESAMPLES = 400
CALIBRATION_BINS = 10


def paired_difference(
    only_champion_right: int, only_challenger_right: int, rows: int, *, level: float = LEVEL
) -> tuple[float, float]:
    """How much less accurate the challenger is on the same rows, and the upper bound of that.

    d = (b − c)/n, bound d + z·√(b + c − (b − c)²/n)/n. Raises ZeroDivisionError without rows.
    """
    b, c = only_champion_right, only_challenger_right
    difference = (b - c) / rows
    return difference, difference + normal_quantile(1 - level) * sqrt(b + c - (b - c) ** 2 / rows) / rows


def auc(scores: Floats, is_positive: Flags) -> float | None:
    """Area under the ROC curve: how often a positive row scores higher than a negative one, ties counting half. None
    where there are no rows of a class."""
    _, groups = np.unique(scores, return_inverse=True)
    return _auc(groups, is_positive)


def auc_lower(
    scores: Floats, is_positive: Flags, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> float | None:
    """The lower bound of the AUC by bootstrap of the rows, each class by itself. None where there is no AUC."""
    _, groups = np.unique(scores, return_inverse=True)
    value = _auc(groups, is_positive)
    if value is None:
        return None
    positives, negatives = groups[is_positive], groups[~is_positive]
    size, random = int(groups.max()) + 1, np.random.default_rng(seed)
    drawn = [
        _auc_of_counts(
            np.bincount(random.choice(positives, len(positives)), minlength=size),
            np.bincount(random.choice(negatives, len(negatives)), minlength=size),
        )
        for _ in range(resamples)
    ]
    return min(value, float(np.quantile(drawn, level)))


def auc_lower_of_counts(value: float, positives: int, negatives: int, *, level: float = LEVEL) -> float | None:
    """The lower bound of an AUC of which only the number of rows in each class is known (Hanley and McNeil 1982)."""
    if positives < 1 or negatives < 1:
        return None
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    spread = value * (1 - value) + (positives - 1) * (q1 - value**2) + (negatives - 1) * (q2 - value**2)
    return max(0.0, value - normal_quantile(1 - level) * sqrt(max(spread, 0.0) / (positives * negatives)))


def rmse(errors: Floats) -> float:
    """Root of the mean squared error; NaN of nothing."""
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else float("nan")


def rmse_upper(errors: Floats, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """The upper bound of the RMSE by bootstrap of the rows."""
    drawn = np.sqrt(_resampled_means(errors[:, None] ** 2, resamples, seed)[:, 0])
    return max(rmse(errors), float(np.quantile(drawn, 1 - level)))


def rmse_ratio(
    challenger: Floats, champion: Floats, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """RMSE of the challenger over the champion's from their errors on the same rows, and its upper bound by bootstrap.
    None where the champion makes no error at all."""
    squares = np.column_stack([challenger, champion]) ** 2
    if not len(squares) or not squares[:, 1].any():
        return None
    value = float(np.sqrt(squares[:, 0].mean() / squares[:, 1].mean()))
    means = _resampled_means(squares, resamples, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.sqrt(means[:, 0] / means[:, 1])
    return value, max(value, float(np.quantile(ratios[np.isfinite(ratios)], 1 - level)))


def calibration_error(confidence: Floats, is_right: Flags, *, bins: int = CALIBRATION_BINS) -> float | None:
    """Expected calibration error: how far confidence is from the share that is right, on average over the rows in bins
    of equal width (Guo et al. 2017). Of a binary model: the positive class's probability, and whether a row is
    positive. None without rows."""
    if not len(confidence):
        return None
    inside = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    right = np.bincount(inside, weights=is_right, minlength=bins)
    told = np.bincount(inside, weights=confidence, minlength=bins)
    return float(np.abs(right - told).sum() / len(confidence))


def _auc(groups: NDArray[np.int64], is_positive: Flags) -> float | None:
    if not is_positive.any() or is_positive.all():
        return None
    size = int(groups.max()) + 1
    return _auc_of_counts(
        np.bincount(groups[is_positive], minlength=size), np.bincount(groups[~is_positive], minlength=size)
    )


def _auc_of_counts(positives: NDArray[np.int64], negatives: NDArray[np.int64]) -> float:
    """From the rows of each class at each score, in the order of the scores."""
    below = np.cumsum(negatives) - negatives
    return float((positives * (below + negatives / 2)).sum() / (float(positives.sum()) * float(negatives.sum())))


def _resampled_means(columns: Floats, resamples: int, seed: int) -> Floats:
    """Means of the columns over as many rows as there are, drawn with replacement, so many times."""
    random, rows = np.random.default_rng(seed), len(columns)
    return np.array([columns[random.integers(0, rows, rows)].mean(axis=0) for _ in range(resamples)])
