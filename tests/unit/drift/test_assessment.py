import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.drift.builders import coded, numbers, reference_of, texts, window_of
from trimtab.capture.grid import Grid
from trimtab.capture.profile import Profile
from trimtab.drift.assessment import assess
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict

DEFAULTS = DriftThresholds()


def normals(rng, size, columns=20):
    return {f"x{i:02d}": numbers(rng.normal(size=size)) for i in range(columns)}


def shifted(columns, by, names):
    return {name: numbers(column.values + by) if name in names else column for name, column in columns.items()}


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(20)


@pytest.fixture(scope="module")
def reference(rng):
    return reference_of(normals(rng, 10_000))


def test_stays_silent_when_nothing_drifted(rng, reference):
    for rows in (500, 1000, 10_000):
        for _ in range(10):
            found = assess(reference, window_of(normals(rng, rows), reference), DEFAULTS)
            assert found.verdict is not Verdict.ALERT
            assert found.drifted == ()


def test_one_column_in_twenty_that_moved_half_a_deviation_alerts(rng, reference):
    for _ in range(10):
        found = assess(reference, window_of(shifted(normals(rng, 1000), 0.5, {"x07"}), reference), DEFAULTS)
        assert found.verdict is Verdict.ALERT
        assert found.drifted == ("x07",)
        assert found.columns["x07"].verdict is Verdict.ALERT
        assert found.reason.startswith("1 of 20 columns moved in 1,000 rows against 10,000: x07: PSI 0.")
        json.dumps(asdict(found), allow_nan=False)


def test_a_shift_of_a_tenth_in_every_column_is_no_alert(rng, reference):
    window = window_of(shifted(normals(rng, 10_000), 0.1, {f"x{i:02d}" for i in range(20)}), reference)
    assert assess(reference, window, DEFAULTS).verdict is Verdict.OK


def test_a_shift_below_the_threshold_that_is_no_chance_warns(rng, reference):
    window = window_of(shifted(normals(rng, 10_000), 0.3, {"x01", "x02"}), reference)
    found = assess(reference, window, DEFAULTS)
    assert found.verdict is Verdict.WARN
    assert {name for name, column in found.columns.items() if column.verdict is Verdict.WARN} == {"x01", "x02"}


def test_columns_of_every_shape_stay_silent(rng):
    def columns(size):
        return {
            "lognormal": numbers(rng.lognormal(0, 2, size)),
            "cauchy": numbers(rng.standard_cauchy(size)),
            "mostly zero": numbers(np.where(rng.random(size) < 0.95, 0, rng.exponential(size=size))),
            "flag": numbers(rng.random(size) < 0.001),
            "five": numbers(rng.choice(5, size, p=[0.5, 0.3, 0.15, 0.04, 0.01])),
            "seventeen": numbers(rng.binomial(16, 0.3, size)),
            "half missing": numbers(np.where(rng.random(size) < 0.5, np.nan, rng.normal(size=size))),
            **{f"{count} values": coded(rng.integers(0, count, size)) for count in (2, 20, 200, 400, 2000)},
            **{f"{count} skewed": coded(rng.zipf(1.3, size) % count) for count in (20, 200, 2000)},
        }

    for m, n in ((10_000, 1000), (10_000, 10_000), (1000, 5000)):
        for _ in range(3):
            reference = reference_of(columns(m))
            found = assess(reference, window_of(columns(n), reference), DEFAULTS)
            assert found.drifted == (), found.reason


def test_below_the_rows_of_a_warning_there_is_no_verdict(rng, reference):
    found = assess(reference, window_of(normals(rng, 412), reference), DEFAULTS)
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert found.reason == "412 of 500 rows"
    assert found.columns == {}


def test_between_warning_and_alert_it_only_warns(rng, reference):
    found = assess(reference, window_of(shifted(normals(rng, 999), 3, {"x03"}), reference), DEFAULTS)
    assert found.verdict is Verdict.WARN


