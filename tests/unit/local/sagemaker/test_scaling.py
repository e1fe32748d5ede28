"""Application Auto Scaling, where moto differs from AWS."""

from typing import Any

import pytest

from local.sagemaker.errors import RefusedError
from local.sagemaker.scaling import (
    VARIANT_DIMENSION,
    delete_policy,
    deregister_target,
    put_policy,
    register_target,
    scaled_variants,
)

type World = Any

TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/churn/variant/main",
    "ScalableDimension": VARIANT_DIMENSION,
}


def register(world: World, **parameters: Any) -> None:
    asked: dict[str, Any] = TARGET | parameters
    register_target(world.service, asked)
    world.service.scaling.register_scalable_target(
        "sagemaker",
        TARGET["ResourceId"],
        VARIANT_DIMENSION,
        asked.get("MinCapacity"),
        asked.get("MaxCapacity"),
        "role",
        asked.get("SuspendedState"),
    )


def target(world: World) -> Any:
    return world.service.scaling.targets[VARIANT_DIMENSION][TARGET["ResourceId"]]


def test_what_is_suspended_stays_until_it_is_said_again(world: World) -> None:
    register(world, MinCapacity=1, MaxCapacity=4)
    assert target(world).suspended_state["DynamicScalingInSuspended"] is False
    register(world, SuspendedState={"DynamicScalingInSuspended": True})
    register(world, MaxCapacity=8)
    assert (target(world).min_capacity, target(world).max_capacity) == (1, 8)
    assert target(world).suspended_state == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }
    assert scaled_variants(world.service.scaling, "churn") == {"main"}
    assert scaled_variants(world.service.scaling, "chur") == set()


def test_what_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(RefusedError, match="No scalable target registered for service namespace: sagemaker") as refused:
        deregister_target(world.service, dict(TARGET))
    assert refused.value.code == "ObjectNotFoundException"
    for operation in (put_policy, delete_policy):
        with pytest.raises(RefusedError, match="No scal"):
            operation(world.service, TARGET | {"PolicyName": "p"})
    with pytest.raises(RefusedError, match="Could not find the variant"):
        register_target(world.service, TARGET | {"ResourceId": "endpoint/churn/variant/none", "MinCapacity": 1})


@pytest.mark.parametrize(
    ("limits", "reason"), [({}, "are required"), ({"MinCapacity": 3, "MaxCapacity": 2}, "cannot be less")]
)
def test_impossible_limits_are_refused(world: World, limits: dict[str, int], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        register_target(world.service, TARGET | limits)


def test_a_target_takes_its_policies_with_it(world: World) -> None:
    register(world, MinCapacity=1, MaxCapacity=4)
    world.service.scaling.put_scaling_policy(
        "p", "sagemaker", TARGET["ResourceId"], VARIANT_DIMENSION, {"TargetValue": 70.0}, "TargetTrackingScaling"
    )
    delete_policy(world.service, TARGET | {"PolicyName": "p"})  # it is there
    deregister_target(world.service, dict(TARGET))
    assert world.service.scaling.policies == {}
