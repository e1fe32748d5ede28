"""Requests that an endpoint once answered, to be asked again of a canary."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from trimtab.aws import s3
from trimtab.capture.lines import Group, groups
from trimtab.rollout.smoke import SmokeCase, golden_cases

_DAYS_BACK = 7
_MOST_BYTES = 8 << 20


class NoGoldenRequestsError(LookupError):
    """There is no file to take them from. The message says where it was looked for."""


def read_golden(
    uri: str | None, config: Mapping[str, Any], endpoint: str, variant: str, most: int, now: datetime
) -> tuple[list[SmokeCase], str]:
    """At most so many golden requests, and the file they are from: the one at `uri`, else the newest that the variant's
    captures have. `config`: the endpoint config, which says where captures go. Raises NoGoldenRequestsError."""
    bucket, key = _split(uri) if uri else _newest_capture(config, endpoint, variant, now)
    try:
        opened = s3.open_object(bucket, key)
    except (s3.ObjectNotFoundError, s3.ObjectForbiddenError, s3.ObjectArchivedError) as error:
        raise NoGoldenRequestsError(str(error)) from error
    return golden_cases(_lines(opened), most), f"s3://{bucket}/{key}"


def _newest_capture(config: Mapping[str, Any], endpoint: str, variant: str, now: datetime) -> tuple[str, str]:
    capture = config.get("DataCaptureConfig", {})
    if not capture.get("EnableCapture", False):
        raise NoGoldenRequestsError(f"{endpoint} captures no data")
    bucket, prefix = _split(capture["DestinationS3Uri"])
    folder = "/".join(part for part in (prefix.strip("/"), endpoint, variant) if part)
    try:
        for days in range(_DAYS_BACK):
            day = now - timedelta(days=days)
            keys = [key for key in s3.list_keys(bucket, f"{folder}/{day:%Y/%m/%d}/") if key.endswith(".jsonl")]
            if keys:
                return bucket, max(keys)
    except ClientError as error:
        raise NoGoldenRequestsError(f"s3://{bucket}/{folder}/: {error}") from error
    raise NoGoldenRequestsError(f"s3://{bucket}/{folder}/ has no capture of the last {_DAYS_BACK} days")


def _lines(opened: s3.OpenObject) -> Iterator[bytes]:
    """The lines of a capture file, of a great one its first 8 MB."""
    for group in groups(opened.chunks, group_bytes=_MOST_BYTES):
        if isinstance(group, Group):
            yield from bytes(group.data).splitlines()
        return


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
