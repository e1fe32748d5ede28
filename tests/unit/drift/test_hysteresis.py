from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.drift.hysteresis import AlertState, next_state, notification, state_after
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict

DEFAULTS = DriftThresholds()
LETTERS = {"A": Verdict.ALERT, "W": Verdict.WARN, "o": Verdict.OK, "-": Verdict.INSUFFICIENT_DATA}
CLEARED, RAISED = AlertState.CLEARED, AlertState.RAISED
VERDICTS = st.lists(st.sampled_from(list(Verdict)), max_size=40)
THRESHOLDS = st.builds(
    lambda of, after, clear: DriftThresholds(raise_of=of, raise_after=min(of, after), clear_after=clear),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 6),
)
NOW = datetime(2024, 5, 6, 12, tzinfo=UTC)


def state(letters, thresholds=DEFAULTS):
    return state_after([LETTERS[letter] for letter in letters], thresholds)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("", CLEARED),
        ("A", CLEARED),
        ("AA", RAISED),
        ("AoA", RAISED),
        ("AooA", CLEARED),
        ("oWA", CLEARED),
        ("AAo", RAISED),
        ("AAoo", CLEARED),
        ("AAoAo", RAISED),
        ("AAWo", CLEARED),
        ("AAWW", CLEARED),
        ("WWWW", CLEARED),
    ],
)
def test_two_of_three_raise_and_two_clean_clear(verdicts, expected):
    assert state(verdicts) is expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("A-A", RAISED),
        ("A--", CLEARED),
        ("AA--", RAISED),
        ("AAo-", RAISED),
        ("AAo--o", CLEARED),
        ("AA" + "-" * 9, RAISED),
    ],
)
def test_windows_without_enough_data_neither_raise_nor_clear(verdicts, expected):
    assert state(verdicts) is expected


def test_alternating_verdicts_do_not_flap():
    for other in "oW-":
        seen = [state((("A" + other) * 10)[:count]) for count in range(1, 21)]
        assert sum(a is not b for a, b in pairwise(seen)) <= 1


@given(VERDICTS, THRESHOLDS)
def test_the_latest_verdicts_are_enough_to_go_on(verdicts, thresholds):
    judged = [verdict for verdict in verdicts if verdict is not Verdict.INSUFFICIENT_DATA]
    depth = max(thresholds.raise_of, thresholds.clear_after)
    current = CLEARED
    for count in range(1, len(judged) + 1):
        current = next_state(current, judged[max(0, count - depth) : count], thresholds)
    assert current is state_after(verdicts, thresholds)


@given(VERDICTS, THRESHOLDS)
def test_only_an_alert_raises_and_only_its_absence_clears(verdicts, thresholds):
    for previous in AlertState:
        new = next_state(previous, verdicts, thresholds)
        if new is not previous:
            assert (verdicts[-1] is Verdict.ALERT) == (new is RAISED)
            assert verdicts[-1] is not Verdict.INSUFFICIENT_DATA


def test_a_change_is_told_at_once():
    assert notification(CLEARED, RAISED, last_notified=NOW, now=NOW) == "raised"
    assert notification(RAISED, CLEARED, last_notified=NOW, now=NOW) == "cleared"


def test_a_lasting_alert_is_told_once_a_day():
    day = timedelta(hours=24)
    assert notification(RAISED, RAISED, last_notified=NOW - day, now=NOW) == "continued"
    assert notification(RAISED, RAISED, last_notified=NOW - day + timedelta(seconds=1), now=NOW) is None
    assert notification(RAISED, RAISED, last_notified=None, now=NOW) == "continued"


def test_no_alert_is_not_told():
    assert notification(CLEARED, CLEARED, last_notified=None, now=NOW) is None
