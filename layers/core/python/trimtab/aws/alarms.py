"""Alarms on Amazon CloudWatch, and the endpoints they are about."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import batched
from typing import Any

from trimtab.aws.clients import cloudwatch
from trimtab.rollout.alarm_event import ALARM, AlarmChange, alarm_described

ROLLBACK_TAG = "trimtab:rollback"
"""A tag of an alarm that names the endpoint it is about, or is `off`: it is about none."""
_MOST_NESTED = 4
"""Composite alarms of composite alarms are followed so deep."""
_NAMES_PER_CALL = 100


def describe_alarms(names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Alarms of one metric, of several, and composite ones by their names, as DescribeAlarms gives them. What does not
    exist is left out."""
    found: dict[str, Mapping[str, Any]] = {}
    for batch in batched(dict.fromkeys(names), _NAMES_PER_CALL, strict=False):
        found |= {alarm["AlarmName"]: alarm for alarm in _pages(AlarmNames=list(batch))}
    return found


def alarms_in_alarm() -> list[Mapping[str, Any]]:
    """Every alarm whose state is ALARM, as DescribeAlarms gives it."""
    return list(_pages(StateValue="ALARM"))


def alarm_tags(arn: str) -> dict[str, str]:
    """The tags of an alarm; none when it does not exist (any more)."""
    client = cloudwatch()
    try:
        answer = client.list_tags_for_resource(ResourceARN=arn)
    except (client.exceptions.ResourceNotFoundException, client.exceptions.ResourceNotFound):
        return {}
    return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}


def by_endpoint(told: Iterable[AlarmChange]) -> dict[str, list[AlarmChange]]:
    """Those alarms that are in ALARM, by the endpoints they are about."""
    found: dict[str, list[AlarmChange]] = {}
    for alarm in told:
        for name in endpoints_of(alarm) if alarm.state == ALARM else ():
            found.setdefault(name, []).append(alarm)
    return found


def endpoints_of(alarm: AlarmChange, nested: int = 0) -> tuple[str, ...]:
    """The endpoints an alarm is about: its tag says it, or its metrics do, or the alarms it is composed of."""
    tagged = alarm_tags(alarm.arn).get(ROLLBACK_TAG) if alarm.arn else None
    if tagged is not None:
        return () if tagged == "off" else (tagged,)
    if alarm.endpoints or not alarm.children or nested == _MOST_NESTED:
        return alarm.endpoints
    children = describe_alarms(arn.partition(":alarm:")[2] for arn in alarm.children)
    found = (endpoints_of(alarm_described(child), nested + 1) for child in children.values())
    return tuple(dict.fromkeys(name for names in found for name in names))


def put_alarm(name: str, definition: Mapping[str, Any]) -> None:
    """Make or replace an alarm on metrics. `definition`: the other members of PutMetricAlarm."""
    cloudwatch().put_metric_alarm(AlarmName=name, **definition)


def _pages(**request: Any) -> Iterator[Mapping[str, Any]]:
    # without AlarmTypes, CloudWatch leaves composite alarms out
    types = ["MetricAlarm", "CompositeAlarm"]
    for page in cloudwatch().get_paginator("describe_alarms").paginate(AlarmTypes=types, **request):
        yield from page.get("MetricAlarms", [])
        yield from page.get("CompositeAlarms", [])
