"""Upper tails of the chi-square and noncentral chi-square distributions, so that scipy need not be shipped.

A chi-square tail with whole degrees of freedom is a finite sum of Poisson terms, and a noncentral one is a Poisson
mixture of central ones (Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions 2, ch. 29). Both are summed
over the terms that matter. Within 1e-9 of scipy for noncentralities up to 1e7; the work grows with its square root.
"""

from math import ceil, erfc, exp, floor, lgamma, log, log1p, pi, sqrt

import numpy as np

from trimtab.capture.table import FloatArray

NOTHING = 1e-100  # far below what shows in any tail, far above where logarithms fail


def chi_square_sf(x: float, df: int) -> float:
    """P(X > x), X chi-square with `df` >= 1 degrees of freedom."""
    if x <= NOTHING:
        return 1.0
    base, steps, start = _ladder(x / 2, df)
    return min(1.0, start + float(np.exp(_log_terms(base + np.arange(steps, dtype=np.float64), x / 2)).sum()))


def noncentral_chi_square_sf(x: float, df: int, noncentrality: float) -> float:
    """P(X > x), X noncentral chi-square with `df` >= 1 degrees of freedom."""
    if x <= NOTHING:
        return 1.0
    if noncentrality <= NOTHING:
        return chi_square_sf(x, df)
    y, half = x / 2, noncentrality / 2
    # the mixture's weights peak at `half`, their products with the tails between `half` and sqrt(half y)
    peak = max(half, sqrt(half * y))
    first = max(0, floor(half - _reach(half)))
    weights = np.exp(_log_terms(np.arange(first, ceil(peak + _reach(peak)) + 1, dtype=np.float64), half))
    return min(1.0, float(weights @ _tails(y, df, first, len(weights))))


def _tails(y: float, df: int, first: int, count: int) -> FloatArray:
    """P(X > 2y) for chi-square X with df + 2j degrees of freedom, j = first … first + count - 1."""
    base, steps, start = _ladder(y, df)
    lowest, highest = first + steps, first + steps + count - 1
    begin = max(0, floor(min(y, lowest) - _reach(y)))
    end = max(begin, min(highest, ceil(y + _reach(y))))
    terms = np.exp(_log_terms(base + np.arange(begin, end, dtype=np.float64), y))
    sums = np.concatenate([[0.0], np.cumsum(terms)]) + (start if begin == 0 else 0.0)
    return sums[np.clip(np.arange(lowest, highest + 1) - begin, 0, end - begin)]


def _ladder(y: float, df: int) -> tuple[float, int, float]:
    """Of the recurrence Q(a+1, y) = Q(a, y) + y^a e^-y / Γ(a+1): the first a, the steps to df/2, the first Q."""
    return (1.0, (df - 2) // 2, exp(-y)) if df % 2 == 0 else (0.5, (df - 1) // 2, erfc(sqrt(y)))


def _reach(mean: float) -> float:
    """How far from its mean a Poisson variable must be to be neglected (less than 1e-17 lies beyond)."""
    return 9 * sqrt(mean) + 40


def _log_terms(x: FloatArray, mean: float) -> FloatArray:
    """log(mean^x e^-mean / Γ(x+1)) for x rising in steps of one, anchored at the greatest term."""
    if not len(x):
        return x
    anchor = min(max(int(mean - x[0]), 0), len(x) - 1)
    logs: FloatArray = np.concatenate([[0.0], np.cumsum(np.log(mean / x[1:]))])
    logs += _log_term(float(x[anchor]), mean) - logs[anchor]
    return logs


def _log_term(x: float, mean: float) -> float:
    if x < 1000:
        return x * log(mean) - mean - lgamma(x + 1)
    # Stirling with the large parts cancelled on paper; the next term of the series is below 1e-11
    excess = (mean - x) / x
    return -x * (excess - log1p(excess)) - 0.5 * log(2 * pi * x) - 1 / (12 * x)
