"""What SageMaker tells of an endpoint's variant, as far as its size depends on it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from trimtab.sizing.endpoint import Benchmark, Endpoint

_LIMIT = re.compile(
    r"service limit '(ml\.\S+) for endpoint usage' is (\d+) Instances?, with current utilization of (\d+)"
)


@dataclass(frozen=True, slots=True)
class Regime:
    """Since when a configuration serves: before that, service times were another model's or another type's."""

    config: str
    since: datetime


def regime(
    known: Regime | None,
    *,
    config: str,
    config_created: datetime,
    changed: datetime,
    is_scaled: bool,
) -> Regime:
    """Since when the present configuration serves.

    `changed`: when the endpoint last changed. That is at each change of its instances too, so it tells when the
    configuration came only when another served at the look before; at the first look at an endpoint whose instances
    vary (`is_scaled`) the configuration's age stands in, which is an assumption.
    """
    if known is not None and known.config == config:
        return known
    if known is None and is_scaled:
        return Regime(config, config_created)
    return Regime(config, max(changed, config_created))


def kind_of(variant: Mapping[str, Any], config: Mapping[str, Any]) -> Literal[
    "real_time", "serverless", "async", "inference_components"
]:  # fmt: skip
    """What kind of endpoint a variant of an endpoint config makes."""
    if "ServerlessConfig" in variant:
        return "serverless"
    if "AsyncInferenceConfig" in config:
        return "async"
    return "real_time" if variant.get("ModelName") else "inference_components"


def endpoint_of(
    variant: Mapping[str, Any],
    config: Mapping[str, Any],
    model: Mapping[str, Any],
    *,
    instances: int,
    tags: Mapping[str, str],
    created: datetime,
    changed: datetime,
    other_requests: float | None,
    quotas: Mapping[str, int],
    benchmarks: Mapping[str, Benchmark],
) -> Endpoint:
    """A variant as it is sized.

    `variant`: of `config`, as DescribeEndpointConfig shows it; `model`: as DescribeModel does, empty when it is gone.
    `changed`: since when the configuration serves.
    """
    containers = [each for each in (model.get("PrimaryContainer"), *model.get("Containers", ())) if each]
    return Endpoint(
        instance_type=variant.get("InstanceType", ""),
        instances=instances,
        kind=kind_of(variant, config),
        routing=variant.get("RoutingConfig", {}).get("RoutingStrategy", "RANDOM"),
        variants=len(config["ProductionVariants"]) + len(config.get("ShadowProductionVariants", ())),
        data_capture=config.get("DataCaptureConfig", {}).get("EnableCapture", False),
        network_isolated=bool(model.get("EnableNetworkIsolation") or model.get("VpcConfig")),
        multi_model=len(containers) > 1 or any(each.get("Mode") == "MultiModel" for each in containers),
        kept=tags.get("keep", "").lower() == "true",
        created=created,
        changed=changed,
        other_requests=other_requests,
        quotas=quotas,
        benchmarks=benchmarks,
    )


def publish_seconds(config: Mapping[str, Any]) -> int:
    """How often each instance publishes its utilisation."""
    metrics = config.get("MetricsConfig", {})
    return int(metrics.get("MetricPublishFrequencyInSeconds", 60)) if metrics.get("EnableEnhancedMetrics") else 60


def quotas_met(messages: Iterable[str], instances: int) -> dict[str, int]:
    """By instance type, the most that a variant with so many instances may have, from the messages of scaling
    activities that failed for the account's limit."""
    most: dict[str, int] = {}
    for message in messages:
        if found := _LIMIT.search(message):
            name, limit, used = found[1], int(found[2]), int(found[3])
            most[name] = max(instances + limit - used, 1)
    return most


def benchmarks_of(jobs: Iterable[Mapping[str, Any]]) -> dict[str, Benchmark]:
    """Results of Inference Recommender by instance type, from DescribeInferenceRecommendationsJob; the best counts.

    Its `ModelLatency` is in microseconds, as CloudWatch's.
    """
    found: dict[str, Benchmark] = {}
    for job in jobs:
        for each in job.get("InferenceRecommendations", ()):
            name = each.get("EndpointConfiguration", {}).get("InstanceType")
            metrics = each.get("Metrics", {})
            most, latency = metrics.get("MaxInvocations"), metrics.get("ModelLatency")
            if name and most and most > 0 and (name not in found or most > found[name].max_invocations):
                found[name] = Benchmark(float(most), latency / 1000 if latency and latency > 0 else None)
    return found


def retyped(config: Mapping[str, Any], variant: str, instance_type: str, instances: int) -> dict[str, Any]:
    """What CreateEndpointConfig needs for the same configuration on another instance type, but for its name.

    `config`: what it would need for the present one.
    """
    new = {"InstanceType": instance_type, "InitialInstanceCount": instances}
    changed = [
        {**each, **new} if each["VariantName"] == variant else dict(each) for each in config["ProductionVariants"]
    ]
    return {**config, "ProductionVariants": changed}


def how_to_retype(endpoint: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """How people change the instance type: the calls of SageMaker's API, in order, with a name to be chosen.

    `config`: what CreateEndpointConfig needs for the new type, as `retyped` gives it.
    """
    return {
        "create_endpoint_config": {"EndpointConfigName": "<a new name>", **config},
        "update_endpoint": {
            "EndpointName": endpoint,
            "EndpointConfigName": "<the new name>",
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
        },
        "guide": "docs/sizing.md",
    }
