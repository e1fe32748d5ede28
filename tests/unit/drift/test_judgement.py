"""The past makes a verdict milder where it explains a drift, and changes nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.drift.builders import numbers, reference_of, texts, window_of
from trimtab.drift.assessment import assess
from trimtab.drift.judgement import judge
from trimtab.drift.past import Past
from trimtab.drift.season import Season
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict

DEFAULTS = DriftThresholds()
RANK = [Verdict.OK, Verdict.WARN, Verdict.ALERT]


def columns(rng, shifts, rows=1000, missing=0.0, unseen=0.0):
    drawn = {f"x{i}": rng.normal(shift, 1, rows) for i, shift in enumerate(shifts)}
    drawn["x0"][rng.random(rows) < missing] = np.nan
    colours = rng.choice(["red", "green", "violet"], rows, p=[(1 - unseen) / 2, (1 - unseen) / 2, unseen])
    return {name: numbers(values) for name, values in drawn.items()} | {"colour": texts(list(colours))}


REFERENCE = reference_of(columns(np.random.default_rng(0), [0, 0, 0], rows=5000))


def counts(seed, shifts, **how):
    return window_of(columns(np.random.default_rng(seed), shifts, **how), REFERENCE)


def season(profile, **how):
    return Past(season=Season(profile, (), 2, **how))


SHIFTS = st.tuples(*[st.sampled_from([0.0, 0.3, 0.5, 0.8])] * 3)


@settings(max_examples=25, deadline=None)
@given(SHIFTS, SHIFTS, st.dictionaries(st.sampled_from(["x0", "x1"]), st.floats(0.1, 0.15)), st.integers(0, 99))
def test_the_past_never_makes_a_verdict_graver(now, then, calibrated, seed):
    current = counts(seed, now)
    alone = judge(REFERENCE, current, DEFAULTS)
    assert alone == assess(REFERENCE, current, DEFAULTS)
    past = Past(season=Season(counts(seed + 100, then, rows=2000), (), 2), calibrated=calibrated)
    found = judge(REFERENCE, current, DEFAULTS, past)
    assert RANK.index(found.verdict) <= RANK.index(alone.verdict)
    assert {*found.drifted} | {*found.seasonal} <= {*alone.drifted}
    assert not {*found.drifted} & {*found.seasonal}
    for name, column in found.columns.items():
        assert (column.psi, column.missing) == (alone.columns[name].psi, alone.columns[name].missing)


def test_each_column_is_compared_with_the_season_for_itself():
    found = judge(REFERENCE, counts(1, [1, 1, 0]), DEFAULTS, season(counts(2, [1, 0, 0], rows=2000)))
    assert (found.drifted, found.seasonal) == (("x1",), ("x0",))
    assert (found.columns["x0"].verdict, found.verdict) == (Verdict.WARN, Verdict.ALERT)
    assert found.drifted_share == 0.25


def test_missing_values_can_be_seasonal_and_new_categories_cannot():
    how = {"missing": 0.2, "unseen": 0.1}
    assert set(judge(REFERENCE, counts(1, [0, 0, 0], **how), DEFAULTS).drifted) == {"x0", "colour"}
    found = judge(REFERENCE, counts(1, [0, 0, 0], **how), DEFAULTS, season(counts(2, [0, 0, 0], rows=2000, **how)))
    assert (found.drifted, found.seasonal) == (("colour",), ("x0",))
    assert "missing values went from 0 % to" in found.columns["x0"].reasons[0].text


def test_a_column_that_drifted_all_week_is_not_seasonal():
    past = season(counts(2, [1, 0, 0], rows=2000), lasting=frozenset({"x0"}))
    assert judge(REFERENCE, counts(1, [1, 0, 0]), DEFAULTS, past).drifted == ("x0",)


def test_a_season_that_differs_by_what_matters_explains_nothing():
    past = season(counts(2, [0.5, 0, 0], rows=2000))
    assert judge(REFERENCE, counts(1, [1, 0, 0]), DEFAULTS, past).drifted == ("x0",)


@pytest.mark.parametrize(("shift", "verdict"), [(0.42, Verdict.WARN), (1.0, Verdict.ALERT)])
def test_a_calibrated_column_needs_more_to_alert(shift, verdict):
    current = counts(3, [shift, 0, 0], rows=5000)
    assert judge(REFERENCE, current, DEFAULTS).columns["x0"].verdict is Verdict.ALERT
    assert judge(REFERENCE, current, DEFAULTS, Past(calibrated={"x0": 0.15})).columns["x0"].verdict is verdict
