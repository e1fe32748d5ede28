"""CloudWatch's alarms as AWS judges and tells them. MiniStack ignores dimensions, M of N, missing data and time.

Part of `ministack_host`, so it imports nothing of this project. Checked against MiniStack 1.5.33, which is pinned.
Alarms are judged every two seconds and whenever data come. AWS waits until a minute is over; here the minute that still
runs counts as soon as it has data, or with a `LessThan…` comparison, as soon as what there is does not cross the
threshold.
"""

import contextvars
import functools
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import ministack_metrics as metrics
from ministack.core.responses import new_uuid, set_request_account_id, set_request_region
from ministack.services import cloudwatch as cw
from ministack.services import eventbridge, sns
from ministack.services.cloudformation import provisioners
from ministack_alarm_states import (
    COMPARISONS,
    EXTRA_PERIODS,
    breaches,
    event_detail,
    next_state,
    reason,
    reason_data,
    sns_message,
    stamp,
    watched_metrics,
)
from ministack_expressions import ExpressionError, resolve
from ministack_protocol import Request, RequestError, refused, structured
from ministack_statistics import StatisticError, parse

CLOCK_SECONDS = 2.0
ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
LOG = logging.getLogger(__name__)

_JUDGING = threading.RLock()
_TO_TELL: queue.SimpleQueue[tuple[contextvars.Context, Callable[[], None]]] = queue.SimpleQueue()
_TOLD: dict[str, dict[str, Any]] = {}
"""By ARN, the state that was told last: the previous one of the next event."""

_UNSUPPORTED = ("ThresholdMetricId", "EvaluationCriteria", "EvaluationWindow", "WarmUpConfiguration")


def judge_alarms_as_cloudwatch_does() -> None:
    """Put judging, telling and the clock in place. The metrics must be `ministack_metrics`'."""
    cw._evaluate_alarm = _judge
    cw._evaluate_all_alarms = _judge_all
    cw._dispatch_alarm_actions = _tell
    cw._put_metric_alarm = functools.partial(_put_metric_alarm, cw._put_metric_alarm)
    cw._set_alarm_state = functools.partial(_set_alarm_state, cw._set_alarm_state)
    provisioners._cw_metric_alarm_record = functools.partial(_record, provisioners._cw_metric_alarm_record)
    for work in (_keep_judging, _keep_telling):
        threading.Thread(target=work, daemon=True).start()


def _judge_all() -> None:
    for alarm in list(cw._alarms.values()):
        try:
            _judge(alarm)
        except Exception:
            LOG.exception("an alarm can't be judged")


def _judge(alarm: dict[str, Any]) -> None:
    if not (alarm.get("MetricName") or alarm.get("Metrics")):
        return  # a metric math alarm that is about to get its Metrics
    with _JUDGING:
        now, old = time.time(), alarm["StateValue"]
        queries = watched_metrics(alarm)
        period = int(_metric_stats(queries)[0]["Period"])
        datapoints = _datapoints(alarm, queries, period, now)
        new = next_state(alarm, datapoints)
        if new == old:
            return
        single = [] if alarm.get("Metrics") else _metric_stats(queries)
        counts = {at: metrics.sample_count(stat, at, at + period) for stat in single for at, _ in datapoints}
        data = reason_data(alarm, datapoints, counts, period, now)
        alarm |= {
            "StateValue": new,
            "StateReason": reason(alarm, new, datapoints),
            "StateReasonData": json.dumps(data, separators=(",", ":")),
            "StateUpdatedTimestamp": now,
            "StateTransitionedTimestamp": now,
        }
        cw._record_history(alarm["AlarmName"], old, new, alarm["StateReason"], reason_data=data)
        _tell(alarm, old, new, alarm["StateReason"])
        cw._evaluate_parent_alarms(alarm)


