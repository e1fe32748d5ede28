"""What is told about restorations: findings of kind `rollback`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from trimtab.findings import Action, Finding, Origin, finding_about
from trimtab.rollout.alarm_event import AlarmChange
from trimtab.rollout.good_configs import ConfigHistory
from trimtab.rollout.restoration import Answer, Decided, Health
from trimtab.rollout.restoration_change import FAILED, ROLLED_BACK, Restoration

ACTION = "roll_back_endpoint"
RUNBOOK = "docs/runbooks/rollback.md"
type Mode = Literal["observe", "propose", "act"]


def decision_finding(
    origin: Origin,
    alarm: AlarmChange,
    decided: Decided,
    mode: Mode,
    history: ConfigHistory,
    health: Sequence[Health],
    now: datetime,
) -> Finding:
    """What was decided on an alarm, when nothing is done (yet): refused, observed, or waiting for an approval."""
    present = history.present
    config, since = (present.config, present.since.isoformat()) if present else ("", "")
    is_ill = decided.answer is Answer.RESTORE
    outcomes: Mapping[Mode, str] = {
        "observe": f"would put back {decided.good}",
        "propose": f"waits for approval to put back {decided.good}: send "
        f'{{"endpoint": "{origin.endpoint}", "command": "approve", "by": "<your name>"}} to this function',
        "act": f"puts back {decided.good}",
    }
    return finding_about(
        origin,
        now,
        ("rollback", config, since, alarm.name, decided.rule, decided.good, mode if is_ill else ""),
        kind="rollback",
        severity="critical" if is_ill else "warning",
        state="raised",
        title=f"{origin.endpoint} should go back to {decided.good}"
        if is_ill
        else f"{origin.endpoint} is in alarm and was not rolled back",
        reason=f"{decided.reason} Alarm {alarm.name}: {alarm.reason}",
        action=Action(name=ACTION, mode=mode, outcome=outcomes[mode] if is_ill else "nothing was done"),
        evidence={
            "alarm": alarm_evidence(alarm),
            "rule": decided.rule,
            "present": config,
            "deployed": since,
            "good": decided.good,
            "configs": history.document()["served"],
            "health": health_evidence(health),
        },
        links={"runbook": RUNBOOK},
    )


def restoration_finding(origin: Origin, restoration: Restoration, now: datetime, *, late: str = "") -> Finding:
    """How far a restoration has come: it was begun, it waits for too long (`late`: for what), it has ended."""
    alarm, endpoint, good = restoration.alarm, origin.endpoint, restoration.good
    titles = {
        ROLLED_BACK: f"{endpoint} was put back to {good}",
        FAILED: f"{endpoint} was not put back" + (f" to {good}" if good else ""),
    }
    outcomes = {ROLLED_BACK: f"put back {good}", FAILED: restoration.why}
    title = titles.get(restoration.phase, f"{endpoint} is being put back to {good}")
    outcome = outcomes.get(restoration.phase, f"puts back {good}")
    if late:
        title, outcome = f"{endpoint} is in alarm, and SageMaker takes no update", f"tried again until it does: {late}"
    is_done = restoration.phase == ROLLED_BACK
    return finding_about(
        origin,
        now,
        ("rollback", restoration.id, "late" if late else restoration.phase),
        kind="rollback",
        severity="info" if is_done else "critical",
        state="cleared" if is_done else "raised",
        title=title,
        reason=f"{restoration.why or restoration.reason} Alarm {alarm.name}: {alarm.reason}",
        action=Action(name=ACTION, mode=restoration.mode, outcome=outcome),
        evidence={
            "restoration": restoration.id,
            "alarm": alarm_evidence(alarm),
            "by": restoration.by,
            "why": restoration.reason,
            "bad": restoration.bad,
            "good": good,
            "before": restoration.before or {},
            "started": restoration.started.isoformat(),
            "ended": restoration.ended.isoformat() if restoration.ended else None,
            "attempts": restoration.attempts,
        },
        links={"runbook": RUNBOOK},
    )


def alarm_evidence(alarm: AlarmChange) -> dict[str, Any]:
    """An alarm as evidence."""
    return {
        "name": alarm.name,
        "arn": alarm.arn,
        "state": alarm.state,
        "since": alarm.since.isoformat(),
        "reason": alarm.reason,
        "children": list(alarm.children),
    }


def health_evidence(health: Sequence[Health]) -> list[dict[str, Any]]:
    """How variants and endpoints did, as evidence."""
    return [
        {
            "name": each.name,
            "requests": each.requests,
            "errors": each.errors,
            "error_rate": each.error_rate,
            "latency_ms": None if each.latency is None else each.latency / 1000,
        }
        for each in health
    ]
