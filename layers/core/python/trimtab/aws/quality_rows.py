"""Answers and labels in the state bucket: files of keyed rows, of which the union counts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import batched

from trimtab.aws import s3
from trimtab.aws.again import again_on
from trimtab.drift.windows import Window
from trimtab.quality.kept import answers_prefix, hour_folder, hour_of, labels_prefix
from trimtab.quality.keyed_rows import KeyedRows, are_drawn, decode_rows, encode_rows, places_of, union

MOST_CELLS = 4_000_000
"""So many cells of 8 bytes are read into one part: 32 MB, and three times as much while they are merged."""
MOST_HELD = 500_000
"""So many labels are held, at 44 bytes each."""
MOST_ANSWERS = 250_000
"""Of a window with more rows so many are read, requests being drawn by their hash: what fits into memory, and is
certain enough to judge by."""
_CELLS_OF_KEY = 5
_READ_AT_ONCE = 16


def write_rows(bucket: str, folder: str, rows: KeyedRows) -> str:
    """Keep rows in a folder; the key of their file, which is named after its content: written again it is the same."""
    body = encode_rows(rows)
    key = f"{folder}{sha256(body).hexdigest()[:16]}.rows"
    s3.write_object(bucket, key, body, content_type="application/octet-stream")
    return key


def write_parts(bucket: str, folder: str, parts: Sequence[KeyedRows]) -> None:
    """Keep rows in a folder: in one file, or in as many as it takes to merge them in memory."""
    for _, _, rows in _groups([(folder, "")] * len(parts), parts):
        write_rows(bucket, folder, rows)


def first_hour(bucket: str, prefix: str) -> datetime | None:
    """The first hour below a prefix that has rows, None without any."""
    return next((hour for key in s3.list_keys(bucket, prefix) if (hour := hour_of(key))), None)


def row_files(bucket: str, prefix: str, start: datetime, end: datetime) -> dict[datetime, list[str]]:
    """The files of the hours from `start` until before `end`, by hour."""
    found: dict[datetime, list[str]] = defaultdict(list)
    before = hour_folder(prefix, end)
    for key in s3.list_keys(bucket, prefix, start_after=hour_folder(prefix, start), before=before):
        if hour := hour_of(key):
            found[hour].append(key)
    return found


def read_rows(bucket: str, keys: Iterable[str]) -> KeyedRows:
    """All rows of these files, each once. Raises KeyedRowsError when one cannot be read."""
    return union(read_parts(bucket, keys))


def read_parts(bucket: str, keys: Iterable[str]) -> Iterator[KeyedRows]:
    """The rows of each of these files, some files at a time. Raises KeyedRowsError when one cannot be read, and
    ObjectNotFoundError when its rows were moved to another meanwhile: see `again_on`."""
    for some in batched(keys, _READ_AT_ONCE, strict=False):
        yield from map(decode_rows, s3.read_objects(bucket, some))


def read_hours(bucket: str, prefix: str, start: datetime, end: datetime, *, settled: datetime) -> Iterator[KeyedRows]:
    """All rows of the hours from `start` until before `end`, in parts that fit into memory; a row may be in several.

    Small files of an hour before `settled` are left in one, as far as it does not get too large. That is written before
    the others are deleted: at no moment is a row missing, and twice is once. Raises KeyedRowsError, and
    ObjectNotFoundError when another run did so meanwhile: see `again_on`."""
    files = [(hour, key) for hour, keys in row_files(bucket, prefix, start, end).items() for key in keys]
    for hour, keys, rows in _groups(files, read_parts(bucket, [key for _, key in files])):
        if len(keys) > 1 and hour < settled:
            kept = write_rows(bucket, hour_folder(prefix, hour), rows)
            s3.delete_objects(bucket, [key for key in keys if key != kept])
        yield rows


def read_answers(
    bucket: str, endpoint: str, variant: str, window: Window, *, share: float, settled: datetime
) -> KeyedRows:
    """The answers of a window: of a share of its requests, and at most of so many as MOST_ANSWERS says."""
    prefix = answers_prefix(endpoint, variant)
    share = min(share, MOST_ANSWERS / max(window.rows, 1))
    return again_on(
        s3.ObjectNotFoundError,
        lambda: union(_drawn(read_hours(bucket, prefix, window.start, window.end, settled=settled), share)),
    )


class CollectedLabels:
    """The labels of an endpoint that were collected until a moment, of a share of its requests. Read once when they are
    few enough to be held in memory, else looked through for each window."""

    def __init__(self, bucket: str, endpoint: str, until: datetime, *, share: float, settled: datetime):
        self._bucket, self._prefix = bucket, labels_prefix(endpoint)
        self._until, self._share, self._settled = until, share, settled
        self._since: datetime | None = None
        self._held: KeyedRows | None = None

    def of(self, answers: KeyedRows, since: datetime) -> tuple[KeyedRows, int]:
        """The labels of these answers that were collected since a moment, and how many labels of other rows were."""
        if self._since is None or since < self._since:
            self._since, self._held = since, again_on(s3.ObjectNotFoundError, lambda: self._few(since))
        if self._held is None:
            return again_on(s3.ObjectNotFoundError, lambda: _matching(self._collected(since), answers))
        return _matching([self._held.where(self._held.last >= since.timestamp())], answers)

    def _collected(self, since: datetime) -> Iterator[KeyedRows]:
        return _drawn(read_hours(self._bucket, self._prefix, since, self._until, settled=self._settled), self._share)

    def _few(self, since: datetime) -> KeyedRows | None:
        parts, count = [], 0
        for rows in self._collected(since):
            parts.append(rows)
            count += len(rows)
            if count > MOST_HELD:
                return None
        return union(parts)


def _drawn(parts: Iterable[KeyedRows], share: float) -> Iterator[KeyedRows]:
    """Of each part the rows of a share of the requests."""
    return (rows.where(are_drawn(rows.keys, share)) for rows in parts)


def _matching(parts: Iterable[KeyedRows], answers: KeyedRows) -> tuple[KeyedRows, int]:
    found, others = [], 0
    for rows in parts:
        is_theirs = places_of(rows.keys, answers.keys) >= 0
        found.append(rows.where(is_theirs))
        others += len(rows) - int(is_theirs.sum())
    return union(found), others


def _groups[Hour](
    files: Iterable[tuple[Hour, str]], contents: Iterable[KeyedRows]
) -> Iterator[tuple[Hour, list[str], KeyedRows]]:
    """Files of one hour with their rows, together so many that they fit into memory."""
    keys, parts, size = list[str](), list[KeyedRows](), 0
    last: Hour | None = None
    for (hour, key), rows in zip(files, contents, strict=True):
        cells = len(rows) * (_CELLS_OF_KEY + len(rows.numbers) + len(rows.texts))
        if last is not None and (hour != last or size + cells > MOST_CELLS):
            yield last, keys, union(parts)
            keys, parts, size = [], [], 0
        keys.append(key)
        parts.append(rows)
        size, last = size + cells, hour
    if last is not None:
        yield last, keys, union(parts)
