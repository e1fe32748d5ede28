"""Freeze windows: times in which nobody wants a change. Rolling back is no change in this sense."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = timedelta(days=7)
_WEEKLY = re.compile(r"([a-z]{3})\w* (\d\d):(\d\d) ?- ?([a-z]{3})\w* (\d\d):(\d\d)", re.IGNORECASE)


class FreezeError(ValueError):
    """No freeze window."""


def parse_window(text: str) -> tuple[timedelta, timedelta] | tuple[datetime, datetime]:
    """A window's start and end: within the week, from Monday 00:00 UTC, or as moments.

    `Fri 16:00 - Mon 07:00` is UTC and comes back each week; `2026-12-20T00:00Z / 2027-01-03T00:00Z` comes once.
    Raises FreezeError.
    """
    weekly = _WEEKLY.fullmatch(text.strip())
    if weekly:
        first, second = weekly.groups()[:3], weekly.groups()[3:]
        return _within_week(*first), _within_week(*second)
    start, separator, end = (part.strip() for part in text.partition("/"))
    try:
        window = datetime.fromisoformat(start), datetime.fromisoformat(end)
    except ValueError as error:
        raise FreezeError(f"{text!r} is neither `Fri 16:00 - Mon 07:00` nor `<start> / <end>` in ISO 8601") from error
    if not separator or any(moment.tzinfo is None for moment in window):
        raise FreezeError(f"{text!r}: give both moments with their offset, as in 2026-12-20T00:00Z")
    if window[1] <= window[0]:
        raise FreezeError(f"{text!r} ends before it starts")
    return window


def frozen_by(windows: Iterable[str], now: datetime) -> str:
    """The first window that holds now, "" when none does. Raises FreezeError."""
    moment = now.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    in_week = timedelta(days=moment.weekday()) + (moment - midnight)
    for text in windows:
        start, end = parse_window(text)
        if isinstance(start, datetime) and isinstance(end, datetime):
            if start <= moment < end:
                return text
        elif isinstance(start, timedelta) and isinstance(end, timedelta):
            length = (end - start) % _WEEK or _WEEK
            if (in_week - start) % _WEEK < length:
                return text
    return ""


def _within_week(day: str, hour: str, minute: str) -> timedelta:
    if day.lower() not in _DAYS or int(hour) > 24 or int(minute) > 59:
        raise FreezeError(f"{day} {hour}:{minute} is no time of a week")
    return timedelta(days=_DAYS.index(day.lower()), hours=int(hour), minutes=int(minute))
