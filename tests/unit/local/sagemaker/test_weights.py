"""UpdateEndpointWeightsAndCapacities."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.sagemaker.control_faults import Faults
from local.sagemaker.errors import RefusedError
from local.sagemaker.weights import update_weights_and_capacities

type World = Any


@pytest.fixture
def pair(world: World, make_variant: Callable[..., dict[str, Any]]) -> World:
    """Endpoint `pair`: `main` at weight 1 and `canary` at weight 0."""
    world.config("both", make_variant("main", "old"), make_variant("canary", "new", InitialVariantWeight=0.0))
    world.endpoint("pair", "both")
    world.told.clear()
    return world


def change(world: World, *desired: dict[str, Any]) -> None:
    update_weights_and_capacities(world.service, {"EndpointName": "pair", "DesiredWeightsAndCapacities": list(desired)})


def weights(world: World, member: str) -> list[float]:
    return [variant[member] for variant in world.described("pair")["ProductionVariants"]]


def test_wanted_weights_show_at_once_and_hold_after_a_moment(pair: World) -> None:
    pair.service.faults.plant(Faults(weights_seconds=20))
    change(pair, {"VariantName": "main", "DesiredWeight": 0.9}, {"VariantName": "canary", "DesiredWeight": 0.1})
    assert pair.described("pair")["EndpointStatus"] == "Updating"
    assert (weights(pair, "DesiredWeight"), weights(pair, "CurrentWeight")) == ([0.9, 0.1], [1, 0])
    pair.after(20)
    assert pair.described("pair")["EndpointStatus"] == "InService"
    assert weights(pair, "CurrentWeight") == [0.9, 0.1]
    assert weights(pair, "CurrentInstanceCount") == [2, 2]  # what isn't named stays
    assert [json.loads(entry["Detail"])["EndpointStatus"] for entry in pair.told] == ["UPDATING", "IN_SERVICE"]


def test_a_capacity_is_told_as_a_deployment_too(pair: World) -> None:
    change(pair, {"VariantName": "canary", "DesiredInstanceCount": 6})
    shown = pair.described("pair")["ProductionVariants"][1]
    assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]) == (2, 6)
    assert shown["VariantStatus"][0]["StatusMessage"] == "Scaling out desired instance count to 6."
    deployment = [e for e in pair.told if e["DetailType"] == "SageMaker Endpoint Deployment State Change"]
    assert len(deployment) == 1
    pair.after(1)
    assert weights(pair, "CurrentInstanceCount") == [2, 6]


@pytest.mark.parametrize(
    ("desired", "reason"),
    [
        (
            [{"VariantName": "gone", "DesiredWeight": 1}],
            r'"gone" is/are not present within endpoint configuration "both"',
        ),
        ([{"VariantName": "main", "DesiredWeight": 1}] * 2, "non-unique"),
        ([{"VariantName": name, "DesiredInstanceCount": 3} for name in ("main", "canary")], "one variant"),
        ([{"VariantName": "main", "DesiredInstanceCount": 0}], "at least 1 instance"),
    ],
)
def test_the_impossible_is_refused_and_changes_nothing(pair: World, desired: Any, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        change(pair, *desired)
    assert pair.described("pair")["EndpointStatus"] == "InService"
    assert weights(pair, "DesiredWeight") == [1, 0]
