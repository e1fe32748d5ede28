import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.unit.model_monitor.builders import reference, window
from trimtab.model_monitor.metrics import window_metrics
from trimtab.model_monitor.reports import window_reports
from trimtab.model_monitor.settings import ModelMonitorSettings

END = datetime(2026, 11, 20, 9, tzinfo=UTC)
BASELINE = reference(x=np.arange(1000.0), c=["a", "b"] * 500)
CURRENT = window(BASELINE, x=[*np.arange(500.0) + 400, np.nan], c=["a"] * 501)


def reports(variant="AllTraffic", **settings):
    return window_reports(
        "churn",
        variant,
        END,
        BASELINE,
        CURRENT,
        ModelMonitorSettings(**settings),
        columns=frozenset("xc"),
        state_bucket="state",
    )


def metrics(now=END + timedelta(minutes=20), ignore=frozenset()):
    settings = ModelMonitorSettings(schedule="old")
    return window_metrics("churn", "AllTraffic", END, BASELINE, CURRENT, settings, now=now, ignore=ignore)


@pytest.mark.parametrize(
    ("variant", "settings", "folder"),
    [
        ("AllTraffic", {}, "s3://state/model-monitor/churn/trimtab/2026/11/20/09"),
        ("blue", {}, "s3://state/model-monitor/churn/trimtab-blue/2026/11/20/09"),
        ("AllTraffic", {"prefix": "s3://own/reports/", "schedule": "old"}, "s3://own/reports/churn/old/2026/11/20/09"),
        ("AllTraffic", {"prefix": "s3://own"}, "s3://own/churn/trimtab/2026/11/20/09"),
    ],
)
def test_three_documents_lie_where_their_readers_look(variant, settings, folder):
    made = [f"s3://{report.bucket}/{report.key}" for report in reports(variant, **settings)]
    names = ["statistics", "constraints", "constraint_violations"]
    assert made == [f"{folder}/{name}.json" for name in names]


def test_the_documents_are_of_the_window():
    statistics, constraints, violations = (json.loads(report.body) for report in reports())
    assert statistics["dataset"]["item_count"] == 501
    assert constraints["features"][0]["completeness"] == pytest.approx(500 / 501)
    assert {each["constraint_check_type"] for each in violations["violations"]} == {
        "completeness_check",
        "baseline_drift_check",
    }


def test_metrics_have_model_monitors_names_and_dimensions():
    data = {datum["MetricName"]: datum for datum in metrics()}
    assert list(data) == [
        "feature_data_x",
        "feature_non_null_x",
        "feature_baseline_drift_x",
        "feature_non_null_c",
        "feature_baseline_drift_c",
    ]
    assert data["feature_data_x"] == {
        "MetricName": "feature_data_x",
        "Dimensions": [{"Name": "Endpoint", "Value": "churn"}, {"Name": "MonitoringSchedule", "Value": "old"}],
        "Timestamp": END,
        "StatisticValues": {"SampleCount": 500.0, "Sum": 324750.0, "Minimum": 400.0, "Maximum": 899.0},
    }
    assert data["feature_non_null_x"]["Value"] == pytest.approx(500 / 501)
    assert 0.3 < data["feature_baseline_drift_x"]["Value"] < 0.5


@pytest.mark.parametrize(
    ("of_all", "of_x", "left"),
    [
        ("Disabled", {}, set()),
        ("Enabled", {"emit_metrics": "Disabled"}, {"c"}),
        ("Disabled", {"emit_metrics": "Enabled"}, {"x"}),
    ],
)
def test_features_whose_constraints_switch_metrics_off_have_none(of_all, of_x, left):
    rules = {
        "features": [{"name": "x", "monitoringConfigOverrides": of_x}],
        "monitoring_config": {"emit_metrics": of_all},
    }
    made = window_metrics("e", "v", END, replace(BASELINE, constraints=rules), CURRENT, ModelMonitorSettings(), now=END)
    assert {datum["MetricName"][-1] for datum in made} == left


def test_a_window_that_cloudwatch_would_refuse_has_no_metrics():
    assert metrics(now=END + timedelta(days=14)) == []


def test_features_that_are_ignored_or_cannot_be_named_have_no_metrics():
    assert {datum["MetricName"] for datum in metrics(ignore=frozenset("x"))} == {
        "feature_non_null_c",
        "feature_baseline_drift_c",
    }
    odd = reference(**{"größe": [1.0, 2.0], "y" * 300: [1.0, 2.0]})
    assert window_metrics("e", "v", END, odd, odd.profile, ModelMonitorSettings(), now=END) == []
