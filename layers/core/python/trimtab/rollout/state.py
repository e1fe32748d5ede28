"""A rollout in progress: what is being done to an endpoint, how far it has come, and everything that happened.

It is one document that is replaced whole. It says what is wanted; what is, is looked at anew for each step.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from trimtab.rollout.request import RolloutRequest, resource_name
from trimtab.rollout.scaling import ScalableTarget
from trimtab.rollout.smoke import SmokeReport
from trimtab.rollout.thresholds import CanaryThresholds

CHANGES = "change"
"""The partition of the state table that says what is being done to each endpoint."""
KIND: Literal["rollout"] = "rollout"


class Phase(StrEnum):
    """Where a rollout stands."""

    PREPARING = "preparing"
    UPDATING = "updating"
    SCALING = "scaling"
    SMOKE = "smoke"
    SIZING = "sizing"
    SHIFTING = "shifting"
    BAKING = "baking"
    FINISHING = "finishing"
    ROLLING_BACK = "rolling_back"
    REMOVING = "removing"
    RESTORING = "restoring"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


TERMINAL = frozenset({Phase.PROMOTED, Phase.ROLLED_BACK, Phase.FAILED})
WAY_BACK = frozenset({Phase.ROLLING_BACK, Phase.REMOVING, Phase.RESTORING})
WITH_CANARY = frozenset({Phase.SCALING, Phase.SMOKE, Phase.SIZING, Phase.SHIFTING, Phase.BAKING})
"""Phases in which the endpoint has the canary."""
WITH_TRAFFIC = frozenset({Phase.SIZING, Phase.SHIFTING, Phase.BAKING})
"""Phases in which the canary may serve people."""

type Event = Literal[
    "started", "smoke_passed", "step_raised", "held", "stuck", "paused", "resumed", "promote_ordered", "finishing",
    "rolling_back", "promoted", "rolled_back", "failed",
]  # fmt: skip


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Entry(_Document):
    """Something that happened: what, why, by whom, with the numbers."""

    at: AwareDatetime
    event: Event
    text: str
    by: str = ""
    evidence: Mapping[str, Any] = {}


class Before(_Document):
    """The endpoint as it was found. `document` is its config as CreateEndpointConfig takes it, `weight` and `instances`
    are those of the variant that the rollout is about."""

    config: str
    document: Mapping[str, Any]
    weight: float
    instances: int
    scaling: ScalableTarget | None = None


class ShareTaken(_Document):
    """A share of the traffic that the canary had, from when its weights were in service until they were to change."""

    step: int
    share: float
    since: AwareDatetime
    until: AwareDatetime | None = None


class Attempt(_Document):
    """Calls of UpdateEndpoint for one config. `failure` is what the endpoint said of its last failure before them,
    `refusal` what SageMaker answered to the last call, "" when it took it."""

    config: str
    count: int
    failure: str
    refusal: str = ""


class Hold(_Document):
    """Why the rollout does not go on, since when, and whether that was told."""

    reason: str
    since: AwareDatetime
    was_told: bool = False


class Rollout(_Document):
    """A rollout.

    `phase_since`: when it came into its phase. `thresholds` and `latency_ms` (what is slow; None: not judged) are those
    of its start. `alarm`: the one that guards it, in mode guardrail. `promote_by`: who ordered it to be promoted.
    `goal`: the phase it ends in, once that is certain. `recorded`: so many entries of `history` have been published
    and written down.
    """

    kind: Literal["rollout"] = KIND
    id: str
    request: RolloutRequest
    variant: str
    model: str
    phase: Phase = Phase.PREPARING
    phase_since: AwareDatetime
    started: AwareDatetime
    thresholds: CanaryThresholds
    latency_ms: float | None
    error_metric: str
    alarm: str = ""
    before: Before
    step: int = 0
    ladder: tuple[ShareTaken, ...] = ()
    final_instances: int = 0
    attempt: Attempt | None = None
    smoke: SmokeReport | None = None
    promote_by: str = ""
    paused_since: AwareDatetime | None = None
    paused_minutes: float = 0.0
    held: Hold | None = None
    goal: Phase | None = None
    reason: str = ""
    judgement: Mapping[str, Any] = {}
    history: tuple[Entry, ...] = ()
    recorded: int = 0

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return self.request.endpoint

    @property
    def config(self) -> str:
        """The name of the endpoint config with the canary."""
        return resource_name(self.endpoint, self.id)

    @property
    def final(self) -> str:
        """The name of the endpoint config that has the new model alone."""
        return resource_name(self.endpoint, self.id, "final")

    @property
    def share(self) -> float:
        """The share of the traffic that the present step gives the canary."""
        return self.request.share(self.step)

    @property
    def is_last_step(self) -> bool:
        """Whether the present step leaves production nothing."""
        return self.step == len(self.request.steps) - 1

    def most_minutes(self, now: datetime) -> float:
        """How long the canary may go without a decision, from its first traffic. Pauses do not count."""
        pause = (now - self.paused_since).total_seconds() / 60 if self.paused_since else 0.0
        return self.thresholds.latest_minutes + self.paused_minutes + pause

    def until(self, now: datetime) -> tuple[ShareTaken, ...]:
        """The ladder with its last share ended by now."""
        if not self.ladder or self.ladder[-1].until:
            return self.ladder
        return (*self.ladder[:-1], self.ladder[-1].model_copy(update={"until": now}))

    def changed(self, **values: Any) -> "Rollout":
        """The rollout with other values."""
        return self.model_copy(update=values)

    def entered(self, phase: Phase, now: datetime, **values: Any) -> "Rollout":
        """The rollout in another phase; what held it is forgotten."""
        return self.changed(phase=phase, phase_since=now, held=None, **values)

    def noted(
        self, event: Event, now: datetime, text: str, by: str = "", evidence: Mapping[str, Any] | None = None
    ) -> "Rollout":
        """The rollout with one more entry in its history."""
        entry = Entry(at=now, event=event, text=text, by=by, evidence=evidence or {})
        return self.changed(history=(*self.history, entry))

    def document(self) -> dict[str, Any]:
        """The rollout as plain JSON values."""
        return self.model_dump(mode="json")


def is_over(document: Mapping[str, Any]) -> bool:
    """Whether nothing is left to be done, told or written down of the rollout in a document."""
    return document["phase"] in TERMINAL and document.get("recorded") == len(document.get("history", ()))


def rollout_of(document: Mapping[str, Any]) -> Rollout:
    """The rollout in a document. Raises pydantic's ValidationError."""
    return Rollout.model_validate(document)


def minutes_between(start: datetime, end: datetime) -> float:
    """The time from start to end in minutes."""
    return (end - start) / timedelta(minutes=1)
