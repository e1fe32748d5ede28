"""The alert that verdicts make together, and what people are told of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.quality.builders import entries, entry
from trimtab.drift.hysteresis import AlertState, state_after
from trimtab.drift.verdict import Verdict
from trimtab.quality.alert import (
    Alert,
    News,
    ToldAlert,
    alert_document,
    alert_from_document,
    alert_now,
    alerts,
    news_of,
)
from trimtab.quality.series import with_entry
from trimtab.quality.settings import QualitySettings

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
SETTINGS = QualitySettings()
OK, ALERT, UNKNOWN = Verdict.OK, Verdict.ALERT, Verdict.INSUFFICIENT_DATA
VERDICTS = st.lists(st.sampled_from([OK, Verdict.WARN, ALERT, UNKNOWN]), min_size=1, max_size=12)


@given(VERDICTS, st.integers(1, 3), st.integers(0, 2), st.integers(1, 3))
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
    assert alert_now(with_entry(known, entry(1, OK), SETTINGS), SETTINGS, raised).state is AlertState.CLEARED


def test_windows_that_tell_nothing_change_no_alert():
    raised = Alert(AlertState.RAISED, START)
    assert alert_now((), SETTINGS, raised) == alert_now(entries(UNKNOWN, UNKNOWN), SETTINGS, raised) == raised


def test_an_alert_that_lasts_has_begun_when_it_was_said_to():
    raised = Alert(AlertState.RAISED, START)
    assert alert_now(entries(OK, ALERT), SETTINGS, raised) == raised


def news(known, told=None, *, days=20.0):
    return news_of(known, told or ToldAlert(), SETTINGS, now=START + days * DAY, reminder=DAY)


def raised(notified_day=0.0):
    return ToldAlert(Alert(AlertState.RAISED, START), START + notified_day * DAY)


def test_an_alert_is_told_by_the_latest_window_that_alerts():
    known = entries(ALERT, ALERT, OK, UNKNOWN)
    found = news(known)
    assert found == News("raised", START, START + DAY, Alert(AlertState.RAISED, START))


def test_its_end_is_told_by_the_latest_window_judged_and_since_when_it_stood():
    found = news(entries(ALERT, OK, OK, UNKNOWN), raised())
    assert (found.state, found.since, found.window) == ("cleared", START, START + 2 * DAY)
    assert found.alert == Alert()


def test_there_is_nothing_to_tell_of_what_people_know():
    assert news(entries(OK, OK)) is None
    assert news(entries(OK, ALERT), raised(19.5)) is None
    assert news((), raised()) is news(entries(UNKNOWN), raised()) is None


def test_people_are_reminded_until_no_verdict_can_change_any_more():
    """Labels are waited for a day and looked at for a week; a window takes a week at most."""
    known = entries(OK, ALERT)
    assert news(known, raised(1.5), days=2.5).state == "continued"
    assert news(known, raised(1.5), days=2 + 1 + 7 + 7).state == "continued"
    assert news(known, raised(1.5), days=2 + 1 + 7 + 7.01) is None


@given(VERDICTS)
def test_who_hears_of_each_change_knows_the_alert(verdicts):
    told = ToldAlert()
    for count in range(1, len(verdicts) + 1):
        known = entries(*verdicts[:count])
        if found := news(known, told, days=count):
            assert found.state == "continued" or found.alert.state is not told.alert.state
            told = ToldAlert(found.alert, START + count * DAY)
        assert news(known, told, days=count) is None
        assert told.alert.state is state_after(verdicts[:count], SETTINGS)


@pytest.mark.parametrize("alert", [Alert(), Alert(AlertState.RAISED, START)], ids=["cleared", "raised"])
def test_what_people_were_told_comes_back_as_it_was(alert):
    assert alert_from_document(json.loads(json.dumps(alert_document(alert, START)))) == ToldAlert(alert, START)


def test_people_were_told_of_nothing_before_the_first_time():
    assert alert_from_document({}) == ToldAlert()
