"""Shares and whether they differ: Wilson bound, two-proportion test, exact test of an excess."""

from functools import cache
from math import erfc, exp, lgamma, sqrt
from statistics import NormalDist


@cache
def normal_quantile(probability: float) -> float:
    """The value that a standard normal variable does not exceed with this probability."""
    return NormalDist().inv_cdf(probability)


def wilson_lower(count: int, of: int, level: float) -> float:
    """The share that is exceeded but for an error of `level` (one-sided lower Wilson bound); 0 when `of` is 0."""
    if of == 0:
        return 0.0
    z = normal_quantile(1 - level)
    share = count / of
    centre = share + z * z / (2 * of)
    spread = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (centre - spread) / (1 + z * z / of))


def two_proportion_p(a: int, n: int, b: int, m: int) -> float:
    """Two-sided p of a/n and b/m being one share (pooled z-test); 1 when there is nothing to compare."""
    if n == 0 or m == 0:
        return 1.0
    pooled = (a + b) / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m)
    return erfc(abs(a / n - b / m) / sqrt(2 * variance)) if variance > 0 else 1.0


def excess_p(count: int, of: int, reference_count: int, reference_of: int) -> float:
    """One-sided p of count/of being no greater a share than reference_count/reference_of (Fisher's exact test).

    1 where it is not greater in the data.
    """
    if count * reference_of <= reference_count * of:
        return 1.0
    drawn = count + reference_count
    total = of + reference_of
    term = exp(
        _log_choose(reference_of, reference_count) + _log_choose(of, count) - _log_choose(total, drawn)
    )  # hypergeometric probability of this table; from here, tables with ever fewer in the reference
    tail, in_reference = term, reference_count
    while in_reference > 0 and count < of and term > 1e-17 * tail:
        term *= in_reference * (of - count) / ((reference_of - in_reference + 1) * (count + 1))
        in_reference, count, tail = in_reference - 1, count + 1, tail + term
    return min(1.0, tail)


def exact_p(a: int, n: int, b: int, m: int) -> float:
    """Two-sided p of a/n and b/m being one share, for any numbers: twice the smaller of Fisher's one-sided ones."""
    return min(1.0, 2 * min(excess_p(a, n, b, m), excess_p(n - a, n, m - b, m)))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
