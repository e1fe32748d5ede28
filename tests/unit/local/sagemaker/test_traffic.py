"""Traffic that is counted and not served."""

from collections.abc import Callable
from typing import Any

import pytest

from local.sagemaker.behaviour import Behaviour
from local.sagemaker.errors import RefusedError
from local.sagemaker.traffic import Traffic, send_traffic
from local.sagemaker.updates import update_endpoint

type World = Any


@pytest.fixture
def pair(world: World, make_variant: Callable[..., dict[str, Any]]) -> World:
    """Endpoint `pair`: a tenth goes to `canary`, which fails half of the time."""
    world.model("flaky", TRIMTAB_LOCAL_ERROR_RATE="0.5", TRIMTAB_LOCAL_LATENCY_MS="20")
    world.config(
        "both",
        make_variant("main", "old", InitialVariantWeight=0.9),
        make_variant("canary", "flaky", InitialVariantWeight=0.1),
    )
    world.endpoint("pair", "both")
    return world


def send(world: World, behaviours: dict[str, Behaviour] | None = None, **parameters: Any) -> list[dict[str, Any]]:
    asked = {"endpoint": "pair", "minute": "2026-11-23T11:59:00Z", "requests": 6000, "seed": 7} | parameters
    metrics = world.metrics
    served = send_traffic(world.service, behaviours or {}, metrics, Traffic.model_validate(asked))
    metrics.flush()
    return served


def test_requests_go_by_weight_and_fail_as_declared(pair: World) -> None:
    main, canary = send(pair)
    assert main["requests"] + canary["requests"] == 6000
    assert canary["requests"] == pytest.approx(600, abs=120)
    assert main["errors"] == 0
    assert canary["errors"] == pytest.approx(canary["requests"] / 2, abs=75)
    counts = {
        (datum["MetricName"], *(d["Value"] for d in datum["Dimensions"])): sum(
            value * count for value, count in zip(datum["Values"], datum["Counts"], strict=True)
        )
        for datum in pair.published
        if datum["MetricName"] in ("Invocations", "InvocationModelErrors")
    }
    assert counts["Invocations", "pair", "canary"] == canary["requests"]
    assert counts["InvocationModelErrors", "pair", "canary", "both"] == canary["errors"]
    assert {datum["Timestamp"].isoformat() for datum in pair.published} == {"2026-11-23T11:59:00+00:00"}


def test_the_same_seed_gives_the_same_minute(pair: World) -> None:
    assert send(pair) == send(pair)
    assert send(pair) != send(pair, seed=8)


def test_a_replaced_behaviour_holds(pair: World) -> None:
    _, canary = send(pair, {"flaky": Behaviour(error_rate=1)})
    assert canary["errors"] == canary["requests"]


def test_a_named_variant_gets_all_and_no_requests_are_no_traffic(pair: World) -> None:
    assert [part["variant"] for part in send(pair, target_variant="canary", requests=5)] == ["canary"]
    pair.published.clear()
    assert [part["requests"] for part in send(pair, requests=0)] == [0, 0]
    assert pair.published == []


def test_fleets_share_the_traffic_of_a_deployment(world: World, make_variant: Callable[..., dict[str, Any]]) -> None:
    world.config("two", make_variant("main", "new"))
    canary = {"Type": "CAPACITY_PERCENT", "Value": 50}
    routing = {"Type": "CANARY", "WaitIntervalInSeconds": 600, "CanarySize": canary}
    update_endpoint(
        world.service,
        {
            "EndpointName": "churn",
            "EndpointConfigName": "two",
            "DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}},
        },
    )
    world.after(1)
    old, new = send(world, endpoint="churn")
    assert (old["config"], new["config"], old["variant"], new["variant"]) == ("one", "two", "main", "main")
    assert new["requests"] == pytest.approx(3000, abs=250)


def test_what_does_not_serve_takes_no_traffic(pair: World) -> None:
    with pytest.raises(RefusedError, match="Could not find endpoint"):
        send(pair, endpoint="none")
    pair.service.changes.force_statuses({"pair": "OutOfService"})
    with pytest.raises(RefusedError, match="takes no requests: OutOfService"):
        send(pair)
