"""People are told of a change at once, once a day while it lasts, and of nothing twice."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from trimtab.drift.verdict import Verdict
from trimtab.findings import Origin
from trimtab.health.check import Check
from trimtab.health.memory import health_finding, leave, memories_document, memories_from_document, remember

START = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
QUARTER, DAY = timedelta(minutes=15), timedelta(hours=24)
BAD = Check("capture_silent", "self", "critical", "Captures of churn/blue have stopped", Verdict.ALERT, "412 requests")
GOOD = replace(BAD, verdict=Verdict.OK, reason="fine")
UNKNOWN = replace(BAD, verdict=Verdict.INSUFFICIENT_DATA, reason="not known")


def story(*checks, step=QUARTER):
    """What is told at each of these runs; memories are stored and read in between."""
    document, states = {}, []
    for i, check in enumerate(checks):
        memories = memories_from_document(json.loads(json.dumps(document)))
        memories, told = remember(memories, [check], now=START + i * step, reminder=DAY)
        document = memories_document(memories)
        states.append([each.state for each in told])
    return states


def test_one_finding_per_change():
    assert story(GOOD, BAD, BAD, GOOD, GOOD, GOOD) == [[], ["raised"], [], [], ["cleared"], []]


def test_what_is_not_known_neither_raises_nor_clears():
    assert story(UNKNOWN, BAD, UNKNOWN, GOOD, UNKNOWN, GOOD) == [[], ["raised"], [], [], [], ["cleared"]]


def test_a_relapse_is_part_of_the_same_alert():
    assert story(BAD, GOOD, BAD, GOOD, GOOD) == [["raised"], [], [], [], ["cleared"]]


def test_a_reminder_comes_once_a_day():
    told = story(*[BAD] * 4, step=timedelta(hours=12))
    assert told == [["raised"], [], ["continued"], []]


def test_a_check_that_was_not_made_stays_as_it_was():
    memories, _ = remember({}, [BAD], now=START, reminder=DAY)
    after, told = remember(memories, [], now=START + 2 * DAY, reminder=DAY)
    assert (after, told) == (memories, [])


def test_fine_checks_leave_nothing_behind():
    memories, _ = remember({}, [GOOD, UNKNOWN], now=START, reminder=DAY)
    assert memories_document(memories) == {}


def finding(check, memories, at, fact):
    memories, told = remember(memories, [check], now=at, reminder=DAY)
    return memories, health_finding(Origin("1", "eu-west-1", "churn", "blue"), told[0], now=at, fact=fact)


def test_a_finding_says_what_since_when_and_what_to_do():
    memories, raised = finding(BAD, {}, START, "7")
    assert (raised.kind, raised.severity, raised.state) == ("self", "critical", "raised")
    assert raised.links["runbook"] == "docs/runbooks/capture.md"
    _, lasting = finding(BAD, memories, START + DAY, "8")
    assert lasting.title == "Captures of churn/blue have stopped, since 2026-11-23 12:05 UTC"
    memories, _ = remember(memories, [GOOD], now=START + DAY, reminder=DAY)
    _, cleared = finding(GOOD, memories, START + DAY + QUARTER, "9")
    assert (cleared.severity, cleared.title) == ("info", "Over: Captures of churn/blue have stopped")
    assert cleared.evidence["since"] == "2026-11-23T12:05:00+00:00"


def test_a_repeated_run_tells_the_same_fact():
    first, again = finding(BAD, {}, START, "7")[1], finding(BAD, {}, START + QUARTER, "7")[1]
    assert first.id == again.id
    assert finding(BAD, {}, START, "8")[1].id != first.id


def test_an_alert_of_what_is_watched_no_more_ends_with_that_and_not_with_good_news():
    memories, _ = remember({}, [BAD, replace(GOOD, name="captures_lost")], now=START, reminder=DAY)
    stored = memories_from_document(json.loads(json.dumps(memories_document(memories))))
    [told] = leave(stored, "The endpoint is gone.", START + QUARTER)
    ended = health_finding(Origin("1", "eu-west-1", "churn", "blue"), told, now=START + QUARTER, fact="8")
    assert (ended.state, ended.severity, ended.title) == (
        "cleared",
        "info",
        "No longer watched: Captures of churn/blue have stopped",
    )
    assert ended.reason == ("The endpoint is gone. It is watched no more, so whether the problem is over is not known.")
    assert ended.evidence["since"] == START.isoformat()
