"""CloudWatch alarms that changed their state, in every shape they are told in, as one plain value.

Shapes: EventBridge's `CloudWatch Alarm State Change` (one metric, metric math, anomaly band, composite), the event of
an alarm whose action is a Lambda function (`alarmData`), the message of an alarm whose action is an SNS topic
(`NewStateValue`), and any of them as `Message` of an SNS record.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ALARM = "ALARM"
STATE_CHANGE = "CloudWatch Alarm State Change"
LATENCIES = frozenset({"ModelLatency", "OverheadLatency"})
"""Metrics of AWS/SageMaker in microseconds."""
_HARMFUL = {
    "AWS/SageMaker": LATENCIES | {"Invocation5XXErrors", "InvocationModelErrors"},
    "Trimtab": frozenset({"CanaryHarmLnE"}),
}
_TRACES = frozenset({"NewStateValue", "AlarmName", "alarmName", "alarmData"})
"""What has one of these keys is an alarm, or a broken one."""
_SCALING = "TargetTracking-"
"""How the names of Application Auto Scaling's own alarms begin; they are no bad news."""


class NotAnAlarmError(ValueError):
    """What was given is no alarm's change of state. The message names what is missing, and where."""


class UnrelatedError(NotAnAlarmError):
    """What was given does not try to be an alarm's change of state: a topic or a rule that is shared brings other
    things too. The message says what it is."""


