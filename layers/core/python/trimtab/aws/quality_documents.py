"""What is known of the quality of a variant's answers, in the state bucket: verdicts, their series, the reference."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trimtab.aws import s3
from trimtab.aws.state_table import StaleStateError
from trimtab.quality.kept import quality_prefix, reference_keys, series_key, verdict_key
from trimtab.quality.keyed_rows import KeyedRows, decode_rows, encode_rows


def read_series(bucket: str, endpoint: str, variant: str) -> dict[str, Any] | None:
    """The stored series of verdicts, None before the first."""
    return _read(bucket, series_key(endpoint, variant))


def open_series(bucket: str, endpoint: str, variant: str) -> tuple[dict[str, Any] | None, str]:
    """The stored series of verdicts, None before the first, and the tag that a series in its place is written after."""
    try:
        found = s3.open_object(bucket, series_key(endpoint, variant))
    except s3.ObjectNotFoundError:
        return None, ""
    return json.loads(b"".join(found.chunks)), found.etag


def replace_series(bucket: str, endpoint: str, variant: str, document: Mapping[str, Any], after: str) -> str:
    """Store the series of verdicts in the place of the one with the tag `after`; its own tag. Raises StaleStateError
    when another run has written one since."""
    key = series_key(endpoint, variant)
    tag = s3.replace_object(bucket, key, json.dumps(document, allow_nan=False).encode(), after)
    if tag is None:
        raise StaleStateError(f"s3://{bucket}/{key} was written by another run")
    return tag


def write_verdict(bucket: str, endpoint: str, variant: str, start: datetime, document: Mapping[str, Any]) -> None:
    """Store the verdict on a window in the place of an earlier one on it."""
    body = json.dumps(document, indent=1, allow_nan=False).encode()
    s3.write_object(bucket, verdict_key(endpoint, variant, start), body)


def read_verdict(bucket: str, endpoint: str, variant: str, start: datetime) -> dict[str, Any] | None:
    """The stored verdict on the window that started then."""
    return _read(bucket, verdict_key(endpoint, variant, start))


def last_verdict(bucket: str, endpoint: str, variant: str, ended_by: datetime) -> dict[str, Any] | None:
    """The stored verdict on the last window that had ended by a moment."""
    prefix = quality_prefix(endpoint, variant)
    for key in reversed(list(s3.list_keys(bucket, prefix, before=verdict_key(endpoint, variant, ended_by)))):
        document = _read(bucket, key)
        if document and datetime.fromisoformat(document["window"]["end"]) <= ended_by:
            return document
    return None


def read_reference(bucket: str, endpoint: str, variant: str) -> tuple[KeyedRows, dict[str, Any]] | None:
    """The labelled rows that quality is compared with, and what they are; None when there are none.

    Raises KeyedRowsError when they cannot be read."""
    rows_key, about_key = reference_keys(endpoint, variant)
    about = _read(bucket, about_key)
    return None if about is None else (decode_rows(s3.read_object(bucket, rows_key)), about)


def name_of_reference(bucket: str, endpoint: str, variant: str) -> str:
    """The name of the labelled rows that quality is compared with, "" while there are not enough of them."""
    about = _read(bucket, reference_keys(endpoint, variant)[1])
    return str(about["name"]) if about else ""


def write_reference(bucket: str, endpoint: str, variant: str, rows: KeyedRows, about: Mapping[str, Any]) -> None:
    """Store labelled rows to compare quality with, and what they are. `about` has their `name`."""
    rows_key, about_key = reference_keys(endpoint, variant)
    s3.write_object(bucket, rows_key, encode_rows(rows), content_type="application/octet-stream")
    s3.write_object(bucket, about_key, json.dumps(about, indent=1).encode())


def _read(bucket: str, key: str) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(s3.read_object(bucket, key))
    except s3.ObjectNotFoundError:
        return None
    return document
