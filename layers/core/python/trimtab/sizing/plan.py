"""What is to be made of a proposal: plain values that can be kept, replayed and brought about later."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from trimtab.sizing.autoscaling import Policy, ScheduledAction
from trimtab.sizing.observations import WEEK_MINUTES
from trimtab.sizing.proposals import Proposal

OWN = "trimtab-"
"""Names of policies and scheduled actions that Trimtab made begin so."""
POLICY_NAME = OWN + "invocations-per-instance"
TRACKED: Literal["SageMakerVariantInvocationsPerInstance"] = "SageMakerVariantInvocationsPerInstance"


class Document(BaseModel):
    """Something that is stored as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def document(self) -> dict[str, Any]:
        """It as plain JSON values."""
        return self.model_dump(mode="json")


class PlannedAction(Document):
    """A scheduled action: from `schedule` on the least capacity is `minimum`."""

    name: str
    schedule: str
    minimum: int


class PlannedPolicy(Document):
    """Target tracking. `floors`: where the scheduled least capacity changes, as (minute of the week, capacity)."""

    minimum: int
    maximum: int
    target_value: float
    target_rps: float
    scale_in_cooldown_s: int
    scale_out_cooldown_s: int
    scheduled: tuple[PlannedAction, ...] = ()
    floors: tuple[tuple[int, int], ...] = ()


class Plan(Document):
    """A count of instances, fixed or under a policy, and what it was proposed for.

    `instance_type`: of the variant, unchanged. `count`: at the design load, or fixed. `breaking_rps`: of one instance.
    `usd_month`: what the replay of the last days cost, and `usd_month_now` what today's setting did.
    """

    instance_type: str
    count: int
    policy: PlannedPolicy | None
    breaking_rps: float
    target_ms: float
    usd_per_hour: float
    usd_month: float
    usd_month_now: float | None
    confidence: float

    @property
    def is_fixed(self) -> bool:
        """Whether the count never varies."""
        return self.policy is None or self.policy.minimum == self.policy.maximum

    @property
    def words(self) -> str:
        """The plan in a few words."""
        if self.policy is None or self.policy.minimum == self.policy.maximum:
            return f"{self.count} × {self.instance_type}"
        return f"{self.policy.minimum} to {self.policy.maximum} × {self.instance_type}"

    def replayable(self) -> Policy | None:
        """The policy as the simulation takes it."""
        if self.policy is None:
            return None
        floor = None
        if self.policy.floors:
            floor = np.empty(WEEK_MINUTES, dtype=np.int64)
            for minute, least in self.policy.floors:
                floor[minute:] = least
        return Policy(
            minimum=self.policy.minimum,
            maximum=self.policy.maximum,
            metric=TRACKED,
            target_value=self.policy.target_value,
            target_rps=self.policy.target_rps,
            scale_in_cooldown_s=self.policy.scale_in_cooldown_s,
            scale_out_cooldown_s=self.policy.scale_out_cooldown_s,
            scheduled=tuple(ScheduledAction(a.name, a.schedule, a.minimum) for a in self.policy.scheduled),
            floor=floor,
        )


def plan_of(proposal: Proposal, target_ms: float, usd_month_now: float | None) -> Plan:
    """The plan that brings a proposal about."""
    return Plan(
        instance_type=proposal.instance_type,
        count=proposal.count,
        policy=None if proposal.policy is None else _planned(proposal.policy),
        breaking_rps=proposal.capacity.breaking_rps,
        target_ms=target_ms,
        usd_per_hour=proposal.usd_per_hour,
        usd_month=proposal.monthly_usd,
        usd_month_now=usd_month_now,
        confidence=proposal.confidence.value,
    )


def tracking_configuration(policy: PlannedPolicy) -> Mapping[str, Any]:
    """What PutScalingPolicy needs of a policy."""
    return {
        "TargetValue": round(policy.target_value, 3),
        "PredefinedMetricSpecification": {"PredefinedMetricType": TRACKED},
        "ScaleInCooldown": policy.scale_in_cooldown_s,
        "ScaleOutCooldown": policy.scale_out_cooldown_s,
        "DisableScaleIn": False,
    }


def _planned(policy: Policy) -> PlannedPolicy:
    return PlannedPolicy(
        minimum=policy.minimum,
        maximum=policy.maximum,
        target_value=policy.target_value,
        target_rps=policy.target_rps,
        scale_in_cooldown_s=policy.scale_in_cooldown_s,
        scale_out_cooldown_s=policy.scale_out_cooldown_s,
        scheduled=tuple(
            PlannedAction(name=OWN + each.name, schedule=each.schedule, minimum=each.minimum)
            for each in policy.scheduled
        ),
        floors=() if policy.floor is None else _steps(policy.floor),
    )


def _steps(floor: np.ndarray) -> tuple[tuple[int, int], ...]:
    starts = np.flatnonzero(np.diff(floor, prepend=floor[0] - 1))
    return tuple((int(minute), int(floor[minute])) for minute in starts)
