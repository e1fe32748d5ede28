"""The alert that the verdicts on a variant's quality make together, and what people are to be told of it.

A window may be judged again, so the alert is told anew from all entries each time, and never depends on when a run
happened. What people have been told is remembered by itself: runs must neither repeat nor forget it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trimtab.drift.hysteresis import AlertRule, AlertState, next_state, notification
from trimtab.drift.verdict import Verdict
from trimtab.findings import State
from trimtab.quality.entry import Entry, may_change_until
from trimtab.quality.settings import QualitySettings


@dataclass(frozen=True, slots=True)
class Alert:
    """Whether an alert stands, and since the start of which window."""

    state: AlertState = AlertState.CLEARED
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ToldAlert:
    """The alert that people know of, and when they were last told."""

    alert: Alert = Alert()
    notified: datetime | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What people are to be told of an alert. `since`: when it began. `window`: the start of the window whose verdict
    tells of it. `alert`: as it is now."""

    state: State
    since: datetime
    window: datetime
    alert: Alert


def alerts(entries: Sequence[Entry], rule: AlertRule) -> tuple[Alert, ...]:
    """The alert after each entry, oldest first."""
    depth = max(rule.raise_of, rule.clear_after)
    found: list[Alert] = []
    alert, judged = Alert(), list[Entry]()
    for entry in entries:
        if entry.verdict is not Verdict.INSUFFICIENT_DATA:
            judged = [*judged, entry][-depth:]
            state = next_state(alert.state, [each.verdict for each in judged], rule)
            since = alert.since
            if state is AlertState.RAISED and since is None:
                since = next(each.start for each in judged[-rule.raise_of :] if each.verdict is Verdict.ALERT)
            alert = Alert(state, since if state is AlertState.RAISED else None)
        found.append(alert)
    return tuple(found)


def alert_now(entries: Sequence[Entry], rule: AlertRule, before: Alert) -> Alert:
    """The alert that stands, given the one that people know of. Without any window that could be judged, that one; one
    that lasts has begun when it was said to."""
    if all(entry.verdict is Verdict.INSUFFICIENT_DATA for entry in entries):
        return before
    now = alerts(entries, rule)[-1]
    return before if now.state is before.state else now


def news_of(
    entries: Sequence[Entry], told: ToldAlert, settings: QualitySettings, *, now: datetime, reminder: timedelta
) -> News | None:
    """What people are to be told after these entries, None: nothing. Of an alert that lasts they are reminded as long
    as a verdict may still change it; later nobody asks the endpoint any more."""
    before = told.alert
    alert = alert_now(entries, settings, before)
    state = notification(before.state, alert.state, last_notified=told.notified, now=now, reminder=reminder)
    by = _telling(entries, alert.state)
    if state is None or by is None:
        return None
    if state == "continued" and may_change_until(entries[-1], settings) < now:
        return None
    return News(state, since=alert.since or before.since or by.start, window=by.start, alert=alert)


def _telling(entries: Sequence[Entry], state: AlertState) -> Entry | None:
    """The window that tells of an alert: the latest one with ALERT when it is raised, else the latest one judged."""
    judged = [each for each in entries if each.verdict is not Verdict.INSUFFICIENT_DATA]
    alerting = [each for each in judged if each.verdict is Verdict.ALERT]
    told = alerting if state is AlertState.RAISED else judged
    return told[-1] if told else None


def alert_document(alert: Alert, notified: datetime) -> dict[str, Any]:
    """An alert that people were told of at a moment, as plain JSON values."""
    return {
        "state": alert.state.value,
        "since": alert.since and alert.since.isoformat(),
        "notified": notified.isoformat(),
    }


def alert_from_document(document: Mapping[str, Any]) -> ToldAlert:
    """The inverse of `alert_document`; {} says that people were told of none."""
    if not document:
        return ToldAlert()
    since, notified = document["since"], document["notified"]
    return ToldAlert(
        Alert(AlertState(document["state"]), since and datetime.fromisoformat(since)),
        notified and datetime.fromisoformat(notified),
    )