@dataclass(frozen=True, slots=True)
class AlarmMetric:
    """One metric that an alarm looks at. `period` in seconds."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period: int

    @property
    def tells_harm(self) -> bool:
        """Whether it is about an endpoint's errors or latency, not about its load or size."""
        return self.name in _HARMFUL.get(self.namespace, ())


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """An alarm's change of state. `arn` is "" when it was not told. `previous` is "" when it was not told.

    `since`: when the alarm came into its state. `children`: ARNs of the alarms that brought a composite alarm into it.
    `is_suppressed`: the alarm's owner has its actions suppressed for now.
    """

    name: str
    arn: str
    state: str
    previous: str
    since: datetime
    reason: str
    metrics: tuple[AlarmMetric, ...] = ()
    children: tuple[str, ...] = ()
    is_suppressed: bool = False

    @property
    def candidates(self) -> tuple[tuple[str, str], ...]:
        """The endpoints whose harm the alarm is about, each with a variant ("*": every one), as its metrics say."""
        if self.name.startswith(_SCALING):
            return ()
        places = (dict(metric.dimensions) for metric in self.metrics if metric.tells_harm)
        named = ((place["EndpointName"], place.get("VariantName", "*")) for place in places if "EndpointName" in place)
        return tuple(dict.fromkeys(named))

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of the endpoints in `candidates`."""
        return tuple(dict.fromkeys(endpoint for endpoint, _ in self.candidates))


def is_alarm_event(event: Mapping[str, Any]) -> bool:
    """Whether an event should be read with `alarm_changes`; whether it can be is another matter."""
    told = event.get("source") == "aws.cloudwatch" or "NewStateValue" in event
    return told or any("Sns" in record for record in _records(event))


def alarm_changes(event: Mapping[str, Any]) -> list[AlarmChange]:
    """The changes of state that an event tells of; several only when SNS gives several records.

    Raises NotAnAlarmError; UnrelatedError only when nothing in the event tries to be an alarm.
    """
    if "Records" not in event:
        return [_alarm_change(event)]
    changes: list[AlarmChange] = []
    unrelated: UnrelatedError | None = None
    for i, record in enumerate(_records(event)):
        try:
            changes.append(_of_sns(record))
        except UnrelatedError as error:
            unrelated = UnrelatedError(f"Records[{i}].Sns.Message: {error}")
        except NotAnAlarmError as error:
            raise NotAnAlarmError(f"Records[{i}].Sns.Message: {error}") from error
    if unrelated and not changes:
        raise unrelated
    return changes


def alarm_described(description: Mapping[str, Any]) -> AlarmChange:
    """An alarm as DescribeAlarms gives it, as its last change of state; what came before is not told."""
    data = _document(description.get("StateReasonData"))
    since = description.get("StateTransitionedTimestamp") or description["StateUpdatedTimestamp"]
    return AlarmChange(
        name=description["AlarmName"],
        arn=description["AlarmArn"],
        state=description["StateValue"],
        previous="",
        since=since.astimezone(UTC),
        reason=description.get("StateReason", ""),
        metrics=metrics_described(description),
        children=_children(data.get("triggeringAlarms"), "arn", "state", "value"),
        is_suppressed=bool(description.get("ActionsSuppressedBy")),
    )


def latency_limit(description: Mapping[str, Any]) -> tuple[AlarmMetric, float] | None:
    """The metric and the threshold in microseconds of an alarm (as DescribeAlarms gives it) on one latency of an
    endpoint that is too high; None for any other alarm."""
    metric = next(iter(metrics_described(description)), None)
    is_latency = metric is not None and metric.namespace == "AWS/SageMaker" and metric.name in LATENCIES
    is_high = str(description.get("ComparisonOperator", "")).startswith("GreaterThan")
    if (
        metric is None
        or not is_latency
        or not is_high
        or "MetricName" not in description
        or "Threshold" not in description
    ):
        return None
    return metric, float(description["Threshold"])


def moment(value: object) -> datetime:
    """A time as AWS writes it in events: ISO 8601 with `Z`, `+0000` or no offset (UTC), or milliseconds since 1970.

    Raises ValueError.
    """
    if isinstance(value, str) and not value.isdecimal():
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return datetime.fromtimestamp(float(value) / 1000, UTC)
    raise ValueError(f"no time: {value!r}")


def _of_sns(record: Mapping[str, Any]) -> AlarmChange:
    sns = _mapping(record, "Sns")
    message = sns.get("Message")
    if not isinstance(message, str):
        raise NotAnAlarmError("it is missing")
    try:
        told = json.loads(message)
    except ValueError as error:
        is_broken = any(f'"{key}"' in message for key in _TRACES)
        kind = NotAnAlarmError if is_broken else UnrelatedError
        raise kind(f"it is no JSON: {message[:80]!r}") from error
    if not isinstance(told, dict):
        raise UnrelatedError(f"it is no JSON object: {message[:80]!r}")
    return _alarm_change({"time": sns.get("Timestamp"), **told})


def _alarm_change(told: Mapping[str, Any]) -> AlarmChange:
    if "NewStateValue" in told:
        return _of_action(told)
    if told.get("detail-type", STATE_CHANGE) != STATE_CHANGE:
        raise UnrelatedError(f"detail-type is {told['detail-type']!r}, not {STATE_CHANGE!r}")
    for key in ("detail", "alarmData"):
        if isinstance(told.get(key), Mapping):
            return _of_state_change(told[key], key, told)
    kind = NotAnAlarmError if _TRACES & told.keys() or "detail-type" in told else UnrelatedError
    raise kind("it has neither detail nor alarmData nor NewStateValue")


def _of_state_change(detail: Mapping[str, Any], path: str, told: Mapping[str, Any]) -> AlarmChange:
    """From EventBridge's `detail`, or the `alarmData` of an alarm that calls a function itself."""
    state, previous = _mapping(detail, "state"), _mapping(detail, "previousState")
    configuration = _mapping(detail, "configuration")
    value, before = _text(state, "value", f"{path}.state"), str(previous.get("value", ""))
    # a composite alarm that stays in ALARM is told again when its actions are no more suppressed
    entered = previous if before == value and previous.get("timestamp") else state
    resources = [each for each in told.get("resources", []) if isinstance(each, str)]
    return AlarmChange(
        name=_text(detail, "alarmName", path),
        arn=str(told.get("alarmArn") or next(iter(resources), "")),
        state=value,
        previous=before,
        since=_since(entered.get("timestamp", told.get("time")), f"{path}.state.timestamp"),
        reason=str(state.get("reason", "")),
        metrics=tuple(
            _metric(each["metricStat"], "metric", "namespace", "name", "dimensions", "stat", "period")
            for each in _mappings(configuration.get("metrics"))
            if isinstance(each.get("metricStat"), Mapping)
        ),
        children=_children(_document(state.get("reasonData")).get("triggeringAlarms"), "arn", "state", "value"),
        is_suppressed=bool(state.get("actionsSuppressedBy")),
    )


