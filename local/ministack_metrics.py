"""CloudWatch's metrics as AWS keeps and tells them: every statistic, exactly the dimensions asked for, newest first, in
pages, metric math for ratios, and metrics in log lines.

Part of `ministack_host`, so it imports nothing of this project. Checked against MiniStack 1.5.33, which is pinned. Data
of any age are taken and kept, because a replay plays the past.
"""

import base64
import bisect
import contextlib
import functools
import math
import threading
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from ministack.services import cloudwatch as cw
from ministack.services import cloudwatch_logs
from ministack_expressions import ExpressionError, resolve
from ministack_logs import embedded_metrics
from ministack_protocol import Request, RequestError, handler
from ministack_statistics import StatisticError, count_of, parse, statistic

MAX_VALUES = 150
MAX_QUERIES = 500
MAX_DATAPOINTS = 100_800  # of GetMetricData, a page
MAX_STATISTICS = 1440  # of GetMetricStatistics, in all

_AT = itemgetter("Timestamp")
STORING = threading.Lock()

type Points = Sequence[Mapping[str, Any]]


def keep_metrics_as_cloudwatch_does() -> None:
    """Put the operations on metrics, and what other services publish by, in place of MiniStack's."""
    cw._put_metric_data = handler("PutMetricData", _put_metric_data)
    cw._get_metric_data = handler("GetMetricData", _get_metric_data)
    cw._get_metric_statistics = handler("GetMetricStatistics", _get_metric_statistics)
    cw._evict_old_metrics = lambda: None
    cw.record_metric = _record_metric
    cloudwatch_logs._append_log_events = functools.partial(_append_log_events, cloudwatch_logs._append_log_events)


def series(metric_stat: Mapping[str, Any], start: float, end: float) -> dict[float, float]:
    """The statistic of a MetricStat by the start of each period that has data; periods begin at `start`.

    Raises RequestError.
    """
    _check_statistic(metric_stat["Stat"])
    found = {at: statistic(points, metric_stat["Stat"]) for at, points in _by_period(metric_stat, start, end).items()}
    return {at: value for at, value in found.items() if value is not None}


def sample_count(metric_stat: Mapping[str, Any], start: float, end: float) -> float:
    """How many samples the metric of a MetricStat has from `start` until before `end`."""
    return count_of(_points(metric_stat["Metric"], metric_stat.get("Unit"), start, end))


def _put_metric_data(request: Request) -> Request:
    checked = [
        (datum, _contents(datum, f"MetricData.member.{number}"))
        for number, datum in enumerate(request.get("MetricData") or [], 1)
    ]
    for datum, contents in checked:
        _store(request["Namespace"], datum, contents)
    cw._evaluate_all_alarms()
    return {}


def _contents(datum: Mapping[str, Any], name: str) -> Request:
    """What a datum says, for `ministack_statistics`."""
    if "StatisticValues" in datum:
        told = datum["StatisticValues"]
        numbers = [float(told[key]) for key in ("SampleCount", "Sum", "Minimum", "Maximum")]
        _check_numbers(numbers, f"{name}.StatisticValues")
        return {"Set": tuple(numbers)}
    values = [float(each) for each in datum["Values"]] if "Values" in datum else [float(datum["Value"])]
    counts = [float(each) for each in datum["Counts"]] if datum.get("Counts") else None
    _check_numbers([*values, *(counts or [])], f"{name}.Value")
    if len(values) > MAX_VALUES:
        message = f"The collection {name}.Values must not have a size greater than {MAX_VALUES}."
        raise RequestError("InvalidParameterValue", message)
    if counts and len(counts) != len(values):
        message = f"The parameters {name}.Values and {name}.Counts must be of the same size."
        raise RequestError("InvalidParameterValue", message)
    return {"Values": array("d", values), "Counts": array("d", counts) if counts else None}


def _check_numbers(numbers: Sequence[float], name: str) -> None:
    for number in numbers:
        if not math.isfinite(number):
            raise RequestError("InvalidParameterValue", f"The value {number} for parameter {name} is invalid.")


def _store(namespace: str, datum: Mapping[str, Any], contents: Request) -> None:
    dimensions = {each["Name"]: each["Value"] for each in datum.get("Dimensions") or []}
    # CloudWatch keeps a datapoint a minute; one a second of a metric of high resolution
    step = 1 if str(datum.get("StorageResolution")) == "1" else 60
    at = cw._parse_ts(datum.get("Timestamp")) or time.time()
    point = {
        "Timestamp": at // step * step,
        "Unit": datum.get("Unit") or "None",
        "Dimensions": dimensions,
        **contents,
    }
    with STORING:
        bucket = cw._metric_bucket((namespace, datum["MetricName"], cw._dims_key(dimensions)))
        bisect.insort(bucket, point, key=_AT)


def _record_metric(
    namespace: str, metric_name: str, value: float, unit: str = "None", dimensions: Mapping[str, str] | None = None
) -> None:
    told = [{"Name": name, "Value": each} for name, each in (dimensions or {}).items()]
    datum = {"MetricName": metric_name, "Dimensions": told, "Unit": unit, "Value": value}
    _store(namespace, datum, _contents(datum, metric_name))


