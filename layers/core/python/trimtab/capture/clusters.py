"""How alike the rows of one request are: sums of squares by request, and the design effect that follows from them.

Rows of one request share what describes the caller, so that a thousand rows of fifty requests may tell no more than
fifty. Counts do not show that; these sums do, and they add exactly, as counts do. Where every request has one row
each sum is the count itself, and none is kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.grid import Bins, NumericBins
from trimtab.capture.table import FloatArray, IntArray

_FEW_PAIRS = 64
"""Rows of a request up to which comparing all its pairs is faster than sorting (measured)."""
_DENSE = 2
"""So many places per cell make a table of counts that is small, and the fastest."""
_MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
"""Odd numbers of splitmix64 (see `trimtab.capture.sample`)."""


@dataclass(frozen=True, slots=True)
class RequestSquares:
    """Sums over all requests of squares: of a request's `cells`, of those that are `valid` (counted in a bin), of its
    `gaps` (all others), and, `alike`, of its valid cells in each bin (of a sketch: of each value)."""

    cells: int
    valid: int
    alike: int
    gaps: int

    def __add__(self, other: "RequestSquares") -> "RequestSquares":
        return RequestSquares(
            self.cells + other.cells, self.valid + other.valid, self.alike + other.alike, self.gaps + other.gaps
        )


def sum_by_request(parts: Iterable[tuple[RequestSquares | None, int, int]]) -> RequestSquares | None:
    """The sums of all parts, each with the counts of its valid cells and of its gaps: where every request has one row
    (None), these are the sums. None where that is so of all parts."""
    known = list(parts)
    if all(squares is None for squares, _, _ in known):
        return None
    return sum(
        (squares or RequestSquares(valid + gaps, valid, valid, gaps) for squares, valid, gaps in known),
        start=RequestSquares(0, 0, 0, 0),
    )


@dataclass(frozen=True, slots=True, eq=False)
class RequestRows:
    """Which request each row of a table is of: `index`, int64, shape (rows,), not decreasing, below `requests`. `most`:
    rows of the largest. `squares`: the sum of the squares of their rows."""

    index: IntArray
    requests: int
    most: int
    squares: int


def request_rows(counts: IntArray | None) -> RequestRows | None:
    """The rows of requests that have so many each; None where all have one, and there is nothing to count."""
    if counts is None or int(counts.max(initial=0)) <= 1:
        return None
    index = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return RequestRows(index, len(counts), int(counts.max()), _sum_of_squares(counts))


def request_squares(
    rows: RequestRows, codes: NDArray[np.integer], is_gap: NDArray[np.bool_], places: int
) -> RequestSquares:
    """The sums of one column. `is_gap`, shape (rows,): cells without a valid value; `codes`: the bin of every other
    cell, in order, below `places`."""
    index, valid, gaps = _split(rows, is_gap)
    return RequestSquares(rows.squares, valid, _alike(rows, index * places + codes, rows.requests * places), gaps)


def request_squares_of_numbers(rows: RequestRows, values: FloatArray, is_gap: NDArray[np.bool_]) -> RequestSquares:
    """As `request_squares`, of numbers without bins: alike are those that are equal."""
    index, valid, gaps = _split(rows, is_gap)
    keys = (values + 0.0).view(np.uint64) * _MIX[0]  # -0.0 + 0.0 is 0.0: one zero
    keys ^= keys >> np.uint64(32)
    keys *= _MIX[1]
    keys += index.astype(np.uint64) * _MIX[0]  # different pairs of request and number share a key once in 2^64
    return RequestSquares(rows.squares, valid, _alike(rows, keys, None), gaps)


def request_squares_of_gaps(rows: RequestRows | None) -> RequestSquares | None:
    """The sums of a column without any valid cell."""
    return None if rows is None else RequestSquares(rows.squares, 0, 0, rows.squares)


def coarse_bins(bins: Bins) -> IntArray:
    """For each bin of a column the one of the PSI that it is part of, shape (bins,)."""
    if isinstance(bins, NumericBins):
        return np.searchsorted(bins.cuts + 1, np.arange(bins.bins), side="right")
    return np.arange(bins.bins)


def design_effect(counts: IntArray, squares: RequestSquares | None) -> float:
    """How many times the variance of shares is what it were, had each request one row: 1 or more.

    `counts`: of the bins by which `squares.alike` was counted. The variance of a share between requests is estimated
    from their own counts (ratio estimator), and its inflation averaged over bins by their variance (Kish, Survey
    Sampling, 1965; Rao and Scott, JASA 76, 1981: the first-order correction). So 1 when the rows of a request are as
    different as those of any two, and about as many as a request has rows when they are all the same. It is that, too,
    where every cell has one bin: nothing shows then whether rows differ. One request alone shows nothing of how
    requests differ, and has 1.
    """
    n = int(counts.sum())
    if squares is None or not n or squares.cells == (n + isqrt(squares.gaps)) ** 2:  # of one request, gaps and all
        return 1.0
    same = sum_of_shares_squared(counts)
    if same >= 1:
        return squares.valid / n
    return max(1.0, (squares.alike - squares.valid * same) / (n * (1 - same)))


def gap_effect(valid: int, gaps: int, squares: RequestSquares | None) -> float:
    """The design effect of the share of cells that have no valid value."""
    if squares is None:
        return 1.0
    two = RequestSquares(squares.cells, squares.cells, squares.valid + squares.gaps, 0)
    return design_effect(np.array([valid, gaps]), two)


def in_bins(squares: RequestSquares, equal: float, counts: IntArray) -> RequestSquares:
    """The sums by bins, from those by values, of which two are `equal` by this chance, and the bins' `counts`: as many
    as give both the same design effect. So what is in one bin without being equal does not count as alike."""
    same = sum_of_shares_squared(counts)
    excess = 0.0 if equal >= 1 else (squares.alike - squares.valid * equal) * (1 - same) / (1 - equal)
    alike = round(squares.valid * same + excess)
    return replace(squares, alike=min(max(alike, int(counts.sum())), squares.valid))


def sum_of_shares_squared(counts: IntArray) -> float:
    """The chance that two cells drawn at random have the same bin; 1 without any."""
    n = int(counts.sum())
    return float(np.square(counts / n).sum()) if n else 1.0


def _split(rows: RequestRows, is_gap: NDArray[np.bool_]) -> tuple[IntArray, int, int]:
    """The requests of the valid cells, and the sums of the squares of these and of the gaps."""
    if not is_gap.any():
        return rows.index, rows.squares, 0
    index = rows.index[~is_gap]
    return index, _sum_of_squares(np.bincount(index)), _sum_of_squares(np.bincount(rows.index[is_gap]))


def _alike(rows: RequestRows, keys: NDArray[np.integer], places: int | None) -> int:
    """The sum of the squares of how often each key occurs. `keys`: different in different requests, in the order of
    rows, and below `places` where that is known."""
    if places is not None and places <= _DENSE * len(keys):
        return _sum_of_squares(np.bincount(keys))
    if places is not None and places < 2**32:
        keys = keys.astype(np.uint32)  # half the memory to compare
    if rows.most <= _FEW_PAIRS:
        return len(keys) + 2 * sum(int(np.count_nonzero(keys[i:] == keys[:-i])) for i in range(1, rows.most))
    keys.sort()
    ends = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    return _sum_of_squares(np.diff(ends, prepend=0, append=len(keys)))


def _sum_of_squares(counts: IntArray) -> int:
    return int(np.square(counts, dtype=np.int64).sum())
