"""The shape of an endpoint's load over time, from real CloudWatch series (`local/data/cloudwatch`)."""

import csv
import gzip
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Minutes = NDArray[np.float64]

_DATA = Path(__file__).parent / "data" / "cloudwatch"
BUNDLED = {
    "load balancer": "elb_request_count_8c0756.csv.gz",
    "server": "ec2_cpu_utilization_5f5533.csv.gz",
    "quiet server": "ec2_cpu_utilization_24ae8d.csv.gz",
    "database": "rds_cpu_utilization_e47b3b.csv.gz",
}
DAY = 24 * 60
FORTNIGHT = 14 * DAY
MONDAY = datetime(2014, 2, 17, tzinfo=UTC)
"""Fortnights are counted from here."""
SMOOTHED_HOURS = 3


def recorded(name: str, start: datetime, count: int) -> Minutes:
    """Two weeks as they were recorded, at the same times of the week, over and over; their mean is 1.

    The minutes between two of the recorded ones lie on a straight line.
    """
    at, values = _series(name)
    minutes = minute_of_fortnight(start, count)
    shape: Minutes = np.interp(minutes, at, values, period=FORTNIGHT) / values.mean()
    return shape


def by_hour_of_day(name: str, start: datetime, count: int, contrast: float) -> Minutes:
    """The mean day of the recorded two weeks, smoothed and raised to a power (`contrast`); its mean is 1."""
    at, values = _series(name)
    hours = np.array([values[at % DAY // 60 == hour].mean() for hour in range(24)])
    around = range(-(SMOOTHED_HOURS // 2), SMOOTHED_HOURS // 2 + 1)
    hours = np.mean([np.roll(hours, shift) for shift in around], axis=0) ** contrast
    of_day = minute_of_fortnight(start, count) % DAY
    wave: Minutes = np.interp(of_day, np.arange(24) * 60 + 30, hours / hours.mean(), period=DAY)
    return wave


def minute_of_fortnight(start: datetime, count: int) -> Minutes:
    """Minutes since the Monday that a fortnight begins with."""
    first = (start - MONDAY).total_seconds() // 60
    return (first + np.arange(count)) % FORTNIGHT


@cache
def _series(name: str) -> tuple[Minutes, Minutes]:
    """Minutes of the fortnight, ascending, and what was recorded then."""
    with gzip.open(_DATA / BUNDLED[name], "rt", newline="") as file:
        rows = [(datetime.fromisoformat(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
    by_minute = {(at.replace(tzinfo=UTC) - MONDAY).total_seconds() // 60 % FORTNIGHT: value for at, value in rows}
    at = np.array(sorted(by_minute))
    return at, np.array([by_minute[each] for each in at])
