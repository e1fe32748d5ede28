"""Why an hour cost more than another."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.causes import parts_of_change
from trimtab.cost.hours import Cost, EndpointHour, Use

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
M5, C5, G5 = "ml.m5.xlarge", "ml.c5.xlarge", "ml.g5.2xlarge"


def hour(invocations=1000.0, deployment=(), **serving):
    """`serving`: hours and price of m5, c5 and g5; `deployment`: of m5."""
    names = {"m5": M5, "c5": C5, "g5": G5}
    uses = {names[name]: Use(hours, hours * price) for name, (hours, price) in serving.items()}
    extra = {M5: Use(deployment[0], math.prod(deployment))} if deployment else {}
    return EndpointHour(START, Cost(serving=uses, deployment=extra), invocations)


def parts(before, after):
    return {cause: pytest.approx(usd) for cause, usd in parts_of_change(before, after).items() if abs(usd) > 1e-9}


def test_more_instances_with_as_much_more_traffic_are_more_traffic():
    assert parts(hour(m5=(3, 0.23)), hour(2000.0, m5=(6, 0.23))) == {"traffic": 0.69}


def test_more_instances_at_the_same_traffic_are_more_instances():
    assert parts(hour(m5=(3, 0.23)), hour(m5=(6, 0.23))) == {"instances": 0.69}


def test_more_instances_than_the_traffic_asks_for_are_both():
    assert parts(hour(m5=(3, 0.23)), hour(1500.0, m5=(6, 0.23))) == {"traffic": 0.345, "instances": 0.345}


def test_a_dearer_instance_type_is_told_from_a_dearer_price():
    assert parts(hour(m5=(2, 0.23)), hour(g5=(2, 1.515))) == {"instance_type": 2 * (1.515 - 0.23)}
    assert parts(hour(m5=(2, 0.23)), hour(m5=(2, 0.25))) == {"price": 0.04}


def test_fleets_side_by_side_are_a_deployment():
    assert parts(hour(m5=(3, 0.23)), hour(m5=(3, 0.23), deployment=(1, 0.23))) == {"deployment": 0.23}


def test_unknown_traffic_explains_nothing():
    assert parts(hour(None, m5=(3, 0.23)), hour(9000.0, m5=(6, 0.23))) == {"instances": 0.69}


def test_from_nothing_all_is_new():
    assert parts(hour(0.0), hour(10.0, m5=(1, 0.23))) == {"traffic": 0.23}
    assert parts(hour(0.0), hour(0.0, m5=(1, 0.23))) == {"instances": 0.23}


hours = st.builds(
    lambda invocations, deployment, serving: hour(invocations, deployment, **serving),
    st.none() | st.floats(0, 1e6),
    st.just(()) | st.tuples(st.floats(0, 9), st.floats(0, 30)),
    st.dictionaries(st.sampled_from(["m5", "c5", "g5"]), st.tuples(st.floats(0.01, 90), st.floats(0.001, 30))),
)


@given(hours, hours)
def test_the_parts_are_the_whole_change(before, after):
    change = after.cost.usd - before.cost.usd
    assert sum(parts_of_change(before, after).values()) == pytest.approx(change, abs=1e-6)
