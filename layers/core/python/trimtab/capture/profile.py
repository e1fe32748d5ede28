"""Profiles: counts on a grid. They add exactly, in any order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum, inf

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.clusters import (
    RequestRows,
    RequestSquares,
    coarse_bins,
    request_rows,
    request_squares,
    request_squares_of_gaps,
    sum_by_request,
)
from trimtab.capture.grid import Bins, Grid, NumericBins, Vocabulary
from trimtab.capture.table import (
    LARGEST,
    Column,
    IntArray,
    NumericColumn,
    Table,
    TextColumn,
    canonical_text,
    number_of,
    without_giants,
)


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """Counts of one column.

    `counts`: int64, one per bin of the column's grid (see `NumericBins`, `Vocabulary`). `missing`: cells without a
    value. `invalid`: cells of a numeric column that hold no number. The rest describes the numbers of a numeric column:
    `minimum`, `maximum` (inf, -inf without any), `total` their sum, `squares` the sum of their squares, `below` and
    `above` the sums of those outside the reference's range (in the first and the last bin), `integral` how many are
    whole numbers. `by_request`: how alike the rows of one request are, by the bins of the PSI; None: one row each.
    """

    counts: IntArray
    missing: int = 0
    invalid: int = 0
    minimum: float = inf
    maximum: float = -inf
    total: float = 0.0
    squares: float = 0.0
    below: float = 0.0
    above: float = 0.0
    integral: int = 0
    by_request: RequestSquares | None = None

    @property
    def valid(self) -> int:
        """Cells that were counted in a bin."""
        return int(self.counts.sum())

    @property
    def cells(self) -> int:
        """All cells: counted, missing and invalid."""
        return self.valid + self.missing + self.invalid


@dataclass(frozen=True, slots=True)
class Profile:
    """Counts of every column of a grid over `rows` rows. `grid` is the grid's name. A column that a row did not have
    counts as missing there, so that every column has `rows` cells."""

    grid: str
    rows: int
    columns: Mapping[str, ColumnProfile]


def profile_table(table: Table, grid: Grid) -> Profile:
    """Counts of the table on the grid. Columns that the grid does not know are left out."""
    rows = request_rows(table.counts)
    absent = request_squares_of_gaps(rows)
    return Profile(
        grid=grid.name,
        rows=table.rows,
        columns={
            name: _count(table.columns[name], bins, rows)
            if name in table.columns
            else ColumnProfile(np.zeros(bins.bins, dtype=np.int64), missing=table.rows, by_request=absent)
            for name, bins in grid.columns.items()
        },
    )


def add_profiles(profiles: Iterable[Profile], grid: Grid) -> Profile:
    """The sum of any number of profiles on one grid (none gives the empty profile).

    Raises ValueError when a profile is on another grid.
    """
    parts = list(profiles)
    for part in parts:
        if part.grid != grid.name:
            raise ValueError(f"profile is on grid {part.grid}, not on {grid.name}: they do not add")
    return Profile(
        grid=grid.name,
        rows=sum(part.rows for part in parts),
        columns={name: _add([part.columns[name] for part in parts], bins.bins) for name, bins in grid.columns.items()},
    )


def _add(parts: list[ColumnProfile], bins: int) -> ColumnProfile:
    return ColumnProfile(
        counts=np.sum([part.counts for part in parts], axis=0, dtype=np.int64) if parts else np.zeros(bins, np.int64),
        missing=sum(part.missing for part in parts),
        invalid=sum(part.invalid for part in parts),
        minimum=min((part.minimum for part in parts), default=inf),
        maximum=max((part.maximum for part in parts), default=-inf),
        # fsum is exact before its one rounding: the order of the parts does not show
        total=fsum(part.total for part in parts),
        squares=fsum(part.squares for part in parts),
        below=fsum(part.below for part in parts),
        above=fsum(part.above for part in parts),
        integral=sum(part.integral for part in parts),
        by_request=sum_by_request((part.by_request, part.valid, part.missing + part.invalid) for part in parts),
    )


def _count(column: Column, bins: Bins, rows: RequestRows | None) -> ColumnProfile:
    if isinstance(bins, Vocabulary):
        return _count_categories(column, bins, rows)
    if isinstance(column, TextColumn):
        return count_numbers(numbers_of(column), bins, rows)
    return count_numbers(column, bins, rows)


def count_numbers(column: NumericColumn, bins: NumericBins, rows: RequestRows | None = None) -> ColumnProfile:
    """Counts of a numeric column. `rows`: which request each is of, None where each has one."""
    is_missing = np.isnan(column.values)
    values = column.values[~is_missing] if is_missing.any() else column.values
    missing = len(column) - len(values) - column.invalid
    if not len(values):
        by_request = request_squares_of_gaps(rows)
        return ColumnProfile(np.zeros(bins.bins, np.int64), missing, column.invalid, by_request=by_request)
    minimum, maximum = float(values.min()), float(values.max())
    if max(-minimum, maximum) > LARGEST:
        return count_numbers(without_giants(column), bins, rows)
    positions = bins.positions(values)
    counts = np.bincount(positions, minlength=bins.bins)
    return ColumnProfile(
        counts=counts,
        missing=missing,
        invalid=column.invalid,
        minimum=minimum,
        maximum=maximum,
        total=float(values.sum()),
        squares=float(np.square(values).sum()),  # not `@`: BLAS may take threads for it
        below=float(values[positions == 0].sum()) if counts[0] else 0.0,
        above=float(values[positions == len(bins.edges)].sum()) if counts[-1] else 0.0,
        integral=int(np.count_nonzero(values == np.floor(values))),
        by_request=_by_request(rows, bins, positions, is_missing),
    )


def numbers_of(column: TextColumn) -> NumericColumn:
    """The numbers that the texts spell; texts that spell none are invalid."""
    parsed = [number_of(value) for value in column.values]
    lookup = np.array([*(np.nan if number is None else number for number in parsed), np.nan])
    is_invalid = np.array([*(number is None for number in parsed), False])
    return NumericColumn(values=lookup[column.codes], invalid=int(is_invalid[column.codes].sum()))


def texts_of(column: NumericColumn) -> TextColumn:
    """The numbers as canonical texts. Invalid cells cannot be told from missing ones here and count as missing."""
    distinct, codes = np.unique(column.values, return_inverse=True)
    is_number = ~np.isnan(distinct)
    codes = np.where(is_number[codes], codes, -1) if len(distinct) else codes
    return TextColumn(
        codes=codes.astype(np.int64), values=tuple(canonical_text(repr(float(x))) for x in distinct[is_number])
    )


def _count_categories(column: Column, bins: Vocabulary, rows: RequestRows | None) -> ColumnProfile:
    texts = texts_of(column) if isinstance(column, NumericColumn) else column
    lookup = np.array([*bins.positions_of(texts.values), -1], dtype=np.int64)
    bin_codes = lookup[texts.codes]
    present = bin_codes[bin_codes >= 0]
    return ColumnProfile(
        counts=np.bincount(present, minlength=bins.bins).astype(np.int64),
        missing=len(texts) - len(present),
        by_request=_by_request(rows, bins, present, bin_codes < 0),
    )


def _by_request(
    rows: RequestRows | None, bins: Bins, positions: IntArray, is_gap: NDArray[np.bool_]
) -> RequestSquares | None:
    if rows is None:
        return None
    coarse = coarse_bins(bins)
    return request_squares(rows, coarse.take(positions), is_gap, int(coarse[-1]) + 1)
