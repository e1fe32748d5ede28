"""Alarm states of the local CloudWatch, held to the tables of the CloudWatch User Guide, "Configuring how CloudWatch
alarms treat missing data", and its messages to the sample events of that guide."""

from typing import Any

import pytest

from local.ministack_alarm_states import event_detail, next_state, reason, reason_data, sns_message

ALARM: dict[str, Any] = {
    "AlarmName": "ServerCpuTooHigh",
    "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh",
    "AlarmDescription": "Goes into alarm when server CPU utilization is too high!",
    "AlarmConfigurationUpdatedTimestamp": 1569944760,
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "Dimensions": [{"Name": "InstanceId", "Value": "i-12345678901234567"}],
    "Statistic": "Average",
    "Period": 300,
    "EvaluationPeriods": 1,
    "Threshold": 50.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "StateValue": "OK",
}
AT = 1570035540.0  # 02/10/19 16:59:00
KEPT = "INSUFFICIENT_DATA"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


def datapoints(drawn: str) -> list[tuple[float, float | None]]:
    """`0 - X`: from old to new, within the threshold, missing, breaching."""
    values = {"0": 1.0, "X": 99.0, "-": None}
    return [(AT - 300 * number, values[each]) for number, each in enumerate(reversed(drawn.split()))]


@pytest.mark.parametrize(
    ("needed", "drawn", "expected"),
    [
        (3, "0 - X - X", ("OK", "OK", "OK", "OK")),
        (3, "- - - - 0", ("OK", "OK", "OK", "OK")),
        (3, "- - - - -", ("INSUFFICIENT_DATA", KEPT, "ALARM", "OK")),
        (3, "0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, "- - X - -", ("ALARM", KEPT, "ALARM", "OK")),
        (2, "0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 - X - -", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - - 0", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - X -", ("ALARM", KEPT, "ALARM", "OK")),
    ],
)
def test_states_are_those_of_the_user_guide(needed: int, drawn: str, expected: tuple[str, ...]) -> None:
    alarm = ALARM | {"EvaluationPeriods": 3, "DatapointsToAlarm": needed, "StateValue": KEPT}
    assert expected == tuple(
        next_state(alarm | {"TreatMissingData": treatment}, datapoints(drawn)) for treatment in TREATMENTS
    )


def test_the_reason_is_aws_s_sentence() -> None:
    crossed = [(AT, 99.50160229693434)]
    assert reason(ALARM, "ALARM", crossed) == (
        "Threshold Crossed: 1 out of the last 1 datapoints [99.50160229693434 (02/10/19 16:59:00)] was greater than "
        "the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    two_of_three = ALARM | {"EvaluationPeriods": 3, "DatapointsToAlarm": 2}
    assert reason(two_of_three, "OK", datapoints("0 0 X")).startswith(
        "Threshold Crossed: 2 out of the last 3 datapoints ["
    )
    assert reason(two_of_three, "OK", datapoints("0 0 X")).endswith(
        "were not greater than the threshold (50.0) (minimum 2 datapoints for ALARM -> OK transition)."
    )
    assert "no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching]" in reason(
        ALARM, "ALARM", [(AT, None)]
    )
    assert reason(ALARM, KEPT, [(AT, None)]) == "Insufficient Data: 1 datapoint was unknown."


def test_the_reason_s_data_are_aws_s() -> None:
    assert reason_data(ALARM, [(AT, 99.5), (AT - 300, 1.0)], {AT: 5.0}, 300, AT + 340.985) == {
        "version": "1.0",
        "queryDate": "2019-10-02T17:04:40.985+0000",
        "startDate": "2019-10-02T16:59:00.000+0000",
        "statistic": "Average",
        "period": 300,
        "recentDatapoints": [99.5],
        "threshold": 50.0,
        "evaluatedDatapoints": [{"timestamp": "2019-10-02T16:59:00.000+0000", "sampleCount": 5.0, "value": 99.5}],
    }


def test_the_event_has_the_shape_of_the_sample_events() -> None:
    state = {"value": "ALARM", "reason": "…", "reasonData": "{}", "timestamp": "2019-10-02T17:04:40.989+0000"}
    detail = event_detail(ALARM, state, {"value": "OK"})
    [metric] = detail["configuration"].pop("metrics")
    assert len(metric.pop("id")) == 36
    assert metric == {
        "metricStat": {
            "metric": {
                "dimensions": {"InstanceId": "i-12345678901234567"},
                "name": "CPUUtilization",
                "namespace": "AWS/EC2",
            },
            "period": 300,
            "stat": "Average",
        },
        "returnData": True,
    }
    assert detail == {
        "alarmName": "ServerCpuTooHigh",
        "configuration": {"description": "Goes into alarm when server CPU utilization is too high!"},
        "previousState": {"value": "OK"},
        "state": state,
    }
    composite = {"AlarmName": "c", "AlarmRule": "ALARM(a)"}
    assert event_detail(composite, state, {})["configuration"] == {"alarmRule": "ALARM(a)"}


def test_the_notification_has_the_older_format() -> None:
    state = {"value": "ALARM", "reason": "because", "timestamp": "2019-10-02T17:04:40.989+0000"}
    subject, message = sns_message(ALARM | {"AlarmActions": ["arn"]}, state, {"value": "OK"})
    assert subject == 'ALARM: "ServerCpuTooHigh" in US East (N. Virginia)'
    assert (message["AlarmName"], message["NewStateValue"], message["OldStateValue"]) == (
        "ServerCpuTooHigh",
        "ALARM",
        "OK",
    )
    assert message["AWSAccountId"] == "123456789012"
    assert message["Trigger"]["Statistic"] == "AVERAGE"
    assert message["Trigger"]["Dimensions"] == [{"value": "i-12345678901234567", "name": "InstanceId"}]
