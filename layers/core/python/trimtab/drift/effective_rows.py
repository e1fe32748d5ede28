"""How many rows the tests may count on: fewer than there are, where rows of one request are alike.

A sample of n rows with a design effect d tells as much as n / d independent ones, so the tests get counts that are
divided by it (Rao and Scott, JASA 76, 1981).
"""

from dataclasses import dataclass, replace

import numpy as np

from trimtab.capture.clusters import coarse_bins, design_effect, gap_effect
from trimtab.capture.grid import Bins
from trimtab.capture.profile import ColumnProfile
from trimtab.capture.table import IntArray

FEWEST = 100
"""With fewer effective rows no PSI is judged: ten for each of ten bins (Cochran 1954 wants five). They are fewer than
`warn_rows`, for the tests know how many there are, and windows close by rows: if they had to be as many, columns that
say who asks were never judged where traffic is low."""


@dataclass(frozen=True, slots=True)
class DesignEffects:
    """Of one side of a column: of its `values`, and of which cells are `gaps`, without one. Both 1 or more."""

    values: float = 1.0
    gaps: float = 1.0


def design_effects(bins: Bins, reference: ColumnProfile, current: ColumnProfile) -> tuple[DesignEffects, DesignEffects]:
    """The design effects of (reference, current).

    A reference made before there were bins knows only which values of a request are equal, not which are similar. So
    its rows are at least as alike as the current ones: by the same correlation within requests, (d - 1) / (rows of a
    request - 1) (Kish 1965).
    """
    now = _own_effects(bins, current)
    own = _own_effects(bins, reference)
    correlation = (now.values - 1) / (size - 1) if (size := rows_per_request(current)) > 1 else 0.0
    return DesignEffects(max(own.values, 1 + correlation * (rows_per_request(reference) - 1)), own.gaps), now


def thinned(column: ColumnProfile, effect: float) -> ColumnProfile:
    """The column with counts as of so many times fewer rows, whole; of any run of bins the sum is right to within one.
    All else is as it was."""
    if effect <= 1:
        return column
    ranks = np.rint(np.cumsum(column.counts) / effect).astype(np.int64)
    counts: IntArray = ranks - np.append(0, ranks[:-1])
    return replace(column, counts=counts)


def effective(count: int, of: int, effect: float) -> tuple[int, int]:
    """A count, and what it is of, as of so many times fewer rows, whole."""
    if effect <= 1 or not of:
        return count, of
    fewer = max(1, round(of / effect))
    return round(count * fewer / of), fewer


def _own_effects(bins: Bins, column: ColumnProfile) -> DesignEffects:
    squares = column.by_request
    if squares is None:
        return DesignEffects()
    counts = np.bincount(coarse_bins(bins), weights=column.counts).astype(np.int64)
    return DesignEffects(
        design_effect(counts, squares), gap_effect(column.valid, column.missing + column.invalid, squares)
    )


def rows_per_request(column: ColumnProfile) -> float:
    """Valid cells of the request that a valid cell is of, on average."""
    return column.by_request.valid / column.valid if column.by_request and column.valid else 1.0
