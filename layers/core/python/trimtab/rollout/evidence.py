"""What people are told of a rollout: each entry of its history as a finding."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from trimtab.findings import Action, Finding, Origin, Severity, State, finding_about
from trimtab.rollout.judgement import Judgement
from trimtab.rollout.request import CANARY
from trimtab.rollout.state import Entry, Event, Rollout

_TOLD: Mapping[Event, tuple[Severity, State, str]] = {
    "started": ("info", "raised", "a canary of {model} has started"),
    "smoke_passed": ("info", "continued", "{model} passed the smoke test"),
    "step_raised": ("info", "continued", "{model} has a greater share of the traffic"),
    "held": ("warning", "continued", "the canary of {model} does not go on"),
    "stuck": ("critical", "continued", "SageMaker does not take Trimtab's orders"),
    "paused": ("info", "continued", "the canary of {model} is paused"),
    "resumed": ("info", "continued", "the canary of {model} goes on"),
    "promote_ordered": ("info", "continued", "{model} is promoted by order"),
    "finishing": ("info", "continued", "{model} takes production's place"),
    "rolling_back": ("critical", "raised", "{model} is being rolled back"),
    "promoted": ("info", "cleared", "{model} is in production"),
    "rolled_back": ("warning", "cleared", "{model} was rolled back"),
    "failed": ("critical", "raised", "the rollout of {model} has failed"),
}
_UNTOLD = frozenset({"smoke_passed", "finishing"})
"""Entries that are recorded only: what follows them is told."""


def judgement_document(judgement: Judgement) -> dict[str, Any]:
    """A judgement as plain JSON values, as it stands beside a decision."""
    values = asdict(judgement.evidence)
    numbers = {name: list(v) if isinstance(v, tuple) else v for name, v in values.items() if v is not None}
    return {"decision": judgement.decision.value, "rule": judgement.rule, "reason": judgement.reason, **numbers}


def rollout_findings(rollout: Rollout, account: str, region: str, record: str) -> list[Finding]:
    """The findings of what has happened since they were last published. `record`: where the whole history lies."""
    origin = Origin(account, region, rollout.endpoint, CANARY if rollout.request.mode == "weights" else rollout.variant)
    return [
        _finding(origin, rollout, entry, number, record)
        for number, entry in enumerate(rollout.history)
        if number >= rollout.recorded and entry.event not in _UNTOLD
    ]


def refusal_finding(
    account: str, region: str, endpoint: str, fact: str, why: str, now: datetime, document: Mapping[str, Any]
) -> Finding:
    """The finding that a rollout was asked for and not begun."""
    return finding_about(
        Origin(account, region, endpoint, "*"),
        now,
        ("canary", fact, "refused"),
        kind="canary",
        severity="warning",
        state="raised",
        title=f"a rollout of {endpoint} was refused",
        reason=why,
        action=Action(name="start_rollout", mode="act", outcome="refused; nothing was changed"),
        evidence={"request": dict(document)},
    )


def _finding(origin: Origin, rollout: Rollout, entry: Entry, number: int, record: str) -> Finding:
    severity, state, title = _TOLD[entry.event]
    mode: Literal["act"] = "act"  # it was started by its owner
    return finding_about(
        origin,
        entry.at,
        ("canary", rollout.id, str(number)),
        kind="canary",
        severity=severity,
        state=state,
        title=f"{rollout.endpoint}: {title.format(model=rollout.model)}",
        reason=entry.text,
        action=Action(name=_ACTIONS.get(entry.event, "shift_traffic"), mode=mode, outcome=_outcome(rollout, entry)),
        evidence={
            "rollout": rollout.id,
            "event": entry.event,
            "by": entry.by or rollout.request.by or "nobody named",
            "share": rollout.ladder[-1].share if rollout.ladder else 0.0,
            "before": {"config": rollout.before.config, "weight": rollout.before.weight},
            "minutes": round((entry.at - rollout.started).total_seconds() / 60, 1),
            "ladder": [
                [round((each.since - rollout.started).total_seconds() / 60, 1), each.share] for each in rollout.ladder
            ],
            "numbers": dict(entry.evidence),
        },
        links={"record": record},
    )


_ACTIONS: Mapping[Event, str] = {
    "started": "start_rollout",
    "rolling_back": "roll_back",
    "rolled_back": "roll_back",
    "promoted": "promote",
}


def _outcome(rollout: Rollout, entry: Entry) -> str:
    match entry.event:
        case "promoted":
            return f"{rollout.final} serves" if rollout.ladder or rollout.alarm else "done"
        case "rolled_back":
            return f"{rollout.before.config} serves again"
        case "rolling_back":
            return f"all traffic goes back to {rollout.variant}"
        case "failed":
            return "the endpoint is left as it is; somebody has to look"
        case "held" | "paused" | "stuck":
            return "waits"
        case _:
            return "done"
