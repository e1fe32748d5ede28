"""Findings about cost."""

import json
from datetime import UTC, date, datetime, timedelta

from trimtab.cost.anomaly import judge_hour
from trimtab.cost.evidence import anomaly_finding, unknown_price_finding
from trimtab.cost.hours import Cost, EndpointHour, Use
from trimtab.cost.prices import Price, Product
from trimtab.cost.settings import CostSettings
from trimtab.findings import Origin

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ORIGIN = Origin("123456789012", "eu-west-1", "churn", "*")
M5 = Product("eu-west-1", "Hosting", "ml.m5.xlarge")
PRICES = {M5: Price(0.23, "bundled", date(2026, 5, 20))}


def hour(start, instances):
    return EndpointHour(start, Cost(serving={"ml.m5.xlarge": Use(instances, instances * 0.23)}), 1000.0)


def finding(state, instances=6.0, *, now=NOW):
    history = {start: hour(start, 3.0) for start in (NOW - week * timedelta(weeks=1) for week in range(1, 5))}
    today = hour(NOW, instances)
    judgement = judge_hour(today, history, CostSettings())
    return anomaly_finding(ORIGIN, judgement, state, today, PRICES, since=NOW - timedelta(hours=2), now=now)


def test_an_anomaly_is_told_with_its_cause_and_its_numbers():
    raised = finding("raised")
    assert (raised.kind, raised.severity, raised.detail_type) == ("cost", "warning", "Cost")
    assert raised.title == "Cost of churn: dearer than in earlier weeks, more instances"
    assert "$1.38 an hour instead of $0.69" in raised.reason
    assert raised.evidence["parts_usd"]["instances"] > 0.68
    assert raised.evidence["cost"]["serving"]["ml.m5.xlarge"]["hours"] == 6
    assert raised.evidence["prices"] == {
        "Hosting/ml.m5.xlarge": {"usd": 0.23, "source": "bundled", "as_of": "2026-05-20"}
    }
    assert json.loads(raised.model_dump_json())["evidence"]["cause"] == "instances"


def test_the_same_anomaly_has_the_same_identity_and_a_reminder_one_an_hour():
    assert finding("raised").id == finding("raised", now=NOW + timedelta(hours=1)).id
    assert finding("continued").id == finding("continued", now=NOW + timedelta(minutes=5)).id
    assert finding("continued").id != finding("continued", now=NOW + timedelta(hours=24)).id
    assert finding("raised").id != finding("cleared").id


def test_what_lasts_and_what_is_over_is_said():
    assert finding("continued").title == "Cost of churn: an anomaly since 2026-11-23 10:00 UTC, more instances"
    assert finding("cleared", 3.0).title == "Cost of churn is as usual again"
    assert finding("cleared", 3.0).severity == "info"


def test_an_unknown_price_is_a_finding_that_says_what_to_do():
    unknown = Product("eu-west-1", "Hosting", "ml.m8g.xlarge")
    told = unknown_price_finding(ORIGIN, [unknown], date(2026, 5, 20), NOW)
    assert told.title == "Cost of churn is unknown: no price for Hosting/ml.m8g.xlarge"
    assert "not taken for 0" in told.reason
    assert told.id == unknown_price_finding(ORIGIN, [unknown], date(2026, 5, 20), NOW + timedelta(days=1)).id
