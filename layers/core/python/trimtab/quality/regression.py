"""Metrics of a regression on labelled rows, each with its interval."""

from collections.abc import Mapping
from math import sqrt

import numpy as np

from trimtab.capture.table import FloatArray, IntArray
from trimtab.quality.intervals import Metric, half_width, mean, on_log_scale


def regression_metrics(
    truth: FloatArray, predicted: FloatArray, requests: IntArray, confidence: float
) -> Mapping[str, Metric]:
    """Mean absolute error, root of the mean squared error, mean error (`bias`, predicted minus true) and R².

    MAE and RMSE have intervals on the log scale (delta method), so that they stay positive; R² has that of 1 − R², the
    ratio of two means. R² is left out where all labels are one value, bounds where no error was made at all.
    """
    errors = predicted - truth
    bias = mean(errors, requests, confidence)
    if bias is None:
        return {}
    squares, sizes = errors**2, np.abs(errors)
    found = {
        "mae": on_log_scale(float(sizes.mean()), _relative(sizes, requests, confidence)),
        "rmse": on_log_scale(sqrt(float(squares.mean())), _halved(_relative(squares, requests, confidence))),
        "bias": bias,
    }
    around = (truth - truth.mean()) ** 2
    if around.any():
        found["r2"] = _r2(squares, around, requests, confidence)
    return found


def _r2(squares: FloatArray, around: FloatArray, requests: IntArray, confidence: float) -> Metric:
    ratio = float(squares.mean() / around.mean())
    half = None
    if ratio > 0:
        parts = (squares / squares.mean() - around / around.mean()) / len(squares)
        half = half_width(parts, requests, confidence)
    unexplained = on_log_scale(ratio, half)
    lower = None if unexplained.upper is None else 1 - unexplained.upper
    return Metric(1 - ratio, lower, None if unexplained.lower is None else 1 - unexplained.lower)


def _relative(values: FloatArray, requests: IntArray, confidence: float) -> float | None:
    """Half of the interval of the logarithm of the values' mean."""
    middle = float(values.mean())
    return half_width((values / middle - 1) / len(values), requests, confidence) if middle > 0 else None


def _halved(width: float | None) -> float | None:
    return None if width is None else width / 2
