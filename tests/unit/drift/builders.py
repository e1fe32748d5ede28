"""References and profiles from plain arrays, as the capture side makes them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from trimtab.capture.grid import Bins, Grid, numeric_bins, vocabulary
from trimtab.capture.profile import ColumnProfile, Profile, profile_table
from trimtab.capture.reference import Reference
from trimtab.capture.table import Column, NumericColumn, Table, TextColumn

HOUR = datetime(2024, 5, 6, 7, tzinfo=UTC)


def numbers(values: Sequence[float] | np.ndarray, invalid: int = 0) -> NumericColumn:
    """NaN is a missing number, or an invalid one for as many as `invalid` says."""
    return NumericColumn(np.asarray(values, dtype=np.float64), invalid)


def texts(values: Sequence[str | None]) -> TextColumn:
    known = sorted({value for value in values if value is not None})
    codes = {value: code for code, value in enumerate(known)}
    return TextColumn(np.array([-1 if v is None else codes[v] for v in values], dtype=np.int64), tuple(known))


def coded(codes: np.ndarray, prefix: str = "v") -> TextColumn:
    """Categories from whole numbers."""
    distinct, inverse = np.unique(codes, return_inverse=True)
    return TextColumn(inverse.astype(np.int64), tuple(f"{prefix}{code:05d}" for code in distinct))


def table_of(columns: Mapping[str, Column]) -> Table:
    return Table(hour=HOUR, rows=len(next(iter(columns.values()))), records=1, columns=dict(columns))


def bins_of(column: Column) -> Bins:
    if isinstance(column, NumericColumn):
        values, weights = np.unique(column.values[~np.isnan(column.values)], return_counts=True)
        return numeric_bins(values, weights)
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    return vocabulary({value: int(count) for value, count in zip(column.values, counts, strict=True) if count})


def reference_of(columns: Mapping[str, Column], outputs: frozenset[str] = frozenset()) -> Reference:
    grid = Grid({name: bins_of(column) for name, column in columns.items()})
    profile = profile_table(table_of(columns), grid)
    return Reference(grid=grid, profile=profile, source="test", created="2024-05-06T00:00:00Z", outputs=outputs)


def window_of(columns: Mapping[str, Column], reference: Reference) -> Profile:
    return profile_table(table_of(columns), reference.grid)


def one_column(before: Column, after: Column) -> tuple[Bins, ColumnProfile, ColumnProfile]:
    """Bins, reference and current profile of a single column."""
    reference = reference_of({"x": before})
    return reference.grid.columns["x"], reference.profile.columns["x"], window_of({"x": after}, reference).columns["x"]
