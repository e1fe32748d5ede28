"""What state a CloudWatch alarm goes to, and how AWS tells of it: on EventBridge, by SNS and to a function.

Part of `ministack_host`, so it imports nothing of this project. An alarm is MiniStack's record of it, named as the API
names its members. A state is `{"value", "reason", "reasonData"?, "timestamp"}` as in the events. Sources: "Configuring
how CloudWatch alarms treat missing data" and "Alarm events and EventBridge" in the CloudWatch User Guide.
"""

import json
import operator
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

EXTRA_PERIODS = 2
"""AWS looks at more periods than EvaluationPeriods, so that late data count. It does not tell how many; its examples
have two more."""

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
_REGION_NAMES = {"us-east-1": "US East (N. Virginia)"}

type Alarm = Mapping[str, Any]
type Datapoints = Sequence[tuple[float, float | None]]
"""Starts of periods in seconds, with the value or None when it is missing; newest first."""


def next_state(alarm: Alarm, datapoints: Datapoints) -> str:
    """ALARM, OK or INSUFFICIENT_DATA, from the periods of the evaluation range."""
    wanted, needed = _n_and_m(alarm)
    judged = _judged(alarm, datapoints)
    bad = sum(breaches(alarm, value) for _, value in judged)
    missing = wanted - len(judged)
    treatment = alarm.get("TreatMissingData") or "missing"
    if bad >= needed or (treatment == "breaching" and bad + missing >= needed):
        return "ALARM"
    if not missing or treatment in ("breaching", "notBreaching") or bad < len(judged):
        return "OK"
    if treatment == "ignore":
        return str(alarm["StateValue"])
    if not judged:
        return "INSUFFICIENT_DATA"
    # AWS: ALARM "when the oldest available breaching datapoint during the Evaluation Periods number of data points is
    # at least as old as the value of Datapoints to Alarm, and all other more recent data points are breaching or
    # missing"
    oldest = max(number for number, (_, value) in enumerate(datapoints, 1) if value is not None)
    return "ALARM" if oldest >= needed else "OK"


def breaches(alarm: Alarm, value: float) -> bool:
    """Whether a value crosses the alarm's threshold."""
    compare, _ = COMPARISONS[alarm["ComparisonOperator"]]
    return bool(compare(value, alarm["Threshold"]))


def reason(alarm: Alarm, state: str, datapoints: Datapoints) -> str:
    """AWS's sentence on why the alarm goes to a state."""
    wanted, needed = _n_and_m(alarm)
    judged = _judged(alarm, datapoints)
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_many(wanted, 'datapoint')} {_be(wanted)} unknown."
    if not judged:
        treated = "Breaching" if state == "ALARM" else "NonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {_many(wanted, 'period')} and "
            f"{_many(wanted, 'missing datapoint')} {_be(wanted)} treated as [{treated}]."
        )
    is_alarm = state == "ALARM"
    telling = [(at, value) for at, value in judged if breaches(alarm, value) == is_alarm]
    listed = ", ".join(f"{value} ({datetime.fromtimestamp(at, UTC):%d/%m/%y %H:%M:%S})" for at, value in telling)
    least = needed if is_alarm else wanted - needed + 1
    return (
        f"Threshold Crossed: {len(telling)} out of the last {len(judged)} datapoints [{listed}] "
        f"{_be(len(telling))} {'' if is_alarm else 'not '}{COMPARISONS[alarm['ComparisonOperator']][1]} the threshold "
        f"({alarm['Threshold']}) (minimum {_many(least, 'datapoint')} for "
        f"{'OK -> ALARM' if is_alarm else 'ALARM -> OK'} transition)."
    )


def reason_data(
    alarm: Alarm, datapoints: Datapoints, counts: Mapping[float, float], period: int, now: float
) -> dict[str, Any]:
    """AWS's data on why; `counts` are the samples of each period, where one metric is watched."""
    judged = _judged(alarm, datapoints)
    evaluated = []
    for at, value in judged:
        samples = {"sampleCount": counts[at]} if at in counts else {}
        evaluated.append({"timestamp": stamp(at), **samples, "value": value})
    known = alarm.get("ExtendedStatistic") or alarm.get("Statistic")
    return {
        "version": "1.0",
        "queryDate": stamp(now),
        **({"startDate": stamp(judged[-1][0])} if judged else {}),
        **({"statistic": known} if known else {}),
        "period": period,
        "recentDatapoints": [value for _, value in reversed(judged)],
        "threshold": alarm["Threshold"],
        **({"evaluatedDatapoints": evaluated} if evaluated else {}),
    }


