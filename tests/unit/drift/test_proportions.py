import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.drift.proportions import exact_p, excess_p, normal_quantile, two_proportion_p, wilson_lower


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(1e-4, 0.4))
def test_wilson_bound_agrees_with_scipy(count_of, level):
    count, of = count_of
    interval = stats.binomtest(count, of, alternative="greater").proportion_ci(1 - level, method="wilson")
    assert wilson_lower(count, of, level) == pytest.approx(max(0.0, interval.low), abs=1e-12)


def test_wilson_bound_of_nothing_is_zero():
    assert wilson_lower(0, 0, 0.05) == 0


def test_normal_quantile_agrees_with_scipy():
    assert normal_quantile(0.99) == pytest.approx(stats.norm.ppf(0.99))


@pytest.mark.parametrize(
    ("a", "n", "b", "m"), [(30, 1000, 100, 10000), (0, 500, 60, 700), (499, 500, 1, 10000), (5, 10, 5, 10)]
)
def test_two_proportions_agree_with_chi_square(a, n, b, m):
    expected = stats.chi2_contingency([[a, n - a], [b, m - b]], correction=False).pvalue
    assert two_proportion_p(a, n, b, m) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("a", "n", "b", "m"), [(0, 0, 5, 10), (0, 10, 0, 20), (10, 10, 20, 20)])
def test_two_proportions_without_variation_do_not_differ(a, n, b, m):
    assert two_proportion_p(a, n, b, m) == 1


@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(0, 1), st.floats(0, 1))
def test_excess_agrees_with_fishers_exact_test(n, m, share, reference_share):
    count, reference_count = round(n * share), round(m * reference_share)
    p = excess_p(count, n, reference_count, m)
    if count * m <= reference_count * n:
        assert p == 1
    else:
        table = [[count, n - count], [reference_count, m - reference_count]]
        assert p == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue, rel=1e-6, abs=1e-14)


def test_exact_p_is_two_sided():
    assert exact_p(3, 50, 10, 1000) == pytest.approx(2 * excess_p(3, 50, 10, 1000))
    assert exact_p(47, 50, 990, 1000) == pytest.approx(exact_p(3, 50, 10, 1000))
    assert exact_p(1, 100, 10, 1000) == 1.0
