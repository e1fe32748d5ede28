"""What outcomes are joined from: the files that the business writes when it knows what predictions were worth, and the
answers that were kept."""

import gzip
from collections.abc import Iterable
from datetime import datetime

from botocore.exceptions import ClientError

from trimtab.aws import s3
from trimtab.aws.quality_rows import read_rows, row_files
from trimtab.cost.outcome_values import OutcomeFileError, Values, merge_values, read_values
from trimtab.quality.kept import answers_prefix
from trimtab.quality.keyed_rows import KeyedRows


def read_outcomes(uri: str, since: datetime) -> Values:
    """The values in the files below `s3://bucket/prefix` that were written since a moment, the later ones counting.

    Raises OutcomeFileError.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    try:
        listed = [(written, key) for key, written in s3.list_written(bucket, prefix) if not key.endswith("/")]
    except ClientError as error:
        raise OutcomeFileError(f"{uri}: {error}") from error
    return merge_values(_read(bucket, key) for written, key in sorted(listed) if written >= since)


def answers_between(bucket: str, endpoint: str, variants: Iterable[str], start: datetime, end: datetime) -> KeyedRows:
    """The answers that variants gave from `start` until before `end`, both whole hours. Raises KeyedRowsError."""
    files = (row_files(bucket, answers_prefix(endpoint, each), start, end) for each in variants)
    return read_rows(bucket, [key for hours in files for keys in hours.values() for key in keys])


def _read(bucket: str, key: str) -> Values:
    source = f"s3://{bucket}/{key}"
    try:
        body = s3.read_object(bucket, key)
        text = (gzip.decompress(body) if key.endswith(".gz") else body).decode("utf-8")
    except (ClientError, s3.ObjectNotFoundError, s3.ObjectArchivedError, OSError, EOFError, ValueError) as error:
        raise OutcomeFileError(f"{source}: {error}") from error
    return read_values(text.splitlines(keepends=True), source)
