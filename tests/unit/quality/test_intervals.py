"""Intervals against scipy and closed forms."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.quality.intervals import area, design_effect, mean, newcombe, share, student_quantile, wilson

FLAGS = st.lists(st.booleans(), min_size=1, max_size=40).map(np.array)


def alone(rows):
    return np.arange(rows)


@given(st.integers(0, 50), st.integers(1, 50), st.sampled_from([0.9, 0.95, 0.99]))
def test_shares_have_wilsons_interval(count, of, confidence):
    count = min(count, of)
    expected = stats.binomtest(count, of).proportion_ci(confidence, method="wilson")
    assert wilson(count, of, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("freedom", [4, 10, 30, 1000])
@pytest.mark.parametrize("probability", [0.95, 0.975, 0.995])
def test_quantiles_of_student(freedom, probability):
    tolerance = 0.02 if freedom < 10 else 0.001
    assert student_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom), rel=tolerance)


def test_a_mean_has_students_interval():
    values = np.random.default_rng(1).gamma(2, size=40)
    found = mean(values, alone(40), 0.95)
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (found.lower, found.upper) == pytest.approx(expected, rel=1e-3)


def test_a_mean_of_few_requests_has_no_bounds():
    found = mean(np.arange(20.0), np.arange(20) // 5, 0.95)
    assert (found.value, found.lower, found.upper) == (9.5, None, None)


def test_rows_that_are_copies_count_once():
    right = np.random.default_rng(2).random(200) < 0.8
    once = share(right, np.ones(200), alone(200), 0.95)
    copied = share(np.repeat(right, 5), np.ones(1000), np.repeat(alone(200), 5), 0.95)
    assert copied.value == once.value
    assert (copied.lower, copied.upper) == pytest.approx((once.lower, once.upper), abs=1e-3)


def test_rows_of_a_request_that_are_all_right_count_once():
    effect = design_effect(np.ones(100), np.ones(100), np.repeat(alone(20), 5))
    assert effect == 5


def test_intervals_of_rows_in_requests_hold_what_they_say():
    """400 simulated windows of 100 requests with 10 rows each, answers in one request being alike."""
    random, held, naive = np.random.default_rng(3), 0, 0
    requests = np.repeat(alone(100), 10)
    for _ in range(400):
        rates = random.beta(8, 2, 100)
        right = random.random(1000) < rates[requests]
        found = share(right, np.ones(1000), requests, 0.95)
        held += found.lower <= 0.8 <= found.upper
        plain = wilson(float(right.sum()), 1000, 0.95)
        naive += plain[0] <= 0.8 <= plain[1]
    assert held / 400 == pytest.approx(0.95, abs=0.03)
    assert naive / 400 < 0.92


@given(st.data())
def test_an_area_is_mann_whitneys_statistic_over_the_pairs(data):
    flags = data.draw(FLAGS)
    scores = np.array(data.draw(st.lists(st.integers(0, 5), min_size=len(flags), max_size=len(flags))), float)
    found = area(scores, flags, alone(len(flags)), 0.95)
    if flags.all() or not flags.any():
        assert found is None
        return
    pairs = flags.sum() * (~flags).sum()
    assert found.value == pytest.approx(stats.mannwhitneyu(scores[flags], scores[~flags]).statistic / pairs)
    assert 0 <= found.lower <= found.value <= found.upper <= 1


def delong_variance(scores, flags):
    """DeLong, DeLong and Clarke-Pearson (1988), from the definition."""
    wins = (scores[flags][:, None] > scores[~flags][None]) + 0.5 * (scores[flags][:, None] == scores[~flags][None])
    return wins.mean(axis=1).var(ddof=1) / flags.sum() + wins.mean(axis=0).var(ddof=1) / (~flags).sum()


def test_an_area_has_delongs_variance():
    random = np.random.default_rng(4)
    flags = random.random(300) < 0.3
    scores = np.round(random.normal(size=300) + flags, 1)
    found = area(scores, flags, alone(300), 0.95)
    value, z = found.value, stats.norm.ppf(0.975)
    error = z * sqrt(delong_variance(scores, flags)) / (value * (1 - value))
    logit = np.log(value / (1 - value))
    assert found.lower == pytest.approx(1 / (1 + np.exp(error - logit)), abs=1e-9)
    assert found.upper == pytest.approx(1 / (1 + np.exp(-error - logit)), abs=1e-9)


def test_a_perfect_area_is_not_certain():
    flags = np.arange(20) >= 10
    found = area(np.arange(20.0), flags, alone(20), 0.95)
    assert found.value == found.upper == 1
    assert found.lower == pytest.approx(newcombe(1.0, 10, 10, 0.95)[0])
    assert 0.7 < found.lower < 0.9
