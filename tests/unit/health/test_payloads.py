"""Captures that cannot be read, or have other columns."""

from types import MappingProxyType

from trimtab.drift.verdict import Verdict
from trimtab.health.hours import HourCaptures
from trimtab.health.payloads import decode_coverage, payload_schema
from trimtab.health.thresholds import HealthThresholds

DEFAULTS = HealthThresholds()
NOTHING = MappingProxyType({})


def coverage(read, unreadable):
    total = HourCaptures(read=read, lost=sum(unreadable.values()), unreadable=unreadable)
    return decode_coverage("churn/blue", total, DEFAULTS)


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
    total = HourCaptures(seen=objects, rows=rows, extra=extra, absent=tuple(absent))
    return payload_schema("churn/blue", total, ignore=ignore, is_learned=is_learned, thresholds=DEFAULTS)


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
    total = HourCaptures(read=1000, unreadable={"error_response": 400})
    check = decode_coverage("churn/blue", total, DEFAULTS)
    assert check.verdict is Verdict.ALERT
    assert check.reason.startswith("60.0% of 1,000 lines")
