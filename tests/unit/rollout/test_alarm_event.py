"""Alarms in their shapes. The samples in events/ keep the shapes of AWS's documentation, with an endpoint's metrics."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.rollout.alarm_event import (
    NotAnAlarmError,
    UnrelatedError,
    alarm_changes,
    alarm_described,
    is_alarm_event,
    latency_limit,
    moment,
)

EVENTS = Path(__file__).parents[3] / "events" / "roll_back_endpoint"
ALARMS = sorted(path for path in EVENTS.glob("*.json") if "alarm" in path.stem)
SINCE = datetime(2026, 11, 20, 8, 42, 40, 989000, UTC)
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"


def sample(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


def change(name):
    [found] = alarm_changes(sample(name))
    return found


@pytest.mark.parametrize("path", ALARMS, ids=lambda path: path.stem)
def test_every_shape_is_read(path):
    event = json.loads(path.read_text())
    assert is_alarm_event(event)
    [alarm] = alarm_changes(event)
    assert alarm.state == ("OK" if path.stem == "alarm_cleared" else "ALARM")
    assert alarm.name.startswith("churn-")
    assert alarm.arn == ARN + alarm.name
    assert alarm.since.tzinfo is UTC
    assert alarm.reason
    if alarm.children:
        assert (alarm.candidates, alarm.children) == ((), (ARN + "churn-5xx",))
    else:
        assert alarm.candidates == (("churn", "AllTraffic"),)


@pytest.mark.parametrize(
    "name", ["alarm_raised", "alarm_raised_through_sns", "alarm_told_by_sns", "alarm_calls_function"]
)
def test_one_alarm_is_the_same_however_it_is_told(name):
    told, expected = change(name), change("alarm_raised")
    assert told.since == SINCE
    assert told.previous == "OK"
    assert (told.name, told.arn, told.metrics, told.reason) == (
        expected.name,
        expected.arn,
        expected.metrics,
        expected.reason,
    )


def test_metric_math_is_about_the_metrics_it_is_made_of():
    alarm = change("metric_math_alarm_raised")
    assert [metric.name for metric in alarm.metrics] == ["Invocation5XXErrors", "Invocations"]
    assert (alarm.previous, alarm.endpoints) == ("INSUFFICIENT_DATA", ("churn",))
    assert change("metric_math_alarm_told_by_sns").metrics == alarm.metrics


def test_only_children_that_are_in_alarm_brought_a_composite_alarm_into_it():
    event = sample("composite_alarm_raised")
    children = [
        {"arn": ARN + "a", "state": {"value": "OK"}},
        {"arn": ARN + "b", "state": {"value": "ALARM"}},
    ]
    event["detail"]["state"]["reasonData"] = json.dumps({"triggeringAlarms": children})
    [alarm] = alarm_changes(event)
    assert alarm.children == (ARN + "b",)


def test_a_composite_alarm_whose_suppression_ends_began_when_it_came_into_alarm():
    """As in powertools' cloudWatchAlarmEventCompositeMetric.json: ALARM before and after, only the suppression went."""
    event = sample("composite_alarm_raised")
    state = event["detail"]["state"]
    event["detail"]["previousState"] = {**state, "actionsSuppressedBy": "WaitPeriod"}
    event["detail"]["state"] = {**state, "timestamp": "2026-11-20T08:44:45.394+0000"}
    [alarm] = alarm_changes(event)
    assert not alarm.is_suppressed
    assert alarm.since == datetime(2026, 11, 20, 8, 42, 45, 394000, UTC)
    event["detail"]["state"]["actionsSuppressedBy"] = "Alarm"
    assert alarm_changes(event)[0].is_suppressed


@pytest.mark.parametrize(
    "metric", ["Invocations", "InvocationsPerInstance", "Invocation4XXErrors", "ConcurrentRequests"]
)
def test_load_and_client_errors_are_no_harm(metric):
    event = sample("alarm_raised")
    event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["name"] = metric
    assert alarm_changes(event)[0].candidates == ()


def test_metrics_of_machines_are_no_harm():
    event = sample("alarm_raised")
    metric = event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]
    metric.update(namespace="/aws/sagemaker/Endpoints", name="CPUUtilization")
    assert alarm_changes(event)[0].candidates == ()


