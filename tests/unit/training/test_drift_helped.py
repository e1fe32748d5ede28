from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.training.drift_helped import (
    Answers,
    Outcome,
    in_vain,
    judge_error_ratio,
    judge_same_rows,
    judge_windows,
)

HELPED, NOT, UNKNOWN = Outcome.HELPED, Outcome.NOT_HELPED, Outcome.INSUFFICIENT_DATA


@pytest.mark.parametrize(
    ("only_old", "only_new", "rows", "outcome"),
    [(10, 60, 1000, HELPED), (30, 40, 1000, NOT), (60, 10, 1000, NOT), (0, 0, 1000, NOT), (0, 100, 199, UNKNOWN)],
)
def test_a_retraining_helped_when_it_is_better_beyond_chance_on_the_same_rows(only_old, only_new, rows, outcome):
    assert judge_same_rows(only_old, only_new, rows).outcome is outcome


def test_a_later_window_is_compared_as_two_proportions():
    found = judge_windows(Answers(914, 1000), Answers(944, 1000))
    assert found.outcome is HELPED
    assert found.gain == pytest.approx(0.03)
    error = sqrt(0.914 * 0.086 / 1000 + 0.944 * 0.056 / 1000)
    assert found.least == pytest.approx(0.03 - stats.norm.ppf(0.95) * error)
    assert judge_windows(Answers(914, 1000), Answers(920, 1000)).outcome is NOT
    assert judge_windows(Answers(100, 199), Answers(944, 1000)).outcome is UNKNOWN
    assert judge_windows(Answers(0, 0), Answers(0, 0), min_rows=0).outcome is UNKNOWN


@pytest.mark.parametrize(
    ("ratio", "highest", "rows", "outcome"),
    [(0.9, 0.99, 500, HELPED), (0.9, 1.0, 500, NOT), (1.1, 1.2, 500, NOT), (0.5, 0.6, 100, UNKNOWN)],
)
def test_a_regression_helped_when_its_error_is_smaller_beyond_chance(ratio, highest, rows, outcome):
    assert judge_error_ratio(ratio, highest, rows).outcome is outcome


@given(st.integers(200, 5000), st.floats(0, 1), st.floats(0, 1))
def test_the_bound_is_never_above_the_gain(rows, a, b):
    only_old = int(rows * a / 2)
    only_new = int(rows * b / 2)
    found = judge_same_rows(only_old, only_new, rows)
    assert found.least <= found.gain


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], 0),
        ([NOT], 1),
        ([NOT, NOT], 2),
        ([NOT, HELPED], 0),
        ([HELPED, NOT], 1),
        ([NOT, UNKNOWN, NOT, UNKNOWN], 2),
        ([NOT, HELPED, UNKNOWN], 0),
    ],
)
def test_retrainings_in_vain_are_counted_from_the_last_one_back(outcomes, expected):
    assert in_vain(outcomes) == expected
