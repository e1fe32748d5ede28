"""From checks run after run to findings: what is remembered of each check, and when people are told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trimtab.drift.hysteresis import AlertState, next_state, notification
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.findings import Action, Finding, Origin, Severity, State, finding_about
from trimtab.health.check import Check, CheckKind

STEADINESS = DriftThresholds(raise_after=1, raise_of=1, clear_after=2)
"""A check that says ALERT is certain of it; two in a row without ALERT clear it."""

LEFT = "It is watched no more, so whether the problem is over is not known."

RUNBOOK = "docs/runbooks/capture.md"


@dataclass(frozen=True, slots=True)
class Memory:
    """The past of one check: whether its alert stands, its latest verdicts (oldest first), since when, and when people
    were last told. `kind`, `title`: what the check told last, for when it is made no more."""

    state: AlertState = AlertState.CLEARED
    recent: tuple[Verdict, ...] = ()
    since: datetime | None = None
    notified: datetime | None = None
    kind: CheckKind = "self"
    title: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told about one check, and since when it is so. `is_left`: it ends because nobody looks any more,
    not because the problem is over."""

    check: Check
    state: State
    since: datetime
    is_left: bool = False


def remember(
    memories: Mapping[str, Memory], checks: Iterable[Check], *, now: datetime, reminder: timedelta
) -> tuple[dict[str, Memory], list[Told]]:
    """The memories after these checks, by check, and what is to be told. Checks not made this time stay as they are."""
    after, told = dict(memories), []
    for check in checks:
        before = memories.get(check.name, Memory())
        recent = before.recent
        if check.verdict is not Verdict.INSUFFICIENT_DATA:
            recent = (*recent, check.verdict)[-STEADINESS.clear_after :]
        state = next_state(before.state, recent, STEADINESS) if recent is not before.recent else before.state
        since = before.since if state is before.state else now
        what = notification(before.state, state, last_notified=before.notified, now=now, reminder=reminder)
        if what == "continued" and check.verdict is Verdict.INSUFFICIENT_DATA:
            what = None  # there is nothing new to say
        if what:
            told.append(Told(check, what, (before.since if what == "cleared" else since) or now))
        after[check.name] = Memory(state, recent, since, now if what else before.notified, check.kind, check.title)
    return after, told


def leave(memories: Mapping[str, Memory], why: str, now: datetime) -> list[Told]:
    """What is to be told when what these memories are about is watched no more: each alert that stands ends with that.
    `why`: a sentence."""
    return [
        Told(
            Check(name, memory.kind, "info", memory.title or name, Verdict.INSUFFICIENT_DATA, f"{why} {LEFT}"),
            "cleared",
            memory.since or now,
            is_left=True,
        )
        for name, memory in memories.items()
        if memory.state is AlertState.RAISED
    ]


def is_raised(memories: Mapping[str, Memory], name: str) -> bool:
    """Whether the alert of a check stands."""
    return memories.get(name, Memory()).state is AlertState.RAISED


def health_finding(origin: Origin, told: Told, *, now: datetime, fact: str, action: Action | None = None) -> Finding:
    """The finding about a check. `fact` is the same when a run is repeated that did not come to remember it."""
    check, since = told.check, f"{told.since:%Y-%m-%d %H:%M} UTC"
    severity: Mapping[State, Severity] = {"raised": check.severity, "continued": "warning", "cleared": "info"}
    title = {
        "raised": check.title,
        "continued": f"{check.title}, since {since}",
        "cleared": f"{'No longer watched' if told.is_left else 'Over'}: {check.title}",
    }[told.state]
    return finding_about(
        origin,
        now,
        ("health", check.name, told.state, fact),
        kind=check.kind,
        severity=severity[told.state],
        state=told.state,
        title=title,
        reason=check.reason,
        action=action,
        evidence={"check": check.name.partition(":")[0], "since": told.since.isoformat(), **check.evidence},
        links={"runbook": RUNBOOK},
    )


def memories_document(memories: Mapping[str, Memory]) -> dict[str, Any]:
    """Memories as plain JSON values. Checks that never alerted and are fine leave nothing behind."""
    return {
        name: {
            "state": memory.state.value,
            "recent": [verdict.value for verdict in memory.recent],
            "since": memory.since and memory.since.isoformat(),
            "notified": memory.notified and memory.notified.isoformat(),
            "kind": memory.kind,
            "title": memory.title,
        }
        for name, memory in memories.items()
        if memory.state is AlertState.RAISED
    }


def memories_from_document(document: Mapping[str, Any]) -> dict[str, Memory]:
    """The inverse of `memories_document`."""
    return {
        name: Memory(
            AlertState(each["state"]),
            tuple(Verdict(verdict) for verdict in each["recent"]),
            since=each["since"] and datetime.fromisoformat(each["since"]),
            notified=each["notified"] and datetime.fromisoformat(each["notified"]),
            kind=each.get("kind", "self"),
            title=each.get("title", ""),
        )
        for name, each in document.items()
    }
