"""Endpoint operations that moto answers otherwise than SageMaker does, on moto's own state."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from moto.sagemaker.models import FakeEndpointConfig

from local.sagemaker.changes import pending_summary, shown_variants
from local.sagemaker.errors import IN_PROGRESS, invalid
from local.sagemaker.fleets import fleet_from
from local.sagemaker.scaling import deregister_endpoint
from local.sagemaker.service import Operation, Parameters, Service

# Members of an endpoint config that moto forgets, by the names of the attributes from which it would show them.
FORGOTTEN = {
    "ExecutionRoleArn": "execution_role_arn",
    "VpcConfig": "vpc_config",
    "EnableNetworkIsolation": "enable_network_isolation",
    "ExplainerConfig": "explainer_config",
    "MetricsConfig": "metrics_config",
    "ShadowProductionVariants": "shadow_production_variants",
}
# Members of an endpoint config that DescribeEndpoint shows too.
SHOWN_OF_CONFIG = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig")


def endpoint_named(service: Service, name: str) -> Any:
    """moto's endpoint of that name. Raises RefusedError as DescribeEndpoint does when there is none."""
    endpoint = service.backend.endpoints.get(name)
    if endpoint is None:
        raise invalid(f'Could not find endpoint "{service.arn("endpoint", name)}".')
    return endpoint


def config_named(service: Service, name: str) -> dict[str, Any]:
    """The description of an endpoint config. Raises RefusedError as SageMaker does when there is none."""
    config = service.backend.endpoint_configs.get(name)
    if config is None:
        raise invalid(f'Could not find endpoint configuration "{service.arn("endpoint-config", name)}".')
    shown = {key: value for key, value in config.response_object.items() if value not in ({}, [], None)}
    shown.pop("Arn", None)
    shown.pop("Tags", None)
    return shown


def capture_summary(config: Mapping[str, Any]) -> dict[str, Any]:
    """`DataCaptureConfigSummary` of a `DataCaptureConfig`: what DescribeEndpoint shows of it."""
    enabled = bool(config.get("EnableCapture", False))
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def describe_endpoint(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto shows the capture configuration itself, not its summary, and nothing of a change that is under way."""
    endpoint = endpoint_named(service, parameters["EndpointName"])
    hosting = service.changes.of(endpoint)
    config = hosting.fleet.config
    answer: dict[str, Any] = {
        "EndpointName": endpoint.endpoint_name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": hosting.fleet.config_name,
        "ProductionVariants": shown_variants(hosting),
        "EndpointStatus": hosting.status,
        "CreationTime": endpoint.creation_time,
        "LastModifiedTime": hosting.changed,
        **{member: config[member] for member in SHOWN_OF_CONFIG if member in config},
    }
    if capture := config.get("DataCaptureConfig"):
        answer["DataCaptureConfig"] = capture_summary(capture)
    if hosting.failure:
        answer["FailureReason"] = hosting.failure
    if hosting.deployment_config:
        answer["LastDeploymentConfig"] = hosting.deployment_config
    if pending := pending_summary(hosting):
        answer["PendingDeploymentSummary"] = pending
    return answer


def list_endpoints(_service: Service, parameters: Parameters) -> None:
    """moto gives 100 at a time, oldest first; SageMaker 10, newest first."""
    parameters.setdefault("MaxResults", 10)
    parameters.setdefault("SortOrder", "Descending")


def create_endpoint(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto replaces an endpoint that is there already. Here too an endpoint is in service at once."""
    name = parameters["EndpointName"]
    existing = service.backend.endpoints.get(name)
    if existing is not None:
        raise invalid(f'Cannot create already existing endpoint "{existing.arn}".')
    config = config_named(service, parameters["EndpointConfigName"])
    endpoint = service.backend.create_endpoint(name, parameters["EndpointConfigName"], parameters.get("Tags"))
    endpoint.creation_time = service.clock.now().replace(tzinfo=None)
    service.changes.host(endpoint, fleet_from(config))
    return {"EndpointArn": endpoint.arn}


def delete_endpoint(service: Service, parameters: Parameters) -> None:
    """moto deletes an endpoint whatever it is doing, and leaves its scalable targets behind."""
    endpoint = endpoint_named(service, parameters["EndpointName"])
    if service.changes.of(endpoint).change:
        raise invalid(IN_PROGRESS.format(endpoint.arn))
    deregister_endpoint(service.scaling, endpoint.endpoint_name)
    service.changes.forget(endpoint)


def create_endpoint_config(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto replaces a config that is there already, forgets half of it, and gives a variant without a weight none."""
    name, variants = parameters["EndpointConfigName"], parameters["ProductionVariants"]
    arn = service.arn("endpoint-config", name)
    if name in service.backend.endpoint_configs:
        raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
    for variant in variants:
        variant.setdefault("InitialVariantWeight", 1.0)
        if variant["ModelName"] not in service.backend._models:
            raise invalid(f'Could not find model "{service.arn("model", variant["ModelName"])}".')
    config = service.backend.create_endpoint_config(
        name,
        variants,
        parameters.get("DataCaptureConfig"),
        parameters.get("AsyncInferenceConfig"),
        parameters.get("Tags"),
        parameters.get("KmsKeyId"),
    )
    config.creation_time = service.clock.now().replace(tzinfo=None)
    for member, attribute in FORGOTTEN.items():
        if member in parameters:
            setattr(config, attribute, parameters[member])
    return {"EndpointConfigArn": arn}


def describe_endpoint_config(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto shows what there isn't as empty."""
    return config_named(service, parameters["EndpointConfigName"])


def delete_endpoint_config(service: Service, parameters: Parameters) -> None:
    """moto's words differ. A config that an endpoint uses can be deleted; the endpoint can't be updated then."""
    config_named(service, parameters["EndpointConfigName"])


def add_tags(service: Service, parameters: Parameters) -> None:
    """moto keeps the old value of a tag beside the new one."""
    arn = parameters["ResourceArn"]
    _require_resource(service, arn)
    service.backend.delete_tags(arn, [tag["Key"] for tag in parameters["Tags"]])


def list_tags(service: Service, parameters: Parameters) -> None:
    """moto fails on a resource that is not there."""
    _require_resource(service, parameters["ResourceArn"])


def _require_resource(service: Service, arn: str) -> None:
    if service.backend._get_resource_from_arn(arn) is None:
        raise invalid(f'Could not find resource "{arn}".')


@cache
def instance_types() -> frozenset[str]:
    """The instance types that an endpoint can have, as boto3 knows them."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape: Any = model.shape_for("ProductionVariantInstanceType")
    return frozenset(shape.enum)


def _require_instance_type(self: FakeEndpointConfig, instance_type: str) -> None:
    del self
    if instance_type not in instance_types():
        raise invalid(
            f"1 validation error detected: Value '{instance_type}' at 'productionVariants.1.member.instanceType' "
            "failed to satisfy constraint: Member must satisfy enum value set"
        )


# moto knows the instance types of 2019 only.
setattr(FakeEndpointConfig, "validate_instance_type", _require_instance_type)  # noqa: B010 (a method, for mypy)

OPERATIONS: dict[str, Operation] = {
    "AddTags": add_tags,
    "CreateEndpoint": create_endpoint,
    "CreateEndpointConfig": create_endpoint_config,
    "DeleteEndpoint": delete_endpoint,
    "DeleteEndpointConfig": delete_endpoint_config,
    "DescribeEndpoint": describe_endpoint,
    "DescribeEndpointConfig": describe_endpoint_config,
    "ListEndpoints": list_endpoints,
    "ListTags": list_tags,
}
