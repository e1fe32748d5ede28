"""One capture object: its decoded tables, folded into what it adds to each hour, of each model."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from trimtab.capture.faults import Unreadable
from trimtab.capture.naming import name_columns
from trimtab.capture.pack import ObjectId, ObjectProfile
from trimtab.capture.profile import Profile, add_profiles, profile_table
from trimtab.capture.reference import Reference
from trimtab.capture.sample import seed_of
from trimtab.capture.sampling import RowSampler, SmallestHashes
from trimtab.capture.sketch import Sketch, merge_sketches, sketch_table
from trimtab.capture.table import Table

MOST_LISTED = 1000
"""So many unreadable lines of one object and model are listed with their reasons; all of them are counted."""
MOST_PARTS = 16
"""So many tables of one hour are counted apart before they are added."""


@dataclass(frozen=True)
class FoldedObject:
    """What one object adds to each event-time hour, and what of it could not be read: all by reason, the first of it
    line by line, and `lost`, the number of lines of which no row was counted."""

    hours: dict[datetime, ObjectProfile]
    rows: int = 0
    records: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    listed: tuple[Unreadable, ...] = ()


@dataclass
class _Hour:
    """What has been read of one hour so far."""

    parts: list[Profile | Sketch] = field(default_factory=list)
    records: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    columns: set[str] = field(default_factory=set)
    sampler: RowSampler | None = None


def fold_object(
    identity: ObjectId,
    items: Iterable[Table | Unreadable],
    reference: Reference | None,
    key_hour: datetime,
    *,
    manifest: str = "",
    smallest: Callable[[datetime], SmallestHashes] | None = None,
    redact: frozenset[str] = frozenset(),
) -> FoldedObject:
    """Fold a decoded object into one profile per hour: counts on the reference's grid, or a sketch without one.

    Lines that could not be read belong to the hour they tell, else to `key_hour`, the hour in the object's key.
    `manifest` is the address of the manifest that named the object, if one did.

    With `smallest`, which tells the smallest hashes of an hour so far, rows are kept as by `RowSampler`, without the
    columns in `redact`; none where `most` is 0.
    """
    folded = fold_models(
        identity,
        (("", item) for item in items),
        lambda _: reference,
        key_hour,
        manifest=manifest,
        smallest=smallest and (lambda _, hour: smallest(hour)),
        redact=redact,
    )
    return folded.get("", FoldedObject({}))


def fold_models(
    identity: ObjectId,
    items: Iterable[tuple[str, Table | Unreadable]],
    reference_of: Callable[[str], Reference | None],
    key_hour: datetime,
    *,
    manifest: str = "",
    smallest: Callable[[str, datetime], SmallestHashes] | None = None,
    redact: frozenset[str] = frozenset(),
) -> dict[str, FoldedObject]:
    """As `fold_object`, for each model by itself, with its own reference and smallest hashes. Each item comes with the
    model it is of."""
    models: dict[str, dict[datetime, _Hour]] = {}
    references: dict[str, Reference | None] = {}
    listed: dict[str, list[Unreadable]] = defaultdict(list)
    for model, item in items:
        if model not in models:
            models[model], references[model] = defaultdict(_Hour), reference_of(model)
        if isinstance(item, Unreadable):
            hour = models[model][item.hour or key_hour]
            hour.unreadable[item.reason] += 1
            hour.lost += item.records
            if len(listed[model]) < MOST_LISTED:
                listed[model].append(item)
            continue
        reference = references[model]
        table = item if reference is None else name_columns(item, reference)
        hour = models[model][item.hour]
        hour.records += item.records
        hour.columns.update(table.columns)
        if smallest and not hour.sampler and (hashes := smallest(model, item.hour)).most:
            hour.sampler = RowSampler(_sample_seed(identity, item.hour, model), hashes, redact)
        if hour.sampler:
            hour.sampler.add(table)
        hour.parts.append(sketch_table(table) if reference is None else profile_table(table, reference.grid))
        if len(hour.parts) == MOST_PARTS:  # the memory of a large object does not grow with it
            hour.parts = [_sum(hour.parts, reference)]
    return {
        model: _folded(identity, hours, references[model], tuple(listed[model]), manifest)
        for model, hours in models.items()
    }


def unreadable_document(identity: ObjectId, folded: Sequence[FoldedObject]) -> dict[str, Any] | None:
    """What of an object could not be read in all of its models together, as plain JSON values; None: nothing."""
    unreadable = sum((each.unreadable for each in folded), Counter[str]())
    if not unreadable:
        return None
    listed = [item for each in folded for item in each.listed][:MOST_LISTED]
    return {
        "object": asdict(identity),
        "records_read": sum(each.records for each in folded),
        "records_lost": sum(each.lost for each in folded),
        "unreadable": unreadable,
        "lines": [{"line": item.line, "reason": item.reason, "detail": item.detail} for item in listed],
    }


def _sample_seed(identity: ObjectId, hour: datetime, model: str) -> int:
    # without the time of writing: an object that is written again with the same content keeps its sample
    return seed_of(identity.bucket, identity.key, identity.etag, hour.isoformat(), model)


def _folded(
    identity: ObjectId,
    hours: dict[datetime, _Hour],
    reference: Reference | None,
    listed: tuple[Unreadable, ...],
    manifest: str,
) -> FoldedObject:
    entries = {
        moment: ObjectProfile(
            object=identity,
            profile=_sum(hour.parts, reference),
            records=hour.records,
            unreadable=dict(hour.unreadable),
            columns=frozenset(hour.columns),
            lost=hour.lost,
            manifest=manifest,
            sample=hour.sampler.sample() if hour.sampler else None,
        )
        for moment, hour in sorted(hours.items())
    }
    return FoldedObject(
        hours=entries,
        rows=sum(entry.profile.rows for entry in entries.values()),
        records=sum(entry.records for entry in entries.values()),
        unreadable=sum((hour.unreadable for hour in hours.values()), Counter()),
        lost=sum(hour.lost for hour in hours.values()),
        listed=listed,
    )


def _sum(parts: list[Profile | Sketch], reference: Reference | None) -> Profile | Sketch:
    if reference is None:
        return merge_sketches(part for part in parts if isinstance(part, Sketch))
    return add_profiles((part for part in parts if isinstance(part, Profile)), reference.grid)
