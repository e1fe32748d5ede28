"""Billing reports. Columns as in AWS's table dictionaries of CUR 2.0 and of FOCUS 1.0 with AWS columns."""

import csv
import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.billing_report import BillingReportError, add_billed, read_report

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/churn"
CUR = {
    "bill_payer_account_id": "123456789012",
    "line_item_currency_code": "USD",
    "line_item_line_item_type": "Usage",
    "line_item_net_unblended_cost": "",
    "line_item_resource_id": ARN,
    "line_item_unblended_cost": "5.52",
    "line_item_usage_amount": "24",
    "line_item_usage_start_date": "2026-11-01T00:00:00.000Z",
    "line_item_usage_type": "EU-Host:ml.m5.xlarge",
    "savings_plan_savings_plan_effective_cost": "0",
}
FOCUS = {
    "BilledCost": "0",
    "BillingCurrency": "USD",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-11-01 00:00:00",
    "EffectiveCost": "4.6",
    "ResourceId": ARN,
    "x_UsageType": "EU-Host:ml.m5.xlarge",
}
DAY = date(2026, 11, 1)


def report(*rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().splitlines(keepends=True)


def read(*rows):
    return read_report(report(*rows), "s3://b/k", account="123456789012", region="eu-west-1")


@pytest.mark.parametrize(("row", "usd"), [(CUR, 5.52), (FOCUS, 4.6)], ids=["cur", "focus"])
def test_both_formats_are_read(row, usd):
    found = read(row, row)
    assert found.usd == {"churn": {DAY: pytest.approx(2 * usd)}}
    assert found.last == DAY


def test_a_discount_is_taken_off_where_the_report_tells_it():
    assert read({**CUR, "line_item_net_unblended_cost": "4.97"}).usd["churn"][DAY] == 4.97


def test_what_a_savings_plan_covers_costs_what_the_plan_costs():
    covered = {
        **CUR,
        "line_item_line_item_type": "SavingsPlanCoveredUsage",
        "savings_plan_savings_plan_effective_cost": "3.5",
    }
    negation = {**CUR, "line_item_line_item_type": "SavingsPlanNegation", "line_item_unblended_cost": "-5.52"}
    assert read(covered, negation).usd == {"churn": {DAY: 3.5}}


@pytest.mark.parametrize(
    "other",
    [
        {"line_item_line_item_type": "Tax"},
        {"line_item_line_item_type": "Credit", "line_item_unblended_cost": "-100"},
        {"line_item_resource_id": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/t"},
        {"line_item_resource_id": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/churn"},
        {"line_item_resource_id": "arn:aws:sagemaker:eu-west-1:999999999999:endpoint/churn"},
        {"line_item_resource_id": ""},
    ],
    ids=lambda other: next(iter(other.values())) or "none",
)
def test_other_charges_and_other_things_are_left_out(other):
    assert read(CUR, {**CUR, **other}).usd == {"churn": {DAY: 5.52}}


def test_the_last_day_is_that_of_any_line():
    later = {**CUR, "line_item_resource_id": "i-0123", "line_item_usage_start_date": "2026-11-09T05:00:00.000Z"}
    assert read(CUR, later).last == date(2026, 11, 9)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"a": "1"}, "s3://b/k: neither line_item_resource_id .CUR 2.0. nor ResourceId .FOCUS. is among its columns"),
        ({"ResourceId": ARN}, "s3://b/k: has no column ChargePeriodStart, ChargeCategory, BillingCurrency"),
        ({**FOCUS, "ChargePeriodStart": "yesterday"}, "s3://b/k, line 2: Invalid isoformat string: 'yesterday'"),
        ({**FOCUS, "EffectiveCost": "much"}, "s3://b/k, line 2: could not convert string to float: 'much'"),
        ({**FOCUS, "EffectiveCost": ""}, "s3://b/k: has no cost in EffectiveCost"),
        ({**FOCUS, "BillingCurrency": "CNY"}, "s3://b/k: is in CNY, not in USD"),
    ],
    ids=["no format", "no columns", "no date", "no number", "no cost", "no dollars"],
)
def test_what_cannot_be_used_is_named(row, words):
    with pytest.raises(BillingReportError, match=words):
        read(row)


def test_a_line_that_is_cut_off_is_named():
    lines = report(CUR, CUR)
    with pytest.raises(BillingReportError, match="line 3"):
        read_report([*lines[:-1], lines[-1][:20]], "s3://b/k", account="123456789012", region="eu-west-1")


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 28), st.floats(0, 1e6)), min_size=1))
def test_files_add_up_however_the_lines_are_split(lines):
    rows = [
        {
            **FOCUS,
            "ResourceId": ARN.replace("churn", name),
            "ChargePeriodStart": f"2026-11-{day:02} 00:00:00",
            "EffectiveCost": repr(usd),
        }
        for name, day, usd in lines
    ]
    whole, parts = read(*rows), add_billed(read(row) for row in rows)
    assert parts.last == whole.last
    assert {name: pytest.approx(days) for name, days in whole.usd.items()} == parts.usd
