import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.profile import ColumnProfile, Profile
from trimtab.drift.history import (
    History,
    JudgedWindow,
    after_window,
    history_document,
    history_from_document,
    seen_columns,
)
from trimtab.drift.hysteresis import AlertState, state_after
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window

START = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEFAULTS = DriftThresholds()
LETTERS = {"A": Verdict.ALERT, "W": Verdict.WARN, "o": Verdict.OK, "-": Verdict.INSUFFICIENT_DATA}
VERDICTS = st.lists(st.sampled_from(list(Verdict)), max_size=40)
THRESHOLDS = st.builds(
    lambda of, after, clear: DriftThresholds(raise_of=of, raise_after=min(of, after), clear_after=clear),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(1, 6),
)


def window(number):
    start = START + number * HOUR
    return Window(start, start + HOUR, (start,), 1000)


def after(verdicts, thresholds=DEFAULTS):
    history = History()
    for number, verdict in enumerate(verdicts):
        history = after_window(history, window(number), verdict, thresholds)
    return history


def of(letters):
    return [LETTERS[letter] for letter in letters]


@given(VERDICTS, THRESHOLDS)
def test_the_state_is_that_of_all_verdicts_although_few_are_remembered(verdicts, thresholds):
    history = after(verdicts, thresholds)
    assert history.state is state_after(verdicts, thresholds)
    assert len(history.recent) <= max(thresholds.raise_of, thresholds.clear_after)
    assert (history.since is not None) == (history.state is AlertState.RAISED)


@given(VERDICTS, THRESHOLDS)
def test_the_cursor_is_the_end_of_the_last_window_whatever_its_verdict(verdicts, thresholds):
    assert after(verdicts, thresholds).cursor == (START + len(verdicts) * HOUR if verdicts else None)


@given(VERDICTS, THRESHOLDS, st.sampled_from([None, START]), st.frozensets(st.text(st.characters(codec="utf-8"))))
def test_a_history_survives_its_document_after_any_window(verdicts, thresholds, notified, seen):
    history = History(notified=notified, seen=seen)
    for number, verdict in enumerate(verdicts):
        document = json.loads(json.dumps(history_document(history)))
        assert history_from_document(document) == history
        history = after_window(history, window(number), verdict, thresholds)
    assert (history.notified, history.seen) == (notified, seen)


def test_no_document_is_the_history_of_a_variant_never_judged():
    assert history_from_document({}) == History()
    assert history_from_document(history_document(History())) == History()


@pytest.mark.parametrize(
    ("verdicts", "since"),
    [("A", None), ("AA", 0), ("oAoA", 1), ("oA-A", 1), ("AAAAAAAAA", 0), ("AAoA", 0), ("AAoo", None), ("AAooAA", 4)],
)
def test_an_alert_lasts_since_its_first_window(verdicts, since):
    assert after(of(verdicts)).since == (None if since is None else START + since * HOUR)


def test_an_old_alert_that_did_not_help_to_raise_is_not_its_beginning():
    thresholds = DriftThresholds(raise_after=2, raise_of=3, clear_after=6)
    assert after(of("AoooAA"), thresholds).since == START + 4 * HOUR


def test_windows_without_enough_data_are_passed_over():
    history = after(of("o-A-"))
    assert [each.verdict for each in history.recent] == of("oA")
    assert history.recent[-1] == JudgedWindow(START + 2 * HOUR, Verdict.ALERT)


@pytest.mark.parametrize(("verdicts", "text"), [("", "0 of 0"), ("A", "1 of 1"), ("AoA", "2 of 3"), ("AAoo", "1 of 3")])
def test_says_how_many_windows_alert(verdicts, text):
    assert after(of(verdicts)).windows_alerting(DriftThresholds()) == text


def test_a_change_of_thresholds_keeps_the_state_until_the_next_window():
    history = after(of("AA"))
    lasting = after_window(history, window(2), Verdict.INSUFFICIENT_DATA, DriftThresholds(clear_after=1))
    assert lasting.state is AlertState.RAISED
    cleared = after_window(lasting, window(3), Verdict.OK, DriftThresholds(clear_after=1))
    assert cleared.state is AlertState.CLEARED


def test_columns_that_ever_had_a_value_stay_seen():
    def profile(**columns):
        return Profile("g", 5, columns)

    none, some = np.zeros(3, np.int64), np.array([0, 5, 0])
    first = profile(x=ColumnProfile(some), y=ColumnProfile(none, missing=5), z=ColumnProfile(none, invalid=5))
    later = profile(x=ColumnProfile(none, missing=5), y=ColumnProfile(none, missing=5))
    history = seen_columns(History(), first)
    assert history.seen == {"x", "z"}
    assert seen_columns(history, later) == history
