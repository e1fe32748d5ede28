"""Rows by their identity, kept so that parts can be merged: each row once, whatever the order in which parts come.

A row's identity is its request (`inferenceId` or `eventId`) and its place in the request. Answers and labels are both
kept so; a row that comes twice is as it was last seen. Equal content has one form, whatever it was merged from.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trimtab.capture.table import FloatArray, IntArray, TextColumn

type Keys = NDArray[np.bytes_]

_REQUEST_BYTES, _KEY = 16, np.dtype("S20")


class KeyedRowsError(ValueError):
    """Bytes that are no keyed rows of a version this code reads, or rows of which the columns do not fit."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyedRows:
    """Rows, each once, in order of their keys.

    `keys`: shape (rows,), 16 bytes of the request's hash and 4 of the row's index. `first`, `last`: when the row was
    first and last seen, int64, seconds since 1970. `numbers` and `texts`: cells by column, NaN and code -1 for a
    missing one; a text column's values are sorted, and each is used.
    """

    keys: Keys
    first: IntArray
    last: IntArray
    numbers: Mapping[str, FloatArray]
    texts: Mapping[str, TextColumn]

    def __len__(self) -> int:
        return len(self.keys)

    def where(self, chosen: NDArray[np.bool_] | IntArray) -> "KeyedRows":
        """The chosen rows; indices, when these are given, must ascend."""
        return KeyedRows(
            self.keys[chosen],
            self.first[chosen],
            self.last[chosen],
            {name: values[chosen] for name, values in self.numbers.items()},
            {name: _used(column.codes[chosen], column.values) for name, column in self.texts.items()},
        )


def row_keys(event_ids: Iterable[str], indices: Iterable[int]) -> Keys:
    """The keys of rows, given the request and the place in it of each."""
    keys = (_request(event_id) + index.to_bytes(4, "big") for event_id, index in zip(event_ids, indices, strict=True))
    return np.frombuffer(b"".join(keys), dtype=_KEY)


def keys_of_requests(event_ids: Iterable[str], counts: IntArray) -> Keys:
    """The keys of all rows of requests, one request after another, given how many rows each has."""
    hashes = np.frombuffer(b"".join(map(_request, event_ids)), np.uint8).reshape(-1, _REQUEST_BYTES)
    rows = int(counts.sum())
    indices = np.arange(rows) - np.repeat(np.cumsum(counts) - counts, counts)
    letters = np.empty((rows, _KEY.itemsize), np.uint8)
    letters[:, :_REQUEST_BYTES] = np.repeat(hashes, counts, axis=0)
    letters[:, _REQUEST_BYTES:] = indices.astype(">u4").view(np.uint8).reshape(rows, 4)
    return letters.reshape(-1).view(_KEY)


def are_drawn(keys: Keys, share: float) -> NDArray[np.bool_]:
    """Which rows belong to a sample of this share of the requests. A request is drawn by its hash: always, or never."""
    if share >= 1:
        return np.ones(len(keys), np.bool_)
    letters = np.frombuffer(keys.tobytes(), np.uint8).reshape(-1, _KEY.itemsize)
    return np.ascontiguousarray(letters[:, :8]).view(">u8").reshape(-1) < np.uint64(share * 2**64)


def keyed_rows(
    keys: Keys,
    moments: IntArray | int,
    numbers: Mapping[str, FloatArray] | None = None,
    texts: Mapping[str, TextColumn] | None = None,
) -> KeyedRows:
    """Rows as they come, in any order and maybe twice. `moments`: when each was seen, in seconds since 1970. A number
    that is not finite is missing."""
    seen = np.broadcast_to(np.asarray(moments, np.int64), keys.shape)
    # 0.0 and -0.0, and the many NaN, get one form each
    plain = {name: np.where(np.isfinite(values), values + 0.0, np.nan) for name, values in (numbers or {}).items()}
    return _each_once(KeyedRows(keys, seen, seen, plain, texts or {}))


def union(parts: Iterable[KeyedRows]) -> KeyedRows:
    """Each row of all parts once. Associative, commutative and idempotent.

    Of a row that is in several, the cells last seen count, and of those seen at one moment the greater ones; a column
    that a part does not have is missing there. Raises KeyedRowsError when a column is numeric here and text there.
    """
    given = [part for part in parts if len(part) or part.numbers or part.texts]
    if not given:
        return keyed_rows(row_keys((), ()), 0)
    numbers = sorted({name for part in given for name in part.numbers})
    texts = sorted({name for part in given for name in part.texts})
    if both := set(numbers) & set(texts):
        raise KeyedRowsError(f"column {min(both)} is numeric in one part and text in another")
    return _each_once(
        KeyedRows(
            np.concatenate([part.keys for part in given]),
            np.concatenate([part.first for part in given]),
            np.concatenate([part.last for part in given]),
            {name: _numbers(given, name) for name in numbers},
            {name: _texts(given, name) for name in texts},
        )
    )


