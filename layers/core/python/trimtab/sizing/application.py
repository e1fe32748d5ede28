"""Bringing a plan about, or undoing it: the endpoint's change item of kind `sizing`, and its next step.

Phases: `applying` → `promoted` (the plan is in force), or → `undoing` → `rolled_back` (what was before is in force
again), or `failed` (with why). The last three are those that end any change. What is wanted is compared with what is at
each look, and only what differs is called for: so a run that was killed anywhere is simply made again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime

from trimtab.sizing.plan import Document, Plan
from trimtab.sizing.setting import Action, Setting, differences
from trimtab.sizing.settings import SizingSettings

KIND: Literal["sizing"] = "sizing"
APPLYING, UNDOING = "applying", "undoing"
APPLIED, UNDONE, FAILED = "promoted", "rolled_back", "failed"
OVER = frozenset({APPLIED, UNDONE, FAILED})
MOVING = frozenset({"Updating", "SystemUpdating", "RollingBack", "Creating"})
LATE = timedelta(minutes=15)
"""As long as a function may run: a lock whose holder is not seen holds for so long at least."""
FIRST_DAY = timedelta(days=1)
"""The next endpoint's turn comes when a change has served for so long."""
type Mode = Literal["observe", "propose", "act"]


class Prediction(Document):
    """What a change is held against: the p99 of an hour at most, and the share of slower hours there was before."""

    p99_ms: float
    slow_share: float


