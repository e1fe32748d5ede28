import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.drift.trend import change_point, ewma, last_rise


def test_the_average_follows_the_newest_values():
    assert ewma([]) is None
    assert ewma([0.2]) == 0.2
    assert ewma([0.0, 0.0, 1.0, 1.0]) == pytest.approx(1 - 0.7**2)


@settings(deadline=None)  # pandas is slow to import
@given(st.lists(st.floats(0, 10), min_size=1, max_size=50))
def test_the_average_is_pandas_own(values):
    pandas = pytest.importorskip("pandas")
    assert ewma(values) == pytest.approx(pandas.Series(values).ewm(alpha=0.3, adjust=False).mean().iloc[-1])


def test_the_split_is_the_best_of_all():
    values = np.random.default_rng(1).normal(size=60)
    values[37:] += 2

    def residual(k):
        return values[:k].var() * k + values[k:].var() * (60 - k)

    assert change_point(values).position == min(range(1, 60), key=residual)


def test_without_a_change_one_is_found_as_rarely_as_promised():
    rng = np.random.default_rng(2)
    found = sum(change_point(rng.exponential(size=40)) is not None for _ in range(200))
    assert found <= 20  # 5 % are 10; more than 20 come by chance once in a thousand


def test_the_interval_holds_the_true_beginning():
    rng = np.random.default_rng(3)
    found = []
    for _ in range(200):
        values = rng.normal(size=60)
        values[40:] += 1.5
        found.append(change_point(values))
    found = [each for each in found if each is not None]
    assert len(found) >= 190
    assert all(each.earliest <= each.position <= each.latest for each in found)
    assert np.mean([each.earliest <= 40 <= each.latest for each in found]) >= 0.95
    assert np.median([each.latest - each.earliest for each in found]) <= 8


def test_two_high_scores_after_many_low_ones_are_a_rise():
    scores = [*np.random.default_rng(4).uniform(0, 0.02, 60), 0.3, 0.35]
    found = last_rise(scores)
    assert (found.position, found.earliest, found.latest) == (60, 60, 60)
    assert found.before < 0.02 < 0.29 < found.after < 0.36
    assert found.p <= 0.01
    assert last_rise(scores) == found


def test_of_several_rises_the_last_counts_and_falls_do_not():
    rng = np.random.default_rng(5)
    levels = [0.01] * 40 + [0.2] * 40 + [0.01] * 40 + [0.4] * 10
    scores = [level * rng.uniform(0.8, 1.2) for level in levels]
    assert last_rise(scores).position == 120
    assert last_rise(scores[:115]).position == 40


def test_positions_count_from_the_beginning_of_a_long_history():
    scores = [*np.random.default_rng(6).uniform(0, 0.02, 700), *[0.3] * 5]
    assert last_rise(scores).position == 700


@pytest.mark.parametrize("scores", [[], [0.3], [0.0, 0.0, 0.3, 0.3], [0.0] * 50, [0.1, 0.2] * 20])
def test_what_cannot_be_told_is_not_found(scores):
    assert last_rise(scores) is None