def requests_of(keys: Keys) -> IntArray:
    """For each row a number for its request: rows of one request have the same one, from 0 on. Keys must ascend."""
    if not len(keys):
        return np.zeros(0, np.int64)
    request = np.frombuffer(keys.tobytes(), np.uint8).reshape(-1, _KEY.itemsize)[:, :_REQUEST_BYTES]
    is_next = (request[1:] != request[:-1]).any(axis=1)
    return np.concatenate([[0], np.cumsum(is_next)]).astype(np.int64)


def places_of(keys: Keys, among: Keys) -> IntArray:
    """Where each key stands among others, -1 where it does not. Both must ascend."""
    if not len(among):
        return np.full(len(keys), -1, np.int64)
    places = np.minimum(np.searchsorted(among, keys), len(among) - 1)
    return np.where(among[places] == keys, places, -1).astype(np.int64)


def encode_rows(rows: KeyedRows) -> bytes:
    """The rows' bytes: zlib over MessagePack. Equal content gives equal bytes."""
    document = {
        "version": 1,
        "keys": rows.keys.tobytes(),
        "first": rows.first.astype("<i8").tobytes(),
        "last": rows.last.astype("<i8").tobytes(),
        "numbers": {name: values.astype("<f8").tobytes() for name, values in sorted(rows.numbers.items())},
        "texts": {
            name: [column.codes.astype("<i4").tobytes(), list(column.values)]
            for name, column in sorted(rows.texts.items())
        },
    }
    return zlib.compress(msgspec.msgpack.encode(document), level=6)


def decode_rows(body: bytes) -> KeyedRows:
    """The inverse of `encode_rows`. Raises KeyedRowsError when the bytes are no keyed rows."""
    try:
        document: Any = msgspec.msgpack.decode(zlib.decompress(body))
        if document["version"] != 1:
            raise KeyedRowsError(f"version {document['version']} of keyed rows is not known here")
        return KeyedRows(
            np.frombuffer(document["keys"], _KEY),
            np.frombuffer(document["first"], "<i8").astype(np.int64),
            np.frombuffer(document["last"], "<i8").astype(np.int64),
            {name: np.frombuffer(each, "<f8").astype(np.float64) for name, each in document["numbers"].items()},
            {
                name: TextColumn(np.frombuffer(codes, "<i4").astype(np.int64), tuple(values))
                for name, (codes, values) in document["texts"].items()
            },
        )
    except (zlib.error, msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise KeyedRowsError(f"no keyed rows: {error!r}") from error


@lru_cache(maxsize=4096)  # the rows of a request follow one another
def _request(event_id: str) -> bytes:
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=_REQUEST_BYTES).digest()


def _numbers(parts: Sequence[KeyedRows], name: str) -> FloatArray:
    return np.concatenate([part.numbers.get(name, np.full(len(part), np.nan)) for part in parts])


def _texts(parts: Sequence[KeyedRows], name: str) -> TextColumn:
    columns = [part.texts.get(name) or TextColumn(np.full(len(part), -1, np.int64), ()) for part in parts]
    values = sorted({value for column in columns for value in column.values})
    position = {value: code for code, value in enumerate(values)}
    lookups = [np.array([*(position[value] for value in column.values), -1], np.int64) for column in columns]
    codes = [lookup[column.codes] for lookup, column in zip(lookups, columns, strict=True)]
    return TextColumn(np.concatenate(codes), tuple(values))


def _used(codes: IntArray, values: Sequence[str]) -> TextColumn:
    """The column with its values sorted, and those that no cell has left out."""
    present = np.unique(codes[codes >= 0]).tolist()
    kept = sorted({values[code] for code in present})
    position = {value: code for code, value in enumerate(kept)}
    lookup = np.full(len(values) + 1, -1, np.int64)  # the last one is for -1
    for code in present:
        lookup[code] = position[values[code]]
    return TextColumn(lookup[codes], tuple(kept))


def _each_once(rows: KeyedRows) -> KeyedRows:
    texts = {name: _used(column.codes, column.values) for name, column in rows.texts.items()}
    order = np.argsort(rows.keys, kind="stable")
    ordered = rows.keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(order) else order
    first = np.minimum.reduceat(rows.first[order], starts) if len(order) else rows.first
    if len(starts) < len(order):
        cells = [column.codes for _, column in sorted(texts.items())]
        cells += [np.nan_to_num(values, nan=-np.inf) for _, values in sorted(rows.numbers.items())]
        group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
        in_order = np.lexsort((*(each[order] for each in cells), rows.last[order], group))
        ends = np.append(starts[1:], len(order)) - 1
        order, ordered = order[in_order[ends]], ordered[starts]
    chosen = {name: _used(column.codes[order], column.values) for name, column in texts.items()}
    numbers = {name: values[order] for name, values in rows.numbers.items()}
    return KeyedRows(ordered, first, rows.last[order], numbers, chosen)
