"""Endpoint operations that moto answers otherwise than SageMaker does, on moto's own state."""

from collections.abc import Callable, Mapping
from typing import Any

type Backend = Any  # moto's SageMakerBackend of one account and region; moto ships no types
type Parameters = dict[str, Any]
# Answers with SageMaker's output members, or with None: then moto answers, to the parameters as they are by then.
type Operation = Callable[[Backend, Parameters], dict[str, Any] | None]


class RefusedError(Exception):
    """A request that SageMaker refuses, with the error code and message it refuses it with."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.members = code, message, members


def endpoint_named(backend: Backend, name: str) -> Any:
    """moto's endpoint of that name. Raises RefusedError as DescribeEndpoint does when there is none."""
    endpoint = backend.endpoints.get(name)
    if endpoint is None:
        arn = f"arn:aws:sagemaker:{backend.region_name}:{backend.account_id}:endpoint/{name}"
        raise RefusedError("ValidationException", f'Could not find endpoint "{arn}".')
    return endpoint


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


def describe_endpoint(backend: Backend, parameters: Parameters) -> dict[str, Any]:
    """moto shows the capture configuration itself, not its summary, and leaves weights of 0 out."""
    answer: dict[str, Any] = dict(endpoint_named(backend, parameters["EndpointName"]).response_object)
    answer.pop("Tags", None)
    config = answer.pop("DataCaptureConfig", None)
    if config:
        answer["DataCaptureConfig"] = capture_summary(config)
    no_weight = {"CurrentWeight": 0.0, "DesiredWeight": 0.0}
    answer["ProductionVariants"] = [no_weight | variant for variant in answer["ProductionVariants"]]
    return answer


def list_endpoints(_backend: Backend, parameters: Parameters) -> None:
    """moto gives 100 at a time, oldest first; SageMaker 10, newest first."""
    parameters.setdefault("MaxResults", 10)
    parameters.setdefault("SortOrder", "Descending")


def create_endpoint(backend: Backend, parameters: Parameters) -> None:
    """moto replaces an endpoint that is there already."""
    existing = backend.endpoints.get(parameters["EndpointName"])
    if existing is not None:
        raise RefusedError("ValidationException", f'Cannot create already existing endpoint "{existing.arn}".')


def create_endpoint_config(_backend: Backend, parameters: Parameters) -> None:
    """moto gives a variant without a weight none; SageMaker gives it 1."""
    for variant in parameters["ProductionVariants"]:
        variant.setdefault("InitialVariantWeight", 1.0)


def describe_endpoint_config(backend: Backend, parameters: Parameters) -> dict[str, Any] | None:
    """moto shows an empty capture configuration where there is none."""
    config = backend.endpoint_configs.get(parameters["EndpointConfigName"])
    if config is None:
        return None
    return {key: value for key, value in config.response_object.items() if value or key != "DataCaptureConfig"}


def add_tags(backend: Backend, parameters: Parameters) -> None:
    """moto keeps the old value of a tag beside the new one."""
    arn = parameters["ResourceArn"]
    _require_resource(backend, arn)
    backend.delete_tags(arn, [tag["Key"] for tag in parameters["Tags"]])


def list_tags(backend: Backend, parameters: Parameters) -> None:
    """moto fails on a resource that is not there."""
    _require_resource(backend, parameters["ResourceArn"])


def _require_resource(backend: Backend, arn: str) -> None:
    if backend._get_resource_from_arn(arn) is None:
        raise RefusedError("ValidationException", f'Could not find resource "{arn}".')


OPERATIONS: dict[str, Operation] = {
    "AddTags": add_tags,
    "CreateEndpoint": create_endpoint,
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpoint": describe_endpoint,
    "DescribeEndpointConfig": describe_endpoint_config,
    "ListEndpoints": list_endpoints,
    "ListTags": list_tags,
}
