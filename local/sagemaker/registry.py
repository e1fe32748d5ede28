"""Model operations that moto answers otherwise than SageMaker does."""

from typing import Any

from local.sagemaker.errors import invalid
from local.sagemaker.packages import require_package
from local.sagemaker.service import Operation, Parameters, Service


def create_model(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto replaces a model that is there already, and does not look whether its model package is there."""
    name = parameters["ModelName"]
    arn = service.arn("model", name)
    if name in service.backend._models:
        raise invalid(f'Cannot create already existing model "{arn}".')
    containers = [*filter(None, [parameters.get("PrimaryContainer")]), *parameters.get("Containers", [])]
    for container in containers:
        if package := container.get("ModelPackageName"):
            require_package(service, package)
    model = service.backend.create_model(
        name,
        parameters.get("ExecutionRoleArn"),
        parameters.get("PrimaryContainer"),
        parameters.get("VpcConfig"),
        parameters.get("Containers"),
        parameters.get("Tags"),
    )
    model.creation_time = service.clock.now().replace(tzinfo=None)
    model.enable_network_isolation = parameters.get("EnableNetworkIsolation", False)
    return {"ModelArn": arn}


def describe_model(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto's words for a model that isn't there differ, and it shows what there isn't as empty."""
    name = parameters["ModelName"]
    model = service.backend._models.get(name)
    if model is None:
        raise invalid(f'Could not find model "{service.arn("model", name)}".')
    shown = {key: value for key, value in model.response_object.items() if value not in ({}, [], None)}
    shown.pop("Tags", None)
    return shown


def list_recommendations(_service: Service, _parameters: Parameters) -> dict[str, Any]:
    """moto has no Inference Recommender: nobody ran it."""
    return {"InferenceRecommendationsJobs": []}


OPERATIONS: dict[str, Operation] = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "ListInferenceRecommendationsJobs": list_recommendations,
}
