"""What CloudWatch tells of the two fleets of a deployment, minute by minute."""

from collections.abc import Sequence
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from trimtab.aws.cloudwatch_metrics import MetricQuery, Series, read_metrics
from trimtab.rollout.readings import VariantReadings

_NAMESPACE = "AWS/SageMaker"
type Fleets = tuple[VariantReadings, VariantReadings]
"""The new fleet of a variant, and both fleets together."""


def read_fleets(
    endpoint: str,
    config: str,
    variants: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    error_metric: str,
    latency_ms: float | None,
) -> tuple[list[Fleets], str]:
    """Requests, errors and slow requests (longer than `latency_ms`; None: not asked for) of each variant's new fleet,
    which has the endpoint config `config`, and of both its fleets; and why that is not whole, "" when it is."""
    metrics = [("Invocations", "Sum"), (error_metric, "Sum")]
    if latency_ms is not None:
        metrics.append(("ModelLatency", f"TC({round(latency_ms * 1000)}:)"))  # ModelLatency is in microseconds
    queries = [
        MetricQuery(_NAMESPACE, metric, (("EndpointName", endpoint), ("VariantName", variant), *fleet), statistic, 60)
        for variant in variants
        for fleet in ((("EndpointConfigName", config),), ())
        for metric, statistic in metrics
    ]
    try:
        series = read_metrics(queries, start, end)
    except (BotoCoreError, ClientError) as error:
        return [], f"CloudWatch did not answer: {error}"
    partial = sum(not each.is_complete for each in series)
    each = len(metrics)
    readings = [_readings(series[i : i + each]) for i in range(0, len(series), each)]
    problem = f"CloudWatch withheld {partial} of {len(series)} series" if partial else ""
    return list(zip(readings[::2], readings[1::2], strict=True)), problem


def _readings(series: Sequence[Series]) -> VariantReadings:
    requests, errors, *slow = (each.points for each in series)
    return VariantReadings(requests, errors, slow[0] if slow else None)