def test_alarms_of_automatic_scaling_are_no_harm():
    event = sample("alarm_raised")
    event["detail"]["alarmName"] = "TargetTracking-endpoint/churn/variant/AllTraffic-AlarmHigh-5a1d"
    event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["name"] = "ModelLatency"
    assert alarm_changes(event)[0].candidates == ()


def test_an_alarm_on_several_endpoints_names_them_all_once():
    event = sample("alarm_raised")
    metrics = event["detail"]["configuration"]["metrics"]
    other = json.loads(json.dumps(metrics[0]))
    other["metricStat"]["metric"]["dimensions"] = {"EndpointName": "fraud", "VariantName": "AllTraffic"}
    metrics += [metrics[0], other]
    assert alarm_changes(event)[0].endpoints == ("churn", "fraud")


def test_trimtabs_own_guardrail_is_harm():
    event = sample("alarm_raised")
    metric = event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]
    metric.update(namespace="Trimtab", name="CanaryHarmLnE", dimensions={"EndpointName": "churn"})
    assert alarm_changes(event)[0].candidates == (("churn", "*"),)


def test_an_old_message_without_arn_and_time_is_read():
    event = sample("alarm_told_by_sns")
    message = json.loads(event["Records"][0]["Sns"]["Message"])
    del message["AlarmArn"], message["StateChangeTime"]
    event["Records"][0]["Sns"]["Message"] = json.dumps(message)
    [alarm] = alarm_changes(event)
    assert (alarm.arn, alarm.since) == ("", datetime(2026, 11, 20, 8, 42, 41, 53000, UTC))


def without(event, *path):
    *way, last = path
    inner = event
    for key in way:
        inner = inner[key]
    del inner[last]
    return event


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"Records": [{"Sns": {}}]}, r"Records\[0\].Sns.Message: it is missing"),
        (
            {"Records": [{"Sns": {"Message": '{"AlarmName": "a", "NewStateVal'}}]},
            r"Records\[0\].Sns.Message: it is no JSON",
        ),
        ({"Records": [{"Sns": {"Message": '{"AlarmName": "a"}'}}]}, r"Records\[0\].Sns.Message: it has neither detail"),
        ({"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change"}, "it has neither detail"),
        (without(sample("alarm_raised"), "detail", "alarmName"), "detail.alarmName is missing"),
        (without(sample("alarm_raised"), "detail", "state", "value"), "detail.state.value is missing"),
        (without(sample("alarm_calls_function"), "alarmData", "state"), "alarmData.state.value is missing"),
        (
            {**sample("alarm_raised"), "detail": {"alarmName": "a", "state": {"value": "ALARM", "timestamp": "x"}}},
            "state.ti",
        ),
        ({"NewStateValue": "ALARM"}, "the message.AlarmName is missing"),
        ({"NewStateValue": "ALARM", "AlarmName": "a"}, "StateChangeTime: no time: None"),
    ],
)
def test_a_broken_alarm_is_told_with_what_is_missing(event, said):
    with pytest.raises(NotAnAlarmError, match=said) as raised:
        alarm_changes(event)
    assert not isinstance(raised.value, UnrelatedError)


def told_by_sns(*messages):
    return {"Records": [{"Sns": {"Message": message, "Timestamp": "2026-11-20T08:42:41Z"}} for message in messages]}


BUDGET = "AWS Budget Notification November 20, 2026\nAWS Account 123456789012\n\nDear AWS Customer,"
ANOMALY = '{"accountId": "123456789012", "anomalyId": "a-1", "impact": {"totalImpact": 12.5}}'


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (told_by_sns(BUDGET), r"Records\[0\].Sns.Message: it is no JSON: 'AWS Budget"),
        (told_by_sns(ANOMALY), r"Records\[0\].Sns.Message: it has neither detail"),
        (told_by_sns("[1]"), r"Records\[0\].Sns.Message: it is no JSON object"),
        ({}, "neither detail nor alarmData nor NewStateValue"),
        *(
            (
                {"source": "aws.cloudwatch", "detail-type": kind, "detail": {"alarmName": "a"}},
                f"detail-type is '{kind}'",
            )
            for kind in ("CloudWatch Alarm Configuration Change", "CloudWatch Alarm Contributor State Change")
        ),
    ],
    ids=["budget", "cost anomaly", "list", "nothing", "configuration", "contributor"],
)
def test_what_does_not_try_to_be_an_alarm_is_told_apart(event, said):
    with pytest.raises(UnrelatedError, match=said):
        alarm_changes(event)