def _append_log_events(append: Callable[..., None], stream: Any, events: list[dict[str, Any]]) -> None:
    append(stream, events)
    told = [metric for event in events for metric in embedded_metrics(event["message"])]
    for namespace, datum in told:
        # AWS drops what can't be a metric, and keeps the line
        with contextlib.suppress(RequestError):
            _store(namespace, datum, _contents(datum, datum["MetricName"]))
    if told:
        cw._evaluate_all_alarms()


def _points(metric: Mapping[str, Any], unit: str | None, start: float, end: float) -> Points:
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []}
    with STORING:
        bucket = cw._metrics.get((metric["Namespace"], metric["MetricName"], cw._dims_key(dimensions))) or []
        first, last = bisect.bisect_left(bucket, start, key=_AT), bisect.bisect_left(bucket, end, key=_AT)
        points: Points = bucket[first:last]
    return [point for point in points if unit is None or point["Unit"] == unit]


def _by_period(metric_stat: Mapping[str, Any], start: float, end: float) -> dict[float, Points]:
    period = int(metric_stat["Period"])
    found: dict[float, list[Any]] = defaultdict(list)
    for point in _points(metric_stat["Metric"], metric_stat.get("Unit"), start, end):
        found[start + (point["Timestamp"] - start) // period * period].append(point)
    return dict(found)


def _check_statistic(name: str) -> None:
    try:
        parse(name)
    except StatisticError as error:
        raise RequestError("ValidationError", str(error)) from error


def _time_range(request: Request, period: int) -> tuple[float, float]:
    """Periods begin at StartTime, which AWS rounds down to the minute."""
    start, end = cw._parse_ts(request["StartTime"]), cw._parse_ts(request["EndTime"])
    step = min(period, 60)
    start = start // step * step
    if start >= end:
        message = "The parameter StartTime must be less than the parameter EndTime."
        raise RequestError("ValidationError", message)
    return start, end


def _period(value: Any) -> int:
    period = int(value)
    if period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
        message = f"Period {period} is not valid: it must be 1, 5, 10, 20, 30 or a multiple of 60"
        raise RequestError("ValidationError", message)
    return period


def _get_metric_statistics(request: Request) -> Request:
    period = _period(request["Period"])
    start, end = _time_range(request, period)
    asked, extended = request.get("Statistics") or [], request.get("ExtendedStatistics") or []
    if not asked and not extended:
        raise RequestError("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics")
    for name in [*asked, *extended]:
        _check_statistic(name)
    if (most := math.ceil((end - start) / period)) > MAX_STATISTICS:
        message = (
            f"You have requested up to {most:,} datapoints, which exceeds the limit of {MAX_STATISTICS:,}. You may "
            "reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
        raise RequestError("InvalidParameterCombination", message)
    metric_stat = {"Metric": request, "Period": period, "Unit": request.get("Unit")}
    datapoints = []
    for at, everything in _by_period(metric_stat, start, end).items():
        for unit in sorted({point["Unit"] for point in everything}):
            points = [point for point in everything if point["Unit"] == unit]
            simple, other = ({name: statistic(points, name) for name in names} for names in (asked, extended))
            known = {name: value for name, value in other.items() if value is not None}
            if any(value is not None for value in simple.values()) or known:
                more = {"ExtendedStatistics": known} if known else {}
                datapoints.append({"Timestamp": at, "Unit": unit, **simple, **more})
    return {"Label": request["MetricName"], "Datapoints": datapoints}


def _get_metric_data(request: Request) -> Request:
    queries = request.get("MetricDataQueries") or []
    if len(queries) > MAX_QUERIES:
        message = f"The collection MetricDataQueries must not have a size greater than {MAX_QUERIES}."
        raise RequestError("ValidationError", message)
    periods = [_period(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query]
    start, end = _time_range(request, min(periods, default=60))
    step = max(periods, default=60)
    moments = [start + number * step for number in range(math.ceil((end - start) / step))]
    try:
        found = resolve(queries, lambda metric_stat: series(metric_stat, start, end), moments)
    except ExpressionError as error:
        raise RequestError("ValidationError", str(error)) from error
    newest_first = request.get("ScanBy") != "TimestampAscending"
    told = [
        (query, sorted(found[query["Id"]].items(), reverse=newest_first))
        for query in queries
        if str(query.get("ReturnData", True)).lower() != "false"
    ]
    first = _position(request["NextToken"]) if request.get("NextToken") else 0
    most = int(request.get("MaxDatapoints") or MAX_DATAPOINTS)
    page = {"MetricDataResults": list(_page(told, first, first + most)), "Messages": []}
    if first + most < sum(len(points) for _, points in told):
        page["NextToken"] = base64.urlsafe_b64encode(str(first + most).encode()).decode()
    return page


def _page(told: list[tuple[Request, list[tuple[float, float]]]], first: int, last: int) -> Iterator[Request]:
    """The results whose datapoints, counted over all results in their order, are those from `first` to before `last`.

    Every page names all results: one of which later pages bring more is PartialData.
    """
    before = 0
    for query, points in told:
        part = points[max(0, first - before) : max(0, last - before)]
        before += len(points)
        label = query.get("Label") or query.get("MetricStat", {}).get("Metric", {}).get("MetricName") or query["Id"]
        yield {
            "Id": query["Id"],
            "Label": label,
            "Timestamps": [at for at, _ in part],
            "Values": [value for _, value in part],
            "StatusCode": "PartialData" if before > last else "Complete",
        }


def _position(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise RequestError("InvalidNextToken", f"Invalid NextToken : {token}") from error
