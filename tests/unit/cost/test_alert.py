"""From judged hours to one alert."""

import json
from datetime import UTC, datetime, timedelta

from trimtab.cost.alert import CostAlert, after_hour, alert_document, alert_from_document, judge_hours
from trimtab.cost.anomaly import CostJudgement
from trimtab.cost.hours import Cost, EndpointHour, Use
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


def ledger(instances):
    """Hours that so many instances ran in, after six weeks in which one did."""
    counts = [1.0] * (6 * 168) + list(instances)
    starts = [START + (i - 6 * 168) * HOUR for i in range(len(counts))]
    return {
        start: EndpointHour(start, Cost({"ml.m5.xlarge": Use(count, 0.5 * count)}), 1000.0)
        for start, count in zip(starts, counts, strict=True)
    }


def judge(alert, hours, until):
    return judge_hours(alert, hours, until, CostSettings(), reminder=24 * HOUR, now=until + HOUR)


def test_hours_are_judged_in_order_and_the_anomaly_is_told_with_its_first_hour():
    hours = ledger([1, 4, 4, 4, 4, 1, 1, 1, 1])
    alert, judged = judge(CostAlert(cursor=START - HOUR), hours, START + 9 * HOUR)
    assert [each.hour.start for each in judged] == [START + i * HOUR for i in range(9)]
    told = {each.hour.start: (each.told, each.since) for each in judged if each.told}
    began = START + HOUR
    assert told == {START + 3 * HOUR: ("raised", began), START + 7 * HOUR: ("cleared", began)}
    assert (alert.cursor, alert.state) == (START + 8 * HOUR, AlertState.CLEARED)
    assert judge(alert, hours, START + 9 * HOUR) == (alert, [])


def test_judged_in_several_runs_hours_end_in_the_same_alert():
    hours = ledger([1, 4, 4, 4, 4, 1, 1, 1, 1])
    once, said = judge(CostAlert(cursor=START - HOUR), hours, START + 9 * HOUR)
    alert, told = CostAlert(cursor=START - HOUR), []
    for i in range(1, 10):
        alert, judged = judge(alert, hours, START + i * HOUR)
        told += judged
    assert told == said
    assert (alert.cursor, alert.state, alert.recent) == (once.cursor, once.state, once.recent)


def test_of_an_endpoint_that_was_never_judged_only_the_last_day_is():
    _, judged = judge(CostAlert(), ledger([1] * 48), START + 48 * HOUR)
    assert [each.hour.start for each in judged] == [START + i * HOUR for i in range(24, 48)]
