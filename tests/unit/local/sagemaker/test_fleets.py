"""What a fleet is made of, and the ways that requests take to it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sagemaker.errors import RefusedError
from local.sagemaker.fleets import RETAINED, Fleet, fleet_from, routes, routes_to, taken_route


def config(name: str, **weights: float) -> dict[str, Any]:
    variants = [
        {"VariantName": v, "ModelName": f"model-{v}", "InitialVariantWeight": w, "InitialInstanceCount": 2}
        for v, w in weights.items()
    ]
    return {"EndpointConfigName": name, "ProductionVariants": variants}


def fleet(name: str = "c", **weights: float) -> Fleet:
    return fleet_from(config(name, **weights))


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9))
def test_variants_get_traffic_by_weight(first: int, second: int, third: int) -> None:
    weights = {"a": first, "b": second, "c": third}
    ways = routes(fleet_from(config("c", **weights)))
    total = sum(weights.values())
    taken = [taken_route(ways, (step + 0.5) / total).variant for step in range(total)]
    assert {name: taken.count(name) for name in weights} == weights


@given(st.floats(0.01, 0.99), st.floats(0, 0.9999))
def test_the_new_fleet_gets_its_share_and_the_shares_are_whole(share: float, point: float) -> None:
    ways = routes(fleet("old", a=1, b=3), fleet("new", a=1, b=1), share)
    assert sum(way.share for way in ways) == pytest.approx(1)
    assert sum(way.share for way in ways if way.fleet.config_name == "new") == pytest.approx(share)
    assert taken_route(ways, point).fleet.config_name == ("old" if point < 1 - share else "new")


def test_a_target_is_served_whatever_its_weight() -> None:
    two = fleet(blue=1, off=0)
    assert [way.variant for way in routes_to("off", two)] == ["off"]
    assert taken_route(routes_to("off", two), 0.99).variant == "off"
    with pytest.raises(RefusedError, match="Variant gone not found"):
        routes_to("gone", two)


def test_no_weight_at_all_is_refused() -> None:
    with pytest.raises(RefusedError, match="No production variant"):
        routes(fleet(off=0))


@pytest.mark.parametrize(
    ("retained", "weight", "count"),
    [((), 1, 2), (RETAINED, 0.9, 5), (("DesiredInstanceCount",), 1, 5), (("DesiredWeight",), 0.9, 2)],
)
def test_variants_keep_what_is_retained(retained: tuple[str, ...], weight: float, count: int) -> None:
    old = fleet(main=1)
    old.variants[0] |= {"CurrentWeight": 0.9, "DesiredWeight": 0.9, "CurrentInstanceCount": 5}
    old.variants[0]["DesiredInstanceCount"] = 5
    main, canary = fleet_from(config("new", main=1, canary=0), old.variants, retained).variants
    assert (main["CurrentWeight"], main["DesiredWeight"]) == (weight, weight)
    assert (main["CurrentInstanceCount"], main["DesiredInstanceCount"]) == (count, count)
    assert (canary["DesiredWeight"], canary["DesiredInstanceCount"]) == (0, 2)


def test_a_serverless_variant_has_no_instances() -> None:
    serverless = {"VariantName": "a", "ModelName": "m", "ServerlessConfig": {"MemorySizeInMB": 1024}}
    made = fleet_from({"EndpointConfigName": "c", "ProductionVariants": [serverless]})
    assert made.instances == 0
    assert made.variants[0]["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024}
    assert made.model_of("a") == "m"
