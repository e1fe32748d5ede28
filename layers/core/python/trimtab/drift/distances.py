"""Distances between two histograms: diagnostics beside PSI, as far as bins can tell them."""

from math import inf, isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.grid import NumericBins
from trimtab.capture.profile import ColumnProfile
from trimtab.capture.table import FloatArray


def kolmogorov_smirnov(reference: NDArray[Any], current: NDArray[Any]) -> float:
    """The greatest gap between the cumulated shares of counts on the same ordered bins (0 to 1)."""
    return float(np.abs(np.cumsum(reference) / reference.sum() - np.cumsum(current) / current.sum()).max())


def jensen_shannon(reference: NDArray[Any], current: NDArray[Any]) -> float:
    """Jensen-Shannon distance with logarithms to base 2 (0 to 1): the root of the mean divergence from the mixture."""
    p, q = reference / reference.sum(), current / current.sum()
    mixture = (p + q) / 2
    divergence = (_divergence(p, mixture) + _divergence(q, mixture)) / 2
    return sqrt(max(0.0, divergence))


def wasserstein(bins: NumericBins, reference: ColumnProfile, current: ColumnProfile) -> float | None:
    """Wasserstein-1 distance in standard deviations of the reference.

    None where the reference does not vary, or where numbers are so great that their sums overflow.

    Every bin stands for one value. Inside the reference's range the values lie at one relative place between a bin's
    edges, the one which gives the reference's exact mean: 0 when values sit on the edges (few distinct values), about
    one half else. The first and the last bin stand for the exact mean of what fell into them, however far out.
    """
    mean = reference.total / reference.valid
    variance = reference.squares / reference.valid - mean * mean
    if not 1e-12 * mean * mean < variance < inf:  # below, rounding leaves nothing of a difference of squares
        return None
    places = _places(bins, reference, current)
    gaps = np.abs(np.cumsum(reference.counts) / reference.valid - np.cumsum(current.counts) / current.valid)
    distance = float(gaps[:-1] @ np.diff(places)) / sqrt(variance)
    return distance if isfinite(distance) else None


def _divergence(p: FloatArray, mixture: FloatArray) -> float:
    present = p > 0
    return float((p[present] * np.log2(p[present] / mixture[present])).sum())


def _places(bins: NumericBins, reference: ColumnProfile, current: ColumnProfile) -> FloatArray:
    left, widths = bins.edges[:-1], np.diff(bins.edges)
    inner = reference.counts[1:-1]
    spare = float(inner @ widths)
    place = (reference.total - reference.below - reference.above - float(inner @ left)) / spare if spare > 0 else 0.0
    below, above = (
        (a + b) / count if (count := int(reference.counts[end] + current.counts[end])) else edge
        for a, b, end, edge in (
            (reference.below, current.below, 0, float(bins.edges[0])),
            (reference.above, current.above, -1, float(bins.edges[-1])),
        )
    )
    return np.concatenate([[below], left + min(max(place, 0.0), 1.0) * widths, [above]])
