import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from trimtab.sizing.utilisation import theil_sen, utilisation_law

VALUES = st.floats(-100, 100).map(lambda value: round(value, 3))


@given(npst.arrays(float, st.integers(3, 40), elements=VALUES).filter(lambda x: len(set(x)) > 1), st.integers(0, 9))
def test_few_points_agree_with_scipy(x, seed):
    y = 2 * x + np.random.default_rng(seed).normal(0, 5, len(x))
    expected = stats.theilslopes(y, x, method="joint")
    intercept, slope = theil_sen(x, y)
    assert slope == pytest.approx(expected.slope, rel=1e-9, abs=1e-9)
    assert intercept == pytest.approx(expected.intercept, rel=1e-9, abs=1e-9)


def test_many_points_agree_with_all_pairs():
    rng = np.random.default_rng(3)
    x = rng.gamma(4, 2, 2000)
    y = 6 + 5.2 * x + rng.normal(0, 1.5, 2000)
    expected = stats.theilslopes(y, x, method="joint")
    assert theil_sen(x, y) == pytest.approx((expected.intercept, expected.slope), rel=0.01)


def test_the_worked_example(worked):
    law = utilisation_law(worked.rps / 3, worked.cpu)
    assert (law.idle, law.per_rps, law.r2) == (
        pytest.approx(5.99, abs=0.005), pytest.approx(5.203, abs=0.001), pytest.approx(0.990, abs=0.0005)
    )  # fmt: skip
    assert law.rate(4, 0.7) == pytest.approx(52.67, abs=0.01)


def test_deployments_do_not_bend_the_law(worked):
    spiked = worked.cpu.copy()
    spiked[::20] += 300
    law = utilisation_law(worked.rps / 3, spiked)
    assert (law.idle, law.per_rps) == (pytest.approx(6.1, abs=0.3), pytest.approx(5.2, rel=0.03))


def test_the_order_of_the_minutes_does_not_matter(worked):
    order = np.random.default_rng(0).permutation(len(worked.rps))
    assert theil_sen(worked.rps, worked.cpu) == theil_sen(worked.rps[order], worked.cpu[order])


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        (np.ones(100), None, "was not read"),
        (np.arange(30.0), np.arange(30.0), "30 minutes"),
        (np.ones(100), np.arange(100.0), "never varies"),
        (np.arange(100.0), -np.arange(100.0), "does not rise"),
        (np.arange(100.0), np.full(100, np.nan), "0 minutes"),
    ],
)
def test_no_law_without_evidence(x, y, reason):
    assert reason in utilisation_law(x, y)


def test_cpu_is_a_sum_over_cores():
    """70 % of a 4-vCPU instance is 280, not 70: read as 70 the endpoint would be thought 4 times as full."""
    x = np.linspace(1, 50, 200)
    law = utilisation_law(x, 5 + 5 * x)
    assert law.rate(4, 0.7) == pytest.approx((280 - 5) / 5)
    assert law.rate(2, 0.7) == pytest.approx((140 - 5) / 5)
