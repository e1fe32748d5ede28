"""Bounds of a rate from a count (Poisson, Garwood 1936), and whether requests split as the weights say."""

from functools import lru_cache
from math import exp, lgamma, log, sqrt

import numpy as np

from trimtab.capture.table import FloatArray
from trimtab.drift.chi_square import chi_square_sf
from trimtab.drift.proportions import normal_quantile

APPROXIMATE_FROM = 300
"""Counts from which Wilson and Hilferty's cube is within 1e-5 of the exact bound."""


def upper_count(count: FloatArray, level: float) -> FloatArray:
    """The expected count that is not exceeded but for an error of `level`, given what was counted.

    Any shape; `count` in whole numbers. 3.0 for nothing counted at 5 %.
    """
    return _gamma_quantiles(count + 1, 1 - level)


def lower_count(count: FloatArray, level: float) -> FloatArray:
    """The expected count that is exceeded but for an error of `level`, given what was counted; 0 for nothing."""
    return np.where(count > 0, _gamma_quantiles(np.maximum(count, 1), level), 0.0)


def sample_ratio_z(counted: FloatArray, expected: FloatArray, variance: FloatArray) -> FloatArray:
    """How many standard deviations more requests were counted than expected; 0 where none were."""
    return np.divide(counted - expected, np.sqrt(variance), out=np.zeros_like(counted), where=variance > 0)


def _gamma_quantiles(shape: FloatArray, probability: float) -> FloatArray:
    """What a gamma variable of each whole shape >= 1 (and scale 1) does not exceed with this probability."""
    shape = np.asarray(shape)
    root = 1 / (3 * np.sqrt(shape))
    quantiles = np.array(shape * (1 - root**2 + normal_quantile(probability) * root) ** 3)
    few = shape < APPROXIMATE_FROM
    if few.any():
        values, where = np.unique(shape[few], return_inverse=True)
        exact = np.array([_gamma_quantile(int(value), probability) for value in values])
        quantiles[few] = exact[where]
    return quantiles


@lru_cache(maxsize=4 * APPROXIMATE_FROM)
def _gamma_quantile(shape: int, probability: float) -> float:
    """By Newton's method from Wilson and Hilferty's cube. A gamma tail is a chi-square tail with twice the shape."""
    root = 1 / (3 * sqrt(shape))
    x = shape * max(0.05, 1 - root**2 + normal_quantile(probability) * root) ** 3
    for _ in range(20):
        density = exp((shape - 1) * log(x) - x - lgamma(shape))
        step = (1 - chi_square_sf(2 * x, 2 * shape) - probability) / density
        x = max(x - step, x / 10)
        if abs(step) < 1e-7 * x:  # and the error is its square
            break
    return x
