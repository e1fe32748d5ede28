"""AWS's billing reports in S3, as Data Exports delivers them: `<prefix>/data/BILLING_PERIOD=2026-11/…`, where each
refresh takes the place of the one before or makes a folder of its own."""

import gzip
import io
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from trimtab.aws import s3
from trimtab.cost.billing_report import Billed, BillingReportError, add_billed, read_report

_PARTITION = re.compile(r"(.*/data/billing_period=(\d{4}-\d{2})/.*?)[^/]*", re.IGNORECASE)
_CSV = ".csv.gz"

type Files = Mapping[str, datetime]
"""Keys of files, each with when it was written."""


def newest_files(bucket: str, prefix: str, months: Collection[str]) -> dict[str, Files]:
    """The files of the last refresh of these months (as `2026-11`), by month, whatever their format."""
    folders: dict[str, dict[str, dict[str, datetime]]] = {}
    for key, written in s3.list_written(bucket, prefix):
        found = _PARTITION.fullmatch(key)
        if found and found[2] in months and not key.endswith("/"):
            folders.setdefault(found[2], {}).setdefault(found[1], {})[key] = written
    return {month: max(each.values(), key=lambda files: max(files.values())) for month, each in folders.items()}


def read_bills(
    bucket: str, files: Mapping[str, Files], *, account: str, region: str
) -> tuple[dict[str, Billed], list[str]]:
    """What the reports of months, each in its files, say of the endpoints of an account and region, by month in order;
    and why those cannot be used that are left out."""
    bills, problems = dict[str, Billed](), list[str]()
    for month, keys in sorted(files.items()):
        try:
            bills[month] = add_billed([_read(bucket, key, account=account, region=region) for key in keys])
        except BillingReportError as error:
            problems.append(str(error))
    return bills, problems


def _read(bucket: str, key: str, *, account: str, region: str) -> Billed:
    source = f"s3://{bucket}/{key}"
    if not key.endswith(_CSV):
        raise BillingReportError(f"{source}: only CSV with gzip is read: let the export be text/csv, not Parquet")
    try:
        return read_report(report_lines(bucket, key), source, account=account, region=region)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BillingReportError(f"{source}: {error}") from error


def report_lines(bucket: str, key: str) -> Iterator[str]:
    """The lines of a gzipped file of text, read as they are needed. Raises ObjectNotFoundError, and OSError or EOFError
    when it is not gzip."""
    stream = io.BufferedReader(_Chunks(s3.open_object(bucket, key).chunks))
    with gzip.open(stream, "rt", encoding="utf-8", newline="") as lines:
        yield from lines


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a file to read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._chunks, b"")
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)
