"""The state bucket: packs, references, verdicts of windows and quarantine, each under its prefix."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import takewhile
from typing import Any

from trimtab.aws import s3
from trimtab.capture.pack import (
    ObjectProfile,
    PackKey,
    decode_pack,
    encode_pack,
    parse_pack_key,
    variant_prefix,
)
from trimtab.capture.reference import Reference, decode_reference, encode_reference
from trimtab.capture.sample import RowSample
from trimtab.capture.sample_document import decode_sample, encode_sample
from trimtab.capture.variants import BATCH

LONGEST_WINDOW = timedelta(days=91)
"""A window of drift is shorter: `max_window_hours` is 90 days at most. So not all windows ever are listed."""
CURRENT = "current"
"""The name of the reference that live data is compared with; an endpoint may have others beside it."""


def write_pack(bucket: str, key: PackKey, objects: Iterable[ObjectProfile]) -> None:
    """Write one pack. Writing it again changes nothing."""
    s3.write_object(bucket, str(key), encode_pack(objects), content_type="application/octet-stream")


def variants_with_packs(bucket: str, endpoint: str) -> list[str]:
    """The variants of an endpoint that ever had a capture."""
    return s3.list_folders(bucket, f"profiles/{endpoint}/")


def pack_keys(bucket: str, endpoint: str, variant: str, start: datetime | None, end: datetime) -> Iterator[PackKey]:
    """Keys of the packs of hours from `start` (None: the first there is) until before `end`, in order of time."""
    prefix = variant_prefix(endpoint, variant)
    start_after = f"{prefix}{start:%Y/%m/%d/%H}/" if start else ""
    for key in s3.list_keys(bucket, prefix, start_after, before=f"{prefix}{end:%Y/%m/%d/%H}/"):
        parsed = parse_pack_key(key)
        if parsed is not None:
            yield parsed


def packs_written(
    bucket: str, endpoint: str, variant: str, start: datetime, end: datetime
) -> list[tuple[PackKey, datetime]]:
    """The packs of hours from `start` until before `end`, in order of time, each with when it was written."""
    prefix = variant_prefix(endpoint, variant)
    listed = s3.list_written(
        bucket, prefix, start_after=f"{prefix}{start:%Y/%m/%d/%H}/", before=f"{prefix}{end:%Y/%m/%d/%H}/"
    )
    return [(parsed, written) for key, written in listed if (parsed := parse_pack_key(key)) is not None]


def endpoints_with_packs(bucket: str) -> list[str]:
    """The endpoints that ever had a capture."""
    return s3.list_folders(bucket, "profiles/")


def batch_destinations(bucket: str) -> list[str]:
    """The names under which batch transforms capture. SageMaker has no list of them: their profiles tell."""
    return [name for name in endpoints_with_packs(bucket) if not BATCH.isdisjoint(variants_with_packs(bucket, name))]


def read_packs(bucket: str, keys: Iterable[PackKey]) -> list[list[ObjectProfile]]:
    """The packs, in the order of their keys. Raises PackError when one cannot be read."""
    return [decode_pack(body) for body in s3.read_objects(bucket, map(str, keys))]


def delete_packs(bucket: str, keys: Iterable[PackKey]) -> None:
    """Delete packs whose objects are in other packs too."""
    s3.delete_objects(bucket, map(str, keys))


def read_reference(bucket: str, endpoint: str, name: str = CURRENT) -> Reference | None:
    """A reference of the endpoint, None when there is none of that name."""
    try:
        return decode_reference(s3.read_object(bucket, _reference_key(endpoint, name)))
    except s3.ObjectNotFoundError:
        return None


def create_reference(bucket: str, endpoint: str, reference: Reference, name: str = CURRENT) -> bool:
    """Make this a reference of the endpoint unless it has one of that name. False: it had one, which stays."""
    return s3.create_object(bucket, _reference_key(endpoint, name), encode_reference(reference))


def replace_reference(bucket: str, endpoint: str, reference: Reference, name: str = CURRENT) -> None:
    """Store a reference of the endpoint under a name; as CURRENT it is what live data is compared with."""
    s3.write_object(bucket, _reference_key(endpoint, name), encode_reference(reference))


def write_reference_sample(bucket: str, endpoint: str, sample: RowSample | None, name: str = CURRENT) -> None:
    """Store the row sample of a reference in the place of the former one's; None: this one has no rows to show."""
    body = encode_sample(sample or RowSample())
    s3.write_object(bucket, _sample_key(endpoint, name), body, content_type="application/octet-stream")


def read_reference_sample(bucket: str, endpoint: str, name: str = CURRENT) -> RowSample | None:
    """The row sample of a reference, None when it has none. Raises SampleError when it cannot be read."""
    try:
        sample = decode_sample(s3.read_object(bucket, _sample_key(endpoint, name)))
    except s3.ObjectNotFoundError:
        return None
    return sample if sample.rows else None


