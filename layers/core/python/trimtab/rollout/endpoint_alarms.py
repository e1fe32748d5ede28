"""Which of the alarms in ALARM say that an endpoint is ill, and which of its variants they look at."""

from collections.abc import Iterable, Mapping
from typing import Any

from trimtab.rollout.alarm_event import metrics_described
from trimtab.rollout.observed import RaisedAlarm


def raised_alarms(described: Iterable[Mapping[str, Any]], endpoint: str) -> tuple[RaisedAlarm, ...]:
    """The alarms about an endpoint's errors or latency, of all as DescribeAlarms shows them."""
    raised = []
    for alarm in described:
        variants = {
            dimensions.get("VariantName", "")
            for metric in metrics_described(alarm)
            if metric.tells_harm and (dimensions := dict(metric.dimensions)).get("EndpointName") == endpoint
        }
        if variants:
            raised.append(RaisedAlarm(alarm["AlarmName"], variants.pop() if len(variants) == 1 else ""))
    return tuple(raised)
