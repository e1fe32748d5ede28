"""Traffic by the hour, kept beyond the 15 days that CloudWatch has minutes for: it shows growth over many weeks."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from trimtab.sizing.observations import Minutes, Observations

HOUR_MINUTES, WEEK_HOURS = 60, 168
HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)
MOST_WEEKS = 12
WEEK_COVERAGE = 0.9
type Hours = dict[datetime, dict[str, Any]]
"""Hours by their start (UTC); each has `minutes` that are known, and None for what is not."""


def hours_of(observations: Observations) -> Hours:
    """The whole hours of these minutes: requests per second (mean, p99, most), instances, CPU, latency.

    Hours without a known minute are left out.
    """
    start = observations.start
    skipped = (-start.minute) % HOUR_MINUTES
    first = start + timedelta(minutes=skipped)
    count = (len(observations.invocations) - skipped) // HOUR_MINUTES
    hours: Hours = {}
    for number in range(max(count, 0)):
        here = slice(skipped + number * HOUR_MINUTES, skipped + (number + 1) * HOUR_MINUTES)
        rps = observations.rps[here]
        known = np.isfinite(rps)
        if known.any():
            hours[first + number * HOUR] = {
                "minutes": int(known.sum()),
                "rps": _rounded(float(rps[known].mean())),
                "rps_p99": _rounded(float(np.quantile(rps[known], 0.99))),
                "rps_most": _rounded(float(rps[known].max())),
                "instances": _mean(observations.instances, here),
                "cpu_percent": _mean(observations.cpu_percent, here),
                "latency_ms": _mean(observations.latency_ms, here),
                "latency_p95_ms": _mean(observations.latency_p95_ms, here),
            }
    return hours


def merged(kept: Mapping[datetime, dict[str, Any]], read: Mapping[datetime, dict[str, Any]]) -> Hours:
    """What is known of each hour: of two readings the one with more minutes, of two alike the new one."""
    hours = dict(kept)
    for hour, values in read.items():
        if hour not in hours or values["minutes"] >= hours[hour]["minutes"]:
            hours[hour] = values
    return dict(sorted(hours.items()))


def weekly_means(hours: Mapping[datetime, Mapping[str, Any]]) -> tuple[float, ...]:
    """Requests per second of whole weeks from Monday 00:00 UTC, oldest first.

    Those that follow on each other up to the last whole one, at most 12: a week that is hardly known ends them.
    """
    weeks: dict[datetime, list[float]] = {}
    for hour, values in hours.items():
        if values["minutes"] >= WEEK_COVERAGE * HOUR_MINUTES:
            weeks.setdefault(week_of(hour), []).append(values["rps"])
    whole = {week: rps for week, rps in weeks.items() if len(rps) >= WEEK_COVERAGE * WEEK_HOURS}
    means: list[float] = []
    week = max(whole, default=None)
    while week is not None and week in whole and len(means) < MOST_WEEKS:
        means.insert(0, float(np.mean(whole[week])))
        week -= WEEK
    return tuple(means)


def week_of(moment: datetime) -> datetime:
    """The Monday 00:00 that a moment's week begins with."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def by_week(hours: Mapping[datetime, dict[str, Any]]) -> dict[datetime, Hours]:
    """Hours by the Monday of their week: each week is kept as a document of its own."""
    weeks: dict[datetime, Hours] = {}
    for hour, values in hours.items():
        weeks.setdefault(week_of(hour), {})[hour] = values
    return weeks


def recent_weeks(now: datetime) -> list[datetime]:
    """The Mondays of the weeks that growth is told from, oldest first."""
    this = week_of(now)
    return [this - number * WEEK for number in range(MOST_WEEKS, -1, -1)]


def hours_document(hours: Mapping[datetime, Mapping[str, Any]]) -> dict[str, Any]:
    """Hours as plain JSON values."""
    return {"hours": {hour.isoformat(): dict(values) for hour, values in hours.items()}}


def hours_from_documents(documents: Iterable[Mapping[str, Any]]) -> Hours:
    """The hours of such documents; an empty one has none."""
    return {
        datetime.fromisoformat(hour): dict(values)
        for document in documents
        for hour, values in document.get("hours", {}).items()
    }


def _mean(values: Minutes | None, here: slice) -> float | None:
    if values is None or not np.isfinite(values[here]).any():
        return None
    return _rounded(float(np.nanmean(values[here])))


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
