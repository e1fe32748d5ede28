"""What the captures of an hour hold, in so few numbers that it can be remembered instead of read again."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from trimtab.capture.free_text import without_measure
from trimtab.capture.pack import ObjectProfile, grid_name
from trimtab.capture.window import coverage_of
from trimtab.drift.windows import HOUR, whole_hour

MOST_EXTRA = 50
"""So many columns that were not learned are remembered of an hour; requests with random keys bring any number."""


@dataclass(frozen=True, slots=True)
class HourCaptures:
    """Counts of one hour, or of several.

    `read`, `lost`: lines of which rows were counted, and of which none was. `unreadable`: what could not be read of
    both, by reason. `seen`, `rows`: objects whose columns are comparable, and their rows. `extra`: columns that were
    not learned, and how many of these objects have them. `absent`: learned columns that none of them has.
    """

    read: int = 0
    lost: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    seen: int = 0
    rows: int = 0
    extra: Mapping[str, int] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    @property
    def captured(self) -> int:
        """Requests that were captured, readable or not."""
        return self.read + self.lost


def complete_hours(now: datetime, delay: timedelta, count: int) -> list[datetime]:
    """The starts of the last `count` hours whose captures should all be in, in order of time; they take `delay`."""
    end = whole_hour(now - delay)
    return [end - i * HOUR for i in range(count, 0, -1)]


def comparable(objects: Iterable[ObjectProfile], grid: str) -> list[ObjectProfile]:
    """Objects with rows whose columns have the names they have on this grid."""
    return [entry for entry in objects if entry.profile.rows and grid_name(entry) == grid]


def columns_of(objects: Iterable[ObjectProfile]) -> frozenset[str]:
    """All columns that payloads had; a text that is measured in one object and listed in another is one column."""
    return frozenset(without_measure(name) for entry in objects for name in entry.columns)


def count_hour(objects: Sequence[ObjectProfile], grid: str, learned: frozenset[str]) -> HourCaptures:
    """The counts of an hour's objects."""
    coverage = coverage_of(objects)
    same = comparable(objects, grid)
    learned = frozenset(map(without_measure, learned))
    extra = Counter(name for entry in same for name in columns_of([entry]) - learned)
    return HourCaptures(
        read=coverage.records,
        lost=coverage.lost,
        unreadable=dict(coverage.unreadable),
        seen=len(same),
        rows=sum(entry.profile.rows for entry in same),
        extra=dict(extra.most_common(MOST_EXTRA)),
        absent=tuple(sorted(learned - columns_of(same))),
    )


def add_hours(hours: Iterable[HourCaptures]) -> HourCaptures:
    """The counts of several hours together."""
    parts = list(hours)
    absences = [set(part.absent) for part in parts if part.seen]
    return HourCaptures(
        read=sum(part.read for part in parts),
        lost=sum(part.lost for part in parts),
        unreadable=dict(sum((Counter(part.unreadable) for part in parts), Counter())),
        seen=sum(part.seen for part in parts),
        rows=sum(part.rows for part in parts),
        extra=dict(sum((Counter(part.extra) for part in parts), Counter())),
        absent=tuple(sorted(set.intersection(*absences))) if absences else (),
    )


def hour_document(hour: HourCaptures) -> dict[str, Any]:
    """An hour's counts as plain JSON values."""
    return asdict(hour) | {"absent": list(hour.absent)}


def hour_from_document(document: Mapping[str, Any]) -> HourCaptures:
    """The inverse of `hour_document`."""
    return HourCaptures(**{**document, "absent": tuple(document["absent"])})