def test_an_alarm_beside_another_message_is_read():
    message = sample("alarm_told_by_sns")["Records"][0]["Sns"]["Message"]
    assert len(alarm_changes(told_by_sns(BUDGET, message))) == 1


@pytest.mark.parametrize(
    "name", ["quarter_passed", "minute_passed", "approved", "endpoint_in_service", "deployment_bakes"]
)
def test_other_events_are_not_taken_for_alarms(name):
    assert not is_alarm_event(sample(name))


@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_detail_gives_an_alarm_or_says_why_not(detail):
    try:
        alarm_changes({"source": "aws.cloudwatch", "detail": detail})
    except NotAnAlarmError:
        return


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T08:42:40.989+0000",
        "2026-11-20T08:42:40.989Z",
        "2026-11-20T08:42:40.989",
        "2026-11-20T10:42:40.989+02:00",
        "1795164160989",
        1795164160989,
        1795164160989.0,
    ],
)
def test_times_are_read_as_aws_writes_them(text):
    assert moment(text) == SINCE


@pytest.mark.parametrize("value", ["soon", "", None, True, {}])
def test_what_is_no_time_is_refused(value):
    with pytest.raises(ValueError, match=r"no time|Invalid isoformat"):
        moment(value)


def described(**other):
    return {
        "AlarmName": "churn-latency",
        "AlarmArn": ARN + "churn-latency",
        "StateValue": "ALARM",
        "StateReason": "too slow",
        "StateUpdatedTimestamp": SINCE.astimezone(timezone(timedelta(hours=1))),
        "MetricName": "ModelLatency",
        "Namespace": "AWS/SageMaker",
        "ExtendedStatistic": "p95",
        "Dimensions": [{"Name": "EndpointName", "Value": "churn"}, {"Name": "VariantName", "Value": "AllTraffic"}],
        "Period": 60,
        "Threshold": 200000.0,
        "ComparisonOperator": "GreaterThanThreshold",
        **other,
    }


def test_an_alarm_that_is_described_is_read():
    alarm = alarm_described(described())
    assert (alarm.state, alarm.since, alarm.candidates) == ("ALARM", SINCE, (("churn", "AllTraffic"),))
    metric, limit = latency_limit(described())
    assert (metric.name, metric.statistic, metric.period, limit) == ("ModelLatency", "p95", 60, 200000.0)


def test_only_a_threshold_on_high_latency_is_a_limit():
    assert latency_limit(described(MetricName="Invocation5XXErrors")) is None
    assert latency_limit(described(ComparisonOperator="LessThanThreshold")) is None
    math = described(Metrics=[{"Id": "e1", "Expression": "m1*2"}])
    assert latency_limit({key: value for key, value in math.items() if key != "MetricName"}) is None


@pytest.mark.parametrize("name", ["cloudWatchAlarmEventCompositeMetric", "cloudWatchAlarmEventSingleMetric"])
def test_alarms_recorded_elsewhere_are_read(shared, name):
    event = json.loads((shared / "data" / "events" / "powertools" / f"{name}.json").read_text())
    [alarm] = alarm_changes(event)
    assert alarm.state == "ALARM"
    assert alarm.candidates == ()
    if name.endswith("CompositeMetric"):
        assert [child.rpartition(":")[2] for child in alarm.children] == ["CompositeDemo.FirstChild"]
        assert alarm.since == datetime(2023, 8, 4, 12, 54, 46, 138000, UTC)


def test_what_else_was_recorded_is_read_or_refused_with_a_reason(shared):
    for path in sorted((shared / "data" / "events").rglob("*.json")):
        event = json.loads(path.read_text())
        if isinstance(event, dict) and "Alarm" not in path.name:
            with pytest.raises(NotAnAlarmError):
                alarm_changes(event)
