"""The records of models' versions in the state bucket. A record is created once and never written again."""

import re

from trimtab.aws import s3
from trimtab.training.version_record import VersionRecord, record_bytes

_KEY = re.compile(r"versions/[^/]+/(\d+)\.json")


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
