"""From judged hours to one alert."""

import json
from datetime import UTC, datetime, timedelta

from trimtab.cost.alert import CostAlert, after_hour, alert_document, alert_from_document
from trimtab.cost.anomaly import CostJudgement
from trimtab.cost.settings import CostSettings
from trimtab.drift.hysteresis import AlertState
from trimtab.drift.verdict import Verdict

START = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)
VERDICTS = {"A": Verdict.ALERT, ".": Verdict.OK, "?": Verdict.INSUFFICIENT_DATA}


def told(hours, **settings):
    """What is said after each hour, and the alert in the end."""
    said, alert = [], CostAlert()
    for i, letter in enumerate(hours):
        start = START + i * HOUR
        judgement = CostJudgement(start, VERDICTS[letter], "")
        alert, what = after_hour(alert, judgement, CostSettings(**settings), reminder=24 * HOUR, now=start + HOUR)
        said.append(what)
    return said, alert


def test_is_raised_by_three_hours_in_a_row_and_cleared_by_three():
    said, alert = told("AA.AAA...")
    assert said == [None, None, None, None, None, "raised", None, None, "cleared"]
    assert alert.state is AlertState.CLEARED
    assert alert.since is None


def test_knows_its_first_hour():
    assert told(".AAA")[1].since == START + HOUR


def test_hours_without_a_verdict_neither_raise_nor_clear():
    assert told("A?A??A")[0][-1] == "raised"
    assert told("AAA????")[1].state is AlertState.RAISED


def test_is_repeated_once_a_day():
    said, _ = told("A" * 60)
    assert [i for i, what in enumerate(said) if what == "continued"] == [26, 50]


def test_an_hour_that_was_judged_before_changes_nothing():
    _, alert = told("AAA")
    again = CostJudgement(START + HOUR, Verdict.OK, "")
    assert after_hour(alert, again, CostSettings(), reminder=HOUR, now=START + 9 * HOUR) == (alert, None)


def test_a_kept_alert_comes_back_as_it_was():
    for hours in ("", "A", "AAA", "AAA...", "??"):
        _, alert = told(hours)
        assert alert_from_document(json.loads(json.dumps(alert_document(alert)))) == alert
    assert alert_from_document({}) == CostAlert()