def _of_action(told: Mapping[str, Any]) -> AlarmChange:
    """From the message of an alarm to its SNS topic."""
    trigger = _mapping(told, "Trigger")
    metrics = [
        _metric(each["MetricStat"], "Metric", "Namespace", "MetricName", "Dimensions", "Stat", "Period")
        for each in _mappings(trigger.get("Metrics"))
        if isinstance(each.get("MetricStat"), Mapping)
    ]
    if "MetricName" in trigger:
        statistic = trigger.get("ExtendedStatistic") or str(trigger.get("Statistic") or "").capitalize()
        metrics.append(_described(trigger, "Namespace", "MetricName", "Dimensions", statistic, trigger.get("Period")))
    return AlarmChange(
        name=_text(told, "AlarmName", "the message"),
        arn=str(told.get("AlarmArn") or ""),
        state=_text(told, "NewStateValue", "the message"),
        previous=str(told.get("OldStateValue") or ""),
        since=_since(told.get("StateChangeTime", told.get("time")), "StateChangeTime"),
        reason=str(told.get("NewStateReason") or ""),
        metrics=tuple(metrics),
        children=_children(told.get("TriggeringChildren"), "Arn", "State", "Value"),
    )


def metrics_described(description: Mapping[str, Any]) -> tuple[AlarmMetric, ...]:
    """The metrics that an alarm looks at, of its description by an event or by DescribeAlarms."""
    metrics = [
        _metric(each["MetricStat"], "Metric", "Namespace", "MetricName", "Dimensions", "Stat", "Period")
        for each in _mappings(description.get("Metrics"))
        if "MetricStat" in each
    ]
    if description.get("MetricName"):
        statistic = description.get("Statistic") or description.get("ExtendedStatistic")
        period = description.get("Period")
        metrics.append(_described(description, "Namespace", "MetricName", "Dimensions", statistic, period))
    return tuple(metrics)


def _metric(stat: Mapping[str, Any], metric: str, namespace: str, name: str, dimensions: str, *of: str) -> AlarmMetric:
    statistic, period = (stat.get(key) for key in of)
    return _described(_mapping(stat, metric), namespace, name, dimensions, statistic, period)


def _described(
    metric: Mapping[str, Any], namespace: str, name: str, dimensions: str, statistic: object, period: object
) -> AlarmMetric:
    found = metric.get(dimensions) or {}
    if not isinstance(found, Mapping):  # SNS and the API give a list of names and values
        pairs = ({key.lower(): value for key, value in each.items()} for each in _mappings(found))
        found = {pair["name"]: pair["value"] for pair in pairs if pair.keys() >= {"name", "value"}}
    return AlarmMetric(
        namespace=str(metric.get(namespace, "")),
        name=str(metric.get(name, "")),
        dimensions=tuple(sorted((str(key), str(value)) for key, value in found.items())),
        statistic=str(statistic or ""),
        period=int(period) if isinstance(period, int | float) else 60,
    )


def _children(told: object, arn: str, state: str, value: str) -> tuple[str, ...]:
    return tuple(
        str(each[arn]) for each in _mappings(told) if arn in each and _mapping(each, state).get(value, ALARM) == ALARM
    )


def _since(value: object, path: str) -> datetime:
    try:
        return moment(value)
    except ValueError as error:
        raise NotAnAlarmError(f"{path}: {error}") from error


def _document(text: object) -> Mapping[str, Any]:
    """`reasonData`: JSON in a string, which may be anything."""
    try:
        document = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _text(told: Mapping[str, Any], key: str, path: str) -> str:
    value = told.get(key)
    if not isinstance(value, str) or not value:
        raise NotAnAlarmError(f"{path}.{key} is missing")
    return value


def _mapping(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = told.get(key)
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> Iterable[Mapping[str, Any]]:
    return (each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else ()


def _records(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(_mappings(event.get("Records")))
