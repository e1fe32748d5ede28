"""Captures that stay away, are lost, cannot be read, or have other columns."""

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from trimtab.drift.verdict import Verdict
from trimtab.health.captures import (
    Clues,
    capture_silent,
    captures_lost,
    decode_coverage,
    payload_schema,
    wilson_upper,
)
from trimtab.health.thresholds import HealthThresholds

NOW = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DEFAULTS = HealthThresholds()
NOTHING = MappingProxyType({})


def silent(requests, *, last=240, sampling=1.0, **how):
    """`requests`: how many, by minutes ago."""
    series = None if requests is None else {NOW - ago * MINUTE: float(count) for ago, count in requests.items()}
    return capture_silent(
        "churn/blue",
        series,
        sampling=sampling,
        since=NOW - last * MINUTE,
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


def coverage(read, unreadable):
    lost = sum(unreadable.values())
    return decode_coverage("churn/blue", read=read, lost=lost, unreadable=unreadable, thresholds=DEFAULTS)


def test_lines_that_cannot_be_read_are_told_by_reason():
    check = coverage(800, {"not_json": 150, "no_input": 50})
    assert check.verdict is Verdict.ALERT
    assert "80.0% of 1,000 lines" in check.reason
    assert "not_json 150, no_input 50" in check.reason
    assert check.kind == "data_quality"


def test_a_few_unreadable_lines_are_no_trend():
    assert coverage(980, {"not_json": 20}).verdict is Verdict.OK
    assert coverage(9, {"not_json": 1}).verdict is Verdict.OK
    assert coverage(0, {}).verdict is Verdict.INSUFFICIENT_DATA


def schema(extra=NOTHING, absent=(), objects=180, rows=10_000, ignore=frozenset(), is_learned=True):
    return payload_schema(
        "churn/blue",
        objects=objects,
        rows=rows,
        extra=extra,
        absent=absent,
        ignore=ignore,
        is_learned=is_learned,
        thresholds=DEFAULTS,
    )


def test_new_and_vanished_columns_are_named():
    check = schema({"tenure_months": 180}, ["tenure"])
    assert check.verdict is Verdict.ALERT
    assert "new: tenure_months; vanished: tenure" in check.reason
    assert schema().verdict is Verdict.OK


def test_one_odd_request_is_no_new_column():
    assert schema({"debug": 1}).verdict is Verdict.OK
    assert schema({"debug": 2}).verdict is Verdict.ALERT


def test_a_column_is_not_missed_in_few_rows():
    assert schema(absent=["rare"], rows=499).verdict is Verdict.OK
    assert schema(absent=["rare"], rows=500).verdict is Verdict.ALERT


def test_ignored_columns_never_count():
    assert schema({"id": 180}, ["old_id"], ignore=frozenset({"id", "old_id"})).verdict is Verdict.OK


def test_columns_not_learned_are_not_compared():
    assert schema({"a": 180}, is_learned=False).verdict is Verdict.INSUFFICIENT_DATA
    assert schema(objects=0).verdict is Verdict.INSUFFICIENT_DATA


def test_lines_that_lost_only_their_outputs_are_read_but_not_whole():
    check = decode_coverage("churn/blue", read=1000, lost=0, unreadable={"error_response": 400}, thresholds=DEFAULTS)
    assert check.verdict is Verdict.ALERT
    assert check.reason.startswith("60.0% of 1,000 lines")
