"""Population stability index (PSI) on counts, and how much of it chance explains.

With `n` current and `m` reference values on `bins` bins, of independent rows (or as many as they count for, see
`trimtab.drift.effective_rows`), PSI / (1/n + 1/m) is chi-square with bins - 1 degrees of freedom when nothing drifted,
and noncentral chi-square with noncentrality PSI_true / (1/n + 1/m) when something did
(Yurdakul & Naranjo 2020, Statistical properties of the population stability index).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab.drift.chi_square import chi_square_sf, noncentral_chi_square_sf


def psi(reference_counts: NDArray[Any], current_counts: NDArray[Any], *, smoothing: float = 0.5) -> float:
    """PSI of two vectors of counts on the same bins; shares are (count + smoothing) / (total + smoothing bins)."""
    reference = _shares(reference_counts, smoothing)
    current = _shares(current_counts, smoothing)
    return float(((current - reference) * np.log(current / reference)).sum())


def psi_noise(bins: int, n: int, m: int) -> float:
    """The PSI to expect when nothing drifted."""
    return (bins - 1) * (1 / n + 1 / m)


def adjusted_psi(value: float, bins: int, n: int, m: int) -> float:
    """PSI less what chance is expected to add, never below 0."""
    return max(0.0, value - psi_noise(bins, n, m))


def p_any_drift(value: float, bins: int, n: int, m: int) -> float:
    """How likely chance alone gives this PSI or more."""
    return chi_square_sf(value / (1 / n + 1 / m), bins - 1)


def p_more_than(tau: float, value: float, bins: int, n: int, m: int) -> float:
    """How likely this PSI or more is when the true PSI is at most `tau` (minimum-effect test)."""
    unit = 1 / n + 1 / m
    return noncentral_chi_square_sf(value / unit, bins - 1, tau / unit)


def _shares(counts: NDArray[Any], smoothing: float) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (counts + smoothing) / (counts.sum() + smoothing * len(counts))
    return shares
