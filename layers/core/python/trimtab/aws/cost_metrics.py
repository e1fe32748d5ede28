"""What CloudWatch counts of an endpoint that it is billed for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from trimtab.aws.cloudwatch_metrics import MetricQuery, Series, read_metrics
from trimtab.aws.sagemaker_deployments import NotFoundError, describe_deployment

_REQUESTS, _INSTANCES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
_HOUR = 3600
# sic, with three s: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
_ASYNCHRONOUS = "InvocationsProcesssed"


@dataclass(frozen=True)
class CountedVariant:
    """What was counted of a variant: `samples` that its instances gave, by period; `predictions` and `microseconds` of
    computing by hour."""

    samples: Series
    predictions: Series
    microseconds: Series


def count_variants(
    endpoint: str,
    variants: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    period: int,
    is_async: bool,
    serverless: Collection[str] = (),
) -> dict[str, CountedVariant]:
    """What was counted of each variant from `start` until before `end`, both whole hours. `period` of the samples, in
    seconds. Of variants that are not `serverless`, the computing is not asked for."""
    queries = []
    for variant in variants:
        queries.append(_query(endpoint, variant, _INSTANCES, "CPUUtilization", "SampleCount", period))
        queries.append(_query(endpoint, variant, _REQUESTS, _ASYNCHRONOUS if is_async else "Invocations"))
        if variant in serverless:
            queries.append(_query(endpoint, variant, _REQUESTS, "ModelLatency"))
    series = iter(read_metrics(queries, start, end))
    return {
        variant: CountedVariant(next(series), next(series), next(series) if variant in serverless else Series())
        for variant in variants
    }


def count_predictions(endpoint: str, variant: str, start: datetime, end: datetime) -> float | None:
    """The predictions of one variant from `start` until before `end`, in whole hours; None when they are not known."""
    [series] = read_metrics([_query(endpoint, variant, _REQUESTS, "Invocations")], start, end)
    return series.total()


def count_predictions_of_endpoint(endpoint: str, start: datetime, end: datetime) -> float | None:
    """The predictions of all variants that an endpoint has now; None when there is no such endpoint, or none of its
    variants' predictions are known."""
    try:
        variants = describe_deployment(endpoint).variants
    except NotFoundError:
        return None
    counts = [count_predictions(endpoint, variant, start, end) for variant in variants]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _query(
    endpoint: str, variant: str, namespace: str, metric: str, statistic: str = "Sum", period: int = _HOUR
) -> MetricQuery:
    return MetricQuery(namespace, metric, (("EndpointName", endpoint), ("VariantName", variant)), statistic, period)
