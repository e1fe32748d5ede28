"""The decision table of a canary as data: rows in order, of which the first that holds decides.

A row is a pure function of the statistics at every minute, so that one code judges a series and simulates thousands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.capture.table import IntArray
from trimtab.rollout import conditions, reasons
from trimtab.rollout.minute_statistics import MinuteStatistics
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.traffic import BoolArray
from trimtab.rollout.verdict import Decision, Evidence

type Condition = Callable[[MinuteStatistics, CanaryThresholds], BoolArray]
type Reason = Callable[[Evidence, CanaryThresholds], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: at which minutes it holds (anything that broadcasts to shape (…, minutes)), what it decides, and why."""

    name: str
    decision: Decision
    holds: Condition
    reason: Reason


def _early(condition: Condition) -> Condition:
    return lambda statistics, thresholds: (
        condition(statistics, thresholds) & (statistics.elapsed < thresholds.latest_minutes)
    )


def _late(condition: Condition) -> Condition:
    return lambda statistics, thresholds: (
        condition(statistics, thresholds) & (statistics.elapsed >= thresholds.latest_minutes)
    )


_DATA = (
    Rule("data at the deadline", Decision.INCONCLUSIVE, _late(conditions.data_are_missing), reasons.of_data),
    Rule("data", Decision.HOLD, conditions.data_are_missing, reasons.of_data),
)

SEQUENTIAL = (
    *_DATA,
    Rule("guardrail", Decision.ROLL_BACK, conditions.is_above_guardrail, reasons.of_guardrail),
    Rule("incident", Decision.HOLD, _early(conditions.is_incident), reasons.of_incident),
    Rule("evidence of harm", Decision.ROLL_BACK, conditions.is_harmful, reasons.of_harm),
    Rule("no canary traffic", Decision.ROLL_BACK, conditions.is_idle, reasons.of_misrouting),
    Rule("sample ratio", Decision.HOLD, _early(conditions.is_misrouted), reasons.of_misrouting),
    Rule("look: harm", Decision.ROLL_BACK, conditions.is_harmful_at_look, reasons.of_harm_at_look),
    Rule("incident at the deadline", Decision.INCONCLUSIVE, _late(conditions.is_incident), reasons.of_incident),
    Rule("sample ratio at the deadline", Decision.INCONCLUSIVE, _late(conditions.is_misrouted), reasons.of_misrouting),
    Rule("evidence of safety", Decision.PROMOTE, conditions.is_safe, reasons.of_safety),
    Rule("look: safe", Decision.PROMOTE, conditions.is_safe_at_look, reasons.of_safety_at_look),
    Rule("too few requests", Decision.INCONCLUSIVE, _late(conditions.has_few_requests), reasons.of_few_requests),
    Rule("deadline without sign of harm", Decision.PROMOTE, _late(conditions.shows_no_harm), reasons.of_no_harm),
    Rule("deadline", Decision.ROLL_BACK, _late(conditions.always), reasons.of_deadline),
    Rule("undecided", Decision.HOLD, conditions.always, reasons.of_waiting),
)

RATIO = (
    *_DATA,
    Rule("ratio above margin", Decision.ROLL_BACK, conditions.has_higher_ratio, reasons.of_ratio),
    Rule("ratio within margin", Decision.PROMOTE, conditions.has_both_rates, reasons.of_ratio),
    Rule("too few requests", Decision.INCONCLUSIVE, _late(conditions.always), reasons.of_few_requests),
    Rule("undecided", Decision.HOLD, conditions.always, reasons.of_waiting),
)

BLOCKING_RULES = frozenset({"data", "incident", "sample ratio"})
"""Rows that hold because something is wrong with data, environment or routing: the share must not rise."""

TABLES: Mapping[str, tuple[Rule, ...]] = {"sequential": SEQUENTIAL, "ratio": RATIO}
"""The table of each policy. The last row of each holds always."""


def deciding_rules(statistics: MinuteStatistics, thresholds: CanaryThresholds) -> IntArray:
    """The row that decides at each minute, shape (…, minutes): the first that holds.

    A roll-back that was due at a minute stays due after it, so that a look that was missed is made up for.
    """
    table = TABLES[thresholds.policy]
    rows = np.full(statistics.errors.ln_e_harm.shape, len(table) - 1)
    for row in reversed(range(len(table))):
        rows = np.where(table[row].holds(statistics, thresholds), row, rows)
    is_rollback = np.array([rule.decision is Decision.ROLL_BACK for rule in table])[rows]
    first = np.argmax(is_rollback, axis=-1)[..., np.newaxis]
    is_due = np.logical_or.accumulate(is_rollback, axis=-1)
    return np.where(is_due, np.take_along_axis(rows, first, axis=-1), rows)
