import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.drift.chi_square import chi_square_sf, noncentral_chi_square_sf


@pytest.mark.parametrize("df", [1, 2, 3, 9, 10, 50, 255])
@pytest.mark.parametrize("noncentrality", [1e-6, 0.01, 0.5, 5, 20, 100, 900, 1e4, 1e6, 1e7])
def test_noncentral_tail_agrees_with_scipy(df, noncentrality):
    deviation = (2 * (df + 2 * noncentrality)) ** 0.5
    for z in (-8, -4, -2, -1, -0.3, 0, 0.5, 1, 2, 4, 6, 8, 20):
        x = max(0.01, df + noncentrality + z * deviation)
        expected = stats.ncx2.sf(x, df, noncentrality)
        assert noncentral_chi_square_sf(x, df, noncentrality) == pytest.approx(expected, abs=1e-9)


@given(x=st.floats(0, 1e4), df=st.integers(1, 400))
def test_central_tail_agrees_with_scipy(x, df):
    assert chi_square_sf(x, df) == pytest.approx(stats.chi2.sf(x, df), rel=1e-9, abs=1e-300)


@given(
    x=st.floats(0, 1e4),
    step=st.floats(0.01, 100),
    df=st.integers(1, 300),
    noncentrality=st.floats(0, 1e4),
)
def test_noncentral_tail_falls_in_x_and_rises_with_noncentrality(x, step, df, noncentrality):
    here = noncentral_chi_square_sf(x, df, noncentrality)
    assert 0 <= here <= 1
    assert noncentral_chi_square_sf(x + step, df, noncentrality) <= here + 1e-10
    assert noncentral_chi_square_sf(x, df, noncentrality + step) >= here - 1e-10


def test_small_tails_keep_their_relative_accuracy():
    assert noncentral_chi_square_sf(400, 9, 91) == pytest.approx(stats.ncx2.sf(400, 9, 91), rel=1e-8)
    assert chi_square_sf(213.9, 9) == pytest.approx(stats.chi2.sf(213.9, 9), rel=1e-9)


def test_nothing_is_below_zero():
    assert chi_square_sf(0, 3) == noncentral_chi_square_sf(-1, 3, 2) == 1.0


def test_without_noncentrality_it_is_central():
    assert noncentral_chi_square_sf(12.5, 9, 0) == chi_square_sf(12.5, 9)
