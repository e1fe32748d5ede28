"""The evidence after one minute of a series, as plain values for people, findings and the command line."""

from math import ceil, isfinite

import numpy as np

from trimtab.capture.table import FloatArray
from trimtab.rollout import power, ratio_rule
from trimtab.rollout.conditions import ln_e_alarm
from trimtab.rollout.e_process import mantel_haenszel, relative_risk_interval
from trimtab.rollout.minute_statistics import (
    INTERVAL_LEVEL,
    RECENT,
    Comparison,
    Look,
    MinuteStatistics,
    sample_ratio,
)
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.traffic import Counts
from trimtab.rollout.verdict import Decision, Evidence


def evidence_at(statistics: MinuteStatistics, thresholds: CanaryThresholds, column: int, minutes: int) -> Evidence:
    """What was known after the minute in this column; of one run, with arrays of shape (minutes,)."""
    errors, slow = statistics.errors, statistics.slow
    total = errors.total.each(lambda values: values[column])
    look, look_slow = _last_look(errors, column), None if slow is None else _last_look(slow, column)
    is_worse = ratio_rule.is_worse(
        total.canary_bad, total.canary_requests, total.production_bad, total.production_requests, thresholds.margin
    )
    needed = _requests_needed(total, thresholds)
    pace = float(errors.counts.canary_requests[max(0, column + 1 - RECENT) : column + 1].mean())
    return Evidence(
        minutes=minutes,
        canary_requests=int(total.canary_requests),
        canary_errors=int(total.canary_bad),
        canary_error_rate=_rate(total.canary_bad, total.canary_requests),
        production_requests=int(total.production_requests),
        production_errors=int(total.production_bad),
        production_error_rate=_rate(total.production_bad, total.production_requests),
        relative_risk=_relative_risk(errors, column),
        interval=_interval(errors, column),
        ln_e_harm=float(errors.ln_e_harm[column]),
        ln_e_safe=float(errors.ln_e_safe[column]),
        ln_e_alarm=ln_e_alarm(len(statistics.comparisons), thresholds),
        dispersion=float(errors.dispersion[column]),
        canary_slow=None if slow is None else int(slow.total.canary_bad[column]),
        production_slow=None if slow is None else int(slow.total.production_bad[column]),
        slow_relative_risk=None if slow is None else _relative_risk(slow, column),
        slow_interval=None if slow is None else _interval(slow, column),
        ln_e_harm_slow=None if slow is None else float(slow.ln_e_harm[column]),
        ln_e_safe_slow=None if slow is None else float(slow.ln_e_safe[column]),
        look=None if look is None else look.minute,
        p_harm=None if look is None else float(look.p_harm),
        p_safe=None if look is None else float(look.p_safe),
        p_harm_slow=None if look_slow is None else float(look_slow.p_harm),
        p_safe_slow=None if look_slow is None else float(look_slow.p_safe),
        highest_rate=None if look is None else _finite(look.highest_rate),
        sample_ratio_z=_sample_ratio_z(statistics, column),
        ratio_rule=Decision.ROLL_BACK if is_worse else Decision.PROMOTE,
        ratio_rule_false_alarms=_false_alarms(total, thresholds),
        requests_needed=needed,
        estimated_minutes=needed / pace if needed is not None and pace else None,
    )


def _last_look(comparison: Comparison, column: int) -> Look | None:
    reached = [look for look in comparison.looks if look.minute <= column + 1]
    return reached[-1] if reached else None


def _relative_risk(comparison: Comparison, column: int) -> float | None:
    return _finite(mantel_haenszel(comparison.counts)[column])


def _interval(comparison: Comparison, column: int) -> tuple[float, float | None]:
    counts = comparison.counts.each(lambda values: values[: column + 1])
    lower, upper = relative_risk_interval(counts, INTERVAL_LEVEL, float(comparison.dispersion[column]))
    return lower, _finite(upper)


def _sample_ratio_z(statistics: MinuteStatistics, column: int) -> float | None:
    is_known = statistics.canary_expected[: column + 1].any()
    return float(sample_ratio(statistics)[0][column]) if is_known else None


def _false_alarms(total: Counts, thresholds: CanaryThresholds) -> float:
    """Of the simple rule at this traffic, both arms failing at their common rate (half an error added)."""
    requests = total.canary_requests + total.production_requests
    return ratio_rule.false_alarm_rate(
        float(total.canary_requests),
        float(total.production_requests),
        float((total.bad + 0.5) / (requests + 1)),
        thresholds.margin,
    )


def _requests_needed(total: Counts, thresholds: CanaryThresholds) -> int | None:
    """Requests to the canary that are missing until one like production can be promoted; None before any request."""
    if not (total.canary_requests + total.production_requests):
        return None
    enough = power.requests_to_promote(
        error_rate=_rate(total.production_bad, total.production_requests) or 0.0,
        share=float(total.share),
        unacceptable=thresholds.unacceptable,
        absolute_difference=thresholds.absolute_difference,
        level=thresholds.promotion_level,
    )
    missing = max(enough, thresholds.min_requests) - float(total.canary_requests)
    return max(0, ceil(missing)) if isfinite(missing) else None


def _rate(count: FloatArray, of: FloatArray) -> float | None:
    return float(count) / float(of) if of else None


def _finite(value: float | FloatArray | np.float64) -> float | None:
    return float(value) if isfinite(value) else None
