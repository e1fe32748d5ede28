import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.rollout.ratio_rule import false_alarm_rate, is_worse, rate

SIMULATED = [  # of the specification, 1,000 to 2,000 runs each: error rate, requests a second, % rolled back
    (0.001, 1, 28.6),
    (0.001, 10, 40.2),
    (0.001, 100, 28.5),
    (0.001, 1000, 3.5),
    (0.01, 1, 39.8),
    (0.01, 10, 27.2),
    (0.01, 100, 3.6),
    (0.05, 1, 34.3),
    (0.05, 10, 10.1),
    (0.05, 100, 0.0),
]


@pytest.mark.parametrize(("error_rate", "per_second", "percent"), SIMULATED)
def test_its_false_alarms_are_those_of_simulation(error_rate, per_second, percent):
    found = 100 * false_alarm_rate(per_second * 360, per_second * 3240, error_rate, 1.1)
    assert found == pytest.approx(percent, abs=3)


@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(0.0001, 0.2), st.sampled_from([1.0, 1.1, 1.5]))
def test_false_alarms_agree_with_the_sum_over_all_outcomes(canary, production, error_rate, margin):
    xc, xp = np.arange(1500.0)[:, None], np.arange(1500.0)[None]
    chances = stats.poisson.pmf(xc, canary * error_rate) * stats.poisson.pmf(xp, production * error_rate)
    # compared in whole numbers, as the rule means it
    worse = 10 * xc * production > round(10 * margin) * xp * canary
    assert false_alarm_rate(canary, production, error_rate, margin) == pytest.approx(chances[worse].sum(), abs=1e-6)


def test_it_is_more_than_the_margin_times_productions_rate():
    requests = np.full(2, 1000.0)
    worse = is_worse(np.array([12.0, 10.0]), requests, np.array([90.0, 90.0]), 9 * requests, 1.1)
    assert worse.tolist() == [True, False]


def test_without_requests_there_is_no_rate_and_no_alarm():
    assert rate(np.zeros(1), np.zeros(1)).tolist() == [0]
    assert not is_worse(np.zeros(1), np.zeros(1), np.array([5.0]), np.array([9.0]), 1.1)[0]
    assert false_alarm_rate(0, 1000, 0.01, 1.1) == 0


def test_one_canary_error_against_none_of_production_rolls_back():
    assert is_worse(np.ones(1), np.array([10.0]), np.zeros(1), np.array([1e6]), 1.1)[0]
