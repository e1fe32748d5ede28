"""How much traffic to be ready for: a robust profile over the hours of the week, growth, and bursts within a minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from trimtab.sizing.observations import Minutes, Observations
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.utilisation import theil_sen

WEEK_HOURS = 168
DAY_MINUTES = 24 * 60
HOUR_VALUES = 60  # an hour of the week with fewer minutes says little about its peak
BUSY_QUANTILE = 0.9
BURST_QUANTILE = 0.95
NIGHT_HOURS = 6


@dataclass(frozen=True, slots=True)
class Demand:
    """Traffic of one variant, in requests per second.

    `design` is what to be ready for: `peak` (the greatest 99th percentile of an hour of the week) × (1 + `growth`) ×
    `burst`. `hourly_p99`: by hour of the week from Monday 00:00 UTC, NaN where not seen. `night_p95`: the 95th
    percentile over the six quietest hours of the day. `idle_share` of the minutes has no request, `longest_idle` of
    them in a row. `seasonality`: share of the variance that the hour of the week explains. `burst`: 1 unless requests
    come in bursts that minutes hide, None when concurrency is not known. `lead_growth`: the 99th percentile of
    relative growth within the time an autoscaled instance takes to serve. `days`: with enough of their minutes known;
    `requests`: in all.
    """

    mean: float
    p50: float
    p95: float
    p99: float
    highest: float
    peak: float
    night_p95: float
    growth: float
    burst: float | None
    design: float
    lead_growth: float
    seasonality: float
    idle_share: float
    longest_idle: int
    hourly_p99: tuple[float, ...]
    days: int
    requests: float

    @property
    def headroom(self) -> float:
        """How many times the traffic seen to be ready for."""
        return (1 + self.growth) * (self.burst or 1.0)


def demand(observations: Observations, settings: SizingSettings, *, weekly_means: Sequence[float] = ()) -> Demand | str:
    """The demand these minutes show, or why it cannot be told. `weekly_means`: rps of whole weeks, oldest first."""
    rps = observations.rps
    known = np.isfinite(rps)
    days = whole_days(known, settings)
    if days < settings.min_days:
        return f"{days} of at least {settings.min_days} days have {settings.day_coverage:.0%} of their minutes"
    values = rps[known]
    hour = observations.minute_of_week // 60
    profile = tuple(_p99(values[hour[known] == each]) for each in range(WEEK_HOURS))
    if not np.isfinite(profile).any():
        return "no hour of the week has all its minutes"
    peak = float(np.nanmax(profile))
    growth = _growth(weekly_means, settings)
    burst = _burst(observations)
    p50, p95, p99 = (float(value) for value in np.quantile(values, (0.5, 0.95, 0.99)))
    lead = settings.high_alarm_minutes + settings.start_minutes
    return Demand(
        mean=float(values.mean()),
        p50=p50,
        p95=p95,
        p99=p99,
        highest=float(values.max()),
        peak=peak,
        night_p95=_night(values, hour[known] % 24),
        growth=growth,
        burst=burst,
        design=peak * (1 + growth) * (burst or 1.0),
        lead_growth=_lead_growth(rps, p50, lead),
        seasonality=_seasonality(values, hour[known]),
        idle_share=float(np.mean(values == 0)),
        longest_idle=longest_run(rps == 0),
        hourly_p99=profile,
        days=days,
        requests=float(values.sum() * 60),
    )


def whole_days(known: np.ndarray, settings: SizingSettings) -> int:
    """How many spans of 24 hours, counted back from the last minute, have enough known minutes."""
    reversed_days = [known[::-1][at : at + DAY_MINUTES] for at in range(0, len(known), DAY_MINUTES)]
    return sum(int(day.sum() >= settings.day_coverage * DAY_MINUTES) for day in reversed_days)


def longest_run(flags: np.ndarray) -> int:
    """Length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _p99(values: Minutes) -> float:
    return float(np.quantile(values, 0.99)) if len(values) >= ceil(0.9 * HOUR_VALUES) else float("nan")


def _growth(weekly_means: Sequence[float], settings: SizingSettings) -> float:
    """Growth over the horizon by the median slope of the weeks, never less than 0; the default while they are few."""
    weeks = np.array(weekly_means, dtype=np.float64)
    if len(weeks) < settings.growth_weeks or not np.isfinite(weeks).all():
        return settings.growth
    numbers = np.arange(len(weeks), dtype=np.float64)
    intercept, slope = theil_sen(numbers, weeks) or (0.0, 0.0)
    level = intercept + slope * (len(weeks) - 1)
    if level <= 0:
        return settings.growth
    return min(max(slope * settings.horizon_weeks / level, 0.0), settings.max_growth)


def _burst(observations: Observations) -> float | None:
    """How much more is in flight than Poisson traffic explains, in the minutes with the most traffic.

    Little's law: L = arrivals × latency are in flight on average, and Poisson traffic rarely exceeds L + 4√L. Below one
    in flight a handful says nothing, so L counts as 1 there.
    """
    if observations.concurrency is None or observations.latency_ms is None:
        return None
    rps, most = observations.rps, observations.concurrency
    usable = (rps > 0) & np.isfinite(most) & np.isfinite(observations.latency_ms)
    if not usable.any():
        return None
    busy = usable & (rps >= np.quantile(rps[usable], BUSY_QUANTILE))
    expected = np.maximum(rps[busy] * observations.latency_ms[busy] / 1000, 1.0)
    ratio = most[busy] / (expected + 4 * np.sqrt(expected))
    return max(float(np.quantile(ratio, BURST_QUANTILE)), 1.0)


def _lead_growth(rps: Minutes, p50: float, minutes: int) -> float:
    before, after = rps[:-minutes], rps[minutes:]
    usable = (before > p50) & np.isfinite(after)
    if not usable.any():
        return 0.0
    return max(float(np.quantile(after[usable] / before[usable] - 1, 0.99)), 0.0)


def _seasonality(values: Minutes, hour: np.ndarray) -> float:
    spread = float(values.var())
    if spread == 0:
        return 0.0
    rest = values.copy()
    for each in range(WEEK_HOURS):
        if (chosen := hour == each).any():
            rest[chosen] -= np.median(values[chosen])
    return max(1 - float(rest.var()) / spread, 0.0)


def _night(values: Minutes, hour_of_day: np.ndarray) -> float:
    hours = sorted(range(24), key=lambda each: _median(values[hour_of_day == each]))[:NIGHT_HOURS]
    quiet = values[np.isin(hour_of_day, hours)]
    return float(np.quantile(quiet, 0.95)) if len(quiet) else float(np.quantile(values, 0.95))


def _median(values: Minutes) -> float:
    return float(np.median(values)) if len(values) else float("inf")
