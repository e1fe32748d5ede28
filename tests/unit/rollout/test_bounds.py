import numpy as np
import pytest
from scipy import stats

from trimtab.rollout.bounds import APPROXIMATE_FROM, lower_count, sample_ratio_z, upper_count

COUNTS = np.array([*range(130), 200, APPROXIMATE_FROM - 2, APPROXIMATE_FROM, 1000, 12345, 10**6], dtype=float)


@pytest.mark.parametrize("level", [0.2, 0.05, 0.01])
def test_bounds_agree_with_scipys_gamma_distribution(level):
    few = COUNTS < APPROXIMATE_FROM - 1
    upper, lower = stats.gamma.ppf(1 - level, COUNTS + 1), stats.gamma.ppf(level, np.maximum(COUNTS, 1))
    np.testing.assert_allclose(upper_count(COUNTS, level), upper, rtol=2e-5)
    np.testing.assert_allclose(upper_count(COUNTS, level)[few], upper[few], rtol=1e-10)
    np.testing.assert_allclose(lower_count(COUNTS, level)[1:], lower[1:], rtol=2e-5)
    np.testing.assert_allclose(lower_count(COUNTS, level)[few][1:], lower[few][1:], rtol=1e-10)


def test_nothing_counted_is_bounded_by_three_at_five_percent():
    assert upper_count(np.zeros(1), 0.05)[0] == pytest.approx(2.9957, abs=1e-4)
    assert upper_count(np.zeros(1), 0.05)[0] / 600 == pytest.approx(0.005, abs=1e-5)
    assert lower_count(np.zeros(1), 0.05)[0] == 0


def test_bounds_keep_the_shape_of_the_counts():
    assert upper_count(np.array(5.0), 0.05).shape == ()
    assert upper_count(np.ones((2, 3)), 0.05).shape == (2, 3)


def test_sample_ratio_is_in_standard_deviations():
    z = sample_ratio_z(np.array([1300.0, 0.0]), np.array([1000.0, 0.0]), np.array([900.0, 0.0]))
    assert z.tolist() == [10, 0]
