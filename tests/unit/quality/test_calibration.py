"""Isotonic regression against scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from trimtab.quality.calibration import calibrate

ROWS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=80)


@given(ROWS)
def test_blocks_are_those_of_isotonic_regression(rows):
    scores, events = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows])
    found = calibrate(scores, events)
    distinct, groups = np.unique(scores, return_inverse=True)
    counts = np.bincount(groups)
    expected = isotonic_regression(np.bincount(groups, weights=events) / counts, weights=counts).x
    shares = found.events / found.rows
    block = np.searchsorted(found.lows, distinct, side="right") - 1
    assert shares[block] == pytest.approx(expected)
    assert (distinct <= found.highs[block]).all()
    assert found.rows.sum() == len(rows)


@given(ROWS)
def test_probabilities_rise_with_the_score_and_are_never_certain(rows):
    scores, events = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows])
    told = calibrate(scores, events).probabilities(np.linspace(-1, 13, 50))
    assert (np.diff(told) >= -1e-12).all()
    if events.any() and not events.all():
        assert 0 < told.min() <= told.max() < 1


def test_scores_that_lie_are_mended():
    random = np.random.default_rng(1)
    true = random.random(20_000)
    found = calibrate(true**3, random.random(20_000) < true)
    asked = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    assert found.probabilities(asked**3) == pytest.approx(asked, abs=0.05)
