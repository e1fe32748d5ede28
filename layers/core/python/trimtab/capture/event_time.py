"""Event times as captures spell them."""

from datetime import UTC, datetime

from trimtab.capture.faults import FaultError, excerpt

# Epoch seconds of the years 2001 to 5138, and the same in milliseconds: the ranges do not overlap.
_SECONDS = (1e9, 1e11)
_FIRST_YEAR = 2000


def parse_event_time(text: str) -> datetime:
    """A UTC time from ISO 8601 (no zone means UTC) or from epoch seconds or milliseconds.

    Raises FaultError with reason `bad_time`.
    """
    moment = _from_iso(text) if "-" in text[1:] and ":" in text else _from_epoch(text)
    if moment is None or moment.year < _FIRST_YEAR:
        raise FaultError("bad_time", f"inferenceTime is {excerpt(text)}")
    return moment


def _from_epoch(text: str) -> datetime | None:
    low, high = _SECONDS
    try:
        number = float(text)
    except ValueError:
        return None
    if low * 1000 <= number < high * 1000:
        number /= 1000
    return datetime.fromtimestamp(number, UTC) if low <= number < high else None


def _from_iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
