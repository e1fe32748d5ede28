"""UpdateEndpoint: what it refuses, what is to be seen meanwhile, and how it ends."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.sagemaker.control_faults import Faults
from local.sagemaker.endpoints import delete_endpoint, delete_endpoint_config, describe_endpoint_config
from local.sagemaker.errors import RefusedError
from local.sagemaker.registry import create_model
from local.sagemaker.scaling import VARIANT_DIMENSION, register_target
from local.sagemaker.updates import update_endpoint
from local.sagemaker.weights import update_weights_and_capacities

type World = Any
type MakeVariant = Callable[..., dict[str, Any]]

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 300,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        },
        "TerminationWaitInSeconds": 120,
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "harm"}]},
}


@pytest.fixture
def two(world: World, make_variant: MakeVariant) -> World:
    """With config `two`: model `new` behind `main`, three instances."""
    world.config("two", make_variant("main", "new", InitialInstanceCount=3))
    return world


def update(world: World, config: str = "two", **parameters: Any) -> None:
    update_endpoint(world.service, {"EndpointName": "churn", "EndpointConfigName": config, **parameters})


def states(world: World) -> list[tuple[str, str]]:
    details = [json.loads(entry["Detail"]) for entry in world.told]
    return [(detail["EndpointStatus"], detail["EndpointConfigName"]) for detail in details]


def test_the_old_fleet_serves_until_the_new_one_is_made(two: World) -> None:
    update(two)
    described = two.described()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("Updating", "one")
    assert described["PendingDeploymentSummary"]["EndpointConfigName"] == "two"
    assert two.hosting().green_share == 0
    two.after(1)
    described = two.described()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "two")
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    assert "PendingDeploymentSummary" not in described
    assert two.hosting().fleet.model_of("main") == "new"
    assert two.service.backend.endpoints["churn"].endpoint_status == "InService"  # what ListEndpoints goes by
    assert states(two)[0] == ("UPDATING", "one")
    assert states(two)[-1] == ("IN_SERVICE", "two")


def test_properties_are_retained_but_for_those_excluded(two: World, make_variant: MakeVariant) -> None:
    two.config("three", make_variant("main", "old", InitialVariantWeight=9), make_variant("canary", "new"))
    update(
        two,
        "three",
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    two.after(1)
    main, canary = two.described()["ProductionVariants"]
    assert (main["CurrentWeight"], main["CurrentInstanceCount"]) == (9, 2)
    assert (canary["CurrentWeight"], canary["CurrentInstanceCount"]) == (1, 2)


@pytest.mark.parametrize("reason", ["no capacity", ""])
def test_a_failed_update_returns_to_the_old_config_in_silence(two: World, reason: str) -> None:
    two.service.faults.plant(Faults(fail_updates=[reason], update_seconds=60))
    update(two)
    two.after(59)
    assert two.described()["EndpointStatus"] == "Updating"
    two.after(1)
    described = two.described()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "one")
    assert described.get("FailureReason", "") == reason
    update(two)  # the reason is gone when the next update begins
    assert "FailureReason" not in two.described()


def test_a_container_that_does_not_start_fails_the_update(world: World, make_variant: MakeVariant) -> None:
    world.model("broken", TRIMTAB_LOCAL_MODEL="no.such:model")
    world.config("two", make_variant("main", "broken"))
    update(world)
    world.after(1)
    assert "variant main did not pass the ping health check" in world.described()["FailureReason"]
    assert world.described()["EndpointConfigName"] == "one"


def test_a_deleted_model_fails_the_update(two: World) -> None:
    del two.service.backend._models["new"]
    update(two)
    two.after(1)
    assert two.described()["FailureReason"].startswith("Could not find model")


def test_an_endpoint_in_progress_is_left_alone(two: World) -> None:
    update(two)
    desired = [{"VariantName": "main", "DesiredWeight": 1}]
    for call in (
        lambda: update(two),
        lambda: update_weights_and_capacities(
            two.service, {"EndpointName": "churn", "DesiredWeightsAndCapacities": desired}
        ),
        lambda: delete_endpoint(two.service, {"EndpointName": "churn"}),
    ):
        with pytest.raises(
            RefusedError, match=r'^Cannot update in-progress endpoint "arn:.*endpoint/churn"'
        ) as refused:
            call()
        assert refused.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("status", "reason"), [("SystemUpdating", "in-progress"), ("Failed", "in status Failed"), ("OutOfService", "")]
)
def test_an_endpoint_in_maintenance_or_failed_is_refused(two: World, status: Any, reason: str) -> None:
    two.service.changes.force_statuses({"churn": status})
    assert two.described()["EndpointStatus"] == status
    if reason:
        with pytest.raises(RefusedError, match=reason):
            update(two)
    else:
        update(two)
    assert states(two)[0][0] == {"SystemUpdating": "SYSTEM_UPDATING", "OutOfService": "OUT_OF_SERVICE"}.get(
        status, "FAILED"
    )


def test_missing_configs_are_named(two: World) -> None:
    with pytest.raises(RefusedError, match=r'Could not find endpoint configuration "arn:.*endpoint-config/none"'):
        update(two, "none")
    delete_endpoint_config(two.service, {"EndpointConfigName": "one"})
    two.service.backend.delete_endpoint_config("one")
    assert two.described()["EndpointStatus"] == "InService"  # the endpoint serves on …
    with pytest.raises(RefusedError, match=r"endpoint-config/one"):  # … but cannot be updated any more
        update(two)


def test_a_canary_deployment_bakes_twice_and_takes_over(two: World) -> None:
    update(two, DeploymentConfig=CANARY)
    two.after(1)
    pending = two.described()["PendingDeploymentSummary"]["ProductionVariants"][0]
    assert two.hosting().green_share == pytest.approx(2 / 3)  # 50 % of three instances are two
    assert (pending["CurrentInstanceCount"], pending["DesiredInstanceCount"]) == (2, 3)
    assert pending["VariantStatus"][0]["Status"] == "Baking"
    assert pending["VariantStatus"][0]["StatusMessage"] == (
        "Baking for 300 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 2 instance(s)."
    )
    assert two.service.changes.watched_alarms() == ["harm"]
    two.after(300)
    assert two.hosting().green_share == 1
    two.after(119)
    assert two.described()["EndpointStatus"] == "Updating"
    two.after(1)
    assert two.described()["EndpointConfigName"] == "two"
    assert two.described()["LastDeploymentConfig"] == CANARY
    kinds = {entry["DetailType"] for entry in two.told}
    assert kinds == {"SageMaker Endpoint State Change", "SageMaker Endpoint Deployment State Change"}


def test_all_stages_are_gone_through_when_the_clock_jumps(two: World) -> None:
    update(two, DeploymentConfig=CANARY)
    two.after(3600)
    assert two.described()["EndpointConfigName"] == "two"
    assert two.described()["LastModifiedTime"].minute == 7  # when it was over, not when it was seen


def test_an_alarm_while_baking_rolls_the_deployment_back(two: World) -> None:
    update(two, DeploymentConfig=CANARY)
    two.after(0.5, frozenset({"harm"}))  # the new fleet has no traffic yet
    assert two.described()["EndpointStatus"] == "Updating"
    two.after(60)
    two.after(60, frozenset({"another"}))
    assert two.described()["EndpointStatus"] == "Updating"
    two.after(1, frozenset({"harm"}))
    assert two.described()["EndpointStatus"] == "RollingBack"
    assert two.hosting().green_share == 0
    two.after(1)
    described = two.described()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "one")
    assert "harm" in described["FailureReason"]
    assert [status for status, _ in states(two)][-2:] == ["ROLLING_BACK", "IN_SERVICE"]


def test_the_last_deployment_config_can_be_used_again(two: World) -> None:
    update(two, DeploymentConfig=CANARY)
    two.after(3600)
    update(two, "one", RetainDeploymentConfig=True)
    two.after(1)
    assert two.hosting().green_share == 0.5


def test_a_scaled_variant_is_neither_removed_nor_changed_in_type(two: World, make_variant: MakeVariant) -> None:
    target = {"ResourceId": "endpoint/churn/variant/main", "ScalableDimension": VARIANT_DIMENSION}
    limits: dict[str, Any] = {"ServiceNamespace": "sagemaker", "MinCapacity": 1, "MaxCapacity": 4}
    register_target(two.service, target | limits)
    two.service.scaling.register_scalable_target(
        "sagemaker", target["ResourceId"], VARIANT_DIMENSION, 1, 4, "role", None
    )
    two.config("renamed", make_variant("other", "new"))
    two.config("bigger", make_variant("main", "new", InstanceType="ml.c7i.xlarge"))
    for config, reason in (("renamed", "before removing it"), ("bigger", "before changing its instance type")):
        with pytest.raises(RefusedError, match=reason):
            update(two, config)
    update(two, "two")
    two.after(1)
    delete_endpoint(two.service, {"EndpointName": "churn"})
    assert two.service.scaling.targets[VARIANT_DIMENSION] == {}


def test_a_config_is_kept_whole_and_once(world: World, make_variant: MakeVariant) -> None:
    members = {
        "DataCaptureConfig": {"EnableCapture": True, "InitialSamplingPercentage": 5, "DestinationS3Uri": "s3://b"},
        "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o"}},
        "ExecutionRoleArn": "arn:aws:iam::0:role/x",
        "VpcConfig": {"Subnets": ["s"], "SecurityGroupIds": ["g"]},
        "EnableNetworkIsolation": True,
        "MetricsConfig": {"EnableEnhancedMetrics": True},
        "KmsKeyId": "k",
    }
    world.config("full", make_variant("main", "new"), **members)
    described = describe_endpoint_config(world.service, {"EndpointConfigName": "full"})
    assert {member: described[member] for member in members} == members
    with pytest.raises(RefusedError, match=r"^Cannot create already existing endpoint configuration"):
        world.config("full", make_variant("main", "new"))
    with pytest.raises(RefusedError, match=r'Could not find model "arn:.*model/none"'):
        world.config("other", make_variant("main", "none"))
    with pytest.raises(RefusedError, match=r"ml\.t3\.medium"):  # no hosting instance type (seed trap 0.1)
        world.config("other", make_variant("main", "new", InstanceType="ml.t3.medium"))
    update(world, "full")
    world.after(1)
    shown = world.described()
    assert shown["DataCaptureConfig"]["CurrentSamplingPercentage"] == 5
    assert shown["AsyncInferenceConfig"] == members["AsyncInferenceConfig"]


def test_a_model_whose_artifact_is_missing_fails_the_update(world: World, make_variant: MakeVariant) -> None:
    container = {"Image": "none", "ModelDataUrl": "s3://models/none.tar.gz"}
    create_model(world.service, {"ModelName": "lost", "ExecutionRoleArn": "r", "PrimaryContainer": container})
    world.config("two", make_variant("main", "lost"))
    update(world)
    world.after(1)
    described = world.described()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "one")
    assert "did not pass the ping health check" in described["FailureReason"]
