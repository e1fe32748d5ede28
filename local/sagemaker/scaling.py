"""Application Auto Scaling of endpoint variants: moto's state, held to what AWS does.

Nothing scales: targets, policies and what is suspended are kept and shown.
"""

from collections.abc import Mapping
from typing import Any

from local.sagemaker.errors import RefusedError, invalid
from local.sagemaker.service import Backend, Operation, Parameters, Service

VARIANT_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
NOTHING_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def scaled_variants(scaling: Backend, endpoint: str) -> set[str]:
    """The variants of an endpoint that are scalable targets."""
    prefix = f"endpoint/{endpoint}/variant/"
    targets = scaling.targets.get(VARIANT_DIMENSION, {})
    return {resource.removeprefix(prefix) for resource in targets if resource.startswith(prefix)}


def deregister_endpoint(scaling: Backend, endpoint: str) -> None:
    """Deregister the variants of an endpoint that is deleted."""
    for variant in scaled_variants(scaling, endpoint):
        resource = f"endpoint/{endpoint}/variant/{variant}"
        _forget_policies(scaling, resource, VARIANT_DIMENSION)
        del scaling.targets[VARIANT_DIMENSION][resource]


def target_of(scaling: Backend, parameters: Mapping[str, Any]) -> Any:
    """moto's scalable target that a request names; None when it isn't registered."""
    return scaling.targets.get(parameters.get("ScalableDimension"), {}).get(parameters.get("ResourceId"))


def register_target(service: Service, parameters: Parameters) -> None:
    """moto registers what isn't there, and forgets that what is not suspended is not."""
    _require_variant(service, parameters)
    target = target_of(service.scaling, parameters)
    if target is None and not {"MinCapacity", "MaxCapacity"} <= set(parameters):
        raise invalid("MinCapacity and MaxCapacity are required to register a scalable target.")
    known = (target.min_capacity, target.max_capacity) if target else (0, 0)
    least, most = parameters.get("MinCapacity", known[0]), parameters.get("MaxCapacity", known[1])
    if least > most:
        raise invalid(f"Maximum capacity cannot be less than minimum capacity: {most} < {least}")
    if "SuspendedState" in parameters:
        parameters["SuspendedState"] = NOTHING_SUSPENDED | parameters["SuspendedState"]
    elif target is None:
        parameters["SuspendedState"] = dict(NOTHING_SUSPENDED)


def deregister_target(service: Service, parameters: Parameters) -> None:
    """moto keeps the policies of a target that is gone, and calls a target that isn't there invalid."""
    _require_target(service, parameters)
    _forget_policies(service.scaling, parameters["ResourceId"], parameters["ScalableDimension"])


def put_policy(service: Service, parameters: Parameters) -> None:
    """moto takes policies for targets that aren't there."""
    _require_target(service, parameters)


def delete_policy(service: Service, parameters: Parameters) -> None:
    """moto calls a policy that isn't there invalid."""
    names = ("ServiceNamespace", "ResourceId", "ScalableDimension", "PolicyName")
    if "\t".join(parameters[name] for name in names) not in service.scaling.policies:
        raise RefusedError(
            "ObjectNotFoundException", f"No scaling policy found for {_words(parameters)}: {parameters['PolicyName']}"
        )


def describe_activities(_service: Service, _parameters: Parameters) -> dict[str, Any]:
    """moto has no activities. Nothing scales here, so there are none."""
    return {"ScalingActivities": []}


def _require_variant(service: Service, parameters: Parameters) -> None:
    if parameters.get("ScalableDimension") != VARIANT_DIMENSION:
        return
    _, endpoint, _, variant = (parameters["ResourceId"].split("/") + [""] * 4)[:4]
    there = service.backend.endpoints.get(endpoint)
    if there is None or variant not in {v["VariantName"] for v in there.production_variants}:
        raise invalid(f"Could not find the variant of resource ID: {parameters['ResourceId']}")


def _require_target(service: Service, parameters: Parameters) -> None:
    if target_of(service.scaling, parameters) is None:
        raise RefusedError("ObjectNotFoundException", f"No scalable target registered for {_words(parameters)}")


def _words(parameters: Parameters) -> str:
    return (
        f"service namespace: {parameters['ServiceNamespace']}, resource ID: {parameters['ResourceId']}, "
        f"scalable dimension: {parameters['ScalableDimension']}"
    )


def _forget_policies(scaling: Backend, resource: str, dimension: str) -> None:
    for key, policy in list(scaling.policies.items()):
        if (policy.resource_id, policy.scalable_dimension) == (resource, dimension):
            del scaling.policies[key]


OPERATIONS: dict[str, Operation] = {
    "DeleteScalingPolicy": delete_policy,
    "DeregisterScalableTarget": deregister_target,
    "DescribeScalingActivities": describe_activities,
    "PutScalingPolicy": put_policy,
    "RegisterScalableTarget": register_target,
}
