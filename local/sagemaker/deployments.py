"""SageMaker's blue/green deployments: what an UpdateEndpoint's DeploymentConfig means, as a sequence of stages.

The new fleet is made, takes over the traffic in one step (`ALL_AT_ONCE`), two (`CANARY`) or many (`LINEAR`), and after
each the deployment bakes: its alarms are watched, `WaitIntervalInSeconds` between the steps and
`TerminationWaitInSeconds` after the last. A part of the fleet is a whole number of instances, so that 10 % of two
instances are one, which gets half of the traffic.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from local.sagemaker.errors import invalid

STEP_SIZE = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
EXECUTION_SECONDS = (600, 28_800)


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a change: what the new fleet's variants are at, how long, and with which share of the traffic."""

    status: Literal["Creating", "ActivatingTraffic", "Baking", "Updating", "Deleting"]
    seconds: float
    share: float = 0.0
    wait: str = ""
    """The parameter that a baking time comes from."""


def deployment_stages(config: Mapping[str, Any], instances: int, creating_seconds: float) -> tuple[Stage, ...]:
    """The stages of a deployment by this DeploymentConfig (empty: all at once, no baking) to so many instances."""
    stages = [Stage("Creating", creating_seconds)]
    policy = config.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {})
    *early, last = _shares(routing, instances)
    for share in early:
        stages.append(Stage("ActivatingTraffic", 0, share))
        stages.append(Stage("Baking", routing["WaitIntervalInSeconds"], share, "WaitIntervalInSeconds"))
    stages.append(Stage("ActivatingTraffic", 0, last))
    if wait := policy.get("TerminationWaitInSeconds", 0):
        stages.append(Stage("Baking", wait, last, "TerminationWaitInSeconds"))
    return tuple(stages)


def alarms_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the alarms that roll a deployment by this DeploymentConfig back."""
    return tuple(alarm["AlarmName"] for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", []))


def _shares(routing: Mapping[str, Any], instances: int) -> list[float]:
    if routing.get("Type", "ALL_AT_ONCE") == "ALL_AT_ONCE":
        return [1.0]
    step = _part(routing[STEP_SIZE[routing["Type"]]], instances)
    if routing["Type"] == "CANARY":
        return [step, 1.0]
    whole_steps = math.ceil(round(1 / step, 9))
    return [min(1.0, number * step) for number in range(1, whole_steps + 1)]


def _part(size: Mapping[str, Any], instances: int) -> float:
    """The part of a fleet that a CapacitySize is, in whole instances where there are instances."""
    if size["Type"] == "INSTANCE_COUNT":
        return int(size["Value"]) / instances if instances else 1.0
    part = int(size["Value"]) / 100
    return math.ceil(round(part * instances, 9)) / instances if instances else part


def require_valid_deployment(
    config: Mapping[str, Any], instances: int, old: Collection[str], new: Collection[str]
) -> None:
    """Raise RefusedError for a DeploymentConfig that SageMaker would not take for this update.

    `instances` is how many the new fleet has; `old` and `new` are the names of the fleets' variants.
    """
    if "RollingUpdatePolicy" in config:
        raise invalid("The local cloud does blue/green updates only: RollingUpdatePolicy")
    alarms = alarms_of(config)
    if "AutoRollbackConfiguration" in config and not 1 <= len(alarms) <= 10:
        raise invalid(f"AutoRollbackConfiguration must name 1 to 10 alarms, not {len(alarms)}")
    if (policy := config.get("BlueGreenUpdatePolicy")) is None:
        return
    routing = policy["TrafficRoutingConfiguration"]
    kind = routing["Type"]
    for other, member in STEP_SIZE.items():
        if (member in routing) != (kind == other):
            wanted = "is required for" if kind == other else "can't be given for"
            raise invalid(f"{member} {wanted} traffic routing of type {kind}")
    if kind in STEP_SIZE:
        _require_size(STEP_SIZE[kind], routing[STEP_SIZE[kind]], instances, 0.10 if kind == "LINEAR" else 0.0)
        if set(old) != set(new):
            raise invalid(f"The new endpoint configuration must have the same variants for {kind}: {sorted(old)}")
    _require_time(policy, deployment_stages(config, instances, 0))


def _require_size(member: str, size: Mapping[str, Any], instances: int, smallest: float) -> None:
    value = size["Value"]
    part = value / 100 if size["Type"] == "CAPACITY_PERCENT" else value / max(1, instances)
    if not smallest <= part <= 0.5:
        least = f"at least {smallest:.0%} and " if smallest else ""
        raise invalid(f"{member} must be {least}at most 50% of the variant's capacity, not {part:.0%}")


def _require_time(policy: Mapping[str, Any], stages: tuple[Stage, ...]) -> None:
    least, most = EXECUTION_SECONDS
    waits = sum(stage.seconds for stage in stages)
    limit = policy.get("MaximumExecutionTimeoutInSeconds", most)
    if not least <= limit <= most:
        raise invalid(f"MaximumExecutionTimeoutInSeconds must be {least} to {most}, not {limit}")
    if limit < waits:
        raise invalid(f"MaximumExecutionTimeoutInSeconds is {limit}, less than the {waits:g} seconds of waiting")
