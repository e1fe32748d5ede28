"""What endpoints cost: instance-minutes times price."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.hours import (
    Cost,
    EndpointHour,
    Fleet,
    Serverless,
    Use,
    add_costs,
    endpoint_cost,
    hour_document,
    hour_from_document,
    serverless_cost,
)
from trimtab.cost.prices import Price, Product
from trimtab.cost.settings import PriceSettings

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
M5, C5, P4 = (Product("us-east-1", "Hosting", f"ml.{name}") for name in ("m5.xlarge", "c5.xlarge", "p4d.24xlarge"))
SETTINGS = PriceSettings()


def price(usd):
    return Price(usd, "bundled", date(2026, 5, 20))


PRICES = {M5: price(0.23), C5: price(0.204)}


def fleet(counts, product=M5, *, variant="blue", configuration="v1", at=0, **more):
    minutes = {START + (at + i) * MINUTE: float(count) for i, count in enumerate(counts)}
    return Fleet(variant, configuration, product, minutes, **more)


def cost(*fleets, **how):
    return endpoint_cost(fleets, PRICES, SETTINGS, **how)


def test_fourteen_days_of_three_instances_cost_what_the_spec_says():
    days = cost(fleet([3] * 14 * 24 * 60))
    assert days.usd == pytest.approx(231.84)
    assert days.serving["ml.m5.xlarge"].hours == pytest.approx(3 * 14 * 24)


def test_a_month_of_one_instance_costs_what_the_spec_says():
    assert 730 * cost(fleet([1] * 60)).usd == pytest.approx(167.90)


def test_an_unknown_price_is_an_unknown_cost_and_named():
    both = cost(fleet([1] * 60), fleet([1] * 60, P4, variant="green"))
    assert both.usd is None
    assert both.unpriced == ("ml.p4d.24xlarge",)
    assert both.serving["ml.m5.xlarge"].usd == pytest.approx(0.23)


def test_instances_that_nobody_counted_are_an_unknown_cost():
    unknown = cost(fleet([1] * 60), Fleet("green", "v1", C5, None))
    assert unknown.usd is None
    assert unknown.hours is None
    assert unknown.unpriced == ()


def test_a_fleet_that_did_not_run_costs_nothing_whatever_its_price():
    assert cost(fleet([], P4)).usd == 0
    assert cost(fleet([0, 0], P4)).usd == 0


def test_both_fleets_of_a_deployment_are_billed_and_the_overlap_is_its_cost():
    blue, green = fleet([3] * 40), fleet([3] * 40, configuration="v2", at=20)
    deployed = cost(blue, green)
    assert deployed.usd == pytest.approx(3 * 80 / 60 * 0.23)
    assert deployed.deployment_usd == pytest.approx(3 * 20 / 60 * 0.23)
    assert deployed.hours == pytest.approx(3)


def test_of_two_fleets_side_by_side_the_dearer_one_serves():
    deployed = cost(fleet([3] * 60), fleet([1] * 60, C5, configuration="v2"))
    assert deployed.serving.keys() == {"ml.m5.xlarge"}
    assert deployed.deployment_usd == pytest.approx(0.204)


def test_several_variants_of_one_configuration_are_no_deployment():
    shared = cost(fleet([2] * 60), fleet([1] * 60, C5, variant="green"))
    assert shared.deployment_usd == 0
    assert shared.usd == pytest.approx(0.46 + 0.204)


def test_a_canary_is_the_cost_of_its_rollout():
    rollout = cost(fleet([2] * 60), fleet([1] * 60, variant="Canary"), temporary=frozenset({"Canary"}))
    assert rollout.deployment_usd == pytest.approx(0.23)
    assert rollout.hours == pytest.approx(2)


def test_a_deployment_of_unknown_price_is_an_unknown_cost():
    assert cost(fleet([1] * 60), fleet([1] * 60, P4, configuration="v2")).usd is None


def test_volumes_and_data_are_counted():
    stored = cost(fleet([2] * 60, volume_gb=100), data_gb=10)
    assert stored.storage_usd == pytest.approx(200 * 0.14 / 730)
    assert stored.data_usd == pytest.approx(0.16)
    assert stored.usd == pytest.approx(0.46 + 200 * 0.14 / 730 + 0.16)


fleets = st.lists(
    st.builds(
        lambda counts, product, configuration, at: fleet(
            counts, product, variant=configuration, configuration=configuration, at=at
        ),
        st.lists(st.integers(0, 5), max_size=12),
        st.sampled_from([M5, C5, P4]),
        st.sampled_from(["v1", "v2", "v3"]),
        st.integers(0, 10),
    ),
    max_size=4,
)


def part_of(each, moments):
    minutes = {moment: count for moment, count in each.instance_minutes.items() if moment in moments}
    return Fleet(each.variant, each.configuration, each.product, minutes, each.volume_gb)


def rounded(amount):
    return None if amount is None else pytest.approx(amount, abs=1e-9)


@given(fleets, st.sets(st.integers(0, 22)))
def test_the_parts_of_a_time_cost_what_the_whole_does_however_it_is_split(every, split):
    first = {START + i * MINUTE for i in split}
    rest = {START + i * MINUTE for i in range(23)} - first
    whole = cost(*every)
    parts = add_costs([cost(*(part_of(each, moments) for each in every)) for moments in (first, rest)])
    assert parts.usd == rounded(whole.usd)
    assert parts.deployment_usd == rounded(whole.deployment_usd)
    assert parts.unpriced == whole.unpriced


@given(
    st.permutations([fleet([2] * 9), fleet([1] * 9, C5, configuration="v2"), fleet([3] * 4, P4, configuration="v3")])
)
def test_the_order_of_fleets_does_not_matter(every):
    assert cost(*every) == cost(*sorted(every, key=lambda each: each.configuration))


@given(fleets)
def test_a_cost_is_known_exactly_when_every_price_it_needs_is(every):
    needs = {each.product for each in every if any(each.instance_minutes.values())}
    assert (cost(*every).usd is None) == (P4 in needs)


@given(fleets.map(lambda every: [each for each in every if each.product != P4]), st.floats(0, 1))
def test_a_discount_lowers_the_cost_by_its_share(every, discount):
    lower = {product: price(each.usd * (1 - discount)) for product, each in PRICES.items()}
    reduced = endpoint_cost(every, lower, SETTINGS).usd
    assert reduced == pytest.approx((1 - discount) * cost(*every).usd, abs=1e-9)
    assert reduced >= 0


# break-even of two ml.m5.large at 100 ms a request, spec A.6; the serverless prices there are assumptions
@pytest.mark.parametrize(
    ("memory_mb", "per_second", "rps"), [(2048, 4e-5, 15.97), (4096, 8e-5, 7.99), (6144, 12e-5, 5.32)]
)
def test_serverless_costs_what_two_instances_do_at_the_break_even(memory_mb, per_second, rps):
    prices = {Product("us-east-1", "ServerlessInf", f"Mem-{memory_mb // 1024}GB"): price(per_second)}
    hour = serverless_cost(Serverless("us-east-1", memory_mb, rps * 3600 * 0.1), prices, SETTINGS)
    assert hour.usd == pytest.approx(2 * 0.115, rel=1e-3)


def test_provisioned_concurrency_costs_while_it_waits():
    prices = {
        Product("us-east-1", "ServerlessInf", "Mem-2GB"): price(4e-5),
        Product("us-east-1", "ProvisionedConcurrency", "Usage-2GB"): price(1e-5),
    }
    waiting = serverless_cost(Serverless("us-east-1", 2048, 0.0, ready_seconds=2 * 3600), prices, SETTINGS)
    assert waiting.usd == pytest.approx(0.072)


def test_serverless_of_unknown_price_or_time_is_an_unknown_cost():
    assert serverless_cost(Serverless("us-east-1", 2048, 10.0), {}, SETTINGS).usd is None
    known = {Product("us-east-1", "ServerlessInf", "Mem-2GB"): price(4e-5)}
    assert serverless_cost(Serverless("us-east-1", 2048, None), known, SETTINGS).usd is None


def test_serverless_without_requests_costs_nothing():
    assert serverless_cost(Serverless("us-east-1", 2048, 0.0), {}, SETTINGS).usd == 0


def test_asynchronous_inference_at_zero_instances_costs_nothing():
    assert cost(fleet([0] * 60, Product("us-east-1", "AsyncInf", "ml.m5.xlarge"))).usd == 0


def test_a_kept_hour_comes_back_as_it_was():
    hour = EndpointHour(START, cost(fleet([2] * 60), fleet([1] * 9, P4, configuration="v2"), data_gb=1), 1000.0)
    assert hour_from_document(json.loads(json.dumps(hour_document(hour)))) == hour


def test_nothing_costs_nothing():
    assert add_costs([]) == Cost()
    assert Cost().usd == 0
    assert add_costs([Cost(serving={"a": Use(None, None)})]).usd is None
