"""The reference's sampled rows, weighted so that one column is distributed as in the window: what would the other
columns be, had nothing else changed?"""

from collections.abc import Mapping

import numpy as np

from trimtab.capture.grid import Bins, NumericBins
from trimtab.capture.profile import ColumnProfile, numbers_of
from trimtab.capture.sample import SampleColumn, as_texts
from trimtab.capture.table import FloatArray, IntArray, TextColumn, canonical_text
from trimtab.drift.binning import psi_counts
from trimtab.drift.psi import adjusted_psi, psi

LARGEST_WEIGHT = 50.0
"""Rows that the reference hardly had cannot stand for many."""


def positions(bins: Bins, column: SampleColumn) -> IntArray:
    """The bin of each cell of a sampled column, -1 where there is none."""
    if isinstance(bins, NumericBins):
        values = numbers_of(column).values if isinstance(column, TextColumn) else column
        places = np.full(len(values), -1, np.int64)
        known = np.isfinite(values)
        places[known] = bins.positions(values[known])
        return places
    texts = as_texts(column)
    lookup = np.array([*(bins.position(canonical_text(value)) for value in texts.values), -1], np.int64)
    return lookup[texts.codes]


def weights(bins: Bins, reference: ColumnProfile, current: ColumnProfile, column: SampleColumn) -> FloatArray:
    """The weight of each row of the reference's sample, of mean about 1, that gives a column the window's distribution
    over the bins of its PSI, gaps among them."""
    groups = _groups(bins)
    before, now = (
        np.append(np.bincount(groups, weights=each.counts), each.missing + each.invalid)
        for each in (reference, current)
    )
    shares = np.divide(now / max(now.sum(), 1), before / max(before.sum(), 1), out=np.zeros(len(now)), where=before > 0)
    places = positions(bins, column)
    weight: FloatArray = np.minimum(shares, LARGEST_WEIGHT)[np.where(places < 0, len(now) - 1, groups[places])]
    return weight


def effective_rows(weight: FloatArray) -> float:
    """As many rows of equal weight tell as much (Kish 1965)."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def psi_left(bins: Bins, current: ColumnProfile, column: SampleColumn, weight: FloatArray) -> float | None:
    """The PSI, less chance, between a column of the weighted sample and the window; None where there is too little."""
    places = positions(bins, column)
    counted = np.bincount(places[places >= 0], weights=weight[places >= 0], minlength=bins.bins)
    if not counted.sum():
        return None
    rows = effective_rows(weight[places >= 0])
    counts = np.rint(counted * (rows / counted.sum())).astype(np.int64)
    before, after = psi_counts(bins, ColumnProfile(counts), current)
    m, n = int(before.sum()), int(after.sum())
    return adjusted_psi(psi(before, after), len(before), n, m) if len(before) > 1 and n and m else None


def prediction_shift(answers: Mapping[str, SampleColumn], weight: FloatArray) -> float:
    """How far the answers' mean moves by the weights, in their standard deviations: the most of any numeric answer, or
    of any class's share."""
    shifts = [0.0]
    for column in answers.values():
        if isinstance(column, TextColumn):
            flags = [(column.codes == code).astype(np.float64) for code in range(min(len(column.values), 10))]
        else:
            flags = [column]
        for each in flags:
            known = np.isfinite(each)
            spread, total = float(each[known].std()) if known.any() else 0.0, float(weight[known].sum())
            if spread > 0 and total > 0:
                shifts.append(abs(float((weight[known] @ each[known]) / total - each[known].mean())) / spread)
    return max(shifts)


def _groups(bins: Bins) -> IntArray:
    """The PSI's bin of each fine bin."""
    if not isinstance(bins, NumericBins):
        return np.arange(bins.bins)
    starts = np.concatenate([[0], bins.cuts + 1])
    found: IntArray = np.searchsorted(starts, np.arange(bins.bins), side="right") - 1
    return found
