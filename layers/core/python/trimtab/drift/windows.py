"""Tumbling windows over event time, each long enough to be judged."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from trimtab.drift.thresholds import DriftThresholds

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HourRows:
    """How many rows an hour has. `hour` is its start."""

    hour: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class Window:
    """Whole hours from `start` to before `end`. `hours`: starts of those that have rows."""

    start: datetime
    end: datetime
    hours: tuple[datetime, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Windows to judge, oldest first, and the one that still fills, which needs `rows_needed` more."""

    closed: tuple[Window, ...]
    open: Window | None
    rows_needed: int


def plan_windows(
    hours: Iterable[HourRows],
    *,
    start: datetime | None,
    until: datetime,
    now: datetime,
    watermark: timedelta,
    thresholds: DriftThresholds,
    max_hours: int,
) -> WindowPlan:
    """Cut the hours at or after `start` into windows.

    A window starts at its first hour with rows and ends with the hour in which it reached `alert_rows` rows, or after
    `max_hours` with however many it has. An hour counts when it ended at `until` or before, and `watermark` before
    `now`, so that late captures are in. The order of `hours` does not matter; rows of one hour given twice add up. An
    open window ends where the hours that count end.

    Raises ValueError when an hour is no whole hour or has no time zone.
    """
    horizon = whole_hour(min(until, now - watermark))
    rows: Counter[datetime] = Counter()
    for each in hours:
        if each.hour.tzinfo is None or each.hour != whole_hour(each.hour):
            raise ValueError(f"{each.hour.isoformat()} is not the start of an hour with a time zone")
        if each.rows > 0 and (start is None or each.hour >= start) and each.hour + HOUR <= horizon:
            rows[each.hour.astimezone(UTC)] += each.rows
    closed: list[Window] = []
    filling: list[datetime] = []
    for hour in sorted(rows):
        if filling and hour >= (latest := filling[0] + max_hours * HOUR):
            closed.append(_window(filling, rows, latest))
            filling = []
        filling.append(hour)
        if sum(rows[each] for each in filling) >= thresholds.alert_rows:
            closed.append(_window(filling, rows, hour + HOUR))
            filling = []
    if filling and (latest := filling[0] + max_hours * HOUR) <= horizon:
        closed.append(_window(filling, rows, latest))
        filling = []
    still_open = _window(filling, rows, horizon) if filling else None
    return WindowPlan(tuple(closed), still_open, thresholds.alert_rows - (still_open.rows if still_open else 0))


def _window(hours: list[datetime], rows: Counter[datetime], end: datetime) -> Window:
    return Window(hours[0], end, tuple(hours), sum(rows[hour] for hour in hours))


def whole_hour(moment: datetime) -> datetime:
    """The start of the hour (UTC) that a moment lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def iso(moment: datetime) -> str:
    """A moment (UTC) as documents have it: "2026-11-20T08:00:00Z"."""
    return moment.isoformat().replace("+00:00", "Z")
