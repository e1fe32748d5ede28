"""What a reader of payloads gets and gives, whatever the format."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trimtab.capture.faults import FaultError
from trimtab.capture.table import Column

MOST_POSITIONS = 1024
"""A longer row without names is a vector, profiled as such, and not so many columns."""


@dataclass(frozen=True)
class Side:
    """How to read one side of requests.

    `label` is "input" or "output"; `names` the column names in payload order, () when unknown; `records` a JMESPath;
    `taken` names that the other side has already; `keep`, `numeric`, `categorical` as in `Layout`.
    """

    label: str
    names: tuple[str, ...] = ()
    records: str = ""
    taken: frozenset[str] = frozenset()
    keep: frozenset[str] | None = None
    numeric: frozenset[str] = frozenset()
    categorical: frozenset[str] = frozenset()

    def column(self, name: str) -> str:
        """The name in the table. An output named as an input gets the prefix `output.`."""
        return f"output.{name}" if name in self.taken else name

    def wants(self, name: str) -> bool:
        return self.keep is None or self.column(name) in self.keep

    def positions(self, width: int) -> tuple[str, ...]:
        """Names of a row's cells that have none in the payload."""
        if len(self.names) == width:
            return self.names
        if self.label == "output":
            return ("prediction",) if width == 1 else tuple(f"prediction_{i}" for i in range(width))
        return tuple(f"c{i}" for i in range(width))


@dataclass(frozen=True)
class Rows:
    """Rows of many payloads. `columns` by name in the table, each with a cell for every row; `counts` rows per payload,
    0 for one with a fault; `faults` by payload; `names` all columns there were, wanted or not."""

    columns: Mapping[str, Column]
    counts: list[int]
    faults: Mapping[int, FaultError] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


def agreed_width(widths: Mapping[int, int], side: Side) -> int:
    """How many cells a row must have: as many as there are names, else what most rows have, the wider of two equals."""
    if side.names or not widths:
        return len(side.names)
    return max(widths, key=lambda width: (widths[width], width))


def count_widths(rows: Iterable[Iterable[int]]) -> Counter[int]:
    return Counter(width for widths in rows for width in widths)


def wrong_width(width: int, agreed: int) -> FaultError:
    return FaultError("wrong_columns", f"a row has {width} values where {agreed} are expected")
