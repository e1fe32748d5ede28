"""What is remembered of each judged window of a variant, and the alert that its verdicts make together.

A window's entry is replaced when it is judged again: an estimate by what labels say, and that when more labels came. So
the alert is told anew from all entries each time, and never depends on when a run happened.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from trimtab.drift.hysteresis import AlertRule, AlertState, next_state
from trimtab.drift.verdict import Verdict
from trimtab.quality.intervals import Metric
from trimtab.quality.judgement import Basis
from trimtab.quality.settings import QualitySettings

KEPT = timedelta(days=90)
LOOKS = (timedelta(0), timedelta(days=1), timedelta(days=7))
"""When a window is judged by its labels, after they are waited for no longer: at once, and again for those that came
later still."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One window in short.

    `metrics`: those that decide. `labels_share`: the share of rows with a usable label, None before they are looked at.
    `looks`: how many of LOOKS had passed. `reference`: which labelled rows it was compared with. `contradiction`: as in
    `QualityAssessment`. `withheld`: whether an estimate was not told because the latest labels contradicted it.
    """

    start: datetime
    end: datetime
    rows: int
    basis: Basis
    verdict: Verdict
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    labels_share: float | None = None
    looks: int = 0
    reference: str = ""
    contradiction: str | None = None
    withheld: bool = False
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """Whether an alert stands, and since the start of which window."""

    state: AlertState = AlertState.CLEARED
    since: datetime | None = None


def looks_due(end: datetime, now: datetime, settings: QualitySettings) -> int:
    """How many of LOOKS at the labels of a window that ended then have passed; 0 while labels are waited for."""
    closed = end + timedelta(hours=settings.label_delay_hours)
    return sum(now >= closed + look for look in LOOKS)


def is_due(entry: Entry, now: datetime, settings: QualitySettings, *, reference: str, contradicted: bool) -> bool:
    """Whether a judged window is to be judged again: a look at its labels is due, or it was estimated otherwise than it
    would be now."""
    if looks_due(entry.end, now, settings) > entry.looks:
        return True
    return entry.basis == "estimated" and (entry.reference != reference or entry.withheld != contradicted)


def contradiction_before(entries: Iterable[Entry], start: datetime) -> str:
    """What the labels of the latest window that has any, of those before `start`, say against estimates; "" nothing."""
    told = [entry.contradiction for entry in entries if entry.start < start and entry.contradiction is not None]
    return told[-1] if told else ""


def kept_for(settings: QualitySettings) -> timedelta:
    """How long entries are kept: 90 days, and until their labels are looked at no more."""
    windows = timedelta(hours=settings.max_window_hours)
    return max(KEPT, timedelta(hours=settings.label_delay_hours) + LOOKS[-1] + windows + timedelta(days=1))


def lasts_until(entries: Sequence[Entry], settings: QualitySettings) -> datetime:
    """Until when an alert that stands may still change, should no further answer come. There must be an entry."""
    hours = settings.label_delay_hours + settings.max_window_hours
    return entries[-1].end + timedelta(hours=hours) + LOOKS[-1]


def with_entry(entries: Iterable[Entry], entry: Entry, kept: timedelta = KEPT) -> tuple[Entry, ...]:
    """The entries in order of time with this one in its place, those that are `kept`."""
    others = {each.start: each for each in entries} | {entry.start: entry}
    latest = max(others)
    return tuple(others[start] for start in sorted(others) if start > latest - kept)


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


def telling(entries: Sequence[Entry], state: AlertState) -> Entry | None:
    """The window that tells of an alert: the latest one with ALERT when it is raised, else the latest one judged."""
    judged = [each for each in entries if each.verdict is not Verdict.INSUFFICIENT_DATA]
    alerting = [each for each in judged if each.verdict is Verdict.ALERT]
    told = alerting if state is AlertState.RAISED else judged
    return told[-1] if told else None


def series_document(entries: Sequence[Entry], rule: AlertRule) -> dict[str, Any]:
    """The entries, each with the state of the alert after it, as plain JSON values."""
    return {
        "version": 1,
        "entries": [
            {
                "start": entry.start.isoformat(),
                "end": entry.end.isoformat(),
                "rows": entry.rows,
                "basis": entry.basis,
                "verdict": entry.verdict.value,
                "state": alert.state.value,
                "metrics": {
                    name: {"value": metric.value, "lower": metric.lower, "upper": metric.upper}
                    for name, metric in entry.metrics.items()
                },
                "labels_share": entry.labels_share,
                "cause": entry.cause,
                "looks": entry.looks,
                "reference": entry.reference,
                "contradiction": entry.contradiction,
                "withheld": entry.withheld,
            }
            for entry, alert in zip(entries, alerts(entries, rule), strict=True)
        ],
    }


def series_of_document(document: Mapping[str, Any] | None) -> tuple[Entry, ...]:
    """The inverse of `series_document`; None gives no entries."""
    return tuple(
        Entry(
            start=datetime.fromisoformat(each["start"]),
            end=datetime.fromisoformat(each["end"]),
            rows=each["rows"],
            basis=each["basis"],
            verdict=Verdict(each["verdict"]),
            metrics={name: Metric(**metric) for name, metric in each["metrics"].items()},
            labels_share=each["labels_share"],
            looks=each["looks"],
            reference=each["reference"],
            contradiction=each["contradiction"],
            withheld=each["withheld"],
            cause=each["cause"],
        )
        for each in (document or {}).get("entries", [])
    )
