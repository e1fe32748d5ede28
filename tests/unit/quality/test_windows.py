from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trimtab.drift.windows import Window
from trimtab.quality.windows import InputDrift, drift_document, drifted_inputs, quality_windows

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def drift(*rows, hours=1):
    return [Window(START + i * hours * HOUR, START + (i + 1) * hours * HOUR, (), count) for i, count in enumerate(rows)]


def joined(windows, *, until=100, rows=5000, max_hours=24):
    found = quality_windows(windows, until=START + until * HOUR, rows=rows, max_hours=max_hours)
    return [((each.start - START) / HOUR, (each.end - START) / HOUR, each.rows) for each in found]


def test_windows_of_drift_are_joined_until_they_have_rows_enough():
    assert joined(drift(2000, 2000, 2000, 5000, 1000), until=5) == [(0, 3, 6000), (3, 4, 5000)]


def test_what_has_begun_long_ago_is_closed_with_what_it_has():
    assert joined(drift(100, 100), until=23) == []
    assert joined(drift(100, 100), until=24) == [(0, 2, 200)]


def test_a_window_that_would_be_too_long_begins_the_next():
    assert joined(drift(100, 100, 100, hours=10), until=30, max_hours=24) == [(0, 20, 200)]
    assert joined(drift(100, hours=48), max_hours=24) == [(0, 48, 100)]


@given(st.lists(st.integers(1, 3000), max_size=40), st.integers(1, 60))
def test_hour_by_hour_gives_the_windows_of_one_run(rows, max_hours):
    """As the function does: each run goes on behind the last window, with what is closed by then."""
    windows, stepwise = drift(*rows), []
    for hour in range(len(rows) + max_hours + 1):
        known = [
            each for each in windows
            if each.end <= START + hour * HOUR and (not stepwise or each.start >= stepwise[-1].end)
        ]  # fmt: skip
        stepwise += quality_windows(known, until=START + hour * HOUR, rows=5000, max_hours=max_hours)
    at_once = quality_windows(windows, until=START + (len(rows) + max_hours) * HOUR, rows=5000, max_hours=max_hours)
    assert tuple(stepwise) == at_once
    assert sum(each.rows for each in at_once) == sum(rows)


def test_inputs_that_drifted_in_any_window_count():
    told = [{"verdict": "OK", "drifted": []}, {"verdict": "ALERT", "drifted": ["age", "score"]}]
    assert drifted_inputs(told, {"score"}) == InputDrift(frozenset({"age"}))
    assert drifted_inputs(told[:1], ()) == InputDrift()
    assert drifted_inputs([{"verdict": "INSUFFICIENT_DATA", "drifted": []}], ()) is None
    assert drift_document(None) == {}


def test_an_input_is_faulty_only_if_it_moved_in_no_window():
    told = [
        {"verdict": "ALERT", "drifted": ["age", "plan", "score"], "moved": ["score"], "faulty": ["age", "plan"]},
        {"verdict": "ALERT", "drifted": ["age"], "moved": ["age"], "faulty": []},
    ]
    assert drift_document(drifted_inputs(told, {"score"})) == {"moved": ["age"], "faulty": ["plan"]}
