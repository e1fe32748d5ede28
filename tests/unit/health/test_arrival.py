"""Captures that stay away, or are lost."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from trimtab.drift.verdict import Verdict
from trimtab.health.arrival import (
    Clues,
    answered_requests,
    capture_silent,
    captures_lost,
    judge_arrival,
    requests_start,
    wilson_upper,
)
from trimtab.health.thresholds import HealthThresholds

NOW = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
HOURS = [NOW.replace(minute=0) - i * HOUR for i in (3, 2, 1)]
DEFAULTS = HealthThresholds()


def silent(requests, *, last=240, sampling=1.0, **how):
    """`requests`: how many, by minutes ago."""
    series = None if requests is None else {NOW - ago * MINUTE: float(count) for ago, count in requests.items()}
    how = {"changed": NOW - 100 * HOUR, **how}
    return capture_silent(
        "churn/blue",
        series,
        sampling=sampling,
        last=None if last is None else NOW - last * MINUTE,
        now=NOW,
        delay=15 * MINUTE,
        thresholds=DEFAULTS,
        **how,
    )


def test_requests_without_captures_for_two_hours_are_silence():
    check = silent({180: 100, 60: 312}, clues=Clues(disk_percent=81, files=0))
    assert check.verdict is Verdict.ALERT
    assert check.evidence["invocations"] == 412
    assert "disk is 81 % full" in check.reason
    assert "SageMaker wrote none" in check.reason


def test_files_that_nobody_read_point_at_trimtab():
    assert "were written, but not read by Trimtab" in silent({180: 100}, clues=Clues(files=7)).reason


def test_a_recent_capture_is_no_silence():
    assert silent({180: 100}, last=119).verdict is Verdict.OK


def test_an_endpoint_that_never_captured_is_silent_from_its_last_change_on():
    assert silent({180: 100}, last=None).verdict is Verdict.ALERT
    scaled = silent({180: 100}, last=None, changed=NOW - HOUR)
    assert scaled.verdict is Verdict.INSUFFICIENT_DATA  # OK would clear the alert
    assert "No capture yet" in scaled.reason


@pytest.mark.parametrize(
    "requests",
    [None, {}, {180: 0}, {100: 50}, {10: 500}, {250: 500}],
    ids=["not known", "no datapoints", "none", "since 100 minutes", "may still arrive", "before the last capture"],
)
def test_without_requests_long_enough_ago_nothing_is_known(requests):
    assert silent(requests).verdict is Verdict.INSUFFICIENT_DATA


def test_few_requests_at_a_low_sampling_may_all_go_uncaptured():
    assert silent({180: 50}, sampling=0.05).verdict is Verdict.INSUFFICIENT_DATA  # 0.95^50 = 8 %
    assert silent({180: 100}, sampling=0.05).verdict is Verdict.ALERT  # 0.95^100 = 0.6 %
    assert silent({180: 1000}, sampling=0.0).verdict is Verdict.INSUFFICIENT_DATA


def lost(captured, answered, sampling=1.0):
    return captures_lost("churn/blue", captured=captured, answered=answered, sampling=sampling, thresholds=DEFAULTS)


@pytest.mark.parametrize(
    ("captured", "answered", "sampling", "verdict"),
    [
        (1000, 1000, 1.0, Verdict.OK),
        (600, 1000, 1.0, Verdict.ALERT),
        (0, 50, 1.0, Verdict.ALERT),
        (0, 10, 0.2, Verdict.INSUFFICIENT_DATA),
        (200, 1000, 0.2, Verdict.OK),
        (170, 1000, 0.2, Verdict.INSUFFICIENT_DATA),
        (120, 1000, 0.2, Verdict.ALERT),
        (10, None, 1.0, Verdict.INSUFFICIENT_DATA),
        (10, 0, 1.0, Verdict.INSUFFICIENT_DATA),
        (10, 100, 0.0, Verdict.INSUFFICIENT_DATA),
    ],
)
def test_loss_is_told_only_when_sampling_does_not_explain_it(captured, answered, sampling, verdict):
    assert lost(captured, answered, sampling).verdict is verdict


def test_more_captures_than_requests_mean_that_requests_are_missing():
    check = lost(900, 500)
    assert check.verdict is Verdict.INSUFFICIENT_DATA
    assert "not counted all" in check.reason


@given(st.integers(1, 5000), st.data())
def test_the_upper_wilson_bound_is_scipys(of, data):
    count = data.draw(st.integers(0, of))
    expected = binomtest(count, of).proportion_ci(confidence_level=0.98, method="wilson").high
    assert wilson_upper(count, of, 0.01) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 1000), st.integers(1, 1000), st.floats(0.01, 1))
def test_more_captures_are_never_worse(captured, answered, sampling):
    if lost(captured, answered, sampling).verdict is not Verdict.ALERT:
        assert lost(captured + 1, answered, sampling).verdict is not Verdict.ALERT


def arrived(requests, captured, *, last=NOW - 10 * MINUTE, **other):
    """The names and verdicts of the checks; `requests`: how many, by the moment."""
    how = {"changed": NOW - 100 * HOUR, "may_wait": False, **other}
    checks = judge_arrival(
        "churn/blue",
        requests,
        captured=captured,
        hours=HOURS,
        sampling=1.0,
        last=last,
        now=NOW,
        delay=15 * MINUTE,
        thresholds=DEFAULTS,
        **how,
    )
    return {check.name: check.verdict for check in checks}, checks[-1]


def test_requests_of_the_complete_hours_alone_are_set_against_their_captures():
    hours_alone = {HOURS[0]: 300.0, HOURS[-1] + 59 * MINUTE: 200.0}
    beside = {HOURS[0] - MINUTE: 9999.0, HOURS[-1] + HOUR: 9999.0}
    verdicts, check = arrived(hours_alone | beside, 500)
    assert verdicts == {"capture_silent": Verdict.OK, "captures_lost": Verdict.OK}
    assert check.evidence["invocations"] == 500
    assert arrived(hours_alone, 250)[0]["captures_lost"] is Verdict.ALERT
    assert arrived(beside, 500)[0]["captures_lost"] is Verdict.INSUFFICIENT_DATA
    assert arrived(None, 500)[0]["captures_lost"] is Verdict.INSUFFICIENT_DATA


def test_silence_says_that_captures_are_lost():
    assert arrived({HOURS[0]: 300.0}, 0, last=HOURS[0])[0] == {"capture_silent": Verdict.ALERT}


def test_what_may_still_wait_to_be_read_is_not_called_lost():
    assert arrived({HOURS[0]: 300.0}, 0, may_wait=True)[0] == {"capture_silent": Verdict.OK}


def test_hours_in_which_the_endpoint_was_changed_prove_no_loss():
    assert arrived({HOURS[1]: 300.0}, 0, changed=HOURS[0])[0]["captures_lost"] is Verdict.ALERT
    assert arrived({HOURS[1]: 300.0}, 0, changed=HOURS[0] + MINUTE)[0]["captures_lost"] is Verdict.INSUFFICIENT_DATA


def test_requests_that_got_an_error_were_not_answered():
    requests = {NOW: 10.0, NOW + MINUTE: 5.0, NOW + 2 * MINUTE: 1.0}
    answered = answered_requests(requests, {NOW: 3.0}, {NOW: 4.0, NOW + MINUTE: 6.0})
    assert answered == {NOW: 3.0, NOW + MINUTE: 0.0, NOW + 2 * MINUTE: 1.0}
    assert answered_requests(requests) == requests


@pytest.mark.parametrize(
    ("silent_minutes", "hours", "start"),
    [(240, 3, NOW - 8 * HOUR), (15, 3, NOW - 4 * HOUR), (120, 12, NOW - 13 * HOUR)],
    ids=["twice the silence", "the hours", "many hours"],
)
def test_requests_are_looked_at_as_far_back_as_any_check_needs(silent_minutes, hours, start):
    thresholds = HealthThresholds(silent_minutes=silent_minutes, hours=hours)
    assert requests_start(NOW, 15 * MINUTE, thresholds) == start.replace(minute=0)
