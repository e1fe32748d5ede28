"""How variants do, as CloudWatch counts it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from statistics import median

from trimtab.aws import sagemaker
from trimtab.aws.cloudwatch_metrics import MetricQuery, Series, read_metrics
from trimtab.rollout.alarm_event import AlarmMetric
from trimtab.rollout.restoration import Health, together

_NAMESPACE = "AWS/SageMaker"


def read_health(
    places: Sequence[tuple[str, str]],
    error_metric: str,
    start: datetime,
    end: datetime,
    latency: AlarmMetric | None = None,
) -> list[Health]:
    """Requests and errors at each place (endpoint, variant), in their order, and the median of the statistic of an
    alarm on latency if one is given. What CloudWatch did not tell is None."""
    statistics = [("Invocations", "Sum", 60), (error_metric, "Sum", 60)]
    if latency:
        statistics.append((latency.name, latency.statistic, latency.period))
    queries = [
        MetricQuery(_NAMESPACE, name, (("EndpointName", endpoint), ("VariantName", variant)), statistic, period)
        for endpoint, variant in places
        for name, statistic, period in statistics
    ]
    series, each = read_metrics(queries, start, end) if queries else [], len(statistics)
    return [_health(variant, *series[i * each : (i + 1) * each]) for i, (_, variant) in enumerate(places)]


def others_health(endpoint: str, error_metric: str, start: datetime, end: datetime) -> list[Health]:
    """Requests and errors of each other endpoint of the account and region, all its variants together."""
    described = [sagemaker.describe_endpoint(name) for name in sagemaker.endpoint_names() if name != endpoint]
    places = [(each.name, variant) for each in described if each for variant in each.variants]
    by_name: dict[str, list[Health]] = {}
    for (name, _), health in zip(places, read_health(places, error_metric, start, end), strict=True):
        by_name.setdefault(name, []).append(health)
    return [together(name, variants) for name, variants in by_name.items()]


def _health(name: str, requests: Series, errors: Series, latency: Series | None = None) -> Health:
    counted = requests.total()
    # an error is counted with its request: where all requests are known, an error that is not there is none
    failed = sum(errors.points.values()) if errors.is_complete and counted is not None else None
    health = Health(name, counted, failed)
    return replace(health, latency=median(latency.points.values())) if latency and latency.points else health