def test_column_that_the_window_lacks_is_no_pass(rng, reference):
    window = window_of(normals(rng, 1000), reference)
    without = replace(window, columns={name: column for name, column in window.columns.items() if name != "x05"})
    found = assess(reference, without, DEFAULTS)
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert found.reason == "the window has no column x05"
    assert assess(reference, without, DEFAULTS, ignore={"x05"}).verdict is Verdict.OK


def test_column_that_no_capture_carries_any_more_alerts(rng, reference):
    columns = normals(rng, 1000)
    del columns["x05"]
    found = assess(reference, window_of(columns, reference), DEFAULTS)
    assert found.verdict is Verdict.ALERT
    assert "x05: missing values went from 0 % to 100 %" in found.reason


def test_window_without_any_value_to_judge_is_insufficient_data():
    reference = reference_of({"id": coded(np.arange(2000))})
    found = assess(reference, window_of({"id": coded(np.arange(5000, 6000))}, reference), DEFAULTS)
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert found.reason == "no column has enough values to judge in 1,000 rows against 2,000"


def test_reason_names_what_could_not_be_judged(rng):
    reference = reference_of({"id": coded(np.arange(2000)), "x": numbers(rng.normal(size=2000))})
    window = window_of({"id": coded(np.arange(5000, 6000)), "x": numbers(rng.normal(size=1000))}, reference)
    found = assess(reference, window, DEFAULTS)
    assert found.verdict is Verdict.OK
    assert found.reason.endswith("; too few values to judge id")


def test_window_on_another_grid_is_refused(reference):
    with pytest.raises(ValueError, match="window is on grid other"):
        assess(reference, Profile("other", 1000, {}), DEFAULTS)


def test_nothing_to_compare_is_insufficient_data(rng):
    reference = reference_of({"x": numbers(rng.normal(size=1000))})
    window = window_of({"x": numbers(rng.normal(size=1000))}, reference)
    assert assess(reference, window, DEFAULTS, ignore={"x"}).verdict is Verdict.INSUFFICIENT_DATA
    empty = reference_of({"x": numbers(rng.normal(size=1000))})
    empty = replace(empty, grid=Grid({}), profile=Profile(Grid({}).name, 1000, {}))
    assert assess(empty, empty.profile, DEFAULTS).reason == "no columns to compare"


@pytest.fixture(scope="module")
def wide(rng):
    return reference_of(normals(rng, 10_000, 40), outputs=frozenset({"x39"}))


def judge(rng, wide, names, thresholds=DEFAULTS, **settings):
    window = window_of(shifted(normals(rng, 1000, 40), 1.0, names), wide)
    return assess(wide, window, thresholds, **settings)


def test_one_of_many_equal_columns_only_warns(rng, wide):
    found = judge(rng, wide, {"x01"})
    assert found.drifted == ("x01",)
    assert found.drifted_importance == pytest.approx(1 / 39)
    assert found.verdict is Verdict.WARN


def test_a_window_that_does_not_alert_though_columns_do_says_why(rng, wide):
    one, three = judge(rng, wide, {"x01"}).reason, judge(rng, wide, {"x01", "x02", "x03"}).reason
    assert one.endswith(
        "; x01 alerts, and the window does not: it weighs 2.56 %, and it takes 5 % in one column or 10 % in all; "
        "name it in critical to be told"
    )
    assert "alert, and the window does not: they weigh 7.69 %, and it takes 5 %" in three
    by_share = judge(rng, wide, {"x01"}, DriftThresholds(policy="drift_share")).reason
    assert by_share.endswith("; x01 alerts, and the window does not: that is 2.5 % of the columns, and it takes 50 %")
    for names, named in ((set(), {}), ({"x01"}, {"critical": {"x01"}})):
        assert "the window does not" not in judge(rng, wide, names, **named).reason


def test_a_tenth_of_the_importance_alerts(rng, wide):
    assert judge(rng, wide, {"x01", "x02", "x03"}).verdict is Verdict.WARN
    assert judge(rng, wide, {"x01", "x02", "x03", "x04"}).verdict is Verdict.ALERT


