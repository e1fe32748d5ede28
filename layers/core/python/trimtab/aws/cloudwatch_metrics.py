"""Series of Amazon CloudWatch. What CloudWatch did not tell is not there: a missing minute is no zero."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from trimtab.aws.clients import cloudwatch

_QUERIES_PER_CALL = 500
_DATA_PER_CALL = 200
"""A call may carry 1,000 metrics and 1 MB; a datum with the longest names has some 3 KB."""


@dataclass(frozen=True)
class MetricQuery:
    """One series to ask for. `dimensions` must be exactly those it is published with: endpoints publish theirs by
    EndpointName and VariantName. `period` in seconds."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period: int


@dataclass(frozen=True)
class Series:
    """Datapoints by the start of their period. `is_complete` False: CloudWatch did not return all there are."""

    points: dict[datetime, float] = field(default_factory=dict)
    is_complete: bool = False

    def total(self) -> float | None:
        """The sum; None when it is not known, because datapoints were withheld or there are none."""
        return sum(self.points.values()) if self.is_complete and self.points else None

    def largest(self) -> float | None:
        """The largest value; None when it is not known."""
        return max(self.points.values()) if self.is_complete and self.points else None


def read_metrics(queries: Sequence[MetricQuery], start: datetime, end: datetime) -> list[Series]:
    """The series asked for, in their order, over periods that start from `start` until before `end`. CloudWatch charges
    for each series asked for."""
    series: list[Series] = []
    for batch in batched(queries, _QUERIES_PER_CALL, strict=False):
        series += _read_batch(batch, start, end)
    return series


def publish_metrics(namespace: str, data: Iterable[Mapping[str, Any]]) -> None:
    """Publish data in the form of PutMetricData's MetricData, in as many calls as its limits ask for."""
    for batch in batched(data, _DATA_PER_CALL, strict=False):
        cloudwatch().put_metric_data(Namespace=namespace, MetricData=list(batch))


def _read_batch(queries: Sequence[MetricQuery], start: datetime, end: datetime) -> list[Series]:
    points: list[dict[datetime, float]] = [{} for _ in queries]
    status = [""] * len(queries)
    pages = (
        cloudwatch()
        .get_paginator("get_metric_data")
        .paginate(MetricDataQueries=[_query(i, query) for i, query in enumerate(queries)], StartTime=start, EndTime=end)
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            i = int(result["Id"].removeprefix("q"))
            moments = (moment.astimezone(UTC) for moment in result["Timestamps"])
            points[i].update(zip(moments, result["Values"], strict=True))
            # a series that goes on in the next page is PartialData in this one: the last word counts
            status[i] = result["StatusCode"]
    return [Series(each, state == "Complete") for each, state in zip(points, status, strict=True)]


def _query(index: int, query: MetricQuery) -> dict[str, Any]:
    return {
        "Id": f"q{index}",
        "MetricStat": {
            "Metric": {
                "Namespace": query.namespace,
                "MetricName": query.metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in query.dimensions],
            },
            "Period": query.period,
            "Stat": query.statistic,
        },
    }
