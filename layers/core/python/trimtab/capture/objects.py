"""One capture object: its decoded tables, folded into what it adds to each hour."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from trimtab.capture.faults import Unreadable
from trimtab.capture.pack import ObjectId, ObjectProfile
from trimtab.capture.profile import Profile, add_profiles, profile_table
from trimtab.capture.reference import Reference
from trimtab.capture.rows import Side
from trimtab.capture.sketch import Sketch, merge_sketches, sketch_table
from trimtab.capture.table import Table

MOST_LISTED = 1000
"""So many unreadable lines of one object are listed with their reasons; all of them are counted."""


@dataclass(frozen=True)
class FoldedObject:
    """What one object adds to each event-time hour, and the lines of it that could not be read."""

    hours: dict[datetime, ObjectProfile]
    rows: int = 0
    records: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    listed: tuple[Unreadable, ...] = ()


def fold_object(
    identity: ObjectId, items: Iterable[Table | Unreadable], reference: Reference | None, key_hour: datetime
) -> FoldedObject:
    """Fold a decoded object into one profile per hour: counts on the reference's grid, or a sketch without one.

    Lines that could not be read belong to the hour they tell, else to `key_hour`, the hour in the object's key.
    """
    parts: dict[datetime, list[Profile | Sketch]] = defaultdict(list)
    records: Counter[datetime] = Counter()
    unreadable: dict[datetime, Counter[str]] = defaultdict(Counter)
    columns: dict[datetime, set[str]] = defaultdict(set)
    listed: list[Unreadable] = []
    for item in items:
        if isinstance(item, Unreadable):
            unreadable[item.hour or key_hour][item.reason] += 1
            if len(listed) < MOST_LISTED:
                listed.append(item)
            continue
        records[item.hour] += item.records
        table = item if reference is None else name_columns(item, reference)
        columns[item.hour].update(table.columns)
        parts[item.hour].append(sketch_table(table) if reference is None else profile_table(table, reference.grid))
    hours = {
        hour: ObjectProfile(
            object=identity,
            profile=_sum(parts[hour], reference),
            records=records[hour],
            unreadable=dict(unreadable[hour]),
            columns=frozenset(columns[hour]),
        )
        for hour in sorted({*parts, *unreadable})
    }
    return FoldedObject(
        hours=hours,
        rows=sum(entry.profile.rows for entry in hours.values()),
        records=records.total(),
        unreadable=sum(unreadable.values(), Counter()),
        listed=tuple(listed),
    )


def name_columns[Counted: (Table, Sketch)](counted: Counted, reference: Reference) -> Counted:
    """The table or sketch with the reference's names where the payload had none and the number of columns agrees."""
    known_inputs = [name for name in reference.grid.columns if name not in reference.outputs]
    known_outputs = [name for name in reference.grid.columns if name in reference.outputs]
    names: dict[str, str] = {}
    for is_output, known in ((False, known_inputs), (True, known_outputs)):
        nameless = Side("output" if is_output else "input").positions(len(known))
        if {name for name in counted.columns if (name in counted.outputs) is is_output} == set(nameless):
            names.update(zip(nameless, known, strict=True))
    if not names:
        return counted
    return replace(
        counted,
        columns={names.get(name, name): column for name, column in counted.columns.items()},
        outputs=frozenset(names.get(name, name) for name in counted.outputs),
    )


def _sum(parts: list[Profile | Sketch], reference: Reference | None) -> Profile | Sketch:
    if reference is None:
        return merge_sketches(part for part in parts if isinstance(part, Sketch))
    return add_profiles((part for part in parts if isinstance(part, Profile)), reference.grid)
