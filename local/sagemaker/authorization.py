"""Hold callers of the SageMaker side to their IAM policies, which MiniStack keeps and evaluates."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote
from urllib.request import urlopen

from local.sagemaker.errors import RefusedError

# The request member that names a resource an operation is about, and the resource's type in ARNs.
RESOURCES = {
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "ModelPackageName": "model-package",
    "ModelPackageGroupName": "model-package-group",
    "PipelineName": "pipeline",
    "TrainingJobName": "training-job",
    "ModelCardName": "model-card",
}
# Operations that need permission for each resource they name; others for the first.
ABOUT_ALL_THEY_NAME = ("CreateEndpoint", "UpdateEndpoint", "CreateModelPackage")
# Operations that list what belongs to a resource; others that list are about no resource.
LISTS_OF_ONE = ("ListPipelineExecutions", "ListModelCardVersions")
ARN_MEMBERS = ("ResourceArn", "ModelPackageArn", "PipelineExecutionArn")
ROLE_MEMBERS = ("ExecutionRoleArn", "RoleArn")

# What conditions in policies can ask about, and the request member that tells.
CONDITIONS = {
    "sagemaker:InstanceTypes": "ResourceConfig.InstanceType",
    "sagemaker:MaxRuntimeInSeconds": "StoppingCondition.MaxRuntimeInSeconds",
    "sagemaker:ModelApprovalStatus": "ModelApprovalStatus",
}

type ServiceName = Literal["sagemaker", "application-autoscaling", "pricing"]
# Raises RefusedError for a request that is not allowed: access key, service, operation, parameters, account, region.
type Authorize = Callable[[str, ServiceName, str, Mapping[str, Any], str, str], None]


@dataclass(frozen=True, slots=True)
class Permission:
    """An action on a resource, and what conditions in policies can ask about it."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def permissions_for(
    service: ServiceName, operation: str, parameters: Mapping[str, Any], account: str, region: str
) -> list[Permission]:
    """What a caller must be allowed to call an operation. The resource is `*` for operations that name none."""
    action = f"{service}:{operation}"
    if service == "application-autoscaling":
        return [_scaling_permission(action, operation, parameters, account, region)]
    resources = list(_named_resources(operation, parameters, account, region)) or ["*"]
    if operation not in ABOUT_ALL_THEY_NAME:
        resources = resources[:1]
    passed = [
        Permission("iam:PassRole", parameters[member], {"iam:PassedToService": "sagemaker.amazonaws.com"})
        for member in ROLE_MEMBERS
        if parameters.get(member)
    ]
    if operation.startswith("Create") and parameters.get("Tags"):
        passed.append(Permission("sagemaker:AddTags", resources[0]))
    context = {key: str(value) for key, path in CONDITIONS.items() if (value := _member(parameters, path)) is not None}
    return [*(Permission(action, resource, context) for resource in resources), *passed]


def _member(parameters: Any, path: str) -> Any:
    for name in path.split("."):
        parameters = parameters.get(name, {}) if isinstance(parameters, Mapping) else {}
    return parameters or None


def _named_resources(operation: str, parameters: Mapping[str, Any], account: str, region: str) -> Iterator[str]:
    for member in ARN_MEMBERS:
        if member in parameters:
            yield str(parameters[member])
    if operation.startswith("List") and operation not in LISTS_OF_ONE:
        return
    for member, kind in RESOURCES.items():
        if name := str(parameters.get(member, "")):
            arn = name if name.startswith("arn:") else f"arn:aws:sagemaker:{region}:{account}:{kind}/{name}"
            yield arn if kind == "pipeline" else arn.lower()
            if operation == "CreateModelPackage":  # the version is not known yet
                yield f"{arn.lower().replace(':model-package-group/', ':model-package/')}/*"


def _scaling_permission(
    action: str, operation: str, parameters: Mapping[str, Any], account: str, region: str
) -> Permission:
    keys = {"service-namespace": "ServiceNamespace", "scalable-dimension": "ScalableDimension"}
    context = {f"application-autoscaling:{key}": parameters[m] for key, m in keys.items() if m in parameters}
    if operation.startswith("Describe"):
        return Permission(action, "*", context)
    return Permission(action, f"arn:aws:application-autoscaling:{region}:{account}:scalable-target/*", context)


def by_policy(cloud_url: str, iam: Any) -> Authorize:
    """Let MiniStack's root do everything, and a function what its role's policies allow.

    `iam` is a boto3 client of MiniStack. The role behind an access key is asked of `ministack_host`.
    """
    roles: dict[str, str] = {}

    def authorize(
        access_key: str,
        service: ServiceName,
        operation: str,
        parameters: Mapping[str, Any],
        account: str,
        region: str,
    ) -> None:
        if not access_key.startswith("ASIA"):
            return
        if access_key not in roles:
            with urlopen(f"{cloud_url}/_local/principal?access_key={quote(access_key)}", timeout=10) as answer:
                roles[access_key] = json.load(answer)["Arn"]
        for permission in permissions_for(service, operation, parameters, account, region):
            _require(iam, permission, roles[access_key], account)

    return authorize


def _require(iam: Any, permission: Permission, principal: str, account: str) -> None:
    role = principal.rpartition(":")[2].split("/")[1]
    result = iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{account}:role/{role}",
        ActionNames=[permission.action],
        ResourceArns=[permission.resource],
        ContextEntries=[
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in permission.context.items()
        ],
    )
    if result["EvaluationResults"][0]["EvalDecision"] != "allowed":
        raise RefusedError(
            "AccessDeniedException",
            f"User: {principal} is not authorized to perform: {permission.action} on resource: {permission.resource} "
            "because no identity-based policy allows it",
        )
