"""Changing what an endpoint serves on Amazon SageMaker: models, endpoint configs, deployments, traffic weights.

SageMaker has one error code for many things: what does not exist, what exists already and what is being updated are
told apart by the message.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from trimtab.aws.clients import sagemaker
from trimtab.rollout.observed import EndpointState, VariantState

# SageMaker documents no wording: these words are in those that were seen, and in the names of the statuses
_BUSY = re.compile("in[- ]progress|updating|being updated|rolling ?back", re.IGNORECASE)


class EndpointBusyError(RuntimeError):
    """The endpoint is being updated and takes no order now. Giving it again later is safe."""


class NotFoundError(LookupError):
    """There is no such endpoint, endpoint config, model or model package (any more)."""


def describe_deployment(endpoint: str) -> EndpointState:
    """What an endpoint serves and whether it is being updated. Raises NotFoundError."""
    client = sagemaker()
    try:
        answer = client.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        raise _translated(error) from error
    return EndpointState(
        name=endpoint,
        status=answer["EndpointStatus"],
        config=answer.get("EndpointConfigName", ""),
        failure=answer.get("FailureReason", ""),
        variants={each["VariantName"]: _variant(each) for each in answer.get("ProductionVariants", [])},
        pending=answer.get("PendingDeploymentSummary", {}).get("EndpointConfigName", ""),
    )


def describe_config(name: str) -> dict[str, Any]:
    """An endpoint config as DescribeEndpointConfig shows it. Raises NotFoundError."""
    try:
        return dict(sagemaker().describe_endpoint_config(EndpointConfigName=name))
    except ClientError as error:
        raise _translated(error) from error


def config_tags(arn: str) -> dict[str, str]:
    """The tags of an endpoint config."""
    pages = sagemaker().get_paginator("list_tags").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def config_members() -> Collection[str]:
    """The members that CreateEndpointConfig knows, by the service's own model."""
    operation = sagemaker().meta.service_model.operation_model("CreateEndpointConfig")
    return frozenset(operation.input_shape.members) if operation.input_shape else frozenset()


def create_config(name: str, document: Mapping[str, Any]) -> None:
    """Make an endpoint config; one of that name that is there already is taken for it."""
    _unless_there(lambda: sagemaker().create_endpoint_config(EndpointConfigName=name, **document))


def describe_model(name: str) -> dict[str, Any]:
    """A model as DescribeModel shows it. Raises NotFoundError."""
    try:
        return dict(sagemaker().describe_model(ModelName=name))
    except ClientError as error:
        raise _translated(error) from error


def describe_package(name: str) -> dict[str, Any]:
    """A model package as DescribeModelPackage shows it. Raises NotFoundError."""
    try:
        return dict(sagemaker().describe_model_package(ModelPackageName=name))
    except ClientError as error:
        raise _translated(error) from error


def create_model(name: str, document: Mapping[str, Any]) -> None:
    """Make a model; one of that name that is there already is taken for it."""
    _unless_there(lambda: sagemaker().create_model(ModelName=name, **document))


def update_endpoint(
    endpoint: str, config: str, override: Sequence[str], deployment: Mapping[str, Any] | None = None
) -> None:
    """Deploy an endpoint config. Variants keep their instances, weights and captures as they are, but for what
    `override` names (`DesiredInstanceCount`, `DesiredWeight`): that is taken from the config.

    Raises EndpointBusyError, NotFoundError. That it succeeded is seen at the endpoint only, minutes later.
    """
    request: dict[str, Any] = {
        "EndpointName": endpoint,
        "EndpointConfigName": config,
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [{"VariantPropertyType": each} for each in override],
    }
    if deployment:
        request["DeploymentConfig"] = deployment
    try:
        sagemaker().update_endpoint(**request)
    except ClientError as error:
        raise _translated(error) from error


def set_weights(endpoint: str, weights: Mapping[str, float]) -> None:
    """Give variants other traffic weights, all at once. Raises EndpointBusyError, NotFoundError."""
    _set_desired(endpoint, [{"VariantName": name, "DesiredWeight": each} for name, each in weights.items()])


def set_instances(endpoint: str, variant: str, instances: int) -> None:
    """Give one variant another number of instances. Raises EndpointBusyError, NotFoundError."""
    _set_desired(endpoint, [{"VariantName": variant, "DesiredInstanceCount": instances}])


def _set_desired(endpoint: str, desired: list[dict[str, Any]]) -> None:
    try:
        sagemaker().update_endpoint_weights_and_capacities(
            EndpointName=endpoint,
            DesiredWeightsAndCapacities=desired,  # type: ignore[arg-type]
        )
    except ClientError as error:
        raise _translated(error) from error


def _variant(summary: Mapping[str, Any]) -> VariantState:
    weight, instances = summary.get("CurrentWeight", 0.0), summary.get("CurrentInstanceCount", 0)
    return VariantState(
        name=summary["VariantName"],
        weight=summary.get("DesiredWeight", weight),
        current_weight=weight,
        instances=summary.get("DesiredInstanceCount", instances),
        current_instances=instances,
    )


def _unless_there(create: Any) -> None:
    try:
        create()
    except ClientError as error:
        if "already existing" not in str(error):
            raise _translated(error) from error


def _translated(error: ClientError) -> Exception:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in {"ValidationException", "ResourceNotFound"}:
        if "Could not find" in message or "does not exist" in message:
            return NotFoundError(message)
        if _BUSY.search(message):
            return EndpointBusyError(message)
    return error
