"""Model registry operations: groups of model packages, their versions, and whether these are approved."""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from inspect import signature
from threading import Lock
from typing import Any

from local.sagemaker.containers import UnknownModelError, package_containers
from local.sagemaker.errors import invalid
from local.sagemaker.job_events import package_event
from local.sagemaker.listing import is_between, listed
from local.sagemaker.model_cards import require_valid_content
from local.sagemaker.service import Operation, Parameters, Service

APPROVALS = ("Approved", "Rejected", "PendingManualApproval")
MOST_METADATA, LONGEST_KEY, LONGEST_VALUE = 50, 128, 256
REGISTERING = Lock()
# Members of a package that moto forgets.
FORGOTTEN = ("ModelCard", "ModelLifeCycle", "SecurityConfig", "SkipModelValidation", "SourceUri")
# What UpdateModelPackage changes, by the names of moto's attributes.
CHANGED = {
    "ModelApprovalStatus": "model_approval_status",
    "ApprovalDescription": "approval_description",
    "InferenceSpecification": "inference_specification",
}


def create_model_package_group(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto replaces a group that is there already."""
    name = parameters["ModelPackageGroupName"]
    arn = service.arn("model-package-group", name)
    if name in service.backend.model_package_groups:
        raise invalid(f"Model Package Group already exists: {arn}")
    service.backend.create_model_package_group(
        name, parameters.get("ModelPackageGroupDescription", ""), parameters.get("Tags")
    )
    service.backend.model_package_groups[name].creation_time = service.clock.now().replace(tzinfo=None)
    return {"ModelPackageGroupArn": arn}


def create_model_package(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto forgets tokens, model cards and half of the rest."""
    return {"ModelPackageArn": register_model_package(service, parameters, service.clock.now())}


def register_model_package(service: Service, parameters: Mapping[str, Any], at: datetime) -> str:
    """Make a model package as of a moment, or find the one that this token made. Gives its ARN. Raises RefusedError."""
    backend = service.backend
    request = deepcopy(dict(parameters))
    group = request.get("ModelPackageGroupName", "").rpartition("/")[2]
    if not group:
        raise invalid("The local cloud has versions of groups only: name a ModelPackageGroupName")
    _require_valid(service, request, group)
    token = request.get("ClientToken")
    with REGISTERING:
        existing = next((p for p in backend.model_packages.values() if token and p.client_token == token), None)
        return str((existing or _registered(service, request, group, at)).arn)


def _registered(service: Service, request: dict[str, Any], group: str, at: datetime) -> Any:
    backend = service.backend
    request |= {"ModelPackageGroupName": group, "CertifyForMarketplace": request.get("CertifyForMarketplace", False)}
    request.setdefault("ModelApprovalStatus", "PendingManualApproval")
    members = signature(backend.create_model_package).parameters
    package = backend.model_packages[
        backend.create_model_package(**{member: request.get(_camel(member)) for member in members})
    ]
    package.creation_time = at.replace(tzinfo=None)
    package.model_package_status_details = {"ValidationStatuses": [], "ImageScanStatuses": []}
    package.forgotten = {member: request[member] for member in FORGOTTEN if member in request}
    for container in (package.inference_specification or {}).get("Containers", []):
        if digest := container.get("Image", "").partition("@")[2]:
            container["ImageDigest"] = digest
    service.tell([package_event(package, at)])
    return package


def describe_model_package(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto's words for a package that isn't there differ, and it forgets half of it."""
    return described_package(_package(service, parameters["ModelPackageName"]))


def described_package(package: Any) -> dict[str, Any]:
    """moto's package as DescribeModelPackage shows it."""
    shown = {key: value for key, value in package.response_object.items() if value not in ({}, [], None)}
    return shown | getattr(package, "forgotten", {})


def update_model_package(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto clears what is not given."""
    package = _package(service, parameters["ModelPackageArn"])
    _require_valid_members(parameters)
    for member, attribute in CHANGED.items():
        if member in parameters:
            setattr(package, attribute, parameters[member])
    metadata = (package.customer_metadata_properties or {}) | parameters.get("CustomerMetadataProperties", {})
    for key in parameters.get("CustomerMetadataPropertiesToRemove", []):
        metadata.pop(key, None)
    package.customer_metadata_properties = metadata or None
    forgotten = getattr(package, "forgotten", {})
    package.forgotten = forgotten | {member: parameters[member] for member in FORGOTTEN if member in parameters}
    now = service.clock.now()
    package.last_modified_time = now.replace(tzinfo=None)
    service.tell([package_event(package, now)])
    return {"ModelPackageArn": package.arn}


def list_model_packages(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto confuses the order of versions that were made at the same moment, and tells too much of each."""
    group = parameters.get("ModelPackageGroupName", "").rpartition("/")[2]
    kind = "Versioned" if group else parameters.get("ModelPackageType", "Unversioned")
    packages = [
        package
        for package in service.backend.model_packages.values()
        if kind in (package.model_package_type, "Both")
        and (not group or package.model_package_group_name == group)
        and parameters.get("ModelApprovalStatus", package.model_approval_status) == package.model_approval_status
        and parameters.get("NameContains", "") in package.model_package_name
        and is_between(_aware(package.creation_time), parameters, "CreationTimeAfter", "CreationTimeBefore")
    ]
    page, more = listed(packages, parameters, lambda one: (one.creation_time, one.model_package_version or 0))
    return {"ModelPackageSummaryList": [_summary(package) for package in page], **more}


def _summary(package: Any) -> dict[str, Any]:
    members = (
        "ModelPackageName",
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelPackageArn",
        "ModelPackageDescription",
        "CreationTime",
        "ModelPackageStatus",
        "ModelApprovalStatus",
        "ModelLifeCycle",
    )
    shown = described_package(package)
    return {member: shown[member] for member in members if member in shown}


def _package(service: Service, name: str) -> Any:
    backend = service.backend
    package = backend.model_packages.get(backend.model_package_name_mapping.get(name, name))
    if package is None:
        arn = name if name.startswith("arn:") else service.arn("model-package", name)
        raise invalid(f"ModelPackage {arn} does not exist.")
    return package


def require_package(service: Service, name: str) -> None:
    """Raise RefusedError as CreateModel does when there is no such package, or none with containers."""
    try:
        package_containers(service.backend, name)
    except UnknownModelError as error:
        raise invalid(f'Could not find model package "{name}".') from error


def _require_valid(service: Service, request: Mapping[str, Any], group: str) -> None:
    if "ModelPackageName" in request:
        raise invalid("Both ModelPackageName and ModelPackageGroupName are provided in the input.")
    if request.get("Tags"):
        raise invalid("Tags can't be given for a model package that belongs to a group: it has the group's.")
    if group not in service.backend.model_package_groups:
        raise invalid(f"ModelPackageGroup {service.arn('model-package-group', group)} does not exist.")
    _require_valid_members(request)


def _require_valid_members(request: Mapping[str, Any]) -> None:
    approval = request.get("ModelApprovalStatus", "Approved")
    if approval not in APPROVALS:
        raise invalid(
            f"1 validation error detected: Value '{approval}' at 'modelApprovalStatus' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(APPROVALS)}]"
        )
    metadata = request.get("CustomerMetadataProperties", {})
    too_long = [
        key for key, value in metadata.items() if len(key) > LONGEST_KEY or not 1 <= len(value) <= LONGEST_VALUE
    ]
    if too_long or len(metadata) > MOST_METADATA:
        raise invalid(
            f"CustomerMetadataProperties must have at most {MOST_METADATA} pairs, keys of 1 to {LONGEST_KEY} and "
            f"values of 1 to {LONGEST_VALUE} characters: {json.dumps(too_long or len(metadata))}"
        )
    if card := request.get("ModelCard"):
        require_valid_content(card["ModelCardContent"])


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _camel(member: str) -> str:
    return "".join(word.title() for word in member.split("_"))


OPERATIONS: dict[str, Operation] = {
    "CreateModelPackage": create_model_package,
    "CreateModelPackageGroup": create_model_package_group,
    "DescribeModelPackage": describe_model_package,
    "ListModelPackages": list_model_packages,
    "UpdateModelPackage": update_model_package,
}
