from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.sizing.saving import Saving, saving, why_not_worth_it
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import replay_counts

DEFAULTS = SizingSettings()


def replay(counts):
    counts = np.asarray(counts, dtype=np.float64)
    return replay_counts(np.ones(len(counts)), counts, 100)


def test_fixed_counts_save_the_same_each_day():
    found = saving(replay(np.full(20160, 3)), replay(np.full(20160, 2)), 0.23, 0.204, DEFAULTS)
    assert (found.low, found.mid, found.high) == pytest.approx((205.86, 205.86, 205.86))


def test_days_that_differ_make_an_interval_around_the_middle():
    counts = np.repeat([2, 2, 2, 2, 2, 6, 6] * 2, 1440)
    found = saving(replay(np.full(20160, 6)), replay(counts), 0.1, 0.1, DEFAULTS)
    assert found.low < found.mid < found.high
    daily = np.random.default_rng(1).choice([4, 4, 4, 4, 4, 0, 0], (20_000, 14)).mean(axis=1) * 73
    assert (found.low, found.high) == pytest.approx(np.quantile(daily, (0.05, 0.95)), rel=0.1)
    assert found == saving(replay(np.full(20160, 6)), replay(counts), 0.1, 0.1, DEFAULTS)


@pytest.mark.parametrize(
    ("saved", "usd", "confidence", "days", "reason"),
    [
        (100, 500, 0.8, 30, None),
        (100, 500, 0.8, None, None),
        (70, 500, 0.8, 30, "less than 75.00"),
        (15, 50, 0.8, 30, "less than 20.00"),
        (100, 500, 0.39, 30, "confidence 0.39"),
        (100, 500, 0.8, 3, "changed 3.0 days ago"),
        (-5, 500, 0.8, 30, "costs 5.00 USD a month more"),
    ],
)
def test_only_a_clear_saving_is_worth_a_change(saved, usd, confidence, days, reason):
    found = why_not_worth_it(Saving(saved, saved, saved), usd, confidence, days, DEFAULTS)
    assert (found is None) == (reason is None)
    assert reason is None or reason in found


@given(st.lists(st.floats(1, 1000), min_size=2, max_size=12, unique=True))
def test_no_series_of_changes_comes_back(costs):
    """Whatever is offered, accepted changes lower the cost by a clear share: no state is seen twice."""
    now, seen = costs[0], [costs[0]]
    for _ in range(50):
        for cost in costs:
            if why_not_worth_it(Saving(now - cost, now - cost, now - cost), now, 1.0, None, DEFAULTS) is None:
                assert cost not in seen
                now = cost
                seen.append(cost)
    assert all(later <= 0.85 * earlier for earlier, later in pairwise(seen))
