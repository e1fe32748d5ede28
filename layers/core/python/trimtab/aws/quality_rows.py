"""Answers and labels in the state bucket: files of keyed rows, of which the union counts."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from trimtab.aws import s3
from trimtab.quality.kept import hour_folder, hour_of
from trimtab.quality.keyed_rows import KeyedRows, decode_rows, encode_rows, union


def write_rows(bucket: str, folder: str, rows: KeyedRows) -> str:
    """Keep rows in a folder; the key of their file, which is named after its content: written again it is the same."""
    body = encode_rows(rows)
    key = f"{folder}{sha256(body).hexdigest()[:16]}.rows"
    s3.write_object(bucket, key, body, content_type="application/octet-stream")
    return key


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
    return union(map(decode_rows, s3.read_objects(bucket, keys)))


def read_hours(bucket: str, prefix: str, start: datetime, end: datetime, *, settled: datetime) -> KeyedRows:
    """All rows of the hours from `start` until before `end`, each once, leaving one file for each hour before
    `settled`. That is written before the others are deleted: at no moment is a row missing, and twice is once."""
    parts = []
    for hour, keys in row_files(bucket, prefix, start, end).items():
        rows = read_rows(bucket, keys)
        parts.append(rows)
        if len(keys) > 1 and hour < settled:
            kept = write_rows(bucket, hour_folder(prefix, hour), rows)
            s3.delete_objects(bucket, [key for key in keys if key != kept])
    return union(parts)
