"""Where in the state bucket answers, labels and verdicts on quality are kept."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from trimtab.quality.keyed_rows import KeyedRows

ANSWERS = "answers/"
"""The endpoints of which answers are kept are the folders below here."""
_HOUR = "%Y/%m/%d/%H"
_FOLDER = re.compile(r"(?:answers|labels)/.+/(\d{4}/\d\d/\d\d/\d\d)/[^/]+\.rows")
_ENDPOINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_LABEL_KEY = re.compile(r"(?:(?:.*/)?(?P<folder>[^/]+)/)?(?P<hour>\d{4}/\d\d/\d\d/\d\d)/[^/]+", re.DOTALL)


@dataclass(frozen=True)
class KeptRows:
    """Answers or labels that one object adds to a folder of the state bucket."""

    folder: str
    rows: KeyedRows


def variants_prefix(endpoint: str) -> str:
    """The variants of an endpoint that have answers are the folders below here."""
    return f"{ANSWERS}{endpoint}/"


def answers_prefix(endpoint: str, variant: str) -> str:
    """Answers of a variant lie below here, in a folder for each hour of event time."""
    return f"{variants_prefix(endpoint)}{variant}/"


def labels_prefix(endpoint: str) -> str:
    """Labels of an endpoint lie below here, in a folder for each hour in which they were collected."""
    return f"labels/{endpoint}/"


def hour_folder(prefix: str, hour: datetime) -> str:
    """The folder of one hour below a prefix."""
    return f"{prefix}{hour.astimezone(UTC):{_HOUR}}/"


def hour_of(key: str) -> datetime | None:
    """The hour that a file of keyed rows belongs to, None for what is no such file."""
    match = _FOLDER.fullmatch(key)
    return None if match is None else datetime.strptime(match[1], _HOUR).replace(tzinfo=UTC)


def quality_prefix(endpoint: str, variant: str) -> str:
    """Whatever is known of the quality of a variant lies below here."""
    return f"quality/{endpoint}/{variant}/"


def verdict_key(endpoint: str, variant: str, start: datetime) -> str:
    """Where the verdict on the quality window that started then lies."""
    return f"{quality_prefix(endpoint, variant)}{start.astimezone(UTC):%Y-%m-%dT%H}.json"


def series_key(endpoint: str, variant: str) -> str:
    """Where the verdicts of the last 90 days lie, in short."""
    return f"{quality_prefix(endpoint, variant)}series.json"


def reference_keys(endpoint: str, variant: str) -> tuple[str, str]:
    """Where the labelled rows lie that quality is compared with, and what they are."""
    prefix = quality_prefix(endpoint, variant)
    return f"{prefix}reference.rows", f"{prefix}reference.json"


def parse_label_key(key: str) -> tuple[str, datetime] | None:
    """Of an uploaded ground-truth object the folder above its `yyyy/mm/dd/hh` ("" without one, or when no endpoint can
    have such a name), which by default is named like the endpoint, and the hour in which its labels were collected;
    None for another key."""
    match = _LABEL_KEY.fullmatch(key)
    if match is None:
        return None
    folder = match["folder"] or ""
    try:
        hour = datetime.strptime(match["hour"], _HOUR).replace(tzinfo=UTC)
    except ValueError:
        return None
    return folder if _ENDPOINT.fullmatch(folder) else "", hour


def collected_at(hour: datetime, modified: datetime) -> int:
    """When labels were collected, in seconds since 1970: when their object was written, as far as that lies in the hour
    in its key, else the end or beginning of that. So a copy of it, made later, counts as the same."""
    first = int(hour.timestamp())
    return min(max(int(modified.timestamp()), first), first + 3599)
