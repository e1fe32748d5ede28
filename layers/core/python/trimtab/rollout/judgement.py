"""One canary judged: its minutes → decision, reason, evidence. Recomputed from the raw minutes each time."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import numpy as np

from trimtab.capture.table import IntArray
from trimtab.rollout.decision_table import BLOCKING_RULES, TABLES, deciding_rules
from trimtab.rollout.minute_evidence import evidence_at
from trimtab.rollout.minute_statistics import statistics_by_minute
from trimtab.rollout.series import Series
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.traffic import Traffic, traffic_of
from trimtab.rollout.verdict import Decision, Evidence, Judgement

__all__ = ["BLOCKING_RULES", "Decision", "Evidence", "Judgement", "decide_each_minute", "first_minute", "judge"]

STALE_MINUTES = 10
"""A series whose last minute is so much older than it should be is not whole."""


def judge(series: Series, thresholds: CanaryThresholds, now: datetime, extra_looks: tuple[int, ...] = ()) -> Judgement:
    """Judge a canary at `now`. The decision depends on the set of minutes, not on their order or on earlier calls.

    Minutes count from the first whole one since the start up to the publish delay before `now`. `extra_looks`: minutes
    since the start at which, besides the planned looks, the canary may be promoted.
    """
    minutes = max(0, series.index(now - timedelta(minutes=thresholds.publish_delay_minutes)) + 1)
    traffic = traffic_of(series, minutes)
    problem = series.problem or _staleness(series, minutes)
    statistics = statistics_by_minute(traffic, thresholds, extra_looks, is_whole=not problem)
    rows = deciding_rules(statistics, thresholds)
    rule = TABLES[thresholds.policy][rows[-1]]
    # what was settled once is explained by what was known then
    is_settled = rule.decision is Decision.ROLL_BACK or (
        thresholds.policy == "ratio" and rule.decision is Decision.PROMOTE
    )
    column = int(np.argmax(rows == rows[-1])) if is_settled else len(rows) - 1
    evidence = evidence_at(statistics, thresholds, column, minutes=min(minutes, column + 1))
    reason = rule.reason(evidence, thresholds)
    return Judgement(rule.decision, rule.name, f"{reason}: {problem}" if problem else reason, evidence)


def decide_each_minute(traffic: Traffic, thresholds: CanaryThresholds, extra_looks: Iterable[int] = ()) -> IntArray:
    """For many runs at once: the row of the policy's table (`decision_table.TABLES`) that `judge` would name after each
    minute, shape (…, minutes)."""
    return deciding_rules(statistics_by_minute(traffic, thresholds, extra_looks), thresholds)


def first_minute(
    rows: IntArray, thresholds: CanaryThresholds, decision: Decision, *, but_by: Collection[str] = ()
) -> IntArray:
    """The minute (1, 2, …) at which each run was first decided so, other than by the rules `but_by`; 0 for never.

    `rows` as of decide_each_minute.
    """
    table = TABLES[thresholds.policy]
    is_so = np.array([rule.decision is decision and rule.name not in but_by for rule in table])[rows]
    return np.where(is_so.any(axis=-1), np.argmax(is_so, axis=-1) + 1, 0)


def _staleness(series: Series, minutes: int) -> str:
    last = max((series.index(minute.at) for minute in series.minutes), default=-1)
    missing = minutes - 1 - last
    return f"the last {missing} minutes are not there" if missing >= STALE_MINUTES else ""
