"""Endpoint configs of a rollout, copied from the one that serves: whatever it has, they have."""

from collections.abc import Collection, Mapping
from typing import Any

from trimtab.rollout.observed import EndpointState
from trimtab.rollout.request import CANARY

OWN_TAG = "trimtab:rollout"
_OF_THE_MODEL = ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")
_RESERVED_TAGS = "aws:"


def copied(
    described: Mapping[str, Any], accepted: Collection[str], tags: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What CreateEndpointConfig needs to make the config again that DescribeEndpointConfig shows, but for its name.

    `accepted`: the members that CreateEndpointConfig knows, as the service's model names them, so that a member added
    tomorrow is copied without this code knowing it.
    """
    members = {
        name: value
        for name, value in described.items()
        if name in accepted and name != "EndpointConfigName" and value is not None
    }
    kept = [{"Key": k, "Value": v} for k, v in sorted((tags or {}).items()) if not k.startswith(_RESERVED_TAGS)]
    return {**members, **({"Tags": kept} if kept else {})}


def canary_config(
    base: Mapping[str, Any], variant: str, model: str, endpoint: EndpointState, tag: str
) -> dict[str, Any]:
    """The config with a canary beside the variant whose place it is to take: everything alike but the model, one
    instance and no traffic. The others keep the traffic and the instances they have at this moment."""
    present = [_as_it_is(each, endpoint) for each in base["ProductionVariants"]]
    [original] = [each for each in present if each["VariantName"] == variant]
    canary = {
        **original,
        "VariantName": CANARY,
        "ModelName": model,
        "InitialVariantWeight": 0.0,
        **_counted(original, 1),
    }
    return _tagged({**base, "ProductionVariants": [*present, canary]}, tag)


def final_config(
    base: Mapping[str, Any],
    variant: str,
    model: str,
    endpoint: EndpointState,
    tag: str,
    weight: float,
    instances: int,
) -> dict[str, Any]:
    """The config with the new model in the variant's own place, with its weight and so many instances."""
    present = [_as_it_is(each, endpoint) for each in base["ProductionVariants"]]
    place = {"ModelName": model, "InitialVariantWeight": weight}
    replaced = [
        {**each, **place, **_counted(each, instances)} if each["VariantName"] == variant else each for each in present
    ]
    return _tagged({**base, "ProductionVariants": replaced}, tag)


def model_of_package(package: str, present: Mapping[str, Any], tag: str) -> dict[str, Any]:
    """What CreateModel needs to make a model of a package that runs as the present model does (see DescribeModel)."""
    kept = {name: present[name] for name in _OF_THE_MODEL if present.get(name) is not None}
    return {
        "PrimaryContainer": {"ModelPackageName": package},
        **kept,
        "Tags": [{"Key": OWN_TAG, "Value": tag}],
    }


def _as_it_is(variant: Mapping[str, Any], endpoint: EndpointState) -> dict[str, Any]:
    """A variant of a config with the weight and the instances that it has come to since."""
    seen = endpoint.variants.get(variant["VariantName"])
    if seen is None:
        return dict(variant)
    return {**variant, "InitialVariantWeight": seen.weight, **_counted(variant, max(1, seen.instances))}


def _counted(variant: Mapping[str, Any], instances: int) -> dict[str, int]:
    return {"InitialInstanceCount": instances} if "InitialInstanceCount" in variant else {}


def _tagged(config: Mapping[str, Any], tag: str) -> dict[str, Any]:
    tags = [each for each in config.get("Tags", []) if each["Key"] != OWN_TAG]
    return {**config, "Tags": [*tags, {"Key": OWN_TAG, "Value": tag}]}
