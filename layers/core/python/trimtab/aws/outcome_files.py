"""What outcomes are joined from: the files that the business writes when it knows what predictions were worth, and the
answers that were kept."""

import gzip
from collections.abc import Callable, Iterable
from datetime import datetime

from botocore.exceptions import ClientError

from trimtab.aws import s3
from trimtab.aws.again import again_on
from trimtab.aws.quality_rows import read_parts, row_files
from trimtab.cost.outcome_values import OutcomeFileError, Values, merge_values, read_values
from trimtab.quality.kept import answers_prefix
from trimtab.quality.keyed_rows import KeyedRows

MOST_BYTES = 64 * 2**20
"""Of one file, some million outcomes: what fits into memory."""
_GZIP = 4
"""So many times smaller ids and numbers get by gzip, at least."""


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


def of_answers_between[Result](
    bucket: str,
    endpoint: str,
    variants: Iterable[str],
    start: datetime,
    end: datetime,
    work: Callable[[Iterable[KeyedRows]], Result],
) -> Result:
    """What some work makes of the answers that variants gave from `start` until before `end`, both whole hours: it gets
    them in parts, for all together may not fit into memory, and maybe again from the first one. Raises KeyedRowsError.
    """
    prefixes = [answers_prefix(endpoint, each) for each in variants]

    def once() -> Result:
        files = (keys for prefix in prefixes for keys in row_files(bucket, prefix, start, end).values())
        return work(read_parts(bucket, (key for keys in files for key in keys)))

    return again_on(s3.ObjectNotFoundError, once)


def _read(bucket: str, key: str) -> Values:
    source = f"s3://{bucket}/{key}"
    most = MOST_BYTES // _GZIP if key.endswith(".gz") else MOST_BYTES
    try:
        found = s3.open_object(bucket, key)
        if found.size > most:
            raise ValueError(f"has {found.size:,} bytes, at most {most:,} are read: write several files")
        body = b"".join(found.chunks)
        text = (gzip.decompress(body) if key.endswith(".gz") else body).decode("utf-8")
    except (ClientError, s3.ObjectNotFoundError, s3.ObjectArchivedError, OSError, EOFError, ValueError) as error:
        raise OutcomeFileError(f"{source}: {error}") from error
    return read_values(text.splitlines(keepends=True), source)
