"""Whether a column is the reference's in another unit.

Looked for in two ways, which have to agree where both can be had. The window's exact moments (mean, standard
deviation, least and greatest value) are those of the reference after a conversion that feeds are known to mistake; and
the rows of the sample, converted back, have the reference's distribution. A conversion by a factor near 1 resembles a
change of the world too much to go by moments alone: it needs the sample. Of a great factor the sample tells more than
the moments do, which a few values of a long tail decide: they need to agree but roughly then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, log, pi, sqrt

import numpy as np

from trimtab.capture.grid import NumericBins
from trimtab.capture.profile import ColumnProfile, count_numbers
from trimtab.capture.table import FloatArray, NumericColumn
from trimtab.data_quality.fault import CONFIDENCE, Interval
from trimtab.drift.binning import psi_counts
from trimtab.drift.proportions import normal_quantile
from trimtab.drift.psi import adjusted_psi, psi

MOMENT_TOLERANCE = 0.02
"""How far the mean may be from what a conversion makes of the reference's, in its standard deviations, or as a share
of the factor …"""
SPREAD_TOLERANCE = 0.1
"""… and how far the logarithm of the standard deviation."""
CERTAIN_FACTOR = 5.0
"""From this factor on, up or down, moments alone tell. With a sample that fits they need to agree but roughly."""
ROUGH_MEAN_TOLERANCE = 0.3
"""How far the mean may then be, in the reference's standard deviations (a normal column is a PSI of 0.09 away) …"""
ROUGH_SPREAD_TOLERANCE = log(3)
"""… and the logarithm of the standard deviation. That of long tails varies so much (simulated: log-normal, Pareto)."""
FEWEST_SAMPLED = 100
NORMAL_KURTOSIS = 3.0
_SAME = 1e-7


@dataclass(frozen=True, slots=True)
class Conversion:
    """New value = `factor` times old value plus `offset`."""

    text: str
    factor: float
    offset: float = 0.0

    def back(self, values: FloatArray | float) -> FloatArray | float:
        """The old values."""
        return (values - self.offset) / self.factor


_FACTORS = (
    ("a power of ten, such as deci-", 10.0),
    ("a hundred, as of cents, per cent or centimetres", 100.0),
    ("a thousand, as of kilo- or milli-", 1e3),
    ("a million, as of mega- or micro-", 1e6),
    ("a thousand million, as of giga- or nano-", 1e9),
    ("60, as of minutes", 60.0),
    ("3,600, as of hours and seconds", 3600.0),
    ("24, as of days and hours", 24.0),
    ("86,400, as of days and seconds", 86400.0),
    ("7, as of weeks", 7.0),
    ("12, as of years and months, or feet and inches", 12.0),
    ("1,024, as of kibibytes", 1024.0),
    ("2.54, as of inches and centimetres", 2.54),
    ("25.4, as of inches and millimetres", 25.4),
    ("3.6, as of m/s and km/h", 3.6),
    ("2.205, as of kilograms and pounds", 1 / 0.45359237),
    ("1.609, as of miles and kilometres", 1.609344),
    ("3.281, as of metres and feet", 1 / 0.3048),
    ("57.3, as of radians and degrees", 180 / pi),
)
CONVERSIONS: tuple[Conversion, ...] = (
    *(Conversion(f"multiplied by {text}", factor) for text, factor in _FACTORS),
    *(Conversion(f"divided by {text}", 1 / factor) for text, factor in _FACTORS),
    Conversion("with its sign turned", -1.0),
    Conversion("turned from Celsius to Fahrenheit", 1.8, 32.0),
    Conversion("turned from Fahrenheit to Celsius", 1 / 1.8, -32 / 1.8),
    Conversion("turned from Celsius to kelvin", 1.0, 273.15),
    Conversion("turned from kelvin to Celsius", 1.0, -273.15),
)
"""Every conversion that is looked for."""


@dataclass(frozen=True, slots=True)
class UnitChange:
    """A conversion that explains what became of a column. `mean`: the window's, converted back, with its interval.
    `psi`: of the sample's rows against the reference once converted back, None without a sample."""

    conversion: Conversion
    mean: Interval
    reference_mean: float
    psi: float | None


@dataclass(frozen=True, slots=True)
class _Moments:
    mean: float
    spread: float


def unit_change(
    bins: NumericBins,
    reference: ColumnProfile,
    current: ColumnProfile,
    sampled: FloatArray | None,
    *,
    fit: float,
) -> UnitChange | None:
    """The conversion after which the window fits the reference, the closest one where several do; None where none does.

    `sampled`: numbers of the column in the window's row sample, NaN for missing ones; None without a sample. `fit`: the
    PSI at which the converted sample still fits. The column must have moved in the first place.
    """
    before, now = _moments(reference), _moments(current)
    if before is None or now is None:
        return None
    rows = None if sampled is None else sampled[np.isfinite(sampled)]
    if rows is not None and len(rows) < FEWEST_SAMPLED:
        rows = None
    return min(
        _fitting(bins, reference, current, (before, now), rows, fit),
        key=lambda found: _distance(found.conversion, before, now, _kurtosis(rows)),
        default=None,
    )


