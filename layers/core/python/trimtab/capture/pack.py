"""Packs: the profiles of many capture objects of one hour, side by side, in one small file.

A pack keeps one entry per capture object, so that merging is: take each object once, then add. An object that was
profiled twice, by a retry or a duplicate event, counts once; an object that was overwritten counts as it is now.

Each entry holds a sample of its rows too. The samples of a pack are trimmed together: its size does not grow with its
traffic.
"""

import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from trimtab.capture.clusters import RequestSquares
from trimtab.capture.profile import ColumnProfile, Profile
from trimtab.capture.sample import RowSample, cut_of, up_to
from trimtab.capture.sample_document import sample_document, sample_from_document
from trimtab.capture.sketch import ColumnSketch, NumberSketch, Sketch

NO_GRID = "none"
"""Stands for the grid's name in a pack of sketches, made before there was a reference."""


class PackError(ValueError):
    """Bytes that are no pack of a version this code reads."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectId:
    """A capture object and which of its versions was read: `modified` (ISO 8601 UTC, from S3), then `etag`."""

    bucket: str
    key: str
    modified: str
    etag: str


@dataclass(frozen=True, slots=True)
class ObjectProfile:
    """What one object added to one hour.

    `records`: lines whose rows were counted. `unreadable`: what was not read, by reason, the lost outputs of counted
    lines among it. `lost`: lines of which no row was counted. `columns`: the columns its payloads had, counted or not.
    `manifest`: the address of the batch transform's manifest that named the object, "" for a capture. `sample`: some of
    the rows, None where none are kept.
    """

    object: ObjectId
    profile: Profile | Sketch
    records: int
    unreadable: Mapping[str, int] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()
    lost: int = 0
    manifest: str = ""
    sample: RowSample | None = None

    @property
    def announced(self) -> tuple[str, str]:
        """Bucket and key of the object that leads to this one when it is announced: the manifest, or itself."""
        if not self.manifest:
            return self.object.bucket, self.object.key
        bucket, _, key = self.manifest.removeprefix("s3://").partition("/")
        return bucket, key


@dataclass(frozen=True, slots=True)
class PackKey:
    """Where a pack lies in the state bucket. `rows` is part of the name, so that a listing bounds an hour's rows."""

    endpoint: str
    variant: str
    hour: datetime
    grid: str
    batch: str
    rows: int

    def __str__(self) -> str:
        folder = f"{variant_prefix(self.endpoint, self.variant)}{self.hour:%Y/%m/%d/%H}/{self.grid}"
        return f"{folder}/{self.batch}.{self.rows}.pack"


_PACK_KEY = re.compile(
    r"profiles/(?P<endpoint>[^/]+)/(?P<variant>[^/]+)/(?P<hour>\d{4}/\d\d/\d\d/\d\d)/(?P<grid>[^/]+)/"
    r"(?P<batch>[^/.]+)\.(?P<rows>\d+)\.pack"
)


def variant_prefix(endpoint: str, variant: str) -> str:
    """The prefix of all packs of one variant."""
    return f"profiles/{endpoint}/{variant}/"


def pack_key(endpoint: str, variant: str, hour: datetime, grid: str, objects: Iterable[ObjectProfile]) -> PackKey:
    """The key of a pack. The batch is named after its objects: a retried batch overwrites itself."""
    entries = list(objects)
    digest = hashlib.sha256(repr(sorted((entry.object, entry.records) for entry in entries)).encode())
    return PackKey(endpoint, variant, hour, grid, digest.hexdigest()[:16], sum(entry.profile.rows for entry in entries))


def parse_pack_key(key: str) -> PackKey | None:
    """The parts of a pack's key, or None when it is another object's."""
    match = _PACK_KEY.fullmatch(key)
    if match is None:
        return None
    hour = datetime.strptime(match["hour"], "%Y/%m/%d/%H").replace(tzinfo=UTC)
    return PackKey(match["endpoint"], match["variant"], hour, match["grid"], match["batch"], int(match["rows"]))


def union(packs: Iterable[Iterable[ObjectProfile]], grid: str = NO_GRID) -> list[ObjectProfile]:
    """Each object once, in order of bucket and key: of several entries for one object the newest version's, and among
    those the one on `grid`, that lost least (settings may have been mended in between) and has the most of its sample.
    Associative, commutative and idempotent."""

    def rank(entry: ObjectProfile) -> tuple[str, str, bool, str, int, int, int, str, int]:
        version, name = (entry.object.modified, entry.object.etag), grid_name(entry)
        read = (-entry.lost, -sum(entry.unreadable.values()), entry.profile.rows)
        return (*version, name == grid, name, *read, entry.manifest, entry.sample.cut if entry.sample else -1)

    latest: dict[tuple[str, str], ObjectProfile] = {}
    for pack in packs:
        for entry in pack:
            identity = (entry.object.bucket, entry.object.key)
            known = latest.get(identity)
            if known is None or rank(entry) > rank(known):
                latest[identity] = entry
    return [latest[identity] for identity in sorted(latest)]


def trim_samples(objects: Iterable[ObjectProfile], most: int) -> list[ObjectProfile]:
    """The objects with at most `most` rows in all their samples together, all cut at the same hash; 0: no samples.

    Objects that were trimmed to as many or more before, in whichever packs, end with the same samples as those that
    were not. Only when one of them was overwritten in between may they end with fewer rows: evenly fewer.
    """
    entries = list(objects)
    if not most:
        return [replace(entry, sample=None) for entry in entries]
    cut = cut_of((entry.sample for entry in entries if entry.sample), most)
    return [replace(entry, sample=up_to(entry.sample, cut)) if entry.sample else entry for entry in entries]


