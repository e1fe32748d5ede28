"""Metrics against what others compute: scipy's Mann-Whitney U and bootstrap, published examples, the definitions."""

from math import isnan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.training.metrics import (
    auc,
    auc_lower,
    auc_lower_of_counts,
    calibration_error,
    paired_difference,
    rmse,
    rmse_ratio,
    rmse_upper,
)

scored = st.lists(st.tuples(st.integers(0, 9).map(lambda n: n / 9), st.booleans()), min_size=2, max_size=60)
# Nothing that is lost when it is squared.
error = st.floats(-100, 100).map(lambda value: value if abs(value) > 1e-100 else 0.0)
errors = st.lists(error, min_size=1, max_size=50).map(lambda values: np.array(values))


def arrays(rows):
    return np.array([score for score, _ in rows]), np.array([positive for _, positive in rows])


@given(scored)
def test_auc_is_mann_whitneys_u_over_the_pairs(rows):
    scores, positive = arrays(rows)
    if positive.all() or not positive.any():
        assert auc(scores, positive) is None
        assert auc_lower(scores, positive) is None
        return
    u = stats.mannwhitneyu(scores[positive], scores[~positive]).statistic
    assert auc(scores, positive) == pytest.approx(u / (positive.sum() * (~positive).sum()))


@given(scored)
def test_the_bound_of_auc_is_never_above_it(rows):
    scores, positive = arrays(rows)
    value = auc(scores, positive)
    assert value is None or 0 <= auc_lower(scores, positive, resamples=20) <= value


def test_the_two_bounds_of_auc_agree_on_many_rows():
    random = np.random.default_rng(1)
    positive = random.random(4000) < 0.3
    scores = random.normal(positive * 1.2)
    value = auc(scores, positive)
    by_counts = auc_lower_of_counts(value, int(positive.sum()), int((~positive).sum()))
    assert auc_lower(scores, positive) == pytest.approx(by_counts, abs=0.003)
    assert auc_lower(scores, positive) == auc_lower(scores, positive)


def test_hanley_and_mcneil_of_their_own_example():
    # Hanley and McNeil 1982, table II: area 0.893, 51 abnormal and 58 normal images, standard error 0.032
    lower = auc_lower_of_counts(0.893, 51, 58)
    assert (0.893 - lower) / stats.norm.ppf(0.95) == pytest.approx(0.032, abs=0.001)
    assert auc_lower_of_counts(0.9, 0, 10) is None


@pytest.mark.parametrize(  # shared/prototypes/statistics/test_vectors.json
    ("b", "c", "n", "difference", "bound", "is_fit"),
    [
        (40, 30, 1000, 0.01, 0.02375199939795189, False),
        (40, 30, 5000, 0.002, 0.004751973335027771, True),
        (120, 140, 5000, -0.004, 0.0013036774207656303, True),
    ],
)
def test_paired_differences_are_as_in_the_specification(b, c, n, difference, bound, is_fit):
    assert paired_difference(b, c, n) == pytest.approx((difference, bound), rel=1e-12)
    assert (paired_difference(b, c, n)[1] <= 0.01) is is_fit


@given(st.integers(0, 50), st.integers(0, 50), st.integers(100, 1000))
def test_the_paired_error_is_that_of_the_mean_of_the_differences(b, c, n):
    differences = np.array([1] * b + [-1] * c + [0] * (n - b - c))
    value, bound = paired_difference(b, c, n)
    assert value == pytest.approx(differences.mean())
    assert bound - value == pytest.approx(stats.norm.ppf(0.95) * differences.std() / sqrt(n), abs=1e-12)


@given(errors)
def test_rmse_is_its_definition_and_below_its_bound(values):
    assert rmse(values) == pytest.approx(sqrt(sum(v * v for v in values) / len(values)))
    assert rmse_upper(values, resamples=20) >= rmse(values)
    assert isnan(rmse(np.array([])))


def test_the_bound_of_rmse_agrees_with_scipys_bootstrap():
    values = np.random.default_rng(2).normal(0, 3, 800)
    found = stats.bootstrap(
        (values,), lambda x: np.sqrt(np.mean(x**2)), confidence_level=0.9, n_resamples=999, method="percentile", rng=3,
        vectorized=False,
    ).confidence_interval.high  # fmt: skip
    assert rmse_upper(values) == pytest.approx(found, rel=0.01)


@given(errors, st.floats(0.5, 2))
def test_a_model_that_errs_in_proportion_has_that_ratio_without_doubt(champion, factor):
    found = rmse_ratio(champion * factor, champion, resamples=20)
    if not (champion**2).any():
        assert found is None
    elif (champion**2).min() > 0:
        assert found == pytest.approx((factor, factor), rel=1e-6)
    else:
        assert found[1] >= found[0] == pytest.approx(factor, rel=1e-6)


def test_a_calibrated_model_has_little_error():
    random = np.random.default_rng(4)
    confidence = random.random(20_000)
    right = random.random(20_000) < confidence
    assert calibration_error(confidence, right) < 0.02
    assert calibration_error(confidence**0.3, right) > 0.1
    assert calibration_error(np.array([]), np.array([], bool)) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80))
def test_calibration_error_is_its_definition(rows):
    confidence, right = arrays(rows)
    bins = np.minimum((confidence * 10).astype(int), 9)
    expected = sum(
        (bins == b).mean() * abs(right[bins == b].mean() - confidence[bins == b].mean()) for b in set(bins.tolist())
    )
    assert calibration_error(confidence, right) == pytest.approx(expected, abs=1e-12)
