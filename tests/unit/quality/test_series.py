"""The series of verdicts and the alert that they make together."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.drift.hysteresis import AlertState, state_after
from trimtab.drift.verdict import Verdict
from trimtab.quality.intervals import Metric
from trimtab.quality.series import (
    Alert,
    Entry,
    alert_now,
    alerts,
    contradiction_before,
    is_due,
    looks_due,
    series_document,
    series_of_document,
    telling,
    with_entry,
)
from trimtab.quality.settings import QualitySettings

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
SETTINGS = QualitySettings()
OK, ALERT, UNKNOWN = Verdict.OK, Verdict.ALERT, Verdict.INSUFFICIENT_DATA


def entry(day, verdict=OK, **others):
    basis = others.pop("basis", "realised")
    return Entry(START + day * DAY, START + (day + 1) * DAY, 5000, basis, verdict, **others)


def entries(*verdicts):
    return tuple(entry(day, verdict) for day, verdict in enumerate(verdicts))


@given(
    st.lists(st.sampled_from([OK, Verdict.WARN, ALERT, UNKNOWN]), min_size=1, max_size=12),
    st.integers(1, 3), st.integers(0, 2), st.integers(1, 3),
)  # fmt: skip
def test_the_alert_is_that_of_the_hysteresis_of_drift(verdicts, raise_after, more, clear_after):
    rule = QualitySettings(raise_after=raise_after, raise_of=raise_after + more, clear_after=clear_after)
    found = alerts(entries(*verdicts), rule)
    assert found[-1].state is state_after(verdicts, rule)
    for alert, verdict in zip(found, verdicts, strict=True):
        assert (alert.since is None) is (alert.state is AlertState.CLEARED)
        assert verdict is not ALERT or raise_after > 1 or alert.state is AlertState.RAISED


def test_an_alert_is_since_its_first_alerting_window():
    rule = QualitySettings(raise_after=2, raise_of=3, clear_after=2)
    found = alerts(entries(OK, ALERT, UNKNOWN, OK, ALERT, OK, OK), rule)
    assert [each.state.value for each in found] == ["cleared"] * 4 + ["raised"] * 2 + ["cleared"]
    assert found[4].since == START + DAY


def test_labels_that_take_an_estimated_alert_back_clear_it():
    known = entries(OK, ALERT)
    raised = alert_now(known, SETTINGS, Alert())
    assert raised == Alert(AlertState.RAISED, START + DAY)
    assert alert_now(with_entry(known, entry(1, OK)), SETTINGS, raised).state is AlertState.CLEARED


def test_windows_that_tell_nothing_change_no_alert():
    raised = Alert(AlertState.RAISED, START)
    assert alert_now((), SETTINGS, raised) == alert_now(entries(UNKNOWN, UNKNOWN), SETTINGS, raised) == raised


def test_an_alert_that_lasts_has_begun_when_it_was_said_to():
    raised = Alert(AlertState.RAISED, START)
    assert alert_now(entries(OK, ALERT), SETTINGS, raised) == raised


def test_the_latest_window_that_says_so_tells_of_an_alert():
    known = entries(ALERT, ALERT, OK, UNKNOWN)
    assert telling(known, AlertState.RAISED) == known[1]
    assert telling(known, AlertState.CLEARED) == known[2]
    assert telling(entries(UNKNOWN), AlertState.RAISED) is None


@pytest.mark.parametrize(("hours", "looks"), [(23, 0), (24, 1), (47, 1), (48, 2), (24 * 8, 3), (9999, 3)])
def test_labels_are_looked_at_when_they_are_due_and_a_day_and_a_week_later(hours, looks):
    assert looks_due(START, START + timedelta(hours=hours), SETTINGS) == looks


def test_an_estimate_is_made_again_when_it_would_be_another():
    told = entry(0, basis="estimated", reference="a")
    now = START + DAY
    assert not is_due(told, now, SETTINGS, reference="a", contradicted=False)
    assert is_due(told, now, SETTINGS, reference="b", contradicted=False)
    assert is_due(told, now, SETTINGS, reference="a", contradicted=True)
    assert is_due(told, now + DAY, SETTINGS, reference="a", contradicted=False)
    assert not is_due(entry(0, looks=1), now + DAY, SETTINGS, reference="b", contradicted=True)


def test_the_latest_labels_before_a_window_say_whether_estimates_hold():
    known = (entry(0, contradiction="wrong"), entry(1, contradiction=""), entry(2, contradiction="worse"), entry(3))
    assert [contradiction_before(known, START + day * DAY) for day in range(5)] == ["", "wrong", "", "worse", "worse"]


def test_entries_of_90_days_are_kept_in_order_of_time():
    known = ()
    for day in (100, 3, 20, 3):
        known = with_entry(known, entry(day))
    assert [each.start for each in known] == [START + 20 * DAY, START + 100 * DAY]


def test_a_series_is_plain_json_and_read_as_it_was_written():
    known = (
        entry(
            0, ALERT, metrics={"accuracy": Metric(0.9, 0.8, 0.95)}, labels_share=0.5, looks=2, cause="concept_change"
        ),
        entry(1, UNKNOWN, basis="estimated", reference="a", contradiction="wrong", withheld=True),
    )
    document = json.loads(json.dumps(series_document(known, SETTINGS)))
    assert series_of_document(document) == known
    assert [each["state"] for each in document["entries"]] == ["raised", "raised"]
    assert series_of_document(None) == ()