def _fitting(
    bins: NumericBins,
    reference: ColumnProfile,
    current: ColumnProfile,
    moments: tuple[_Moments, _Moments],
    rows: FloatArray | None,
    fit: float,
) -> Iterator[UnitChange]:
    before, now = moments
    for conversion in CONVERSIONS:
        is_rough = rows is not None and _is_certain(conversion)
        if not _agrees(conversion, before, now, current.valid, reference.valid, is_rough=is_rough):
            continue
        if rows is not None:
            away = _psi_after(bins, reference, conversion, rows)
            if away > fit:
                continue
        elif not _is_certain(conversion) or not _is_inside(conversion, reference, current, before):
            continue
        mean = float(conversion.back(now.mean))
        half = normal_quantile((1 + CONFIDENCE) / 2) * now.spread / abs(conversion.factor) / sqrt(current.valid)
        yield UnitChange(
            conversion, Interval(mean, mean - half, mean + half), before.mean, None if rows is None else away
        )


def _moments(profile: ColumnProfile) -> _Moments | None:
    """None where there are no values, or all are one: no conversion makes that of anything else."""
    if not profile.valid:
        return None
    mean = profile.total / profile.valid
    variance = profile.squares / profile.valid - mean * mean
    if not isfinite(mean) or not isfinite(variance) or variance <= 1e-12 * mean * mean:
        return None
    return _Moments(mean, sqrt(variance))


def _agrees(conversion: Conversion, before: _Moments, now: _Moments, n: int, m: int, *, is_rough: bool) -> bool:
    """Whether mean and spread are what the conversion makes of the reference's, as far as chance lets one tell; or
    roughly so."""
    back = (now.mean - conversion.offset) / conversion.factor
    spread = now.spread / abs(conversion.factor)
    chance = normal_quantile((1 + CONFIDENCE) / 2) * sqrt(spread**2 / n + before.spread**2 / m)
    allowed = max(chance, MOMENT_TOLERANCE * max(abs(before.mean), before.spread))
    if is_rough:
        allowed = max(allowed, ROUGH_MEAN_TOLERANCE * before.spread)
    most = ROUGH_SPREAD_TOLERANCE if is_rough else SPREAD_TOLERANCE
    return abs(back - before.mean) <= allowed and abs(log(spread / before.spread)) <= most


def _distance(conversion: Conversion, before: _Moments, now: _Moments, kurtosis: float) -> float:
    back = (now.mean - conversion.offset) / conversion.factor
    grown = log(now.spread / abs(conversion.factor) / before.spread)
    # both in squared standard errors: that of the logarithm of a spread is sqrt((kurtosis - 1) / 4n)
    return ((back - before.mean) / before.spread) ** 2 + 4 / (kurtosis - 1) * grown**2


def _kurtosis(rows: FloatArray | None) -> float:
    """Of the sampled rows; a normal column's without any. Two-valued columns, which have 1, count as 1.1."""
    spread = 0.0 if rows is None else float(rows.std())
    if rows is None or not spread > 0:
        return NORMAL_KURTOSIS
    return max(1.1, float((((rows - rows.mean()) / spread) ** 4).mean()))


def _is_certain(conversion: Conversion) -> bool:
    return abs(log(abs(conversion.factor))) >= log(CERTAIN_FACTOR)


def _is_inside(conversion: Conversion, reference: ColumnProfile, current: ColumnProfile, before: _Moments) -> bool:
    """Whether the window's least and greatest value, converted back, are about within the reference's."""
    ends = sorted(float(conversion.back(end)) for end in (current.minimum, current.maximum))
    return reference.minimum - before.spread <= ends[0] and ends[1] <= reference.maximum + before.spread


def _psi_after(bins: NumericBins, reference: ColumnProfile, conversion: Conversion, rows: FloatArray) -> float:
    """The PSI, less chance, of the sample's rows converted back."""
    back = _on_edges(bins, np.asarray(conversion.back(rows), np.float64))
    expected, found = psi_counts(bins, reference, count_numbers(NumericColumn(back), bins))
    if len(expected) < 2 or not found.sum():
        return float("inf")
    return adjusted_psi(psi(expected, found), len(expected), int(found.sum()), int(expected.sum()))


def _on_edges(bins: NumericBins, values: FloatArray) -> FloatArray:
    """The values, those that rounding left just beside an edge moved onto it: 12.7 / 2.54 is to count as 5."""
    slack = _SAME * np.abs(values)
    places = np.minimum(np.searchsorted(bins.edges, values - slack), len(bins.edges) - 1)
    edges = bins.edges[places]
    return np.where(np.abs(edges - values) <= slack, edges, values)