def event_detail(alarm: Alarm, state: Mapping[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    """The detail of a `CloudWatch Alarm State Change` event, which is an alarm action's `alarmData` too."""
    described = {"description": alarm["AlarmDescription"]} if alarm.get("AlarmDescription") else {}
    watched = (
        {"alarmRule": alarm["AlarmRule"]}
        if "AlarmRule" in alarm
        else {"metrics": [_told_metric(query) for query in watched_metrics(alarm)]}
    )
    return {
        "alarmName": alarm["AlarmName"],
        "configuration": described | watched,
        "previousState": dict(previous),
        "state": dict(state),
    }


def watched_metrics(alarm: Alarm) -> list[dict[str, Any]]:
    """What a metric alarm watches, as MetricDataQueries; a single metric gets an id of its own, as on AWS."""
    if alarm.get("Metrics"):
        return list(alarm["Metrics"])
    metric = {name: alarm.get(name) for name in ("Namespace", "MetricName")}
    metric_stat = {
        "Metric": metric | {"Dimensions": alarm.get("Dimensions") or []},
        "Period": alarm["Period"],
        "Stat": alarm.get("ExtendedStatistic") or alarm["Statistic"],
        **({"Unit": alarm["Unit"]} if alarm.get("Unit") else {}),
    }
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, alarm["AlarmArn"]))
    return [{"Id": name, "MetricStat": metric_stat, "ReturnData": True}]


def sns_message(alarm: Alarm, state: Mapping[str, Any], previous: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Subject and message of an alarm's notification, in the older format that SNS subscribers get."""
    *_, region, account, _, name = alarm["AlarmArn"].split(":", 6)
    region = _REGION_NAMES.get(region, region)
    message = {
        "AlarmName": name,
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": state["value"],
        "NewStateReason": state["reason"],
        "StateChangeTime": state["timestamp"],
        "Region": region,
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": previous["value"],
        **{key: list(alarm.get(key) or []) for key in ("OKActions", "AlarmActions", "InsufficientDataActions")},
    }
    told = _children(alarm, state) if "AlarmRule" in alarm else {"Trigger": _trigger(alarm)}
    return f'{state["value"]}: "{name}" in {region}'[:100], message | told


def stamp(seconds: float) -> str:
    """A moment as alarms tell it: 2019-10-02T17:04:40.985+0000."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _n_and_m(alarm: Alarm) -> tuple[int, int]:
    wanted = int(alarm["EvaluationPeriods"])
    return wanted, int(alarm.get("DatapointsToAlarm") or wanted)


def _judged(alarm: Alarm, datapoints: Datapoints) -> list[tuple[float, float]]:
    return [(at, value) for at, value in datapoints if value is not None][: int(alarm["EvaluationPeriods"])]


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _be(number: int) -> str:
    return "was" if number == 1 else "were"


def _told_metric(query: Mapping[str, Any]) -> dict[str, Any]:
    told = {"id": query["Id"], "returnData": query["ReturnData"]}
    told |= {key.lower(): query[key] for key in ("Expression", "Label") if query.get(key)}
    if "MetricStat" in query:
        metric_stat = query["MetricStat"]
        metric = metric_stat["Metric"]
        named = {
            "namespace": metric["Namespace"],
            "name": metric["MetricName"],
            "dimensions": {each["Name"]: each["Value"] for each in metric["Dimensions"]},
        }
        told["metricStat"] = {"metric": named, "period": metric_stat["Period"], "stat": metric_stat["Stat"]}
    return told


def _children(alarm: Alarm, state: Mapping[str, Any]) -> dict[str, Any]:
    children = json.loads(state.get("reasonData", "{}")).get("triggeringAlarms", [])
    told = [
        {"Arn": child["arn"], "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]}}
        for child in children
    ]
    return {"AlarmRule": alarm["AlarmRule"], "TriggeringChildren": told}


def _trigger(alarm: Alarm) -> dict[str, Any]:
    judged_by = {
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        **({"DatapointsToAlarm": alarm["DatapointsToAlarm"]} if alarm.get("DatapointsToAlarm") else {}),
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }
    if alarm.get("Metrics"):
        return {"Metrics": [_with_small_dimensions(query) for query in alarm["Metrics"]], **judged_by}
    extended = alarm.get("ExtendedStatistic")
    return {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        "StatisticType": "ExtendedStatistic" if extended else "Statistic",
        **({"ExtendedStatistic": extended} if extended else {"Statistic": alarm["Statistic"].upper()}),
        "Unit": alarm.get("Unit"),
        "Dimensions": _small(alarm.get("Dimensions") or []),
        "Period": alarm["Period"],
        **judged_by,
    }


def _with_small_dimensions(query: Mapping[str, Any]) -> dict[str, Any]:
    if "MetricStat" not in query:
        return dict(query)
    metric_stat = query["MetricStat"]
    metric = metric_stat["Metric"] | {"Dimensions": _small(metric_stat["Metric"]["Dimensions"])}
    return {**query, "MetricStat": metric_stat | {"Metric": metric}}


def _small(dimensions: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    # in these messages alone, the two names begin with a small letter
    return [{"value": each["Value"], "name": each["Name"]} for each in dimensions]
