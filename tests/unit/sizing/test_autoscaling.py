from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.sizing.autoscaling import cpu_target, instances_needed, target_tracking
from trimtab.sizing.capacity import Capacity
from trimtab.sizing.demand import demand
from trimtab.sizing.observations import Observations
from trimtab.sizing.settings import SizingSettings

DEFAULTS = SizingSettings()
XLARGE = Capacity(52.67, 68.05, 64.8, "cpu")


@pytest.fixture(scope="module")
def traffic(worked):
    return demand(Observations(start=worked.start, invocations=worked.rps * 60), DEFAULTS)


def test_seventy_percent_cpu_is_a_sum_over_cores():
    assert [cpu_target(vcpus) for vcpus in (2, 4, 8)] == [140, 280, 560]


def test_a_lost_zone_is_survived():
    assert instances_needed(46.28, XLARGE, DEFAULTS) == 2
    assert instances_needed(100, XLARGE, DEFAULTS) == 4
    assert instances_needed(130, XLARGE, SizingSettings(zones=1)) == 3
    assert instances_needed(1, Capacity(0, 0, 0, "latency"), DEFAULTS) is None


@given(st.floats(0, 5000), st.floats(0, 500), st.floats(1, 200), st.floats(1, 1.5), st.integers(1, 4))
def test_more_traffic_never_takes_fewer_and_a_zone_less_still_carries_it(rps, more, rate, slack, zones):
    settings = SizingSettings(zones=zones)
    able = Capacity(rate, rate * slack, rate * slack, "cpu")
    count = instances_needed(rps, able, settings)
    assert instances_needed(rps + more, able, settings) >= count >= 2
    assert count * rate >= rps * (1 - 1e-9)
    if zones > 1:
        assert (count - -(-count // zones)) * able.failure_rps >= rps * (1 - 1e-9)


@given(st.floats(0, 5000), st.floats(1, 200), st.floats(1, 3))
def test_more_capacity_never_takes_more(rps, rate, better):
    few = instances_needed(rps, Capacity(rate * better, rate * better, 1, "cpu"), DEFAULTS)
    assert few <= instances_needed(rps, Capacity(rate, rate, 1, "cpu"), DEFAULTS)


def test_the_target_leaves_room_while_an_instance_starts(traffic):
    policy = target_tracking(traffic, replace(XLARGE, rps=52.668), 2, 10, DEFAULTS)
    assert round(policy.target_value) == 2456
    assert (policy.metric, policy.minimum, policy.maximum) == ("SageMakerVariantInvocationsPerInstance", 2, 3)
    assert (policy.scale_in_cooldown_s, policy.scale_out_cooldown_s) == (300, 60)
    assert policy.scheduled == ()


def test_seasonal_traffic_is_scheduled(traffic):
    policy = target_tracking(traffic, Capacity(13, 16, 15, "cpu"), 8, 10, DEFAULTS)
    names = [action.name for action in policy.scheduled]
    raised = next(action for action in policy.scheduled if action.name.startswith("raise-mon-fri"))
    assert raised.schedule.startswith("cron(45 ")
    assert raised.schedule.endswith(" ? * MON-FRI *)")
    assert raised.minimum > policy.minimum
    assert any(name.startswith("raise-sun-sat") for name in names)
    assert len(names) == len(set(names))
    assert policy.floor[14 * 60] > policy.floor[3 * 60] == policy.minimum


def test_a_night_after_a_busy_evening_keeps_what_it_needs(traffic):
    """The evening's spell ends when the night's has begun: ending it must not take away what the night needs."""
    day = [30.0] * 5 + [5.0] * 10 + [80.0] * 9
    policy = target_tracking(
        replace(traffic, hourly_p99=tuple(day * 7), night_p95=5.0, seasonality=0.9),
        Capacity(13, 16, 15, "cpu"), 10, 12, DEFAULTS,
    )  # fmt: skip
    night = next(action for action in policy.scheduled if action.schedule == "cron(0 0 ? * * *)")
    assert policy.minimum < night.minimum == policy.floor[60] < policy.floor[23 * 60] == policy.floor[24 * 60 - 1]
    assert [action.name for action in policy.scheduled] == [
        "lower-daily-0000", "lower-daily-0500", "raise-daily-1445",
    ]  # fmt: skip


def test_traffic_without_season_has_no_schedule(traffic):
    assert (
        target_tracking(replace(traffic, seasonality=0.3), Capacity(13, 16, 15, "cpu"), 8, 10, DEFAULTS).floor is None
    )


def test_growth_that_cannot_be_followed_lowers_the_target(traffic):
    sudden = target_tracking(replace(traffic, lead_growth=3.0), XLARGE, 2, 10, DEFAULTS)
    assert sudden.target_rps == pytest.approx(XLARGE.rps / 4)
