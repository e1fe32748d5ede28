"""Endpoint configs, and which of them served when."""

import json
from datetime import UTC, datetime, timedelta

from trimtab.cost.configurations import (
    Stage,
    configuration_document,
    configuration_from_document,
    observe,
    read_configuration,
    since_then,
    stages_document,
    stages_from_document,
)
from trimtab.cost.prices import Product

HOUR = timedelta(hours=1)
T0 = datetime(2026, 11, 20, 8, tzinfo=UTC)
FIRST = (Stage("a", T0 - 24 * HOUR, T0 - 24 * HOUR),)


def described(**more):
    instances = {
        "VariantName": "blue",
        "ModelName": "m",
        "InstanceType": "ml.m5.xlarge",
        "InitialInstanceCount": 2,
        "VolumeSizeInGB": 30,
    }
    return {"EndpointConfigName": "a", "CreationTime": T0, "ProductionVariants": [instances], **more}


def look(stages, configuration, pending="", *, changed=T0, seen=T0 - HOUR, now=T0 + HOUR):
    return observe(stages, configuration=configuration, pending=pending, changed=changed, seen=seen, now=now)


def test_what_is_billed_is_read():
    serverless = {
        "VariantName": "small",
        "ModelName": "m",
        "ServerlessConfig": {"MemorySizeInMB": 4096, "MaxConcurrency": 5, "ProvisionedConcurrency": 2},
    }
    document = described(
        ShadowProductionVariants=[{"VariantName": "shadow", "ModelName": "n", "InstanceType": "ml.c5.large"}],
        MetricsConfig={"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": 10},
    )
    document["ProductionVariants"].append(serverless)
    configuration = read_configuration(document)
    assert configuration.publish_seconds == 10
    assert [(each.name, each.is_shadow, each.volume_gb) for each in configuration.variants] == [
        ("blue", False, 30),
        ("small", False, 0),
        ("shadow", True, 0),
    ]
    assert configuration.products("eu-west-1") == [
        Product("eu-west-1", "Hosting", "ml.m5.xlarge"),
        Product("eu-west-1", "ServerlessInf", "Mem-4GB"),
        Product("eu-west-1", "ProvisionedConcurrency", "Usage-4GB"),
        Product("eu-west-1", "Hosting", "ml.c5.large"),
    ]
    assert configuration_from_document(json.loads(json.dumps(configuration_document(configuration)))) == configuration


def test_asynchronous_instances_have_a_price_of_their_own_and_may_rest():
    configuration = read_configuration(described(AsyncInferenceConfig={"OutputConfig": {}}))
    assert configuration.products("eu-west-1") == [Product("eu-west-1", "AsyncInf", "ml.m5.xlarge")]
    assert configuration.variants[0].may_rest


def test_instances_for_inference_components_may_rest_and_count_no_predictions():
    [variant] = read_configuration(
        {**described(), "ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.g5.xlarge"}]}
    ).variants
    assert variant.may_rest
    assert not variant.has_model


def test_another_look_at_the_same_changes_nothing():
    assert look(FIRST, "a", changed=T0) == FIRST


def test_a_change_that_nobody_saw_is_when_the_endpoint_changed():
    assert look(FIRST, "b") == (*FIRST, Stage("b", T0 - HOUR, T0))


def test_a_change_is_between_the_looks_whatever_the_endpoint_says():
    assert look(FIRST, "b", changed=T0 - 9 * HOUR)[-1] == Stage("b", T0 - HOUR, T0 - HOUR)
    assert look(FIRST, "b", changed=T0 + 9 * HOUR)[-1] == Stage("b", T0 - HOUR, T0 + HOUR)


def test_a_deployment_is_followed_to_its_end():
    begun = look(FIRST, "a", "b")
    assert begun == (*FIRST, Stage("b", T0 - HOUR))
    assert look(begun, "a", "b", seen=T0 + HOUR, now=T0 + 2 * HOUR) == begun
    changed = T0 + 90 * timedelta(minutes=1)
    ended = look(begun, "b", changed=changed, seen=T0 + HOUR, now=T0 + 2 * HOUR)
    assert ended == (*FIRST, Stage("b", T0 - HOUR, changed))


def test_a_deployment_that_fails_ends_without_having_served():
    begun = look(FIRST, "a", "b")
    assert look(begun, "a", seen=T0 + HOUR, now=T0 + 2 * HOUR)[-1] == Stage("b", T0 - HOUR, None, T0 + 2 * HOUR)
    other = look(begun, "a", "c", seen=T0 + HOUR, now=T0 + 2 * HOUR)
    assert other[1:] == (Stage("b", T0 - HOUR, None, T0 + 2 * HOUR), Stage("c", T0 + HOUR))


def test_a_roll_back_to_an_earlier_config_is_another_stage():
    there = look(FIRST, "b")
    back = look(there, "a", changed=T0 + 2 * HOUR, seen=T0 + HOUR, now=T0 + 3 * HOUR)
    assert back == (*there, Stage("a", T0 + HOUR, T0 + 2 * HOUR))


def test_stages_are_forgotten_when_they_are_over():
    stages = (*FIRST, Stage("b", T0, T0), Stage("c", T0, None, T0 + HOUR), Stage("d", T0 + 2 * HOUR))
    assert [each.configuration for each in since_then(stages, T0 - HOUR)] == ["a", "b", "c", "d"]
    assert [each.configuration for each in since_then(stages, T0 + HOUR)] == ["b", "d"]
    assert stages_from_document(json.loads(json.dumps(stages_document(stages)))) == stages
