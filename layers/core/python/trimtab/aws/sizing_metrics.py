"""The metrics of one variant of an endpoint: minute by minute for its size, hour by hour for what became of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched

from botocore.exceptions import BotoCoreError, ClientError

from trimtab.aws.cloudwatch_metrics import MetricQuery, Series, read_metrics

_REQUESTS, _INSTANCES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
_OF_INSTANCES = {"CPUUtilization", "MemoryUtilization", "GPUUtilization", "GPUMemoryUtilization"}
_POINTS_PER_CALL = 100_800
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
KEPT = timedelta(days=15)
"""CloudWatch keeps minutes for so long."""
PUBLISHED = timedelta(minutes=3)
"""Metrics are whole so long after their minute."""


@dataclass(frozen=True)
class MinutesRead:
    """Datapoints by field, in CloudWatch's units. `incomplete`: fields that were not read whole; `problem`: why."""

    points: dict[str, list[tuple[datetime, float]]] = field(default_factory=dict)
    incomplete: tuple[str, ...] = ()
    problem: str = ""


def read_minutes(
    endpoint: str, variant: str, wanted: Mapping[str, tuple[str, str]], start: datetime, end: datetime
) -> MinutesRead:
    """The metrics and statistics `wanted` by field, in the minutes from `start` until before `end`.

    As many metrics a call as may be answered in one. What CloudWatch withholds, or does not answer, is incomplete.
    """
    minutes = max((end - start) // timedelta(minutes=1), 1)
    points: dict[str, list[tuple[datetime, float]]] = {}
    incomplete: list[str] = []
    problem = ""
    for names in batched(wanted, max(_POINTS_PER_CALL // minutes, 1), strict=False):
        queries = [_query(endpoint, variant, *wanted[name], _MINUTE) for name in names]
        try:
            series = read_metrics(queries, start, end)
        except (BotoCoreError, ClientError) as error:
            problem = f"CloudWatch did not answer: {error}"
            incomplete += names
            continue
        points |= {name: sorted(each.points.items()) for name, each in zip(names, series, strict=True)}
        incomplete += [name for name, each in zip(names, series, strict=True) if not each.is_complete]
    return MinutesRead(points, tuple(incomplete), problem)


def read_hourly(endpoint: str, variant: str, start: datetime, end: datetime) -> tuple[Series, Series]:
    """Requests, and the 99th percentile of `ModelLatency` in microseconds, of the hours from `start` until `end`."""
    requests, latency = read_metrics(
        [
            _query(endpoint, variant, "Invocations", "Sum", _HOUR),
            _query(endpoint, variant, "ModelLatency", "p99", _HOUR),
        ],
        start,
        end,
    )
    return requests, latency


def total_requests(endpoint: str, variants: list[str], start: datetime, end: datetime) -> float | None:
    """The requests of some variants in all; None when they are not known."""
    if not variants:
        return 0.0
    series = read_metrics([_query(endpoint, each, "Invocations", "Sum", _DAY) for each in variants], start, end)
    return sum(_values(series)) if all(each.is_complete for each in series) else None


def _values(series: list[Series]) -> Iterator[float]:
    for each in series:
        yield from each.points.values()


def _query(endpoint: str, variant: str, metric: str, statistic: str, period: int) -> MetricQuery:
    namespace = _INSTANCES if metric in _OF_INSTANCES else _REQUESTS
    return MetricQuery(namespace, metric, (("EndpointName", endpoint), ("VariantName", variant)), statistic, period)
