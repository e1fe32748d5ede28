"""How a variant is set: its instances and what scales them; what differs between two settings, and is to be called."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

from trimtab.sizing.plan import OWN, POLICY_NAME, TRACKED, Document, Plan, tracking_configuration


class ScheduledScaling(Document):
    """A scheduled action as DescribeScheduledActions shows it."""

    name: str
    schedule: str
    timezone: str = ""
    minimum: int | None = None
    maximum: int | None = None


class ScalingPolicy(Document):
    """A policy as DescribeScalingPolicies shows it. `configuration`: of target tracking, empty for other types."""

    name: str
    type: str
    configuration: Mapping[str, Any] = {}


class Scaling(Document):
    """A scalable target with all that scales it. `suspended`: what of it is suspended."""

    minimum: int
    maximum: int
    suspended: Mapping[str, bool] = {}
    policies: tuple[ScalingPolicy, ...] = ()
    scheduled: tuple[ScheduledScaling, ...] = ()

    @property
    def minima(self) -> frozenset[int]:
        """What the least capacity is by turns."""
        return frozenset({self.minimum, *(each.minimum for each in self.scheduled if each.minimum is not None)})


class Setting(Document):
    """How many instances a variant has, and what varies that; `scaling` None: nothing does."""

    instances: int
    scaling: Scaling | None = None


@dataclass(frozen=True, slots=True)
class Register:
    """The variant is to be scaled between limits."""

    minimum: int
    maximum: int
    suspended: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class PutPolicy:
    """There is to be this policy of target tracking."""

    name: str
    configuration: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeletePolicy:
    """There is to be no policy of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class PutSchedule:
    """There is to be this scheduled action."""

    action: ScheduledScaling


@dataclass(frozen=True, slots=True)
class DeleteSchedule:
    """There is to be no scheduled action of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Deregister:
    """The variant is not to be scaled, by no policy and no schedule."""


@dataclass(frozen=True, slots=True)
class Resize:
    """The variant is to have so many instances."""

    instances: int


type Action = Register | PutPolicy | DeletePolicy | PutSchedule | DeleteSchedule | Deregister | Resize


def scaling_of(
    minimum: int,
    maximum: int,
    suspended: Mapping[str, bool],
    policies: Iterable[Mapping[str, Any]],
    schedules: Iterable[Mapping[str, Any]],
) -> Scaling:
    """How a variant is scaled, from what Application Auto Scaling shows of its target, policies and schedules."""
    return Scaling(
        minimum=minimum,
        maximum=maximum,
        suspended=suspended,
        policies=tuple(
            ScalingPolicy(
                name=each["PolicyName"],
                type=each["PolicyType"],
                configuration=each.get("TargetTrackingScalingPolicyConfiguration", {}),
            )
            for each in policies
        ),
        scheduled=tuple(
            ScheduledScaling(
                name=each["ScheduledActionName"],
                schedule=each["Schedule"],
                timezone=each.get("Timezone", ""),
                minimum=each.get("ScalableTargetAction", {}).get("MinCapacity"),
                maximum=each.get("ScalableTargetAction", {}).get("MaxCapacity"),
            )
            for each in schedules
        ),
    )


def wanted_setting(plan: Plan, before: Setting) -> Setting | str:
    """What a plan comes to on a variant that is set like this, or why only people may change that."""
    now = before.scaling
    if now is not None:
        if any(now.suspended.values()):
            return "its scaling is suspended, which somebody wanted"
        strange = [each.name for each in now.policies if not _tracks_invocations(each)]
        strange += [each.name for each in now.scheduled if not each.name.startswith(OWN)]
        if strange or len(now.policies) > 1:
            names = ", ".join(strange or [each.name for each in now.policies])
            return f"it has scaling of its own, which the replay knows nothing of: {names}"
    if plan.policy is None or plan.is_fixed:
        if now is None:
            return Setting(instances=plan.count)
        fixed = Scaling(minimum=plan.count, maximum=plan.count, suspended=now.suspended, policies=now.policies)
        return Setting(instances=plan.count, scaling=fixed)
    policy = plan.policy
    name = now.policies[0].name if now and now.policies else POLICY_NAME
    scaling = Scaling(
        minimum=policy.minimum,
        maximum=policy.maximum,
        suspended=now.suspended if now else {},
        policies=(
            ScalingPolicy(name=name, type="TargetTrackingScaling", configuration=tracking_configuration(policy)),
        ),
        scheduled=tuple(
            ScheduledScaling(name=each.name, schedule=each.schedule, minimum=each.minimum) for each in policy.scheduled
        ),
    )
    instances = min(max(before.instances, policy.minimum), policy.maximum)
    return Setting(instances=instances, scaling=scaling)


def differences(wanted: Setting, seen: Setting, *, may_vary: bool = False) -> tuple[Action, ...]:
    """What is to be called for so that a variant is set as wanted, in this order; nothing when it is.

    `may_vary`: whether the least capacity may be any of those that the schedule sets.
    """
    target, present = wanted.scaling, seen.scaling
    actions: list[Action] = []
    if target is None:
        if present is not None:
            actions.append(Deregister())
        if seen.instances != wanted.instances:
            actions.append(Resize(wanted.instances))
        return tuple(actions)
    minima = target.minima if may_vary else {target.minimum}
    if present is None or present.minimum not in minima or present.maximum != target.maximum:
        actions.append(Register(target.minimum, target.maximum, target.suspended))
    policies = {each.name: each for each in present.policies} if present else {}
    for policy in target.policies:
        there = policies.pop(policy.name, None)
        if policy.configuration and (there is None or not _agrees(policy.configuration, there.configuration)):
            actions.append(PutPolicy(policy.name, policy.configuration))
    actions += [DeletePolicy(name) for name in policies if name.startswith(OWN)]
    schedules = {each.name: each for each in present.scheduled} if present else {}
    actions += [PutSchedule(each) for each in target.scheduled if schedules.pop(each.name, None) != each]
    actions += [DeleteSchedule(name) for name in schedules if name.startswith(OWN)]
    least, most = (min(target.minima), target.maximum) if may_vary else (target.minimum, target.maximum)
    if not least <= seen.instances <= most:
        actions.append(Resize(min(max(seen.instances, target.minimum), most)))
    return tuple(actions)


def _tracks_invocations(policy: ScalingPolicy) -> bool:
    metric = policy.configuration.get("PredefinedMetricSpecification", {})
    return policy.type == "TargetTrackingScaling" and metric.get("PredefinedMetricType") == TRACKED


def _agrees(wanted: Any, there: Any) -> bool:
    """Whether all that is wanted is there; AWS adds defaults of its own."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(_agrees(value, there.get(key)) for key, value in wanted.items())
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return isinstance(there, Sequence) and len(there) == len(wanted) and all(map(_agrees, wanted, there))
    if isinstance(wanted, bool):
        return bool(there) == wanted
    if isinstance(wanted, int | float):
        return isinstance(there, int | float) and isclose(wanted, there, rel_tol=1e-6)
    return bool(wanted == there)
