"""What CloudWatch tells of requests to variants, minute by minute."""

from collections.abc import Sequence
from datetime import datetime

from trimtab.aws.cloudwatch_metrics import MetricQuery, Series, read_metrics

_REQUESTS, _DISKS = "AWS/SageMaker", "/aws/sagemaker/Endpoints"


def read_requests(
    places: Sequence[tuple[str, str]], start: datetime, end: datetime
) -> dict[tuple[str, str], dict[datetime, float] | None]:
    """Requests to each place (endpoint, variant) by minute; None where CloudWatch did not tell all, or told nothing."""
    series = read_metrics([_query(place, "Invocations") for place in places], start, end)
    return {
        place: each.points if each.is_complete and each.points else None
        for place, each in zip(places, series, strict=True)
    }


def read_obstacles(place: tuple[str, str], start: datetime, end: datetime) -> tuple[Series, Series, Series]:
    """What may keep requests to a place (endpoint, variant) from being captured: those that the caller, and those that
    the model or SageMaker made fail, and how full the fullest instance's disk was, in percent."""
    rejected, failed, disk = read_metrics(
        [
            _query(place, "Invocation4XXErrors"),
            _query(place, "Invocation5XXErrors"),
            _query(place, "DiskUtilization", "Maximum", _DISKS),
        ],
        start,
        end,
    )
    return rejected, failed, disk


def _query(place: tuple[str, str], metric: str, statistic: str = "Sum", namespace: str = _REQUESTS) -> MetricQuery:
    endpoint, variant = place
    return MetricQuery(namespace, metric, (("EndpointName", endpoint), ("VariantName", variant)), statistic, period=60)
