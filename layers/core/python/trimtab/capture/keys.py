"""The S3 keys of capture objects."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_CAPTURE_KEY = re.compile(
    r"(?:.*/)?(?P<endpoint>[^/]+)/(?P<variant>[^/]+)/(?P<hour>\d{4}/\d\d/\d\d/\d\d)/[^/]+\.jsonl(?:\.gz)?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class CaptureKey:
    """Where a capture object lies: `hour` (UTC) is when its first record was buffered, not when all were answered."""

    endpoint: str
    variant: str
    hour: datetime


def parse_capture_key(key: str) -> CaptureKey | None:
    """The parts of `…/{endpoint}/{variant}/yyyy/mm/dd/hh/{file}.jsonl[.gz]`, or None when the key is no capture's."""
    match = _CAPTURE_KEY.fullmatch(key)
    if match is None:
        return None
    try:
        hour = datetime.strptime(match["hour"], "%Y/%m/%d/%H").replace(tzinfo=UTC)
    except ValueError:
        return None
    return CaptureKey(match["endpoint"], match["variant"], hour)
