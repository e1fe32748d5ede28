"""Which of the alarms in ALARM say that an endpoint is ill, and which of its variants they look at."""

from collections.abc import Iterable, Mapping
from typing import Any

from trimtab.rollout.alarm_event import AlarmMetric
from trimtab.rollout.observed import RaisedAlarm


def raised_alarms(described: Iterable[Mapping[str, Any]], endpoint: str) -> tuple[RaisedAlarm, ...]:
    """The alarms about an endpoint's errors or latency, of all as DescribeAlarms shows them."""
    raised = []
    for alarm in described:
        variants = {
            dimensions.get("VariantName", "")
            for metric in _metrics(alarm)
            if metric.tells_harm and (dimensions := dict(metric.dimensions)).get("EndpointName") == endpoint
        }
        if variants:
            raised.append(RaisedAlarm(alarm["AlarmName"], variants.pop() if len(variants) == 1 else ""))
    return tuple(raised)


def _metrics(alarm: Mapping[str, Any]) -> Iterable[AlarmMetric]:
    if "MetricName" in alarm:
        yield _metric(alarm, alarm.get("Statistic") or alarm.get("ExtendedStatistic", ""), alarm.get("Period", 0))
    for query in alarm.get("Metrics", []):
        if stat := query.get("MetricStat"):
            yield _metric(stat["Metric"], stat["Stat"], stat["Period"])


def _metric(told: Mapping[str, Any], statistic: str, period: int) -> AlarmMetric:
    dimensions = tuple((each["Name"], each["Value"]) for each in told.get("Dimensions", []))
    return AlarmMetric(told["Namespace"], told["MetricName"], dimensions, statistic, period)