def write_window(bucket: str, endpoint: str, variant: str, start: datetime, verdict: Mapping[str, Any]) -> None:
    """Store a window's verdict with its evidence."""
    s3.write_object(bucket, window_key(endpoint, variant, start), json.dumps(verdict, indent=1).encode())


def read_window(bucket: str, endpoint: str, variant: str, start: datetime) -> dict[str, Any] | None:
    """The stored verdict of the window that started then, None without any."""
    try:
        document: dict[str, Any] = json.loads(s3.read_object(bucket, window_key(endpoint, variant, start)))
    except s3.ObjectNotFoundError:
        return None
    return document


def windows_stored(bucket: str, endpoint: str, variant: str, since: datetime) -> dict[datetime, datetime]:
    """When the verdict of each window that started after `since` was last stored, by the window's start."""
    listed = s3.list_written(bucket, f"windows/{endpoint}/{variant}/", start_after=window_key(endpoint, variant, since))
    return {_start_of(key): written for key, written in listed}


def last_window(bucket: str, endpoint: str, variant: str, ended_by: datetime) -> dict[str, Any] | None:
    """The stored verdict of the last window that had ended by a moment, None without any."""
    return next(_windows_backwards(bucket, endpoint, variant, ended_by), None)


def windows_ended_since(
    bucket: str, endpoint: str, variant: str, since: datetime, ended_by: datetime
) -> list[dict[str, Any]]:
    """The stored verdicts of the windows that ended after `since` and by `ended_by`, oldest first."""
    latest = takewhile(
        lambda document: datetime.fromisoformat(document["window"]["end"]) > since,
        _windows_backwards(bucket, endpoint, variant, ended_by, started_after=since - LONGEST_WINDOW),
    )
    return list(latest)[::-1]


def write_quarantine(bucket: str, day: datetime, what: str, document: Mapping[str, Any]) -> None:
    """Store what could not be read and why: `what` it is, such as an object's address, makes its name, so that there is
    one document of it on a day."""
    name = sha256(what.encode()).hexdigest()[:32]
    s3.write_object(bucket, f"quarantine/{day:%Y/%m/%d}/{name}.json", json.dumps(document, indent=1).encode())


def write_rollout(bucket: str, endpoint: str, rollout: str, document: Mapping[str, Any]) -> None:
    """Store the whole history of a rollout, in the place of what was stored of it before."""
    s3.write_object(bucket, rollout_key(endpoint, rollout), json.dumps(document, indent=1).encode())


def read_rollout(bucket: str, endpoint: str, rollout: str) -> dict[str, Any] | None:
    """The stored history of a rollout, None without any."""
    try:
        document: dict[str, Any] = json.loads(s3.read_object(bucket, rollout_key(endpoint, rollout)))
    except s3.ObjectNotFoundError:
        return None
    return document


def rollout_key(endpoint: str, rollout: str) -> str:
    """Where the history of a rollout lies."""
    return f"rollouts/{endpoint}/{rollout}.json"


def _windows_backwards(
    bucket: str, endpoint: str, variant: str, ended_by: datetime, started_after: datetime | None = None
) -> Iterator[dict[str, Any]]:
    before = window_key(endpoint, variant, ended_by)
    after = window_key(endpoint, variant, started_after) if started_after else ""
    for key in reversed(list(s3.list_keys(bucket, f"windows/{endpoint}/{variant}/", start_after=after, before=before))):
        document: dict[str, Any] = json.loads(s3.read_object(bucket, key))
        if datetime.fromisoformat(document["window"]["end"]) <= ended_by:
            yield document


def _reference_key(endpoint: str, name: str = CURRENT) -> str:
    return f"references/{endpoint}/{name}.json"


def _sample_key(endpoint: str, name: str) -> str:
    return f"references/{endpoint}/{name}.sample"


def report_key(endpoint: str, variant: str, start: datetime) -> str:
    """Where the report on a window that started then lies, once there is one."""
    return f"reports/{endpoint}/{variant}/{start:%Y-%m-%dT%H}/drift.html"


def window_key(endpoint: str, variant: str, start: datetime) -> str:
    """Where the verdict of a window that started then lies."""
    return f"windows/{endpoint}/{variant}/{start:%Y-%m-%dT%H}.json"


def _start_of(key: str) -> datetime:
    return datetime.strptime(key.rpartition("/")[2], "%Y-%m-%dT%H.json").replace(tzinfo=UTC)


def series_key(endpoint: str, variant: str) -> str:
    """Where the score series of a variant lies."""
    return f"series/{endpoint}/{variant}.json"
