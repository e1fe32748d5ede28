import numpy as np
import pytest

from tests.unit.rollout.minutes import series
from trimtab.rollout.traffic import steps_by_share, steps_by_traffic, traffic_of


def test_minutes_that_are_not_there_count_nothing():
    traffic = traffic_of(series([(10, 1, 90, 2)]), 3)
    assert traffic.canary_requests.tolist() == [10, 0, 0]
    assert traffic.production_errors.tolist() == [2, 0, 0]


def test_no_minute_is_one_of_nothing():
    traffic = traffic_of(series([(10, 1, 90, 2)]), 0)
    assert traffic.canary_requests.tolist() == [0]


def test_latency_is_not_measured_when_no_minute_has_it():
    assert traffic_of(series([(10, 1, 90, 2)]), 1).slow(0) is None


def test_slow_requests_count_only_after_the_warm_up_and_where_both_arms_measured_them():
    rows = [(10, 0, 90, 0, 9, 9), (10, 0, 90, 0, 1, 5), (10, 0, 90, 0, 2, None), (10, 0, 90, 0, 3, 7)]
    slow = traffic_of(series(rows), 5).slow(1)
    assert slow.canary_bad.tolist() == [0, 1, 0, 3, 0]
    assert slow.canary_requests.tolist() == [0, 10, 0, 10, 0]
    assert slow.production_bad.tolist() == [0, 5, 0, 7, 0]


def test_a_step_begins_where_the_weights_change():
    share = np.array([0.1, 0.1, np.nan, np.nan, 0.25, 0.25, 0.1])
    assert steps_by_share(share).tolist() == [0, 0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("requests", [100, 1000, 10_000])
def test_steps_are_found_in_the_requests_where_the_weights_are_not_known(requests):
    rng = np.random.default_rng(requests)
    canary = rng.binomial(requests, np.repeat([0.1, 0.25, 0.5], 30)).astype(float)
    steps = steps_by_traffic(canary, requests - canary)
    assert steps.tolist() == np.repeat([0, 1, 2], 30).tolist()


def test_minutes_without_requests_begin_no_step():
    assert steps_by_traffic(np.array([10.0, 0, 10]), np.array([90.0, 0, 90])).tolist() == [0, 0, 0]
