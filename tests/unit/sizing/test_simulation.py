from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.sizing.autoscaling import Policy
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import fixed_count, replay_counts, replay_policy

DEFAULTS = SizingSettings()
POLICY = Policy(2, 8, "SageMakerVariantInvocationsPerInstance", 600, 10, 300, 60)


def replay(rps, policy=POLICY, breaking=15.0):
    rps = np.asarray(rps, dtype=np.float64)
    return replay_policy(rps, np.arange(len(rps)) % 10080, policy, breaking, DEFAULTS)


def test_out_after_three_minutes_over_target_and_five_to_start():
    found = replay([10.0] * 10 + [50.0] * 30)
    assert found.serving[:10].tolist() == [2] * 10
    assert np.flatnonzero(found.serving == 5)[0] == 10 + 3 + 5
    assert np.flatnonzero(found.instances == 5)[0] == 10 + 3  # paid for while it starts
    assert found.broken.tolist() == [False] * 10 + [True] * 8 + [False] * 22
    assert not found.holds(DEFAULTS)


def test_in_by_one_after_fifteen_minutes_under_target_then_a_rest():
    found = replay([50.0] * 20 + [5.0] * 60)
    changes = np.flatnonzero(np.diff(found.serving)) + 1
    assert found.serving[0] == 5
    assert changes.tolist() == [35, 50, 65]
    assert found.serving[-1] == 2


def test_never_below_the_least_nor_above_the_most():
    found = replay([500.0] * 60 + [0.1] * 300)
    assert found.serving.max() == 8
    assert found.serving[-1] == 2


def test_silence_scales_nothing_in():
    assert replay([50.0] * 20 + [0.0] * 60).serving[-1] == 5


def test_unknown_minutes_neither_scale_nor_count():
    found = replay([50.0] * 20 + [np.nan] * 60 + [50.0] * 20)
    assert found.serving.tolist() == [5] * 100
    assert found.broken_share == 0


def test_a_schedule_has_its_instances_serving_before_the_hour():
    floor = np.full(10080, 2)
    floor[45:120] = 5
    found = replay([10.0] * 60 + [50.0] * 60 + [10.0] * 60, replace(POLICY, floor=floor))
    assert found.instances[45] == 5
    assert found.serving[50] == 5
    assert not found.broken.any()
    assert found.serving[-1] < 5


def test_cost_is_of_paid_instances():
    found = replay_counts(np.full(60, 10.0), np.full(60, 3.0), 15)
    assert (found.instance_hours, found.monthly_usd(0.23)) == (3, pytest.approx(503.7))
    assert found.monthly_usd(None) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 200), min_size=1, max_size=300), st.integers(1, 4), st.integers(0, 5))
def test_more_instances_at_least_never_break_more(rates, least, more):
    few = replay(rates, replace(POLICY, minimum=least, maximum=least))
    many = replay(rates, replace(POLICY, minimum=least + more, maximum=least + more))
    assert many.broken_share <= few.broken_share
    assert ((few.serving >= least) & (few.serving <= few.instances)).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 200), min_size=1, max_size=300), st.floats(1, 40))
def test_the_fixed_count_is_the_fewest_that_holds(rates, breaking):
    rps = np.array(rates)
    tolerant = SizingSettings(broken_share=0.1, broken_requests_share=0.1)
    count = fixed_count(rps, breaking, tolerant)
    assert replay_counts(rps, np.full(len(rps), float(count)), breaking).holds(tolerant)
    if count:
        assert not replay_counts(rps, np.full(len(rps), count - 1.0), breaking).holds(tolerant)
