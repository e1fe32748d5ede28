"""The records of models' versions in the state bucket. A record is created once and never written again."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from trimtab.aws import s3
from trimtab.training.version_record import (
    VersionRecord,
    VersionRecordError,
    next_record_place,
    parse_record,
    record_bytes,
)

_KEY = re.compile(r"versions/[^/]+/(\d+)\.json")
_MOST_RACES = 5


class BusyChainError(RuntimeError):
    """Others were faster at adding a record to a chain, each time. The message names the group."""


def record_versions(bucket: str, group: str) -> list[int]:
    """The versions of a group that have a record, in their order."""
    found = (_KEY.fullmatch(key) for key in s3.list_keys(bucket, f"versions/{group}/"))
    return sorted(int(match[1]) for match in found if match)


def read_record(bucket: str, group: str, version: int) -> bytes:
    """A record as it is stored. Raises ObjectNotFoundError."""
    return s3.read_object(bucket, f"versions/{group}/{version}.json")


def create_record(bucket: str, record: VersionRecord) -> bool:
    """Store a record unless there is one of its version. False: there is one, which stays."""
    return s3.create_object(bucket, record.key, record_bytes(record))


def append_record(
    bucket: str, group: str, job_arn: str, since: datetime, made: Callable[[int, str | None], VersionRecord]
) -> VersionRecord:
    """The record of a training job: the one that is there already, or else a new one at the end of the chain. `since`:
    when the training was begun, before which none is searched for. `made`: the record of a version with that
    `previous_sha256`.

    Raises BusyChainError.
    """
    for _ in range(_MOST_RACES):
        present = record_versions(bucket, group)
        if own := _record_of_job(bucket, group, present, job_arn, since):
            return own
        version, previous = next_record_place({last: read_record(bucket, group, last) for last in present[-1:]})
        record = made(version, previous)
        if create_record(bucket, record):
            return record
    raise BusyChainError(f"others keep adding records to {group}")


def _record_of_job(
    bucket: str, group: str, present: Sequence[int], job_arn: str, since: datetime
) -> VersionRecord | None:
    """The record of a training job, when a run that died has made it."""
    for version in reversed(present):
        try:
            record = parse_record(read_record(bucket, group, version))
        except VersionRecordError:
            continue  # `trimtab versions verify` tells of it
        if record.training_job == job_arn:
            return record
        if record.created < since:
            return None
    return None
