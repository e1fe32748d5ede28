"""A recorded data set as an endpoint: its clean rows drawn again and again, with or without planted faults.

Drawing rows at random takes their order away, and with it what really wobbled; for that the rows are also replayed as
they stand (see bench/drift_replay.py).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bench.drift_sets import DataSet, part
from bench.drift_traffic import HOUR, UNSEEN, Fault, reference_of
from trimtab.capture.profile import ColumnProfile, Profile, profile_table
from trimtab.capture.reference import Reference
from trimtab.capture.table import Column, NumericColumn, Table, TextColumn

FEWEST_VALUES = 20
"""A numeric column with fewer distinct values is no measurement that could shift."""


@dataclass(frozen=True)
class Recorded:
    """An endpoint that gets rows of `source`, drawn with replacement. `fault`: what is planted in `faulty` columns."""

    source: Table
    kept: Table
    reference: Reference
    fault: Fault | None = None
    faulty: tuple[str, ...] = ()

    def table(self, rows: int, hour: int, random: np.random.Generator) -> Table:  # noqa: ARG002
        """A window's rows; at all hours alike."""
        drawn = part(self.source, random.integers(self.source.rows, size=rows))
        return planted(drawn, self.fault, self.faulty, self.kept, random) if self.fault else drawn

    def profile(self, rows: int, hour: int, random: np.random.Generator) -> Profile:
        """A window's counts; without a fault drawn at once, for those of rows drawn so are multinomial."""
        if self.fault:
            return profile_table(self.table(rows, hour, random), self.reference.grid)
        columns = {name: _again(column, rows, random) for name, column in self._counted.columns.items()}
        return Profile(self._counted.grid, rows, columns)

    def with_fault(self, fault: Fault, random: np.random.Generator) -> "Recorded":
        """The endpoint once the fault is there, in features drawn at random among those that it can befall."""
        chosen = tuple(random.choice(able(fault, self.kept), fault.columns, replace=False).tolist())
        return replace(self, fault=fault, faulty=chosen)

    @cached_property
    def _counted(self) -> Profile:
        return profile_table(self.source, self.reference.grid)


def recorded(data: DataSet) -> Recorded:
    """The data set's rows before anything drifts, against its reference."""
    categorical = frozenset(data.manifest.categorical)
    made = replace(reference_of(data.reference, categorical), outputs=data.reference.outputs)
    return Recorded(part(data.current, slice(0, data.clean)), data.reference, made)


def able(fault: Fault, kept: Table) -> list[str]:
    """The features that a fault can befall."""
    return [name for name, column in kept.columns.items() if name not in kept.outputs and _can_have(fault, column)]


def planted(table: Table, fault: Fault, columns: tuple[str, ...], kept: Table, random: np.random.Generator) -> Table:
    """The rows with the fault in these columns. `kept`: the reference's rows, whose standard deviations count."""
    faulty = {name: _faulty(table.columns[name], fault, kept.columns[name], random) for name in columns}
    return Table(HOUR, table.rows, table.records, {**table.columns, **faulty}, table.outputs)


def _can_have(fault: Fault, column: Column) -> bool:
    if isinstance(column, TextColumn):
        return fault.kind in {"new category", "nulls"}
    return fault.kind != "new category" and len(np.unique(column.values)) > FEWEST_VALUES


def _faulty(column: Column, fault: Fault, before: Column, random: np.random.Generator) -> Column:
    is_hit = random.random(len(column)) < fault.size
    if isinstance(column, TextColumn):
        if fault.kind == "nulls":
            return TextColumn(np.where(is_hit, -1, column.codes), column.values)
        return TextColumn(np.where(is_hit, len(column.values), column.codes), (*column.values, UNSEEN))
    assert isinstance(before, NumericColumn)
    values, mean, spread = column.values, np.nanmean(before.values), np.nanstd(before.values)
    match fault.kind:
        case "nulls":
            values = np.where(is_hit, np.nan, values)
        case "shift":
            values = values + fault.size * spread
        case "scale":
            values = mean + fault.size * (values - mean)
        case "unit change":
            values = values * fault.size
    return NumericColumn(values)


def _again(column: ColumnProfile, rows: int, random: np.random.Generator) -> ColumnProfile:
    """The counts of rows drawn with replacement from those of a column; sums are those to be expected."""
    counts = np.array([*column.counts, column.missing, column.invalid])
    drawn = random.multinomial(rows, counts / counts.sum())
    scale = rows / counts.sum()
    return replace(
        column,
        counts=drawn[:-2],
        missing=int(drawn[-2]),
        invalid=int(drawn[-1]),
        total=column.total * scale,
        squares=column.squares * scale,
        below=column.below * scale,
        above=column.above * scale,
        integral=round(column.integral * scale),
    )
