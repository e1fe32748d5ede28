"""The hours of an endpoint that are known already: which of them are to be read (again), and how they are kept.

Nothing here counts on earlier runs: the same hours are read again as long as late datapoints may change them, and hours
that a run left out are found missing by the next one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from trimtab.cost.hours import Cost, EndpointHour, hour_document, hour_from_document

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATE = 3 * HOUR
"""Datapoints may come so late: the last hours are read again."""
KEPT = 14 * DAY
"""CloudWatch keeps datapoints of a minute for 15 days."""

type Hours = Mapping[datetime, EndpointHour]


def hours_to_read(
    known: Hours, first: datetime, end: datetime, *, now: datetime, priced: frozenset[str]
) -> list[datetime]:
    """The starts of the hours from `first` until before `end` that are to be read, in order: the last ones, those that
    are missing, those of the last day that CloudWatch withheld, and those that lacked a price which is known by now
    (`priced`: items that have one)."""
    start = max(first, now - KEPT).replace(minute=0, second=0, microsecond=0)
    hours = []
    while start < end:
        hour = known.get(start)
        if hour is None or start >= end - LATE or _may_be_mended(hour.cost, start >= end - DAY, priced):
            hours.append(start)
        start += HOUR
    return hours


def with_readings(known: Hours, read: Iterable[EndpointHour]) -> dict[datetime, EndpointHour]:
    """The hours after a reading. What was known is not given up for a reading that withholds it, and what components
    reserved is as it was seen first: that is told of the present alone."""
    hours = dict(known)
    for hour in read:
        before = hours.get(hour.start)
        if before is None or hour.cost.usd is not None or before.cost.usd is None:
            hours[hour.start] = _as_reserved(hour, before)
    return hours


def settled_hours(known: Hours, after: datetime, end: datetime) -> list[EndpointHour]:
    """The hours after one that was judged, until before `end`, that are ready to be judged, in order. One that
    CloudWatch withheld is waited for, and so are those after it, as long as it may still come."""
    settled = []
    start = after + HOUR
    while start < end:
        hour = known.get(start)
        is_withheld = hour is None or (hour.cost.usd is None and not hour.cost.unpriced)
        if is_withheld and start >= end - LATE:
            break
        if hour is not None:
            settled.append(hour)
        start += HOUR
    return settled


def month_of(moment: datetime) -> str:
    """The month of a moment, as `2026-11`."""
    return f"{moment:%Y-%m}"


def months_between(start: datetime, end: datetime) -> list[str]:
    """The months that the time from `start` to `end` touches."""
    months = [month_of(start)]
    moment = start.replace(day=1, hour=0)
    while (moment := (moment + 32 * DAY).replace(day=1)) <= end:
        months.append(month_of(moment))
    return months


def months_needed(until: datetime, weeks: int) -> list[str]:
    """The months of the hours before `until` that may be read again, and of those of so many weeks before, with which
    they are compared."""
    return months_between(until - timedelta(weeks=weeks) - KEPT - DAY, until)


def month_document(endpoint: str, month: str, hours: Hours) -> dict[str, Any]:
    """The hours of one month, of an endpoint, as plain JSON values."""
    within = [hour for start, hour in sorted(hours.items()) if month_of(start) == month]
    return {"version": 1, "endpoint": endpoint, "month": month, "hours": [hour_document(hour) for hour in within]}


def changed_months(endpoint: str, months: Mapping[str, Mapping[str, Any]], hours: Hours) -> dict[str, dict[str, Any]]:
    """The documents of those of an endpoint's `months` in which hours differ from what is kept of them."""
    documents = {month: month_document(endpoint, month, hours) for month in months}
    return {month: after for month, after in documents.items() if after["hours"] != months[month].get("hours", [])}


def hours_of_documents(documents: Iterable[Mapping[str, Any]]) -> dict[datetime, EndpointHour]:
    """The hours that are kept in the documents of months, by their starts; an empty document has none."""
    hours = (hour_from_document(each) for document in documents for each in document.get("hours", []))
    return {hour.start: hour for hour in hours}


def unpriced_items(hours: Iterable[EndpointHour]) -> frozenset[str]:
    """The items in these hours whose price nobody knows."""
    return frozenset(item for hour in hours for item in hour.cost.unpriced)


def _as_reserved(hour: EndpointHour, before: EndpointHour | None) -> EndpointHour:
    if before is None or not before.components:
        return hour
    components = {
        name: replace(each, invocations=hour.components[name].invocations) if name in hour.components else each
        for name, each in before.components.items()
    }
    return replace(hour, components=components)


def _may_be_mended(cost: Cost, is_recent: bool, priced: frozenset[str]) -> bool:
    if cost.usd is not None:
        return False
    if cost.unpriced:
        return priced.issuperset(cost.unpriced)
    return is_recent
