"""From a part of a file to tables, and the account of what could not be read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from trimtab.capture.batch_transform import read_data_object
from trimtab.capture.decode import Unreadable, decode
from trimtab.capture.faults import printable
from trimtab.capture.layout import Layout
from trimtab.capture.lines import GROUP_BYTES
from trimtab.capture.table import Table
from trimtab.capture.variants import BATCH_OUTPUT
from trimtab.cli.sources import Part, chunks_of, lines_before, seekable
from trimtab.settings import EndpointSettings

_ANY_HOUR = datetime(2020, 1, 1, tzinfo=UTC)
_MANIFEST = "a batch transform's list of captured files holds no requests: give the files that it lists"


@dataclass(frozen=True)
class Reading:
    """How the files of one side are read: `names` are those of tables without a header row."""

    layout: Layout = field(default_factory=Layout)
    names: tuple[str, ...] = ()
    group_bytes: int = GROUP_BYTES


@dataclass(frozen=True)
class Account:
    """What became of a file's lines: `records` were read, `lost` were not, and `reasons` counts whatever was not, the
    lost outputs of read lines included. `first` is the first thing of each reason and where it is."""

    records: int = 0
    lost: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: dict[str, tuple[Part, Unreadable]] = field(default_factory=dict)

    @property
    def unreadable(self) -> int:
        return self.reasons.total()

    @property
    def coverage(self) -> float:
        """The share of lines of which everything was read; 1 of none."""
        lines = self.records + self.lost
        return (lines - self.unreadable) / lines if lines else 1.0

    def with_table(self, table: Table) -> "Account":
        return replace(self, records=self.records + table.records)

    def with_unreadable(self, part: Part, item: Unreadable) -> "Account":
        return Account(
            self.records,
            self.lost + item.records,
            self.reasons + Counter([item.reason]),
            {item.reason: (part, item), **self.first},
        )

    def __add__(self, later: "Account") -> "Account":
        return Account(
            self.records + later.records,
            self.lost + later.lost,
            self.reasons + later.reasons,
            {**later.first, **self.first},
        )


def reading_of(settings: EndpointSettings, names: tuple[str, ...] = ()) -> Reading:
    """How the settings say that files are read; tables without a header row take `names` if the settings have none."""
    named = (*settings.columns, *settings.predictions) if settings.columns else names
    return Reading(layout=settings.layout(), names=named)


def read_part(part: Part, reading: Reading) -> Iterator[Table | Unreadable]:
    """The tables of a part and what could not be read; of a later part lines count from its start.

    Raises OSError when the file cannot be read, InvalidReferenceError when it is no table though its ending says so.
    """
    if part.format == "manifest":
        yield Unreadable(1, "batch_manifest", _MANIFEST)
    elif part.format == "captures":
        yield from decode(chunks_of(part), reading.layout, group_bytes=reading.group_bytes)
    elif part.format == "batch_output":
        name = part.path.rpartition("/")[2]
        yield from read_data_object(
            chunks_of(part), name, BATCH_OUTPUT, _ANY_HOUR, reading.layout, group_bytes=reading.group_bytes
        )
    else:
        # here and not above: it needs pyarrow
        from trimtab.capture.training import training_tables

        with seekable(part) as file:
            yield from training_tables(file, part.path, reading.names, known=reading.layout)


def place(part: Part, item: Unreadable) -> str:
    """Where an unreadable thing is and why, as `FILE, line N: detail`."""
    return printable(f"{part.path}, line {line_of(part, item)}: {item.detail}")


def line_of(part: Part, item: Unreadable) -> int:
    """The line in the file, from 1."""
    return lines_before(part) + item.line
