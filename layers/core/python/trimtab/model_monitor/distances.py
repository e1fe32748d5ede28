"""How far two distributions are apart, as Model Monitor's engine computes it.

Source: awslabs/deequ, Distance.scala (Apache-2.0). Mind its flag `correctForLowNumberOfSamples`: true gives the simple
distance and the chi-square statistic, false the robust one and the p-value. Here each has a name of its own.
"""

from collections.abc import Mapping
from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab.drift.chi_square import chi_square_sf

CRITICAL = 1.8
"""c(α) of the two-sample Kolmogorov-Smirnov test for α of about 0.003 (Knuth, TAOCP 2, 3.3.1)."""
_FEWEST_CATEGORIES = 2
_SMALL_OF_TWO = 10  # Cochran: two categories must both be expected this often
_SMALL_OF_MANY = 5  # Yates, Moore & McCabe: of more, at most a fifth may be expected less often
_MOST_SMALL = 0.2


def numeric_distance(current: NDArray[Any], baseline: NDArray[Any]) -> float:
    """The greatest gap between the cumulated shares of counts on the same ordered bins (0 to 1)."""
    return float(np.abs(np.cumsum(current) / current.sum() - np.cumsum(baseline) / baseline.sum()).max())


def categorical_distance(current: Mapping[str, int], baseline: Mapping[str, int]) -> float:
    """The greatest difference between the shares of one category (0 to 1)."""
    n, m = sum(current.values()), sum(baseline.values())
    return max(abs(current.get(key, 0) / n - baseline.get(key, 0) / m) for key in current.keys() | baseline.keys())


def robust(distance: float, n: int, m: int, critical: float = CRITICAL) -> float:
    """A distance less what `n` and `m` values of one distribution may be apart by chance, at least 0."""
    return max(0.0, distance - critical * sqrt((n + m) / (n * m)))


def chi_square(current: Mapping[str, int], baseline: Mapping[str, int]) -> tuple[float, float]:
    """The statistic and p-value of Pearson's test of fit to the baseline's shares, nan when it cannot be made.

    Categories that the baseline lacks take no part. Rare ones are joined, the least frequent with the next, until
    enough are expected often enough.
    """
    m = sum(baseline.values())
    n = sum(count for key, count in current.items() if key in baseline)
    expected = {key: count / m * n for key, count in baseline.items()}
    observed = {key: float(current.get(key, 0)) for key in baseline}
    while len(expected) >= _FEWEST_CATEGORIES and _is_sparse(expected):
        least = min(expected, key=expected.__getitem__)
        spare, seen = expected.pop(least), observed.pop(least)
        following = min(expected, key=expected.__getitem__)
        expected[following] += spare
        observed[following] += seen
    if len(expected) < _FEWEST_CATEGORIES:
        return nan, nan
    statistic = sum((observed[key] - expected[key]) ** 2 / expected[key] for key in expected)
    return statistic, chi_square_sf(statistic, len(expected) - 1)


def _is_sparse(expected: Mapping[str, float]) -> bool:
    if len(expected) == _FEWEST_CATEGORIES:
        return any(count < _SMALL_OF_TWO for count in expected.values())
    return sum(count < _SMALL_OF_MANY for count in expected.values()) > int(_MOST_SMALL * len(expected))
