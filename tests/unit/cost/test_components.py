"""What inference components cost."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.catalogue import InstanceType
from trimtab.cost.components import (
    Reservation,
    component_costs,
    reserved_shares,
    split_by_reservation,
    with_components,
)
from trimtab.cost.hours import Cost, EndpointHour, Use, hour_document, hour_from_document
from trimtab.cost.ledger import with_readings

GPU = InstanceType("ml.g5.12xlarge", 48, 192.0, "x86_64", 4, 96.0, "gpu", is_burstable=False)
CPU = InstanceType("ml.m5.xlarge", 4, 16.0, "x86_64", 0, None, None, is_burstable=False)
TYPES = {each.name: each for each in (GPU, CPU)}
START = datetime(2026, 11, 23, 8, tzinfo=UTC)


def hour(item=GPU.name, instances=2.0, usd=14.0, invocations=None):
    return EndpointHour(START, Cost({item: Use(instances, usd)}), invocations)


def asked(**requests):
    """Requests by component in that hour."""
    return {name: {START: count} for name, count in requests.items()}


def test_components_pay_for_the_accelerators_that_their_copies_reserve():
    held = [Reservation("a", 2, cpus=1, accelerators=2), Reservation("b", 1, accelerators=1, memory_mb=1e6)]
    assert reserved_shares(held, GPU, 2.0) == {"a": 0.5, "b": 0.125}


def test_without_accelerators_the_larger_of_cpu_and_memory_counts():
    held = [Reservation("a", 1, cpus=2, memory_mb=1024), Reservation("b", 2, cpus=0.5, memory_mb=4096)]
    assert reserved_shares(held, CPU, 1.0) == {"a": 0.5, "b": 0.5}


def test_what_runs_inside_another_component_reserves_nothing():
    held = [Reservation("base", 1, accelerators=4), Reservation("adapter", 1)]
    assert reserved_shares(held, GPU, 1.0) == {"base": 1.0, "adapter": 0.0}


@pytest.mark.parametrize(
    ("kind", "instances"), [(None, 1.0), (GPU, 0.0), (replace(GPU, gpus=None), 1.0)], ids=["type", "none", "gpus"]
)
def test_shares_of_what_is_not_known_are_not_known(kind, instances):
    assert reserved_shares([Reservation("a", 1, accelerators=1)], kind, instances) is None


def test_components_pay_for_what_they_reserve():
    shares = split_by_reservation(10.0, {"a": 0.5, "b": 0.25})
    assert shares.by_component == {"a": 5.0, "b": 2.5}
    assert shares.unallocated == pytest.approx(2.5)


@given(st.floats(0, 1e4), st.dictionaries(st.text(max_size=3), st.floats(0, 2), max_size=6))
def test_shares_and_what_nobody_reserved_are_the_whole(usd, reserved):
    shares = split_by_reservation(usd, reserved)
    assert sum(shares.by_component.values()) + shares.unallocated == pytest.approx(usd)
    assert shares.unallocated >= 0


def test_a_month_of_components_has_their_cost_requests_and_price_and_the_rest():
    held = [Reservation("a", 2, accelerators=2), Reservation("b", 1, accelerators=1)]
    divided = with_components(hour(), held, asked(a=1000.0) | {"b": {}}, TYPES)
    found = component_costs([divided, divided, hour()])
    assert found == {
        "hours": 2,
        "unallocated_usd": pytest.approx(2 * 14 * 0.375),
        "by_component": {
            "a": {"usd": 14.0, "predictions": 2000.0, "usd_per_thousand_predictions": 7.0},
            "b": {"usd": 3.5, "predictions": None, "usd_per_thousand_predictions": None},
        },
    }


def test_where_no_hour_could_be_divided_there_is_no_division():
    assert component_costs([hour()]) is None


@pytest.mark.parametrize(("counted", "expected"), [(None, 30.0), (31.0, 31.0)])
def test_requests_that_are_not_counted_by_variant_are_those_of_the_components(counted, expected):
    held = [Reservation("a", 1, accelerators=1), Reservation("b", 1, accelerators=1)]
    found = with_components(hour(invocations=counted), held, asked(a=10.0, b=20.0), TYPES)
    assert found.invocations == expected


@pytest.mark.parametrize(
    "cost",
    [
        Cost({GPU.name: Use(1.0, 7.0), CPU.name: Use(1.0, 0.23)}),
        Cost({GPU.name: Use(None, None)}),
        Cost({"ml.unheard.of": Use(1.0, 1.0)}),
        Cost(),
    ],
    ids=["two types", "unknown", "unheard of", "nothing"],
)
def test_an_hour_that_cannot_be_divided_stays_as_it_was(cost):
    before = EndpointHour(START, cost, None)
    assert with_components(before, [Reservation("a", 1, accelerators=1)], asked(a=1.0), TYPES) == before


def test_an_hour_with_components_is_kept_and_one_without_as_before():
    divided = with_components(hour(), [Reservation("a", 1, accelerators=1)], {}, TYPES)
    assert hour_from_document(hour_document(divided)) == divided
    assert "components" not in hour_document(hour())


def test_what_was_reserved_is_as_it_was_seen_first_and_late_requests_count():
    held = [Reservation("a", 1, accelerators=1)]
    first = with_components(hour(), held, asked(a=10.0), TYPES)
    later = with_components(hour(), [replace(held[0], copies=4)], asked(a=12.0), TYPES)
    [kept] = with_readings({START: first}, [later]).values()
    assert (kept.components["a"].share, kept.components["a"].invocations) == (0.125, 12.0)
    [unread] = with_readings({START: first}, [hour()]).values()
    assert unread.components == first.components
