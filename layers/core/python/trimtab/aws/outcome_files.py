"""What outcomes are joined from: the files that the business writes when it knows what predictions were worth, and the
answers that were kept."""

import gzip
from collections.abc import Iterable, Sequence
from datetime import datetime

from botocore.exceptions import ClientError

from trimtab.aws import s3
from trimtab.aws.again import again_on
from trimtab.aws.quality_rows import read_parts, row_files
from trimtab.cost.ledger import DAY
from trimtab.cost.outcome_values import OutcomeFileError, Outcomes, Values, merge_values, outcomes_among, read_values
from trimtab.quality.kept import answers_prefix, variants_prefix
from trimtab.rollout.request import CANARY

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


def canary_days(bucket: str, endpoint: str, days: Sequence[datetime]) -> list[datetime]:
    """Those of the days, given by their starts in order, on which an endpoint's canary gave answers that were kept."""
    if not days:
        return []
    hours = row_files(bucket, answers_prefix(endpoint, CANARY), days[0], days[-1] + DAY)
    return [day for day in days if any(day <= hour < day + DAY for hour in hours)]


def outcomes_of_day(bucket: str, endpoint: str, values: Values, day: datetime) -> tuple[Outcomes, Outcomes]:
    """The outcomes of the answers that an endpoint's canary gave on a day, given by its start, and of those that its
    other variants gave. Raises KeyedRowsError."""
    others = [each for each in s3.list_folders(bucket, variants_prefix(endpoint)) if each != CANARY]
    canary = _outcomes(bucket, [answers_prefix(endpoint, CANARY)], values, day)
    return canary, _outcomes(bucket, [answers_prefix(endpoint, each) for each in others], values, day)


def _outcomes(bucket: str, prefixes: Iterable[str], values: Values, day: datetime) -> Outcomes:
    """The outcomes of a day's answers below these prefixes, read in parts: all together may not fit into memory."""

    def once() -> Outcomes:
        files = (keys for prefix in prefixes for keys in row_files(bucket, prefix, day, day + DAY).values())
        return outcomes_among(read_parts(bucket, (key for keys in files for key in keys)), values)

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
