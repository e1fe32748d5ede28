"""From the verdicts of many windows to one alert that is raised, lasts and is cleared.

A window with INSUFFICIENT_DATA is neither an alert nor clean: it is passed over, so it neither raises nor clears, and
neither ends a run. A WARN is no alert: drift that has shrunk to it lets an alert clear, as the setting `clear_after`
says ("windows without ALERT").
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from trimtab.drift.verdict import Verdict
from trimtab.findings import State

DAILY = timedelta(hours=24)


class AlertRule(Protocol):
    """When an alert is raised and cleared. The thresholds of drift are such a rule, and so are those of quality."""

    @property
    def raise_after(self) -> int: ...

    @property
    def raise_of(self) -> int: ...

    @property
    def clear_after(self) -> int: ...


class AlertState(StrEnum):
    """Whether an alert stands."""

    CLEARED = "cleared"
    RAISED = "raised"


def next_state(previous: AlertState, verdicts: Sequence[Verdict], rule: AlertRule) -> AlertState:
    """The state after the newest of the verdicts (oldest first, all or at least the latest ones).

    Raised by an ALERT that is one of `raise_after` among the last `raise_of` judged windows; cleared by `clear_after`
    judged windows in a row without ALERT.
    """
    if not verdicts or verdicts[-1] is Verdict.INSUFFICIENT_DATA:
        return previous
    judged = [verdict for verdict in verdicts if verdict is not Verdict.INSUFFICIENT_DATA]
    if judged[-1] is Verdict.ALERT:
        alerts = judged[-rule.raise_of :].count(Verdict.ALERT)
        return AlertState.RAISED if alerts >= rule.raise_after else previous
    latest = judged[-rule.clear_after :]
    is_clean = len(latest) == rule.clear_after and Verdict.ALERT not in latest
    return AlertState.CLEARED if is_clean else previous


def state_after(verdicts: Sequence[Verdict], rule: AlertRule) -> AlertState:
    """The state after all these verdicts (oldest first), from the beginning."""
    state = AlertState.CLEARED
    for count in range(1, len(verdicts) + 1):
        state = next_state(state, verdicts[:count], rule)
    return state


def notification(
    previous: AlertState,
    new: AlertState,
    *,
    last_notified: datetime | None,
    now: datetime,
    reminder: timedelta = DAILY,
) -> State | None:
    """What to tell people: a change at once, that it lasts once per `reminder`, else nothing."""
    if new is not previous:
        return "raised" if new is AlertState.RAISED else "cleared"
    is_due = last_notified is None or now - last_notified >= reminder
    return "continued" if new is AlertState.RAISED and is_due else None
