"""Intervals around a metric: shares, means, areas under a ROC curve. All are two-sided.

Rows of one request are not independent: what a request's rows add to a metric is summed before it is squared
(linearisation with clusters; Rao and Scott 1992 for shares, Obuchowski 1997 for areas). With one row per request these
are the plain Wilson, Student and DeLong intervals.
"""

from dataclasses import dataclass
from math import exp, log, log1p, sqrt

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.table import FloatArray, IntArray
from trimtab.drift.proportions import normal_quantile

type Flags = NDArray[np.bool_]

FEWEST_REQUESTS = 5
"""With fewer requests no spread is estimated: bounds are not known, or those of rows that all say the same."""
_REQUESTS_FOR_DESIGN_EFFECT = 30
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's value, and the bounds it lies between; None where a bound is not known."""

    value: float
    lower: float | None
    upper: float | None


def share(
    successes: FloatArray | Flags, trials: FloatArray | Flags, requests: IntArray, confidence: float
) -> Metric | None:
    """The share of the trials that are successes, with Wilson's interval at the effective number of trials.

    `successes` and `trials` are 0 or 1 for each row, `requests` the number of its request. None without trials.
    """
    of = float(trials.sum())
    if of == 0:
        return None
    count = float(successes.sum())
    lower, upper = wilson(count, of, confidence, design_effect(successes, trials, requests))
    return Metric(count / of, lower, upper)


def wilson(count: float, of: float, confidence: float, effect: float = 1.0) -> tuple[float, float]:
    """Wilson's interval (1927) of count/of, as if there were `of` / `effect` independent trials."""
    z, trials, rate = _z(confidence), of / effect, count / of
    centre = rate + z * z / (2 * trials)
    spread = z * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    lower = 0.0 if count == 0 else max(0.0, (centre - spread) / scale)
    return lower, 1.0 if count == of else min(1.0, (centre + spread) / scale)


def design_effect(successes: FloatArray | Flags, trials: FloatArray | Flags, requests: IntArray) -> float:
    """How many times the variance of a share is that of as many independent rows, never below 1.

    Where it cannot be estimated, from few requests or rows that are all alike, the rows of a request are taken for
    copies of one (Kish 1965): sum of squares of the rows per request over their sum.
    """
    rows = np.bincount(requests, weights=trials)
    if rows.max(initial=0.0) <= 1:
        return 1.0
    of = float(rows.sum())
    rate = float(successes.sum()) / of
    copies = float((rows**2).sum()) / of
    count = int((rows > 0).sum())
    if rate in (0.0, 1.0) or count < _REQUESTS_FOR_DESIGN_EFFECT:
        return copies
    residuals = np.bincount(requests, weights=successes) - rate * rows
    variance = float((residuals**2).sum()) * count / (count - 1) / of
    return max(1.0, variance / (rate * (1 - rate)))


def mean(values: FloatArray, requests: IntArray, confidence: float) -> Metric | None:
    """The mean of values and Student's interval. None of nothing."""
    if not len(values):
        return None
    value = float(values.mean())
    half = half_width((values - value) / len(values), requests, confidence)
    return Metric(value, None, None) if half is None else Metric(value, value - half, value + half)


def half_width(influences: FloatArray, requests: IntArray, confidence: float) -> float | None:
    """Half of the interval of a metric of which each row's part is `influences` (they sum to 0, and the sum of their
    squares is the variance). None where too few requests tell."""
    of_requests = np.bincount(requests, weights=influences)
    count = len(np.unique(requests))
    if count < FEWEST_REQUESTS:
        return None
    variance = float((of_requests**2).sum()) * count / (count - 1)
    return student_quantile((1 + confidence) / 2, count - 1) * sqrt(variance)


def student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t (Cornish and Fisher's expansion): within 2 % from 4 degrees of freedom, 0.1 % from 10."""
    z = normal_quantile(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(freedom) ** power for power, term in enumerate(terms, 1))


def area(scores: FloatArray, is_positive: Flags, requests: IntArray, confidence: float) -> Metric | None:
    """Area under the ROC curve (ties count half) with DeLong's interval (1988) on the logit scale.

    None without rows of either class. An area of 0 or 1, of which DeLong's variance is 0, gets Newcombe's interval.
    """
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    if not positives or not negatives:
        return None
    _, groups = np.unique(scores, return_inverse=True)
    size = int(groups.max()) + 1
    of_positives = np.bincount(groups[is_positive], minlength=size)
    of_negatives = np.bincount(groups[~is_positive], minlength=size)
    negatives_below = (np.cumsum(of_negatives) - of_negatives / 2) / negatives
    positives_above = 1 - (np.cumsum(of_positives) - of_positives / 2) / positives
    value = float(negatives_below[groups[is_positive]].mean())
    influences = np.where(
        is_positive,
        (negatives_below[groups] - value) / sqrt(positives * max(positives - 1, 1)),
        (positives_above[groups] - value) / sqrt(negatives * max(negatives - 1, 1)),
    )
    error = sqrt(float((np.bincount(requests, weights=influences) ** 2).sum()))
    if error < 1e-12 or min(positives, negatives) < FEWEST_REQUESTS or not 0 < value < 1:
        return Metric(value, *newcombe(value, positives, negatives, confidence))
    centre, spread = log(value / (1 - value)), _z(confidence) * error / (value * (1 - value))
    return Metric(value, _logistic(centre - spread), _logistic(centre + spread))


def newcombe(value: float, positives: int, negatives: int, confidence: float) -> tuple[float, float]:
    """Interval of an area by Newcombe's method 5 (2006): the areas that are z of their own standard errors away."""
    z = _z(confidence)

    def is_inside(candidate: float) -> bool:
        pairs = (positives + negatives) / 2 - 1
        spread = 1 + pairs * (1 - candidate) / (2 - candidate) + pairs * candidate / (1 + candidate)
        variance = candidate * (1 - candidate) * spread / (positives * negatives)
        return (candidate - value) ** 2 <= z * z * variance

    def bound(outside: float) -> float:
        inside = value
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if is_inside(middle) else (inside, middle)
        return inside

    return (0.0 if value == 0 else bound(0.0)), (1.0 if value == 1 else bound(1.0))


def on_log_scale(value: float, relative_half: float | None) -> Metric:
    """A positive metric with an interval that is symmetric on the log scale, `relative_half` to either side."""
    if relative_half is None or value <= 0:
        return Metric(value, None, None)
    return Metric(value, value * exp(-relative_half), value * exp(min(relative_half, 700.0)))


def _z(confidence: float) -> float:
    return normal_quantile((1 + confidence) / 2)


def _logistic(x: float) -> float:
    return exp(-log1p(exp(-x))) if x > -700 else 0.0
