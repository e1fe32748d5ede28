"""What was billed against what was computed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from trimtab.cost.billing_report import Billed
from trimtab.cost.hours import Cost, EndpointHour, Use
from trimtab.cost.reconciliation import (
    billing_document,
    changes_since,
    cost_of_days,
    reconcile,
    reconcile_bills,
    reconciliation_finding,
    told_of_bill,
)
from trimtab.drift.verdict import Verdict
from trimtab.findings import Origin

START = datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAST = date(2026, 11, 12)
SHARE = 0.05


def hours(days, usd=0.25, unknown=()):
    """So many days of hours that cost the same; the cost of some, by number, is not known."""
    starts = [START + i * HOUR for i in range(24 * days)]
    return {
        start: EndpointHour(start, Cost({"ml.m5.xlarge": Use(1.0, None if i in unknown else usd)}), 10.0)
        for i, start in enumerate(starts)
    }


def billed(days, usd=6.0):
    return {date(2026, 11, 1 + i): usd for i in range(days)}


def compare(bill, known, last=LAST):
    return reconcile("2026-11", bill, cost_of_days(known), last, SHARE)


def test_a_bill_that_agrees_is_ok():
    found = compare(billed(12), hours(12))
    assert (found.verdict, found.days, found.days_left_out) == (Verdict.OK, 10, 0)
    assert (found.billed_usd, found.computed_usd, found.difference) == (60.0, 60.0, 0.0)


@pytest.mark.parametrize(("usd", "verdict"), [(6.2, "OK"), (6.6, "ALERT"), (5.9, "OK"), (5.0, "ALERT")])
def test_more_than_the_share_is_told_in_both_directions(usd, verdict):
    assert compare(billed(12, usd), hours(12)).verdict == verdict


def test_a_dollar_is_nobodys_concern():
    assert compare(billed(12, 0.15), hours(12, 0.25 / 24)).verdict is Verdict.OK


def test_days_that_the_bill_is_still_adding_to_are_not_compared():
    bill = {**billed(10), date(2026, 11, 11): 1.0, date(2026, 11, 12): 0.1}
    assert compare(bill, hours(12)).days == 10


def test_days_of_which_an_hour_is_not_known_are_left_out_and_counted():
    found = compare(billed(10), hours(9, unknown={30}))
    assert (found.days, found.days_left_out) == (8, 2)
    assert found.billed_usd == found.computed_usd == 48.0


def test_days_of_another_month_are_not_compared():
    assert compare({**billed(10), date(2026, 10, 31): 100.0}, hours(10)).difference == 0.0


@pytest.mark.parametrize("known", [hours(2), {}], ids=["two days", "none"])
def test_with_too_few_days_nothing_is_said(known):
    assert compare(billed(12), known).verdict is Verdict.INSUFFICIENT_DATA


def test_nothing_billed_is_no_agreement():
    found = compare(billed(12, 0.0), hours(12))
    assert (found.verdict, found.difference) == (Verdict.INSUFFICIENT_DATA, None)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, "OK", None),
        (None, "ALERT", "raised"),
        ("OK", "ALERT", "raised"),
        ("ALERT", "ALERT", None),
        ("ALERT", "OK", "cleared"),
        ("ALERT", "INSUFFICIENT_DATA", None),
        ("INSUFFICIENT_DATA", "ALERT", "raised"),
    ],
)
def test_a_difference_is_told_once_and_once_when_it_is_over(before, now, told):
    known = {"endpoints": {"churn": {"2026-11": {"verdict": before}}}} if before else {}
    found = replace(compare(billed(12), hours(12)), verdict=Verdict(now))
    changes = changes_since(known, {"churn": {"2026-11": found}})
    assert changes == ([("churn", found, told)] if told else [])


def test_the_document_tells_the_next_run_what_was_said():
    november = {"churn": {"2026-11": compare(billed(12, 6.6), hours(12))}}
    bills = {"2026-11": Billed({"churn": billed(12, 6.6), "other": {LAST: 3.0}}, LAST)}
    document = billing_document("s3://b/p", bills, november, [])
    assert document["last_day"] == "2026-11-12"
    assert document["problem"] == ""
    assert changes_since(document, november) == []
    assert [state for _, _, state in changes_since({}, november)] == ["raised"]
    assert changes_since(document, {"churn": {"2026-10": november["churn"]["2026-11"]}})
    assert told_of_bill({**document, "files": {}}) == document


def test_what_is_billed_and_not_counted_is_added_up_over_months_and_problems_are_joined():
    october = Billed({"other": {date(2026, 10, 30): 2.0}}, date(2026, 10, 31))
    november = Billed({"other": {LAST: 3.0, date(2026, 11, 1): 4.0}, "churn": billed(3)}, None)
    counted = {"churn": {"2026-11": compare(billed(3), {})}}
    document = billing_document("s3://b/p", {"2026-10": october, "2026-11": november}, counted, ["a", "b"])
    assert document["not_counted_usd"] == {"other": 9.0}
    assert document["last_day"] == "2026-10-31"
    assert document["problem"] == "a; b"
    empty = billing_document("s3://b/p", {}, {}, ["no reports"])
    assert (empty["last_day"], empty["endpoints"], empty["problem"]) == (None, {}, "no reports")


def test_bills_are_compared_by_endpoint_and_month():
    bills = {
        "2026-10": Billed({"churn": {date(2026, 10, 5): 6.0}}, date(2026, 10, 31)),
        "2026-11": Billed({"churn": billed(12, 6.6), "nobodys": billed(12)}, LAST),
    }
    known = cost_of_days(hours(12))
    found = reconcile_bills(bills, {"churn": known}, SHARE)
    assert found.keys() == {"churn"}
    assert found["churn"]["2026-11"] == compare(billed(12, 6.6), hours(12))
    assert (found["churn"]["2026-10"].days, found["churn"]["2026-10"].days_left_out) == (0, 1)


def test_a_day_is_known_when_each_of_its_hours_is():
    known = hours(3, unknown={30})
    del known[START + 71 * HOUR]
    assert cost_of_days(known) == {date(2026, 11, 1): 6.0}


@pytest.mark.parametrize(("usd", "words"), [(6.6, "billed more"), (5.0, "billed less")])
def test_the_finding_has_both_sums_and_what_it_may_be(usd, words):
    origin = Origin("123456789012", "eu-west-1", "churn", "*")
    found = compare(billed(12, usd), hours(12))
    finding = reconciliation_finding(origin, found, "raised", SHARE, "s3://b/p", NOW)
    assert words in finding.title
    assert f"{10 * usd:.2f} USD were billed and 60.00 USD computed over 10 days of 2026-11" in finding.reason
    assert ("discount" in finding.reason) == (usd < 6)
    assert finding.evidence["allowed"] == SHARE
