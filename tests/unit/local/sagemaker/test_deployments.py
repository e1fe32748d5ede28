"""The stages that a DeploymentConfig means, and those that SageMaker would not take."""

from typing import Any

import pytest

from local.sagemaker.deployments import alarms_of, deployment_stages, require_valid_deployment
from local.sagemaker.errors import RefusedError

STEP = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}


def blue_green(kind: str, size: int = 0, *, of: str = "CAPACITY_PERCENT", wait: int = 60, **policy: Any) -> Any:
    routing: dict[str, Any] = {"Type": kind, "WaitIntervalInSeconds": wait}
    if size:
        routing[STEP[kind]] = {"Type": of, "Value": size}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **policy}}


def baking(config: dict[str, Any], instances: int) -> list[tuple[float, float]]:
    """Share and seconds of each baking."""
    return [(s.share, s.seconds) for s in deployment_stages(config, instances, 5) if s.status == "Baking"]


@pytest.mark.parametrize(
    ("config", "instances", "bakes"),
    [
        ({}, 4, []),
        (blue_green("ALL_AT_ONCE", TerminationWaitInSeconds=300), 4, [(1, 300)]),
        (blue_green("CANARY", 25, TerminationWaitInSeconds=300), 4, [(0.25, 60), (1, 300)]),
        (blue_green("CANARY", 10, TerminationWaitInSeconds=300), 2, [(0.5, 60), (1, 300)]),
        (blue_green("CANARY", 1, of="INSTANCE_COUNT"), 10, [(0.1, 60)]),
        (blue_green("LINEAR", 25), 4, [(0.25, 60), (0.5, 60), (0.75, 60)]),
        (blue_green("LINEAR", 30), 10, [(0.3, 60), (0.6, 60), (pytest.approx(0.9), 60)]),
        (blue_green("CANARY", 10), 0, [(0.1, 60)]),
    ],
)
def test_a_deployment_bakes_after_each_step(config: Any, instances: int, bakes: list[tuple[float, float]]) -> None:
    require_valid_deployment(config, instances, ["a"], ["a"])
    assert baking(config, instances) == bakes
    stages = deployment_stages(config, instances, 5)
    assert (stages[0].status, stages[0].seconds, stages[0].share) == ("Creating", 5, 0)
    assert stages[-1].share == 1


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"RollingUpdatePolicy": {}}, "RollingUpdatePolicy"),
        (blue_green("CANARY"), "CanarySize is required"),
        (blue_green("CANARY", 60), "at most 50%, not 60%|at most 50% of"),
        (blue_green("LINEAR", 5), "at least 10%"),
        (blue_green("LINEAR", 3, of="INSTANCE_COUNT"), "not 75%"),
        (blue_green("CANARY", 10, MaximumExecutionTimeoutInSeconds=60), "must be 600 to 28800"),
        (
            blue_green("CANARY", 10, wait=500, TerminationWaitInSeconds=500, MaximumExecutionTimeoutInSeconds=600),
            "less than the 1000 seconds",
        ),
        ({"AutoRollbackConfiguration": {"Alarms": []}}, "1 to 10 alarms"),
    ],
)
def test_an_impossible_deployment_is_refused(config: Any, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        require_valid_deployment(config, 4, ["a"], ["a"])


def test_a_canary_deployment_needs_the_same_variants() -> None:
    with pytest.raises(RefusedError, match="same variants"):
        require_valid_deployment(blue_green("CANARY", 10), 4, ["a"], ["b"])
    require_valid_deployment(blue_green("ALL_AT_ONCE"), 4, ["a"], ["a", "b"])


def test_alarms_are_named() -> None:
    config = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "x"}, {"AlarmName": "y"}]}}
    assert alarms_of(config) == ("x", "y")
    assert alarms_of({}) == ()
