"""`UpdateEndpoint`: another fleet by another endpoint config takes over, or the endpoint stays as it was.

SageMaker answers at once and works on. When the new fleet can't be made, the endpoint returns to `InService` on its old
config, and only `FailureReason` (not even that always) tells.
"""

from typing import Any

from local.sagemaker.changes import Change
from local.sagemaker.containers import UnknownModelError, container_of, model_of, named_callable
from local.sagemaker.deployments import alarms_of, deployment_stages, require_valid_deployment
from local.sagemaker.endpoints import config_named, endpoint_named
from local.sagemaker.errors import invalid
from local.sagemaker.fleets import RETAINED, Fleet, fleet_from
from local.sagemaker.scaling import scaled_variants
from local.sagemaker.service import Operation, Parameters, Service


def update_endpoint(service: Service, parameters: Parameters) -> dict[str, Any]:
    """Begin an update. Raises RefusedError for what SageMaker would not begin."""
    endpoint = endpoint_named(service, parameters["EndpointName"])
    hosting = service.changes.require_changeable(endpoint)
    # SageMaker looks the old config up too, and can't update an endpoint whose config was deleted.
    config_named(service, hosting.fleet.config_name)
    config = config_named(service, parameters["EndpointConfigName"])
    green = fleet_from(config, hosting.fleet.variants, _retained(parameters))
    _require_no_scaling_in_the_way(service, parameters["EndpointName"], hosting.fleet, green)
    deployment = parameters.get("DeploymentConfig", {})
    if parameters.get("RetainDeploymentConfig"):
        deployment = hosting.deployment_config or {}
    old, new = ([str(v["VariantName"]) for v in fleet.variants] for fleet in (hosting.fleet, green))
    require_valid_deployment(deployment, green.instances, old, new)
    planted = service.faults.next_update_failure()
    now = service.clock.now()
    stages = deployment_stages(deployment, green.instances, service.faults.present.update_seconds)
    failure = planted if planted is not None else _startup_failure(service, green)
    change = Change("Updating", now, now, stages, green, alarms_of(deployment), failure=failure)
    service.changes.begin(endpoint, change)
    hosting.deployment_config = deployment or None
    return {"EndpointArn": endpoint.arn}


def _retained(parameters: Parameters) -> set[str]:
    if not parameters.get("RetainAllVariantProperties"):
        return set()
    excluded = parameters.get("ExcludeRetainedVariantProperties", [])
    return set(RETAINED) - {excluding["VariantPropertyType"] for excluding in excluded}


def _require_no_scaling_in_the_way(service: Service, endpoint: str, blue: Fleet, green: Fleet) -> None:
    """A variant that is a scalable target can't be removed or get another instance type."""
    types = [{v["VariantName"]: v.get("InstanceType") for v in f.config["ProductionVariants"]} for f in (blue, green)]
    for variant in sorted(scaled_variants(service.scaling, endpoint)):
        if variant not in types[1]:
            raise invalid(f"Variant {variant} is a target of automatic scaling: deregister it before removing it.")
        if types[0].get(variant, types[1][variant]) != types[1][variant]:
            raise invalid(
                f"Variant {variant} is a target of automatic scaling: deregister it before changing its instance type."
            )


def _startup_failure(service: Service, green: Fleet) -> str | None:
    """Why the new fleet can't be made: its model is gone, or its container can't be started."""
    for variant in green.variants:
        name = variant["VariantName"]
        model = green.model_of(name)
        if model not in service.backend._models:
            return f'Could not find model "{service.arn("model", model)}".'
        try:
            container = container_of(service.backend, model)
            if named_callable(container) or container.get("ModelDataUrl"):
                green.loaded[model] = model_of(model, container, service.store)
        except UnknownModelError:
            return (
                f"The primary container for production variant {name} did not pass the ping health check. "
                "Please check CloudWatch logs for this endpoint."
            )
    return None


OPERATIONS: dict[str, Operation] = {"UpdateEndpoint": update_endpoint}