class Resizing(Document):
    """A change of instances. `called`: when everything had been called for; `undoes`: because of this."""

    kind: Literal["sizing"] = KIND
    id: str
    endpoint: str
    variant: str
    config: str
    mode: Mode
    by: str
    reason: str
    plan: Plan
    before: Setting
    wanted: Setting
    prediction: Prediction
    phase: str = APPLYING
    started: AwareDatetime
    called: AwareDatetime | None = None
    ended: AwareDatetime | None = None
    undoes: str = ""
    why: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done."""
        return self.phase in OVER

    @property
    def goal(self) -> Setting:
        """The setting that is to be in force."""
        return self.before if self.phase == UNDOING else self.wanted

    def changed(self, **values: Any) -> "Resizing":
        """The change with other values."""
        return self.model_copy(update=values)

    def undoing(self, why: str, now: datetime) -> "Resizing":
        """The change on its way back."""
        return self.changed(phase=UNDOING, undoes=why, started=now, called=None, ended=None, why="")


class Order(StrEnum):
    """What is to be done next. CALL: the actions; WAIT: look again later; TURN: undo it; END: it is over."""

    CALL = "call"
    WAIT = "wait"
    TURN = "turn"
    END = "end"


@dataclass(frozen=True, slots=True)
class Step:
    """The next step of a change, and why. `phase`: how it ends, with END."""

    order: Order
    why: str = ""
    phase: str = ""
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """The variant as it is. `running`: instances that serve; `setting.instances`: those asked for."""

    status: str
    config: str
    failure: str
    running: int
    setting: Setting


def next_step(resizing: Resizing, seen: Seen | None, now: datetime, settings: SizingSettings) -> Step:
    """What is to be done next for a change. `seen` None: the endpoint, or its variant, is gone."""
    if resizing.is_over:
        return Step(Order.END, resizing.why, resizing.phase)
    if seen is None:
        return Step(Order.END, "the endpoint, or its variant, is gone", FAILED)
    if seen.config != resizing.config:
        return Step(Order.END, f"{seen.config} was deployed meanwhile; the endpoint was left with it", FAILED)
    if seen.status in MOVING:
        return Step(Order.WAIT, f"the endpoint is {seen.status}")
    if seen.status != "InService":
        return Step(Order.END, f"the endpoint is {seen.status}: {seen.failure or 'no reason is given'}", FAILED)
    goal = resizing.goal
    actions = differences(goal, seen.setting, may_vary=resizing.called is not None)
    patience = timedelta(minutes=settings.settling_minutes)
    is_late = resizing.called is not None and now - resizing.called > patience
    if resizing.called is None or (actions and not is_late):
        return Step(Order.CALL, actions=actions)
    least, most = (min(goal.scaling.minima), goal.scaling.maximum) if goal.scaling else (goal.instances,) * 2
    if not actions and least <= seen.running <= most:
        return Step(Order.END, "", UNDONE if resizing.phase == UNDOING else APPLIED)
    if not is_late:
        return Step(Order.WAIT, f"{seen.running} instances serve, of {least} to {most}")
    why = (
        f"{seen.running} instances serve after {settings.settling_minutes} minutes, instead of {least} to {most}"
        f"{': ' + seen.failure if seen.failure else ''}"
    )
    return Step(Order.END, why, FAILED) if resizing.phase == UNDOING else Step(Order.TURN, why)


def why_not_apply(
    *,
    present: Setting,
    wanted: Setting | str,
    prediction: Prediction | None,
    applied: datetime | None,
    frozen_by: str,
    holder: str,
    now: datetime,
    settings: SizingSettings,
    is_approved: bool,
) -> str:
    """Why a setting is not brought about now, "" when it may be. Somebody who approved it need not wait for the rest
    after a change.

    `applied`: when the variant was last changed by Trimtab; `holder`: which other endpoint's turn it is, "" without.
    """
    if isinstance(wanted, str):
        return wanted
    if not differences(wanted, present):
        return "it is in force"
    if prediction is None:
        return "p99 of ModelLatency is not known, so that it could not be verified"
    if frozen_by:
        return f"the freeze window {frozen_by} holds"
    if applied is not None and now - applied < timedelta(days=settings.quiet_days) and not is_approved:
        return f"it was changed within {settings.quiet_days} days"
    if holder:
        return f"{holder} is being changed, and one endpoint at a time is"
    return ""


def needs_approval(plan: Plan, settings: SizingSettings) -> bool:
    """Whether a person has to say yes: in mode propose, and where confidence is not high."""
    return settings.mode == "propose" or plan.confidence < settings.high_confidence


def action_outcome(
    endpoint: str, plan: Plan | None, why_not: str, left_to_people: str, settings: SizingSettings
) -> str:
    """What is done about a recommendation, in words. `plan`: what can be done on the present instance type, None
    without; `why_not`: as `why_not_apply` says; `left_to_people`: a change of instance type, "" without."""
    parts = []
    if plan is not None and settings.mode == "observe":
        parts.append(f"would give it {plan.words}")
    elif plan is not None and why_not:
        parts.append(f"does not give it {plan.words}: {why_not}")
    elif plan is not None and needs_approval(plan, settings):
        approval = f'{{"endpoint": "{endpoint}", "command": "approve", "by": "<your name>"}}'
        why = "" if settings.mode == "propose" else f" (confidence {plan.confidence:.2f})"
        parts.append(f"waits for approval of {plan.words}{why}: send {approval} to this function")
    elif plan is not None:
        parts.append(f"gives it {plan.words}")
    if left_to_people:
        parts.append(f"a change to {left_to_people} is left to people: the evidence says how")
    return "; ".join(parts) or "there is nothing to do"


def holds_lock(lock: Mapping[str, Any], change: Mapping[str, Any], trial: Mapping[str, Any], now: datetime) -> str:
    """The endpoint whose turn it is, "" when nobody's.

    `lock`: the account's item; `change` and `trial`: those of the endpoint it names. Nothing has to be given back: what
    is seen of the endpoint tells whether its turn lasts.
    """
    if not lock:
        return ""
    name, since = str(lock["endpoint"]), datetime.fromisoformat(lock["since"])
    is_changing = change.get("kind") == KIND and change.get("phase") not in OVER
    if is_changing or now - since < LATE:
        return name
    if not trial or trial["outcome"]:
        return ""
    return name if now - datetime.fromisoformat(trial["started"]) < FIRST_DAY else ""


def resizing_id(endpoint: str, variant: str, config: str, plan: Plan, moment: datetime) -> str:
    """What tells this change from all others."""
    fact = (endpoint, variant, config, plan.words, moment.isoformat())
    return hashlib.sha256("\x1f".join(fact).encode()).hexdigest()[:12]
