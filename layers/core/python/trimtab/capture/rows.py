"""What a reader of payloads gets and gives, whatever the format."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trimtab.capture.columns import repeated
from trimtab.capture.faults import FaultError
from trimtab.capture.table import LARGEST, Column, NumericColumn

MOST_POSITIONS = 1024
"""A longer row without names is a vector, profiled as such, and not so many columns."""


@dataclass(frozen=True)
class Side:
    """How to read one side of requests.

    `label` is "input" or "output"; `names` the column names in payload order, () when unknown; `records` a JMESPath;
    `taken` names that the other side has already; `keep`, `numeric`, `categorical` as in `Layout`. Of answers, where
    the request alone does not tell how many rows there should be: `of_one` says that it was one image, text or sound,
    of which an answer is one row, however many things were found in it; `of_table` that it was a table that is not
    read, so that values that stand side by side are those of rows.
    """

    label: str
    names: tuple[str, ...] = ()
    records: str = ""
    taken: frozenset[str] = frozenset()
    keep: frozenset[str] | None = None
    numeric: frozenset[str] = frozenset()
    categorical: frozenset[str] = frozenset()
    of_one: bool = False
    of_table: bool = False

    def column(self, name: str) -> str:
        """The name in the table. An output named as an input gets the prefix `output.`."""
        return f"output.{name}" if name in self.taken else name

    def wants(self, name: str) -> bool:
        """Whether the column, or the length of its texts, is kept."""
        if self.keep is None:
            return True
        column = self.column(name)
        return column in self.keep or f"{column}.characters" in self.keep

    def positions(self, width: int) -> tuple[str, ...]:
        """Names of a row's cells that have none in the payload."""
        if len(self.names) == width:
            return self.names
        if self.label == "output":
            return ("prediction",) if width == 1 else tuple(f"prediction_{i}" for i in range(width))
        return tuple(f"c{i}" for i in range(width))

    def are_rows(self, cells: int) -> bool:
        """Whether so many values side by side, that stand alone in an answer, are each a row: so it is with answers to
        a table that is not read, unless the names that are known say that they are one row."""
        is_named = len(self.names) == cells or "prediction_1" in self.numeric | self.categorical
        return self.of_table and not (cells > 1 and is_named)


@dataclass(frozen=True)
class Rows:
    """Rows of many payloads. `columns` by name in the table, each with a cell for every row; `names` all columns there
    were, wanted or not; `counts` rows per payload, 0 for one with a fault; `faults` by payload; `headed` the payloads
    that alone said how their columns are called."""

    columns: Mapping[str, Column]
    names: frozenset[str]
    counts: list[int]
    faults: Mapping[int, FaultError] = field(default_factory=dict)
    headed: frozenset[int] = frozenset()


def spread(rows: Rows, counts: Sequence[int]) -> Rows:
    """Of rows that each are of one payload, so many equal ones of each."""
    if counts == rows.counts:
        return rows
    return replace(
        rows, columns={name: repeated(each, counts) for name, each in rows.columns.items()}, counts=[*counts]
    )


def agreed_width(widths: Mapping[int, int], side: Side) -> int:
    """How many cells a row must have: as many as there are names, else what most rows have, the wider of two equals.

    `most` is of the rows that are read together, those of one hour and format in a group of lines (16 MB). So where
    nothing names the columns and clients send rows of several widths, which of them are unreadable may differ between
    groups. With `columns`, or names in the payload, it does not.
    """
    if side.names or not widths:
        return len(side.names)
    return max(widths, key=lambda width: (widths[width], width))


def wrong_width(width: int, agreed: int) -> FaultError:
    return FaultError("wrong_columns", f"a row has {width} values where {agreed} are expected")


def columns_of_rows(
    rows: Sequence[tuple[tuple[str, ...], Sequence[Any]]],
    side: Side,
    column_of: Callable[[Sequence[Any]], Column],
) -> tuple[dict[str, Column], frozenset[str]]:
    """Columns, and all names there were, from rows that each come with the names of their cells. A row lacks the
    columns that it does not name."""
    if not rows:
        return {}, frozenset()
    first = rows[0][0]
    cells_by_name: Mapping[str, Sequence[Any] | Mapping[int, Any]]
    if all(names is first or names == first for names, _ in rows):
        cells_by_name = dict(zip(first, zip(*(cells for _, cells in rows), strict=True), strict=True))
    else:
        cells_by_name = _cells_by_name(rows)
    columns = {}
    for name, cells in cells_by_name.items():
        if side.wants(name):
            filled = [cells.get(index) for index in range(len(rows))] if isinstance(cells, Mapping) else cells
            columns[side.column(name)] = column_of(filled)
    return columns, frozenset(map(side.column, cells_by_name))


def _cells_by_name(rows: Sequence[tuple[tuple[str, ...], Sequence[Any]]]) -> dict[str, dict[int, Any]]:
    cells_by_name: dict[str, dict[int, Any]] = {}
    for index, (names, cells) in enumerate(rows):
        for name, cell in zip(names, cells, strict=True):
            cells_by_name.setdefault(name, {})[index] = cell
    return cells_by_name


def is_vector(width: int, side: Side) -> bool:
    """Whether rows of so many nameless cells are vectors."""
    return width > MOST_POSITIONS and len(side.names) != width


def vector_columns(columns: Mapping[str, Column], side: Side) -> Mapping[str, Column]:
    """The dimensions and the Euclidean norm of rows that are vectors; rows with texts among them stay as they are."""
    numbers = [column.values for column in columns.values() if isinstance(column, NumericColumn)]
    if len(numbers) < len(columns):
        return columns
    norm = np.linalg.norm(np.nan_to_num(np.array(numbers)), axis=0)
    return {
        f"{side.label}.dimensions": NumericColumn(values=np.full(len(norm), float(len(numbers)))),
        f"{side.label}.norm": NumericColumn(values=np.minimum(norm, LARGEST)),
    }
