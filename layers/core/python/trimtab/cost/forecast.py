"""What an endpoint cost this month so far, and what it will have cost at the month's end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum
from statistics import fmean, median

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LEARNED = timedelta(days=28)
"""What an hour usually costs is learned from so many days."""

MIN_KNOWN_HOURS = 24
MIN_KNOWN_SHARE = 0.8
"""With fewer known hours, or a smaller share of them known, nothing is forecast."""


@dataclass(frozen=True, slots=True)
class MonthCost:
    """Cost of a calendar month (UTC) in US dollars.

    `known_usd`: of the `known_hours` so far; `unknown_hours` are those that are not known. `to_date_usd`: with these
    estimated. `forecast_usd`: at the month's end, within `low_usd` and `high_usd` if all days to come cost what the
    cheapest and the dearest of the last seven did. None: there is too little to tell.
    """

    known_usd: float
    known_hours: int
    unknown_hours: int
    to_date_usd: float | None
    forecast_usd: float | None
    low_usd: float | None
    high_usd: float | None


def forecast_month(
    costs: Mapping[datetime, float | None], now: datetime, *, created: datetime, changed: datetime | None = None
) -> MonthCost:
    """The cost of the month that `now` is in.

    `costs`: by the start of the hour, as far back as there are; a missing one is unknown, unless it was before the
    endpoint was `created`. `changed`: when the endpoint last got other instances, which makes what it cost before a bad
    teacher.
    """
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (month + 32 * DAY).replace(day=1)
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    past = list(_hours(max(month, created.replace(minute=0, second=0, microsecond=0)), this_hour))
    future = list(_hours(this_hour, end))

    known = {hour: usd for hour in past if (usd := costs.get(hour)) is not None}
    since = max(now - LEARNED, changed or created)
    learned = {hour: usd for hour, usd in costs.items() if usd is not None and since <= hour < this_hour}
    known_usd = fsum(known.values())
    unknown_hours = len(past) - len(known)
    known_share = len(known) / len(past) if past else 1.0
    if len(learned) < MIN_KNOWN_HOURS or known_share < MIN_KNOWN_SHARE:
        to_date = known_usd if not unknown_hours else None
        return MonthCost(known_usd, len(known), unknown_hours, to_date, None, None, None)

    usual = _UsualCost(learned)
    to_date = known_usd + fsum(usual.of(hour) for hour in past if hour not in known)
    forecast = to_date + fsum(usual.of(hour) for hour in future)
    rates = _daily_rates(learned, this_hour) or [usual.mean]
    low, high = (to_date + rate * len(future) for rate in (min(rates), max(rates)))
    return MonthCost(known_usd, len(known), unknown_hours, to_date, forecast, min(low, forecast), max(high, forecast))


class _UsualCost:
    """The usual cost of an hour: the median at that hour of the week, else of the day, else the mean."""

    def __init__(self, learned: Mapping[datetime, float]) -> None:
        by_week: dict[tuple[int, int], list[float]] = {}
        by_day: dict[int, list[float]] = {}
        for hour, usd in learned.items():
            by_week.setdefault((hour.weekday(), hour.hour), []).append(usd)
            by_day.setdefault(hour.hour, []).append(usd)
        self.mean = fmean(learned.values())
        self._week = {key: median(values) for key, values in by_week.items()}
        self._day = {key: median(values) for key, values in by_day.items()}

    def of(self, hour: datetime) -> float:
        return self._week.get((hour.weekday(), hour.hour), self._day.get(hour.hour, self.mean))


def _daily_rates(learned: Mapping[datetime, float], until: datetime) -> list[float]:
    """US dollars an hour of each of the last seven times 24 hours that is wholly known."""
    days = [[learned.get(hour) for hour in _hours(until - (back + 1) * DAY, until - back * DAY)] for back in range(7)]
    known = [[usd for usd in day if usd is not None] for day in days]
    return [fmean(day) for day in known if len(day) == 24]


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += HOUR
