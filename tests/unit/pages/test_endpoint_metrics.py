"""From stored documents to metrics."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.pages.endpoint_metrics import METRICS, endpoint_values, metrics_text
from trimtab.pages.sources import EndpointSources, VariantSources
from trimtab.quality.entry import Entry
from trimtab.quality.intervals import Metric
from trimtab.quality.series import series_document

NOW = datetime(2026, 11, 23, 12, 20, tzinfo=UTC)
WINDOW = {
    "window": {"start": "2026-11-23T08:00:00Z", "end": "2026-11-23T12:00:00Z", "rows": 1500, "hours": 4},
    "verdict": "ALERT",
    "state": "raised",
    "drifted_share": 0.5,
    "columns": {"age": {"psi_adjusted": 0.31}, "city": {"psi_adjusted": None}},
    "coverage": {"share": 0.98},
}
UNJUDGED = {**WINDOW, "verdict": "INSUFFICIENT_DATA", "state": "cleared", "drifted_share": 0.0, "columns": {}}
DAY = datetime(2026, 11, 20, tzinfo=UTC)
[QUALITY] = series_document(
    [
        Entry(
            DAY,
            DAY + timedelta(days=1),
            900,
            "realised",
            Verdict.WARN,
            {"auc": Metric(0.91, 0.9, None)},
            labels_share=0.75,
        )
    ],
    DriftThresholds(),
)["entries"]
COST = {
    "last_hour": {"usd": 0.46, "usd_per_thousand_predictions": None},
    "month": {
        "to_date_usd": 231.84,
        "forecast_usd": 300.0,
        "low_usd": 290.0,
        "high_usd": None,
        "usd_per_thousand_predictions": 0.01083,
        "idle_usd": 0.0,
    },
    "anomaly": {"state": "cleared", "since": None},
}
ROLLOUT = {
    "kind": "rollout",
    "phase": "shifting",
    "judgement": {"decision": "HOLD", "ln_e_harm": -1.5, "ln_e_alarm": 3.0, "canary_requests": 420},
}
CHURN = EndpointSources(
    "churn", (VariantSources("AllTraffic", window=WINDOW, quality=({}, QUALITY)),), cost=COST, change=ROLLOUT
)


def text(*endpoints):
    """The text of endpoints whose values were kept in between."""
    kept = json.loads(json.dumps({each.name: endpoint_values(each) for each in endpoints}))
    return metrics_text(kept, NOW)


@pytest.fixture(scope="module")
def lines():
    return text(CHURN).splitlines()


@pytest.mark.parametrize(
    "line",
    [
        'trimtab_drift_score{endpoint="churn",variant="AllTraffic"} 0.31',
        'trimtab_drift_verdict{endpoint="churn",variant="AllTraffic",trimtab_drift_verdict="ALERT"} 1',
        'trimtab_drift_verdict{endpoint="churn",variant="AllTraffic",trimtab_drift_verdict="OK"} 0',
        'trimtab_drift_alert{endpoint="churn",variant="AllTraffic",trimtab_drift_alert="raised"} 1',
        'trimtab_drift_window_rows{endpoint="churn",variant="AllTraffic"} 1500',
        'trimtab_capture_coverage_ratio{endpoint="churn",variant="AllTraffic"} 0.98',
        'trimtab_quality_value{endpoint="churn",variant="AllTraffic",metric="auc",basis="realised"} 0.91',
        'trimtab_quality_alert{endpoint="churn",variant="AllTraffic",trimtab_quality_alert="cleared"} 1',
        'trimtab_quality_labels_ratio{endpoint="churn",variant="AllTraffic"} 0.75',
        'trimtab_quality_window_end_timestamp_seconds{endpoint="churn",variant="AllTraffic"} 1795219200',
        'trimtab_cost_last_hour_usd{endpoint="churn"} 0.46',
        'trimtab_cost_per_thousand_predictions_usd{endpoint="churn",over="month"} 0.01083',
        'trimtab_cost_month_to_date_usd{endpoint="churn"} 231.84',
        'trimtab_canary_phase{endpoint="churn",trimtab_canary_phase="shifting"} 1',
        'trimtab_canary_decision{endpoint="churn",trimtab_canary_decision="HOLD"} 1',
        'trimtab_canary_ln_e_harm{endpoint="churn"} -1.5',
        'trimtab_canary_requests{endpoint="churn"} 420',
        "trimtab_metrics_written_timestamp_seconds 1795436400",
        'trimtab_drift_window_end_timestamp_seconds{endpoint="churn",variant="AllTraffic"} 1795435200',
    ],
)
def test_what_is_stored_is_told(lines, line):
    assert line in lines


@pytest.mark.parametrize(
    "unknown",
    [
        "trimtab_quality_upper",
        'trimtab_cost_per_thousand_predictions_usd{endpoint="churn",over="hour"}',
        "trimtab_cost_month_forecast_high_usd",
        "trimtab_canary_relative_risk",
    ],
)
def test_what_is_not_known_has_no_sample(lines, unknown):
    assert [line for line in lines if line.startswith(unknown)] == []


def test_a_window_that_was_not_judged_has_a_verdict_and_no_score():
    found = text(EndpointSources("churn", (VariantSources("AllTraffic", window=UNJUDGED),)))
    assert 'trimtab_drift_verdict="INSUFFICIENT_DATA"} 1' in found
    assert "trimtab_drift_score" not in found
    assert "trimtab_drift_drifted_ratio" not in found


def test_an_endpoint_of_which_nothing_is_stored_has_no_metrics():
    assert text(EndpointSources("new")) == text()


def test_a_change_that_is_no_rollout_is_no_canary():
    restoration = {"kind": "restoration", "phase": "restoring", "judgement": {"decision": "HOLD"}}
    assert text(EndpointSources("churn", change=restoration)) == text()


def test_the_order_of_endpoints_does_not_matter():
    variants = tuple(VariantSources(name, window=WINDOW) for name in "ba")
    other = EndpointSources("other", variants)
    assert text(CHURN, other) == text(other, CHURN)
    assert text(other) == text(EndpointSources("other", variants[::-1]))


def test_values_that_another_version_kept_under_other_names_are_left_out():
    assert metrics_text({"churn": {"trimtab_former": [[{}, 1.0]]}}, NOW) == text()


def test_every_metric_is_told_of_an_endpoint_of_which_all_is_known(lines):
    told = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {metric.name for metric in METRICS} - told == {
        "trimtab_quality_upper",
        "trimtab_cost_month_forecast_high_usd",
        "trimtab_canary_ln_e_safe",
        "trimtab_canary_relative_risk",
    }


def test_units_end_the_names_and_each_name_stands_once(lines):
    units = dict(line.split()[2:] for line in lines if line.startswith("# UNIT"))
    assert units
    assert all(name.endswith(f"_{unit}") for name, unit in units.items())
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
