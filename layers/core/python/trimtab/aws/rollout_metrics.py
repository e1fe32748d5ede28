"""What CloudWatch tells of an endpoint's variants, minute by minute."""

from datetime import datetime, timedelta
from statistics import median

from botocore.exceptions import BotoCoreError, ClientError

from trimtab.aws.cloudwatch_metrics import MetricQuery, Series, read_metrics
from trimtab.rollout.readings import Readings, VariantReadings
from trimtab.rollout.request import CANARY

_NAMESPACE = "AWS/SageMaker"
_LATENCY_DAYS = 14


def read_variants(
    endpoint: str, production: str, start: datetime, end: datetime, *, error_metric: str, latency_ms: float | None
) -> Readings:
    """Requests, errors and slow requests (those longer than `latency_ms`; None: not asked for) of the canary and of a
    variant, by minute. What could not be read whole is a problem of the readings, not an error."""
    metrics = [("Invocations", "Sum"), (error_metric, "Sum")]
    if latency_ms is not None:
        metrics.append(("ModelLatency", f"TC({round(latency_ms * 1000)}:)"))  # ModelLatency is in microseconds
    names = (CANARY, production)
    queries = [_query(endpoint, name, metric, statistic, 60) for name in names for metric, statistic in metrics]
    try:
        series = read_metrics(queries, start, end)
    except (BotoCoreError, ClientError) as error:
        return Readings(problem=f"CloudWatch did not answer: {error}")
    partial = sum(not each.is_complete for each in series)
    problem = f"CloudWatch withheld {partial} of {len(series)} series" if partial else ""
    count = len(metrics)
    return Readings(_variant(series[:count]), _variant(series[count:]), problem)


def usual_latency(endpoint: str, variant: str, now: datetime) -> float | None:
    """What 95 % of a variant's requests took at most, in milliseconds: the median of the last 14 days' p95. None when
    nothing is known of it."""
    start = now - timedelta(days=_LATENCY_DAYS)
    [series] = read_metrics([_query(endpoint, variant, "ModelLatency", "p95", 24 * 3600)], start, now)
    return median(series.points.values()) / 1000 if series.is_complete and series.points else None


def _variant(series: list[Series]) -> VariantReadings:
    requests, errors, *slow = series
    return VariantReadings(requests.points, errors.points, slow[0].points if slow else None)


def _query(endpoint: str, variant: str, metric: str, statistic: str, period: int) -> MetricQuery:
    dimensions = (("EndpointName", endpoint), ("VariantName", variant))
    return MetricQuery(_NAMESPACE, metric, dimensions, statistic, period)
