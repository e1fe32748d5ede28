from datetime import UTC, datetime, timedelta

import pytest

from trimtab.sizing.description import (
    Regime,
    benchmarks_of,
    endpoint_of,
    kind_of,
    publish_seconds,
    quotas_met,
    regime,
    retyped,
)

MADE = datetime(2026, 1, 1, tzinfo=UTC)
CHANGED = datetime(2026, 11, 1, tzinfo=UTC)
VARIANT = {"VariantName": "AllTraffic", "ModelName": "churn", "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 3}
CONFIG = {"ProductionVariants": [VARIANT]}


@pytest.mark.parametrize(
    ("known", "is_scaled", "since"),
    [
        (None, False, CHANGED),
        (None, True, MADE),
        (Regime("churn-1", MADE + timedelta(days=9)), True, MADE + timedelta(days=9)),
        (Regime("churn-0", MADE), True, CHANGED),
    ],
)
def test_a_configuration_serves_since_it_came_and_not_since_its_last_scaling(known, is_scaled, since):
    found = regime(known, config="churn-1", config_created=MADE, changed=CHANGED, is_scaled=is_scaled)
    assert found == Regime("churn-1", since)


@pytest.mark.parametrize(
    ("variant", "config", "kind"),
    [
        (VARIANT, CONFIG, "real_time"),
        ({**VARIANT, "ServerlessConfig": {}}, CONFIG, "serverless"),
        (VARIANT, {**CONFIG, "AsyncInferenceConfig": {}}, "async"),
        ({"VariantName": "AllTraffic"}, CONFIG, "inference_components"),
    ],
)
def test_kinds_of_endpoint(variant, config, kind):
    assert kind_of(variant, config) == kind


def test_a_variant_is_described_with_its_model():
    model = {"PrimaryContainer": {"Mode": "MultiModel"}, "VpcConfig": {"Subnets": ["a"]}}
    config = {**CONFIG, "ShadowProductionVariants": [VARIANT], "DataCaptureConfig": {"EnableCapture": True}}
    found = endpoint_of(
        {**VARIANT, "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}},
        config,
        model,
        instances=4,
        tags={"keep": "True"},
        created=MADE,
        changed=CHANGED,
        other_requests=0.0,
        quotas={},
        benchmarks={},
    )
    assert (found.multi_model, found.network_isolated, found.variants, found.data_capture) == (True, True, 2, True)
    assert (found.kept, found.routing, found.instances) == (True, "LEAST_OUTSTANDING_REQUESTS", 4)


def test_how_often_metrics_are_published():
    assert publish_seconds(CONFIG) == 60
    given = {"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": 10}
    assert publish_seconds({"MetricsConfig": given}) == 10
    assert publish_seconds({"MetricsConfig": {**given, "EnableEnhancedMetrics": False}}) == 60


def test_a_limit_that_was_met_bounds_the_count():
    message = (
        "Failed to set desired instance count to 7. Reason: The account-level service limit 'ml.m5.xlarge for endpoint "
        "usage' is 8 Instances, with current utilization of 6 Instances and a request delta of 3 Instances."
    )
    assert quotas_met([message, "something else"], 4) == {"ml.m5.xlarge": 6}


def test_the_best_benchmark_of_a_type_counts():
    def job(most, latency, name="ml.c5.large"):
        metrics = {"MaxInvocations": most, "ModelLatency": latency}
        return {"InferenceRecommendations": [{"EndpointConfiguration": {"InstanceType": name}, "Metrics": metrics}]}

    found = benchmarks_of([job(100, 40_000), job(900, 60_000), job(50, 0, "ml.m5.large"), job(0, 1, "ml.p3.2xlarge")])
    assert (found["ml.c5.large"].max_invocations, found["ml.c5.large"].latency_ms) == (900, 60)
    assert found["ml.m5.large"].latency_ms is None
    assert "ml.p3.2xlarge" not in found
    assert benchmarks_of([{}, {"InferenceRecommendations": [{}]}]) == {}


def test_another_type_keeps_all_else():
    other = {**VARIANT, "VariantName": "B"}
    config = {"ProductionVariants": [VARIANT, other], "KmsKeyId": "k"}
    found = retyped(config, "AllTraffic", "ml.c5.large", 5)
    assert found["KmsKeyId"] == "k"
    assert found["ProductionVariants"] == [
        {**VARIANT, "InstanceType": "ml.c5.large", "InitialInstanceCount": 5}, other
    ]  # fmt: skip