def grid_name(entry: ObjectProfile) -> str:
    """The grid an entry is counted on, NO_GRID for a sketch."""
    return entry.profile.grid if isinstance(entry.profile, Profile) else NO_GRID


def encode_pack(objects: Iterable[ObjectProfile]) -> bytes:
    """A pack's bytes: zlib over MessagePack. Equal content gives equal bytes."""
    document = {"version": 1, "objects": [_object_document(entry) for entry in sorted(objects, key=_identity)]}
    return zlib.compress(msgspec.msgpack.encode(document), level=6)


def decode_pack(body: bytes) -> list[ObjectProfile]:
    """The inverse of `encode_pack`. Raises PackError when the bytes are no pack."""
    try:
        document = msgspec.msgpack.decode(zlib.decompress(body))
        if document["version"] != 1:
            raise PackError(f"pack version {document['version']} is not known here")
        return [_object_from_document(entry) for entry in document["objects"]]
    except (zlib.error, msgspec.DecodeError, KeyError, TypeError) as error:
        raise PackError(f"not a pack: {error!r}") from error


def profile_document(profile: Profile) -> dict[str, Any]:
    """A profile as plain JSON values."""
    return {
        "grid": profile.grid,
        "rows": profile.rows,
        "columns": {
            name: [
                column.counts.tolist(),
                column.missing,
                column.invalid,
                column.minimum if column.minimum <= column.maximum else None,
                column.maximum if column.minimum <= column.maximum else None,
                column.total,
                column.squares,
                column.below,
                column.above,
                column.integral,
            ]
            for name, column in sorted(profile.columns.items())
        },
        **_by_request_document(profile.columns),
    }


def profile_from_document(document: Mapping[str, Any]) -> Profile:
    """The inverse of `profile_document`."""
    return Profile(
        grid=document["grid"],
        rows=document["rows"],
        columns=_with_requests(
            {name: _column_from_list(values) for name, values in document["columns"].items()}, document
        ),
    )


def _by_request_document(columns: Mapping[str, ColumnProfile | ColumnSketch]) -> dict[str, Any]:
    """The sums by request, apart from the columns, so that code which does not know of them reads the rest; nothing
    where every request has one row."""
    known = {name: list(astuple(each.by_request)) for name, each in sorted(columns.items()) if each.by_request}
    return {"by_request": known} if known else {}


def _with_requests[Counted: (ColumnProfile, ColumnSketch)](
    columns: dict[str, Counted], document: Mapping[str, Any]
) -> dict[str, Counted]:
    sums = {name: RequestSquares(*values) for name, values in document.get("by_request", {}).items()}
    return {
        name: replace(column, by_request=sums[name]) if name in sums else column for name, column in columns.items()
    }


def _identity(entry: ObjectProfile) -> ObjectId:
    return entry.object


def _column_from_list(values: list[Any]) -> ColumnProfile:
    counts, missing, invalid, minimum, maximum, *sums = values
    return ColumnProfile(
        np.array(counts, np.int64),
        missing,
        invalid,
        float("inf") if minimum is None else minimum,
        float("-inf") if maximum is None else maximum,
        *sums,
    )


def _object_document(entry: ObjectProfile) -> dict[str, Any]:
    identity = entry.object
    return {
        "object": [identity.bucket, identity.key, identity.modified, identity.etag],
        "records": entry.records,
        "unreadable": dict(sorted(entry.unreadable.items())),
        "columns": sorted(entry.columns),
        "lost": entry.lost,
        "manifest": entry.manifest,
        **(
            {"profile": profile_document(entry.profile)}
            if isinstance(entry.profile, Profile)
            else {"sketch": _sketch_document(entry.profile)}
        ),
        **({"sample": sample_document(entry.sample)} if entry.sample else {}),
    }


def _object_from_document(document: Mapping[str, Any]) -> ObjectProfile:
    return ObjectProfile(
        object=ObjectId(*document["object"]),
        profile=profile_from_document(document["profile"])
        if "profile" in document
        else _sketch_from_document(document["sketch"]),
        records=document["records"],
        unreadable=document["unreadable"],
        columns=frozenset(document["columns"]),
        lost=document["lost"],
        manifest=document["manifest"],
        sample=sample_from_document(document["sample"]) if "sample" in document else None,
    )


def _sketch_document(sketch: Sketch) -> dict[str, Any]:
    return {
        "rows": sketch.rows,
        "outputs": sorted(sketch.outputs),
        # in the payload's order, which a reference made from it keeps
        "columns": {
            name: [
                np.diff(column.numbers.keys, prepend=np.uint64(0)).tolist(),
                column.numbers.counts.tolist(),
                column.numbers.shift,
                None if column.texts is None else dict(sorted(column.texts.items())),
                column.text_cells,
                column.missing,
                column.minimum,
                column.maximum,
                column.total,
                column.squares,
                column.integral,
            ]
            for name, column in sketch.columns.items()
        },
        **_by_request_document(sketch.columns),
    }


def _sketch_from_document(document: Mapping[str, Any]) -> Sketch:
    return Sketch(
        rows=document["rows"],
        outputs=frozenset(document["outputs"]),
        columns=_with_requests(
            {
                name: ColumnSketch(
                    NumberSketch(
                        np.cumsum(np.array(steps, np.uint64), dtype=np.uint64), np.array(counts, np.int64), shift
                    ),
                    *rest,
                )
                for name, (steps, counts, shift, *rest) in document["columns"].items()
            },
            document,
        ),
    )
