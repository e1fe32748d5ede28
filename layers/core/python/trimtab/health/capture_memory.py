"""What is remembered of a variant's captures from run to run, so that packs that did not change are not read again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from trimtab.capture.pack import ObjectProfile, PackKey
from trimtab.drift.windows import HOUR
from trimtab.health.hours import (
    HourCaptures,
    add_hours,
    columns_of,
    comparable,
    count_hour,
    hour_document,
    hour_from_document,
)


@dataclass(frozen=True, slots=True)
class CountedHour:
    """What an hour's captures hold; `packs` stands for those that were counted."""

    packs: str
    counts: HourCaptures


@dataclass(frozen=True, slots=True)
class CaptureMemory:
    """What the last complete hours held, and what their columns are compared with.

    `grid`: that of the newest pack; names of columns hold on it only. `columns`: those the payloads had when they were
    learned, None before. `hours`: by their starts. `last`: the last moment a capture is known from.
    """

    grid: str = ""
    columns: frozenset[str] | None = None
    hours: Mapping[datetime, CountedHour] = field(default_factory=dict)
    last: datetime | None = None

    @property
    def total(self) -> HourCaptures:
        """The hours together."""
        return add_hours(hour.counts for hour in self.hours.values())


def see_packs(memory: CaptureMemory, written: Sequence[tuple[PackKey, datetime]]) -> CaptureMemory:
    """The memory once these packs are known, each with when it was written. On another grid nothing is learned yet."""
    # an hour's captures came before its end, whenever its pack was written
    moments = [min(moment, key.hour + HOUR) for key, moment in written]
    if memory.last:
        moments.append(memory.last)
    grid = max(written, key=lambda pack: pack[1])[0].grid if written else memory.grid
    return replace(memory if grid == memory.grid else CaptureMemory(grid), last=max(moments, default=None))


def unread_hours(memory: CaptureMemory, packs: Mapping[datetime, Iterable[PackKey]]) -> list[datetime]:
    """The hours whose packs, given by hour, are not those that were counted."""
    return [hour for hour, keys in packs.items() if hour not in memory.hours or memory.hours[hour].packs != _name(keys)]


def count_hours(
    memory: CaptureMemory,
    packs: Mapping[datetime, Iterable[PackKey]],
    objects: Mapping[datetime, Sequence[ObjectProfile]],
    schema_rows: int,
) -> CaptureMemory:
    """The memory of the hours that `packs` has, and of no others: those whose `objects` are given are counted anew.

    If the columns are not learned yet, they are from these objects, when they have as many as `schema_rows` rows.
    """
    columns = memory.columns
    if columns is None:
        same = comparable((entry for each in objects.values() for entry in each), memory.grid)
        columns = columns_of(same) if sum(entry.profile.rows for entry in same) >= schema_rows else None
    hours = {
        hour: CountedHour(_name(keys), count_hour(objects[hour], memory.grid, columns or frozenset()))
        if hour in objects
        else memory.hours[hour]
        for hour, keys in packs.items()
    }
    return replace(memory, columns=columns, hours=hours)


def capture_document(memory: CaptureMemory) -> dict[str, Any]:
    """The memory as plain JSON values."""
    document = {
        "grid": memory.grid,
        "columns": sorted(memory.columns or ()),
        "hours": {
            start.isoformat(): {"packs": hour.packs, "counts": hour_document(hour.counts)}
            for start, hour in memory.hours.items()
        },
    }
    return document | ({"last_capture": memory.last.isoformat()} if memory.last else {})


def capture_from_document(document: Mapping[str, Any]) -> CaptureMemory:
    """The inverse of `capture_document`, but hours that were counted before columns were learned are to be counted
    again."""
    columns = frozenset(document.get("columns", ())) or None
    hours = document["hours"] if columns else {}
    return CaptureMemory(
        grid=document.get("grid", ""),
        columns=columns,
        hours={
            datetime.fromisoformat(start): CountedHour(each["packs"], hour_from_document(each["counts"]))
            for start, each in hours.items()
        },
        last=datetime.fromisoformat(document["last_capture"]) if "last_capture" in document else None,
    )


def _name(keys: Iterable[PackKey]) -> str:
    """Stands for these packs: other packs, other name."""
    return sha256("\n".join(sorted(str(key) for key in keys)).encode()).hexdigest()[:16]
