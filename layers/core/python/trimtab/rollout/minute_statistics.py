"""All that the decision table looks at, for every minute of one series or of many runs at once.

Arrays have the shape (…, minutes) and hold what was known when that minute was the last: judging a series looks at
their last column, and a simulation at all of them, with the same numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trimtab.capture.table import FloatArray, IntArray
from trimtab.rollout import e_process, exact_test
from trimtab.rollout.bounds import lower_count, sample_ratio_z, upper_count
from trimtab.rollout.ratio_rule import rate
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.traffic import BoolArray, Counts, Traffic

RECENT = 60
"""The share of requests and the absolute error rates are those of so many last minutes."""
INTERVAL_LEVEL = 0.05
"""Error level of intervals and of bounds that go with them."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the test of all minutes up to `minute` says; arrays of shape (…).

    `level`: the error it may spend on harm, 0 for a look that may only promote. `total`: the counts it rests on.
    `p_harm`: of a relative risk of at most the margin; `p_safe`: of at least the unacceptable one. `highest_rate`:
    upper 95 % bound of the canary's rate; `excess`: how far it lies above production's rate.
    """

    minute: int
    level: float
    total: Counts
    p_harm: FloatArray
    p_safe: FloatArray
    highest_rate: FloatArray
    excess: FloatArray


@dataclass(frozen=True, slots=True)
class Comparison:
    """One kind of bad request in both arms: errors, or slow requests. `total`: counts from the start to each minute."""

    margin: float
    counts: Counts
    total: Counts
    dispersion: FloatArray
    ln_e_harm: FloatArray
    ln_e_safe: FloatArray
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class MinuteStatistics:
    """`elapsed`: whole minutes since the start, shape (minutes,). `is_whole`: whether the data are. `first_look`: the
    minute of the first look, planned or extra. `slow` None: not measured."""

    traffic: Traffic
    elapsed: IntArray
    is_whole: bool
    first_look: int
    errors: Comparison
    slow: Comparison | None

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The errors first."""
        return (self.errors,) if self.slow is None else (self.errors, self.slow)

    @cached_property
    def canary_expected(self) -> FloatArray:
        """What the canary should have got of each minute's requests; 0 where the weights are not known."""
        return (self.traffic.canary_requests + self.traffic.production_requests) * np.nan_to_num(self.traffic.share)


def statistics_by_minute(
    traffic: Traffic, thresholds: CanaryThresholds, extra_looks: Iterable[int] = (), *, is_whole: bool = True
) -> MinuteStatistics:
    """Compare errors, and slow requests where they are measured, at every minute. `extra_looks`: as in `judge`."""
    planned = dict(thresholds.looks)
    extra = {minute for minute in extra_looks if minute >= thresholds.first_minutes}
    looks = [(minute, planned.get(minute, 0.0)) for minute in sorted(extra | planned.keys())]
    slow = traffic.slow(thresholds.warm_up_minutes)
    return MinuteStatistics(
        traffic=traffic,
        elapsed=np.arange(1, len(traffic.steps) + 1),
        is_whole=is_whole,
        first_look=looks[0][0],
        errors=_compare(traffic.errors(), traffic.steps, thresholds.margin, thresholds, looks),
        slow=None if slow is None else _compare(slow, traffic.steps, thresholds.slow_margin, thresholds, looks),
    )


def sample_ratio(statistics: MinuteStatistics) -> tuple[FloatArray, FloatArray]:
    """The canary's requests in the last hour against the weights: z, and by what part of them it is off.

    Minutes in which the weights are not known are left out.
    """
    traffic = statistics.traffic
    is_known = ~np.isnan(traffic.share)
    expected = trailing(statistics.canary_expected, RECENT)
    counted = trailing(np.where(is_known, traffic.canary_requests, 0.0), RECENT)
    variance = trailing(statistics.canary_expected * np.where(is_known, 1 - traffic.share, 0.0), RECENT)
    return sample_ratio_z(counted, expected, variance), rate(np.abs(counted - expected), expected)


def rates_above(statistics: MinuteStatistics, limit: float) -> tuple[BoolArray, BoolArray]:
    """Whether the error rate of the last hour is above `limit` for certain (lower 95 % bound): canary, production."""
    recent = statistics.errors.counts.each(lambda values: trailing(values, RECENT))
    return (
        _is_above(recent.canary_bad, limit * recent.canary_requests),
        _is_above(recent.production_bad, limit * recent.production_requests),
    )


def trailing(values: FloatArray, minutes: int) -> FloatArray:
    """Sums over the last `minutes` minutes up to each; over all since the start while there are not so many."""
    total = np.cumsum(values, axis=-1)
    before = np.zeros_like(total)
    before[..., minutes:] = total[..., :-minutes]
    return total - before


def _is_above(bad: FloatArray, expected: FloatArray) -> BoolArray:
    above = bad > expected
    above[above] = lower_count(bad[above], INTERVAL_LEVEL) > expected[above]
    return above


def _compare(
    counts: Counts, steps: IntArray, margin: float, thresholds: CanaryThresholds, looks: Iterable[tuple[int, float]]
) -> Comparison:
    dispersion = e_process.dispersion(counts, steps, thresholds.dispersion_prior, thresholds.dispersion_weight)

    def look_at(minute: int, level: float) -> Look:
        seen = counts.each(lambda values: values[..., :minute])
        total, spread = seen.each(lambda values: values.sum(axis=-1)), dispersion[..., minute - 1]
        p_harm, _ = exact_test.tails(seen, steps[:minute], margin, spread)
        _, p_safe = exact_test.tails(seen, steps[:minute], thresholds.unacceptable, spread)
        highest_rate = rate(upper_count(total.canary_bad, INTERVAL_LEVEL), total.canary_requests, of_none=np.inf)
        excess = highest_rate - rate(total.production_bad, total.production_requests, of_none=-np.inf)
        return Look(minute, level, total, p_harm, p_safe, highest_rate, excess)

    return Comparison(
        margin=margin,
        counts=counts,
        total=counts.each(lambda values: np.cumsum(values, axis=-1)),
        dispersion=dispersion,
        ln_e_harm=e_process.ln_e_harm(counts, margin, dispersion),
        ln_e_safe=e_process.ln_e_safe(counts, thresholds.unacceptable, dispersion),
        looks=tuple(look_at(minute, level) for minute, level in looks if minute <= len(steps)),
    )
