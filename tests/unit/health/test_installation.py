"""Trimtab's own queues and functions."""

from math import inf

import pytest

from trimtab.drift.verdict import Verdict
from trimtab.health.installation import capture_lag, dead_letters, function_faults, lasting_failure, queue_age


@pytest.mark.parametrize(
    ("waiting", "age", "verdict"),
    [
        (0, None, Verdict.OK),
        (5, None, Verdict.INSUFFICIENT_DATA),
        (5, 60.0, Verdict.OK),
        (5, 61.0, Verdict.ALERT),
    ],
)
def test_a_queue_is_behind_when_its_oldest_message_is_old(waiting, age, verdict):
    assert queue_age("capture", waiting=waiting, age_minutes=age, limit_minutes=60).verdict is verdict


@pytest.mark.parametrize(("waiting", "age", "lag"), [(0, None, 0.0), (5, 12.5, 12.5), (5, None, inf)])
def test_captures_that_wait_nobody_knows_how_long_may_wait_for_ever(waiting, age, lag):
    alert = queue_age("alert", waiting=9, age_minutes=99.0, limit_minutes=60)
    assert capture_lag([alert, queue_age("capture", waiting=waiting, age_minutes=age, limit_minutes=60)]) == lag


def test_every_dead_letter_is_told():
    check = dead_letters("capture", messages=3, url="https://sqs/q")
    assert check.verdict is Verdict.ALERT
    assert check.severity == "critical"
    assert "3 messages: capture files" in check.reason
    assert dead_letters("capture", messages=0, url="u").verdict is Verdict.OK


@pytest.mark.parametrize(
    ("errors", "throttles", "verdict"),
    [
        (0.0, 0.0, Verdict.OK),
        (2.0, 9.0, Verdict.OK),
        (3.0, 0.0, Verdict.ALERT),
        (0.0, 10.0, Verdict.ALERT),
        (None, None, Verdict.INSUFFICIENT_DATA),
        (0.0, None, Verdict.INSUFFICIENT_DATA),
        (3.0, None, Verdict.ALERT),
    ],
)
def test_faults_of_functions_are_counted_and_what_is_not_known_is_no_zero(errors, throttles, verdict):
    assert function_faults("trimtab-detect-drift", errors=errors, throttles=throttles).verdict is verdict


@pytest.mark.parametrize(
    ("hours", "verdict"), [(None, Verdict.INSUFFICIENT_DATA), (0, Verdict.OK), (1, Verdict.OK), (2, Verdict.ALERT)]
)
def test_what_stops_nothing_is_told_when_it_fails_again(hours, verdict):
    assert lasting_failure("ExplanationsFailed", failed_hours=hours).verdict is verdict
