"""The S3 keys of capture objects, of a batch transform's manifests and of ground truth."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from trimtab.capture.variants import BATCH_INPUT, BATCH_OUTPUT

_CAPTURE_KEY = re.compile(
    r"(?:.*/)?(?P<endpoint>[^/]+)/(?P<variant>[^/]+)/(?P<hour>\d{4}/\d\d/\d\d/\d\d)/[^/]+\.jsonl(?:\.gz)?", re.DOTALL
)
_MANIFEST_KEY = re.compile(
    r"(?:(?:.*/)?(?P<endpoint>[^/]+)/)?(?P<side>input|output)/(?P<hour>\d{4}/\d\d/\d\d/\d\d)/[^/]+\.json", re.DOTALL
)
_LABEL_KEY = re.compile(r"(?:[^/]*/)?(?P<hour>\d{4}/\d\d/\d\d/\d\d)/[^/]+\.jsonl(?:\.gz)?", re.DOTALL)


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
    hour = _hour(match["hour"])
    return None if hour is None else CaptureKey(match["endpoint"], match["variant"], hour)


def parse_manifest_key(bucket: str, key: str) -> CaptureKey | None:
    """The parts of a batch transform's manifest `{destination}/input|output/yyyy/mm/dd/hh/{file}.json`, or None when
    the key is none's. The destination's last folder, else the bucket, stands for the endpoint; the variant is
    BATCH_INPUT or BATCH_OUTPUT."""
    match = _MANIFEST_KEY.fullmatch(key)
    hour = match and _hour(match["hour"])
    if not match or not hour:
        return None
    return CaptureKey(match["endpoint"] or bucket, BATCH_INPUT if match["side"] == "input" else BATCH_OUTPUT, hour)


def is_label_key(key: str) -> bool:
    """Whether this is `[{folder}/]yyyy/mm/dd/hh/{file}.jsonl[.gz]`: no capture, which lies below two folders, so ground
    truth. What lies deeper only its content tells."""
    match = _LABEL_KEY.fullmatch(key)
    return match is not None and _hour(match["hour"]) is not None


def _hour(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y/%m/%d/%H").replace(tzinfo=UTC)
    except ValueError:
        return None
