import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.drift.discoveries import benjamini_hochberg

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)


@given(P_VALUES)
def test_q_values_agree_with_scipy(p_values):
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values, method="bh"))


@given(P_VALUES, st.randoms(use_true_random=False))
def test_order_of_the_tests_does_not_matter(p_values, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    assert np.array_equal(benjamini_hochberg(p_values[order]), benjamini_hochberg(p_values)[order])


@given(P_VALUES)
def test_smaller_p_never_has_greater_q(p_values):
    assert np.all(np.diff(benjamini_hochberg(p_values)[np.argsort(p_values)]) >= 0)


def test_no_tests_give_no_discoveries():
    assert len(benjamini_hochberg(np.array([]))) == 0
