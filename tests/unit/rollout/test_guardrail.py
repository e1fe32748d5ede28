from datetime import UTC, datetime, timedelta
from math import log

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from trimtab.rollout.guardrail import (
    METRIC,
    NAMESPACE,
    THRESHOLD,
    Guarded,
    alarm_definition,
    alarm_name,
    deployment_of,
    deployment_thresholds,
    fleet_series,
    harm,
    harm_data,
)
from trimtab.rollout.judgement import judge
from trimtab.rollout.observed import EndpointState
from trimtab.rollout.readings import VariantReadings
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.verdict import Decision

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CLOUDWATCH = get_session().get_service_model("cloudwatch")


def at(minute):
    return START + minute * MINUTE


def fleet(requests, errors=0, first=0, minutes=30, slow=None):
    moments = [at(i) for i in range(first, minutes)]
    counts = [dict.fromkeys(moments, value) for value in (requests, errors)]
    return VariantReadings(*counts, None if slow is None else dict.fromkeys(moments, slow))


def judged(new, both, minutes=30):
    series = fleet_series(new, both)
    return judge(series, deployment_thresholds(CanaryThresholds()), at(minutes))


def test_the_old_fleet_is_what_is_not_the_new_ones():
    series = fleet_series(fleet(100, 9, first=10, slow=4), fleet(1000, 12, slow=30))
    assert series.started == at(10)
    assert [minute.at for minute in series.minutes] == [at(i) for i in range(10, 30)]
    minute = series.minutes[0]
    assert (minute.canary.requests, minute.canary.errors, minute.canary.slow) == (100, 9, 4)
    assert (minute.production.requests, minute.production.errors, minute.production.slow) == (900, 3, 26)
    assert minute.share is None


def test_before_the_new_fleet_serves_there_is_nothing_to_compare():
    assert fleet_series(VariantReadings({}, {}), fleet(1000)) is None
    assert fleet_series(fleet(0), fleet(1000)) is None


def test_a_problem_of_the_readings_goes_with_the_series():
    assert fleet_series(fleet(100), fleet(1000), "CloudWatch withheld 1 of 4 series").problem


counts = st.dictionaries(st.integers(0, 20).map(at), st.floats(0, 1e5), max_size=20)


@given(counts, counts, counts, counts)
def test_late_readings_never_make_a_fleet_negative(new, new_errors, both, both_errors):
    series = fleet_series(VariantReadings(new, new_errors), VariantReadings(both, both_errors))
    for minute in series.minutes if series else ():
        for arm in (minute.canary, minute.production):
            assert 0 <= arm.errors <= arm.requests


def test_a_worse_fleet_reaches_the_threshold_and_an_equal_one_does_not():
    worse = judged(fleet(100, 10), fleet(1000, 19))
    assert worse.decision is Decision.ROLL_BACK
    assert harm([worse]) >= THRESHOLD
    equal = judged(fleet(100, 1), fleet(1000, 10))
    assert harm([equal]) < THRESHOLD


def test_the_worst_variant_counts():
    worse, equal = judged(fleet(100, 10), fleet(1000, 19)), judged(fleet(100, 1), fleet(1000, 10))
    assert harm([equal, worse]) == harm([worse])


def test_a_slower_fleet_reaches_the_threshold():
    slower = judged(fleet(100, 0, slow=40), fleet(1000, 0, slow=85))
    assert slower.decision is Decision.ROLL_BACK
    assert harm([slower]) >= THRESHOLD


@pytest.mark.parametrize(
    ("new", "both"),
    [
        (fleet(100, 1), fleet(1000, 10)),
        (fleet(100, 10), fleet(1000, 19)),
        (fleet(100, 30), fleet(1000, 300)),  # both fleets are ill
        (fleet(10, 2, minutes=3), fleet(100, 2, minutes=3)),  # too early
        (fleet(10), fleet(100)),
    ],
)
def test_the_metric_is_at_the_threshold_just_when_the_judge_rolls_back(new, both):
    for minutes in (3, 8, 15, 30, 60, 130):
        judgement = judged(new, both, minutes)
        assert (harm([judgement]) >= THRESHOLD) == (judgement.decision is Decision.ROLL_BACK)


def test_sagemaker_sets_the_end_of_its_deployments_not_the_judge():
    limits = deployment_thresholds(CanaryThresholds())
    assert limits.latest_minutes == 480
    quiet = judge(fleet_series(fleet(1, minutes=300), fleet(10, minutes=300)), limits, at(300))
    assert quiet.decision is not Decision.ROLL_BACK


def state(status="Updating", config="churn-1", pending="churn-2"):
    return EndpointState(name="churn", status=status, config=config, failure="", variants={}, pending=pending)


@pytest.mark.parametrize(
    ("endpoint", "config"),
    [
        (state(), "churn-2"),
        (state(status="InService"), ""),
        (state(status="RollingBack"), ""),
        (state(pending=""), ""),
        (state(pending="churn-1"), ""),
    ],
)
def test_a_deployment_is_what_is_pending_while_the_endpoint_is_updated(endpoint, config):
    assert deployment_of(endpoint) == config


def validated(operation, request):
    shape = CLOUDWATCH.operation_model(operation).input_shape
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()


def test_the_alarm_looks_at_what_is_published():
    name, definition = alarm_name("trimtab", "churn"), alarm_definition("churn")
    validated("PutMetricAlarm", {"AlarmName": name, **definition})
    data = harm_data("churn", "churn-2", 5.0, at(30))
    validated("PutMetricData", {"Namespace": NAMESPACE, "MetricData": data})
    assert name == "trimtab-canary-churn"
    assert definition["Threshold"] == log(100)
    assert (definition["Namespace"], definition["MetricName"]) == (NAMESPACE, METRIC)
    assert definition["Dimensions"] == data[0]["Dimensions"]
    assert (definition["EvaluationPeriods"], definition["TreatMissingData"]) == (1, "notBreaching")
    assert [each["Name"] for each in data[1]["Dimensions"]] == ["EndpointName", "EndpointConfigName"]
    assert all(each["Timestamp"] == at(30) for each in data)


def test_names_of_alarms_stay_within_what_cloudwatch_allows():
    assert len(alarm_name("t" * 30, "e" * 300)) == 255


def test_what_is_guarded_is_the_same_after_it_was_stored():
    guarded = Guarded(endpoint="churn", by="anna", config="churn-2", since=START, latency_ms=120.0)
    assert Guarded.model_validate(guarded.document()) == guarded
