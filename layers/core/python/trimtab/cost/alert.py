"""From hours judged one after the other to one alert that is raised, lasts and is cleared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from trimtab.cost.anomaly import CostJudgement, judge_hour
from trimtab.cost.hours import EndpointHour
from trimtab.cost.ledger import DAY, HOUR, Hours, settled_hours
from trimtab.cost.settings import CostSettings
from trimtab.drift.hysteresis import AlertState, next_state, notification
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.findings import State


@dataclass(frozen=True, slots=True)
class CostAlert:
    """The past of one endpoint's cost alert.

    `cursor`: the last hour judged. `recent`: the latest verdicts, oldest first. `since`: the first hour of the alert
    that stands. `notified`: when people were last told.
    """

    cursor: datetime | None = None
    state: AlertState = AlertState.CLEARED
    recent: tuple[Verdict, ...] = ()
    since: datetime | None = None
    notified: datetime | None = None


@dataclass(frozen=True, slots=True)
class JudgedHour:
    """An hour with its verdict. `told`: what to tell people after it, if anything, about the anomaly whose first hour
    is `since`."""

    hour: EndpointHour
    judgement: CostJudgement
    told: State | None
    since: datetime


def judge_hours(
    alert: CostAlert, hours: Hours, until: datetime, settings: CostSettings, *, reminder: timedelta, now: datetime
) -> tuple[CostAlert, list[JudgedHour]]:
    """Judge the hours before `until` that have become known since the last one judged; the alert after them, and each
    of them, in order. Of an endpoint that was never judged, only the last day's are."""
    judged = []
    for hour in settled_hours(hours, alert.cursor or until - DAY - HOUR, until):
        judgement = judge_hour(hour, hours, settings)
        before = alert
        alert, told = after_hour(before, judgement, settings, reminder=reminder, now=now)
        judged.append(JudgedHour(hour, judgement, told, alert.since or before.since or hour.start))
    return alert, judged


def after_hour(
    alert: CostAlert, judgement: CostJudgement, settings: CostSettings, *, reminder: timedelta, now: datetime
) -> tuple[CostAlert, State | None]:
    """The alert after an hour, and what to tell people about it, if anything. An hour that was judged before, or lies
    before one that was, changes nothing. An hour without a verdict neither raises nor clears."""
    if alert.cursor is not None and judgement.start <= alert.cursor:
        return alert, None
    if judgement.verdict is Verdict.INSUFFICIENT_DATA:
        return replace(alert, cursor=judgement.start), None
    depth = max(settings.raise_hours, settings.clear_hours)
    recent = (*alert.recent, judgement.verdict)[-depth:]
    steadiness = DriftThresholds(
        raise_after=settings.raise_hours, raise_of=settings.raise_hours, clear_after=settings.clear_hours
    )
    state = next_state(alert.state, recent, steadiness)
    what = notification(alert.state, state, last_notified=alert.notified, now=now, reminder=reminder)
    since = alert.since
    if state is not alert.state:
        first = judgement.start - (settings.raise_hours - 1) * HOUR
        since = first if state is AlertState.RAISED else None
    return CostAlert(judgement.start, state, recent, since, now if what else alert.notified), what


def alert_document(alert: CostAlert) -> dict[str, Any]:
    """The alert as plain JSON values."""
    return {
        "cursor": alert.cursor and alert.cursor.isoformat(),
        "state": alert.state.value,
        "recent": [verdict.value for verdict in alert.recent],
        "since": alert.since and alert.since.isoformat(),
        "notified": alert.notified and alert.notified.isoformat(),
    }


def alert_from_document(document: Mapping[str, Any]) -> CostAlert:
    """The inverse of `alert_document`; an empty document is the alert of an endpoint never judged."""
    if not document:
        return CostAlert()
    cursor, since, notified = (
        document[key] and datetime.fromisoformat(document[key]) for key in ("cursor", "since", "notified")
    )
    recent = tuple(Verdict(verdict) for verdict in document["recent"])
    return CostAlert(cursor, AlertState(document["state"]), recent, since, notified)