def _datapoints(
    alarm: dict[str, Any], queries: list[dict[str, Any]], period: int, now: float
) -> list[tuple[float, float | None]]:
    """The evaluation range, newest first. Periods slide by minutes, as on AWS."""
    step = min(period, 60)
    running = _range(alarm, queries, period, (now // step + 1) * step)
    latest = running[0][1]
    is_rising = alarm["ComparisonOperator"].startswith("Greater")
    if latest is not None and (is_rising or not breaches(alarm, latest)):
        return running
    return _range(alarm, queries, period, now // step * step)


def _range(
    alarm: dict[str, Any], queries: list[dict[str, Any]], period: int, end: float
) -> list[tuple[float, float | None]]:
    starts = [end - (number + 1) * period for number in range(int(alarm["EvaluationPeriods"]) + EXTRA_PERIODS)]
    found = resolve(queries, lambda metric_stat: metrics.series(metric_stat, starts[-1], end), starts)
    watched = found[next(query["Id"] for query in queries if query["ReturnData"])]
    return [(start, watched.get(start)) for start in starts]


def _metric_stats(queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [query["MetricStat"] for query in queries if "MetricStat" in query]


def _tell(alarm: Mapping[str, Any], old: str, new: str, why: str) -> None:
    """Queue a state's event and actions: they are carried out in order and never hold up who changed the state."""
    arn = alarm["AlarmArn"]
    told = {"reasonData": alarm["StateReasonData"]} if alarm.get("StateReasonData") else {}
    state = {"value": new, "reason": why, **told, "timestamp": stamp(alarm["StateUpdatedTimestamp"])}
    previous = _TOLD.get(arn) or {}
    if previous.get("value") != old:
        first = stamp(alarm["AlarmConfigurationUpdatedTimestamp"])
        previous = {"value": old, "reason": "Unchecked: Initial alarm creation", "timestamp": first}
    _TOLD[arn] = state
    job = functools.partial(_carry_out, dict(alarm), state, previous)
    _TO_TELL.put((contextvars.copy_context(), job))


def _carry_out(alarm: Mapping[str, Any], state: Mapping[str, Any], previous: Mapping[str, Any]) -> None:
    arn, detail = alarm["AlarmArn"], event_detail(alarm, state, previous)
    event = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": json.dumps(detail),
        "Resources": [arn],
    }
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)
    _, _, _, region, account, *_ = arn.split(":")
    for action in (alarm.get(ACTIONS[state["value"]]) or []) if alarm.get("ActionsEnabled", True) else []:
        if ":sns:" in action:
            subject, message = sns_message(alarm, state, previous)
            sns._fanout(action, new_uuid(), json.dumps(message), subject)
        elif ":lambda:" in action:
            told = {"source": "aws.cloudwatch", "alarmArn": arn, "accountId": account, "time": state["timestamp"]}
            eventbridge._dispatch_to_lambda(action, json.dumps(told | {"region": region, "alarmData": detail}))


def _keep_telling() -> None:
    while True:
        context, job = _TO_TELL.get()
        try:
            context.run(job)
        except Exception:
            LOG.exception("an alarm's state can't be told")


def _keep_judging() -> None:
    while True:
        time.sleep(CLOCK_SECONDS)
        for account, region in sorted({key[:2] for key in list(cw._alarms._data)}):
            set_request_account_id(account)
            set_request_region(region)
            _judge_all()


def _put_metric_alarm(put: Callable[..., Any], params: Request, body: Request, is_cbor: bool, is_json: bool) -> Any:
    request = structured(params, body, is_cbor or is_json)
    try:
        _check(request)
        watched = [_normal(query) for query in request.get("Metrics") or []]
        _check_metrics(watched)
    except RequestError as error:
        return refused(error, is_cbor, is_json)
    with _JUDGING:
        answer = put(params, body, is_cbor, is_json)
        if answer[0] == 200:
            alarm = cw._alarms[request["AlarmName"]]
            if watched:
                _watch(alarm, watched)
                _judge(alarm)
            if alarm.get("ExtendedStatistic"):
                del alarm["Statistic"]
        return answer


def _check(request: Mapping[str, Any]) -> None:
    for name in _UNSUPPORTED:
        if request.get(name):
            raise RequestError("ValidationError", f"{name} is not supported by the local cloud")
    if request.get("ComparisonOperator") not in COMPARISONS:
        known = ", ".join(COMPARISONS)
        raise RequestError("ValidationError", f"ComparisonOperator must be one of {known}")
    wanted, needed = request.get("EvaluationPeriods"), request.get("DatapointsToAlarm")
    if wanted is None or (needed and int(needed) > int(wanted)):
        message = "EvaluationPeriods is required, and DatapointsToAlarm must not be greater"
        raise RequestError("ValidationError", message)
    if bool(request.get("MetricName")) == bool(request.get("Metrics")):
        raise RequestError("ValidationError", "Exactly one of MetricName and Metrics must be specified")
    if request.get("MetricName"):
        asked = [request[name] for name in ("Statistic", "ExtendedStatistic") if request.get(name)]
        if len(asked) != 1 or not request.get("Period"):
            message = "Period and exactly one of Statistic and ExtendedStatistic must be specified"
            raise RequestError("ValidationError", message)
        _check_statistic(asked[0])


def _check_metrics(queries: list[dict[str, Any]]) -> None:
    if not queries:
        return
    stats = _metric_stats(queries)
    if sum(query["ReturnData"] for query in queries) != 1:
        raise RequestError("ValidationError", "Exactly one of the Metrics must have ReturnData true")
    if len({stat["Period"] for stat in stats}) != 1:
        raise RequestError("ValidationError", "the local cloud needs at least one MetricStat, and one Period for all")
    for stat in stats:
        _check_statistic(stat["Stat"])
    try:
        resolve(queries, lambda _: {}, [])
    except ExpressionError as error:
        raise RequestError("ValidationError", str(error)) from error


def _check_statistic(name: str) -> None:
    try:
        parse(name)
    except StatisticError as error:
        raise RequestError("ValidationError", str(error)) from error


def _normal(query: Mapping[str, Any]) -> dict[str, Any]:
    """A MetricDataQuery of proper types, with what may be left out."""
    returned = str(query.get("ReturnData", True)).lower() != "false"
    normal = {**query, "ReturnData": returned}
    if "MetricStat" in query:
        metric = {"Dimensions": [], **query["MetricStat"]["Metric"]}
        normal["MetricStat"] = {**query["MetricStat"], "Period": int(query["MetricStat"]["Period"]), "Metric": metric}
    return normal


def _watch(alarm: dict[str, Any], queries: list[dict[str, Any]]) -> None:
    for name in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit"):
        alarm.pop(name, None)
    alarm["Metrics"] = queries


def _set_alarm_state(change: Callable[..., Any], params: Request, body: Request, is_cbor: bool, is_json: bool) -> Any:
    name = structured(params, body, is_cbor or is_json).get("AlarmName")
    with _JUDGING:
        if name in cw._alarms:
            cw._alarms[name].pop("StateReasonData", None)  # that of the last judgement says nothing about this state
        return change(params, body, is_cbor, is_json)


def _record(record: Callable[..., dict[str, Any]], name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A template's alarm. Raises ValueError, which fails the stack, for what can't be judged."""
    _check(properties)
    watched = [_normal(query) for query in properties.get("Metrics") or []]
    _check_metrics(watched)
    if not watched:
        return record(name, properties)
    plain = {key: value for key, value in properties.items() if key != "Metrics"}
    alarm = record(name, plain | {"MetricName": "-", "Namespace": "-"})
    _watch(alarm, watched)
    return alarm
