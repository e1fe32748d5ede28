"""Hold callers of the SageMaker side to their IAM policies, which MiniStack keeps and evaluates."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from local.sagemaker.endpoints import RefusedError

# The request member that names the resource an operation is about, and the resource's type in ARNs.
RESOURCES = {
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "ModelPackageGroupName": "model-package-group",
    "PipelineName": "pipeline",
    "TrainingJobName": "training-job",
}

# Says why a request is refused, by raising RefusedError: access key, operation, its parameters, account, region.
type Authorize = Callable[[str, str, Mapping[str, Any], str, str], None]


def resource_of(operation: str, parameters: Mapping[str, Any], account: str, region: str) -> str:
    """The ARN that a statement must cover to allow the operation; `*` for operations that name no resource."""
    if "ResourceArn" in parameters:
        return str(parameters["ResourceArn"])
    if operation.startswith("List"):
        return "*"
    for member, kind in RESOURCES.items():
        if member in parameters:
            return f"arn:aws:sagemaker:{region}:{account}:{kind}/{str(parameters[member]).lower()}"
    return "*"


def by_policy(cloud_url: str, iam: Any) -> Authorize:
    """Let MiniStack's root do everything, and a function what its role's policies allow.

    `iam` is a boto3 client of MiniStack. The role behind an access key is asked of `ministack_host`.
    """
    roles: dict[str, str] = {}

    def authorize(access_key: str, operation: str, parameters: Mapping[str, Any], account: str, region: str) -> None:
        if not access_key.startswith("ASIA"):
            return
        if access_key not in roles:
            with urlopen(f"{cloud_url}/_local/principal?access_key={quote(access_key)}", timeout=10) as answer:
                roles[access_key] = json.load(answer)["Arn"]
        principal = roles[access_key]
        role = principal.rpartition(":")[2].split("/")[1]
        resource = resource_of(operation, parameters, account, region)
        action = f"sagemaker:{operation}"
        result = iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{account}:role/{role}", ActionNames=[action], ResourceArns=[resource]
        )
        if result["EvaluationResults"][0]["EvalDecision"] != "allowed":
            raise RefusedError(
                "AccessDeniedException",
                f"User: {principal} is not authorized to perform: {action} on resource: {resource} "
                "because no identity-based policy allows it",
            )

    return authorize