def test_an_important_column_alerts_alone(rng, wide):
    importance = {"x01": 4.9, "x02": 5.0, **{f"x{i:02d}": 90.1 / 36 for i in range(3, 39)}}
    assert judge(rng, wide, {"x01"}, importance=importance).verdict is Verdict.WARN
    assert judge(rng, wide, {"x02"}, importance=importance).verdict is Verdict.ALERT


def test_a_column_without_importance_never_alerts_unless_listed(rng, wide):
    assert judge(rng, wide, {"x01"}, importance={"x02": 1.0}).verdict is Verdict.WARN
    assert judge(rng, wide, {"x01"}, importance={"x02": 1.0}, critical={"x01"}).verdict is Verdict.ALERT


def test_the_prediction_always_alerts(rng, wide):
    found = judge(rng, wide, {"x39"})
    assert found.verdict is Verdict.ALERT
    assert found.drifted_importance == 0


def test_dates_are_not_judged_unless_they_are_critical(rng):
    def rows(size, month):
        days = rng.integers(1, 29, size)
        return {"x": numbers(rng.normal(size=size)), "day": texts([f"2026-{month:02}-{day:02}" for day in days])}

    reference = reference_of(rows(5000, 4))
    later = window_of(rows(1000, 5), reference)
    found = assess(reference, later, DEFAULTS)
    assert (found.verdict, found.dates, list(found.columns)) == (Verdict.OK, ("day",), ["x"])
    found = assess(reference, later, DEFAULTS, critical={"day"})
    assert (found.verdict, found.dates, found.drifted) == (Verdict.ALERT, (), ("day",))
    assert assess(reference, later, DEFAULTS, ignore={"day"}).dates == ()


def test_amounts_that_are_mostly_zero_are_judged_by_the_others(rng):
    def amounts(size, scale):
        return {"x": numbers(np.where(rng.random(size) < 0.9, 0, rng.exponential(scale, size)))}

    reference = reference_of(amounts(10_000, 10))
    for scale, verdict in ((10, Verdict.OK), (1, Verdict.ALERT), (1000, Verdict.ALERT)):
        assert assess(reference, window_of(amounts(1000, scale), reference), DEFAULTS).verdict is verdict


def test_an_ignored_column_does_not_count(rng, wide):
    found = judge(rng, wide, {"x39"}, ignore={"x39"})
    assert found.verdict is Verdict.OK
    assert "x39" not in found.columns


def test_share_of_drifted_columns_decides_when_asked_to(rng, wide):
    thresholds = DriftThresholds(policy="drift_share", drift_share=0.5)
    almost, half = ({f"x{39 - i:02d}" for i in range(count)} for count in (19, 20))
    assert judge(rng, wide, almost, thresholds).verdict is Verdict.WARN
    assert judge(rng, wide, half, thresholds).verdict is Verdict.ALERT


def test_no_drifted_column_is_no_alert_even_at_share_zero(rng, wide):
    for thresholds in (DriftThresholds(policy="drift_share", drift_share=0), DriftThresholds(importance_share=0)):
        assert judge(rng, wide, set(), thresholds).verdict is not Verdict.ALERT


@settings(max_examples=15, deadline=None)
@given(st.permutations(["a", "b", "c", "d"]), st.integers(0, 5))
def test_order_of_the_columns_does_not_matter(order, seed):
    rng = np.random.default_rng(seed)
    before = {
        "a": numbers(rng.normal(size=2000)),
        "b": texts(["x", "y"] * 1000),
        "c": numbers(rng.integers(0, 5, 2000)),
        "d": numbers(rng.normal(size=2000)),
    }
    after = {
        "a": numbers(rng.normal(size=1000) + 1),
        "b": texts(["x", "y", "z", "z"] * 250),
        "c": numbers(rng.integers(0, 5, 1000)),
        "d": numbers(rng.normal(size=1000) + 1),
    }
    plain, mixed = reference_of(before), reference_of({name: before[name] for name in order})
    found = assess(plain, window_of(after, plain), DEFAULTS)
    assert assess(mixed, window_of({name: after[name] for name in order}, mixed), DEFAULTS) == found
    assert found.verdict is Verdict.ALERT
