"""The conditions of the decision table: pure functions of the statistics, true or false at every minute.

Each gives anything that broadcasts to the shape (…, minutes).
"""

from collections.abc import Iterable
from functools import reduce
from math import log

import numpy as np

from trimtab.rollout import e_process, ratio_rule
from trimtab.rollout.minute_statistics import (
    INTERVAL_LEVEL,
    Comparison,
    MinuteStatistics,
    rates_above,
    sample_ratio,
    trailing,
)
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.traffic import BoolArray


def data_are_missing(statistics: MinuteStatistics, _thresholds: CanaryThresholds) -> BoolArray:
    """What was read is not whole."""
    return np.full(statistics.elapsed.shape, not statistics.is_whole)


def is_above_guardrail(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """The canary's error rate is too high for certain, and some evidence says that it is the canary's own. In the first
    minutes, which a burst may fill, only if most of its requests fail."""
    canary, _ = rates_above(statistics, thresholds.max_error_rate)
    if (canary & (statistics.elapsed < thresholds.first_minutes)).any():
        broken, _ = rates_above(statistics, thresholds.broken_error_rate)
        canary = canary & ((statistics.elapsed >= thresholds.first_minutes) | broken)
    errors = statistics.errors
    return canary & _has_errors(errors, thresholds) & (errors.ln_e_harm >= -log(thresholds.guardrail_level))


def is_incident(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """Both error rates are too high for certain, and the relative risk may be 1: rolling back would not help."""
    canary, production = rates_above(statistics, thresholds.max_error_rate)
    both = canary & production
    if not both.any():
        return both
    errors, enough = statistics.errors, log(2 / INTERVAL_LEVEL)
    return (
        both
        & (e_process.ln_e_above(errors.counts, 1.0, errors.dispersion) < enough)
        & (e_process.ln_e_below(errors.counts, 1.0, errors.dispersion) < enough)
    )


def is_harmful(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """The evidence of more errors, or of more slow requests, is overwhelming whenever one looks."""
    enough = ln_e_alarm(len(statistics.comparisons), thresholds)
    found = _any(_has_errors(each, thresholds) & (each.ln_e_harm >= enough) for each in statistics.comparisons)
    return found & (statistics.elapsed >= thresholds.first_minutes)


def is_harmful_at_look(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """A planned look, with its share of the error level, finds more errors or more slow requests."""
    held = np.zeros(statistics.errors.ln_e_harm.shape, dtype=np.bool_)
    for comparison in statistics.comparisons:
        for look in comparison.looks:
            found = look.p_harm < look.level / len(statistics.comparisons)
            found &= look.total.canary_bad >= thresholds.min_errors
            held |= found[..., np.newaxis] & (statistics.elapsed >= look.minute)
    return held


def is_idle(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """The canary got nothing for long although it should have got much."""
    return _got_nothing(statistics, thresholds.idle_rollback_minutes, thresholds.idle_rollback_requests)


def is_misrouted(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """The canary's share of the requests is not what the weights say, or it got nothing."""
    z, off = sample_ratio(statistics)
    return ((np.abs(z) > thresholds.share_z) & (off > thresholds.share_tolerance)) | _got_nothing(
        statistics, thresholds.idle_minutes, thresholds.idle_requests
    )


def is_safe(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """From the first look on: the evidence that the canary is acceptable, in errors and slow requests, is strong enough
    whenever one looks. Not before, for a canary that is worse but not unacceptable would pass while it may still be
    found out."""
    enough = -log(thresholds.promotion_level)
    return (
        _all(each.ln_e_safe >= enough for each in statistics.comparisons)
        & ~_shows_harm(statistics, thresholds)
        & (statistics.errors.total.canary_requests >= thresholds.min_requests)
        & (statistics.elapsed >= statistics.first_look)
    )


def is_safe_at_look(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """The last look found the canary acceptable, in errors and slow requests, and nothing since speaks against it."""
    held = np.zeros(statistics.errors.ln_e_harm.shape, dtype=np.bool_)
    for looks in zip(*(each.looks for each in statistics.comparisons), strict=True):
        passed = _all(
            (look.p_safe < thresholds.promotion_level) | (look.excess <= thresholds.absolute_difference)
            for look in looks
        )
        passed &= looks[0].total.canary_requests >= thresholds.min_requests
        held[..., looks[0].minute - 1 :] = passed[..., np.newaxis]
    return held & ~_shows_harm(statistics, thresholds)


def has_few_requests(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """The canary got too little to say anything."""
    return statistics.errors.total.canary_requests < thresholds.min_requests


def shows_no_harm(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """Nothing is proved, but nothing looks like harm; only if the settings promote such a canary."""
    if thresholds.at_deadline != "promote":
        return np.zeros(statistics.elapsed.shape, dtype=np.bool_)
    enough = log(2 / INTERVAL_LEVEL)
    return ~_shows_harm(statistics, thresholds) & _all(
        (e_process.ln_e_below(each.counts, thresholds.deadline_relative_risk, each.dispersion) >= enough)
        & (e_process.mantel_haenszel(each.counts) <= each.margin)
        for each in statistics.comparisons
    )


def has_higher_ratio(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """At the first look the canary's error rate was more than `margin` times production's."""
    total = statistics.errors.total
    worse = ratio_rule.is_worse(
        total.canary_bad, total.canary_requests, total.production_bad, total.production_requests, thresholds.margin
    )
    return _as_at_first_look(worse, statistics, thresholds)


def has_both_rates(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """At the first look both arms had answered requests."""
    total = statistics.errors.total
    answered = (total.canary_requests > 0) & (total.production_requests > 0)
    return _as_at_first_look(answered, statistics, thresholds)


def always(statistics: MinuteStatistics, _thresholds: CanaryThresholds) -> BoolArray:
    """Holds."""
    return np.ones(statistics.elapsed.shape, dtype=np.bool_)


def ln_e_alarm(comparisons: int, thresholds: CanaryThresholds) -> float:
    """ln of the evidence that rolls back at any time. The error level is split between errors and slow requests
    (Bonferroni)."""
    return log(comparisons / thresholds.alarm_level)


def _shows_harm(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    """Evidence that does not suffice to roll back, but does not let promote either."""
    enough = -log(thresholds.guardrail_level)
    return _any(each.ln_e_harm >= enough for each in statistics.comparisons)


def _has_errors(comparison: Comparison, thresholds: CanaryThresholds) -> BoolArray:
    return comparison.total.canary_bad >= thresholds.min_errors


def _got_nothing(statistics: MinuteStatistics, minutes: int, requests: int) -> BoolArray:
    nothing: BoolArray = trailing(statistics.traffic.canary_requests, minutes) == 0
    nothing &= trailing(statistics.canary_expected, minutes) >= requests
    nothing &= statistics.elapsed >= minutes
    return nothing


def _as_at_first_look(condition: BoolArray, statistics: MinuteStatistics, thresholds: CanaryThresholds) -> BoolArray:
    minute = thresholds.looks[0][0]
    if len(statistics.elapsed) < minute:
        return np.zeros_like(condition)
    held: BoolArray = condition[..., minute - 1, np.newaxis] & (statistics.elapsed >= minute)
    return held


def _any(conditions: Iterable[BoolArray]) -> BoolArray:
    return reduce(np.logical_or, conditions)


def _all(conditions: Iterable[BoolArray]) -> BoolArray:
    return reduce(np.logical_and, conditions)
