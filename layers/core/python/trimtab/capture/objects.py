"""One capture object: its decoded tables, folded into what it adds to each hour."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from trimtab.capture.decode import Unreadable
from trimtab.capture.pack import ObjectId, ObjectProfile
from trimtab.capture.profile import Profile, add_profiles, profile_table
from trimtab.capture.reference import Reference
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
    listed: list[Unreadable] = []
    for item in items:
        if isinstance(item, Unreadable):
            unreadable[item.hour or key_hour][item.reason] += 1
            if len(listed) < MOST_LISTED:
                listed.append(item)
            continue
        records[item.hour] += item.records
        if reference is None:
            parts[item.hour].append(sketch_table(item))
        else:
            parts[item.hour].append(profile_table(name_columns(item, reference), reference.grid))
    hours = {
        hour: ObjectProfile(
            object=identity,
            profile=_sum(parts[hour], reference),
            records=records[hour],
            unreadable=dict(unreadable[hour]),
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


def name_columns(table: Table, reference: Reference) -> Table:
    """The table with the reference's names where the payload had none and the number of columns agrees."""
    inputs = [name for name in table.columns if name not in table.outputs]
    outputs = [name for name in table.columns if name in table.outputs]
    names: dict[str, str] = {}
    known_inputs = [name for name in reference.grid.columns if name not in reference.outputs]
    known_outputs = [name for name in reference.grid.columns if name in reference.outputs]
    if inputs == [f"c{i}" for i in range(len(known_inputs))]:
        names.update(zip(inputs, known_inputs, strict=True))
    if len(outputs) == len(known_outputs) and all(name.startswith("prediction") for name in outputs):
        names.update(zip(outputs, known_outputs, strict=True))
    if not names:
        return table
    return replace(
        table,
        columns={names.get(name, name): column for name, column in table.columns.items()},
        outputs=frozenset(names.get(name, name) for name in table.outputs),
    )


def _sum(parts: list[Profile | Sketch], reference: Reference | None) -> Profile | Sketch:
    if reference is None:
        return merge_sketches(part for part in parts if isinstance(part, Sketch))
    return add_profiles((part for part in parts if isinstance(part, Profile)), reference.grid)
