"""A version record as a version in SageMaker's model registry."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from trimtab.training.model_card import card_json
from trimtab.training.version_record import VersionRecord, content_sha256, record_bytes, record_sha256

_MOST_METADATA, _MOST_KEY, _MOST_VALUE = 50, 128, 256
type Approval = Literal["PendingManualApproval", "Approved", "Rejected"]


def model_package_request(
    record: VersionRecord,
    *,
    record_uri: str,
    evaluation_uri: str,
    evaluation_sha256: str,
    card: Mapping[str, Any],
    approval: Approval,
    content_types: Sequence[str] = ("text/csv",),
    response_types: Sequence[str] = ("text/csv",),
    constraints_uri: str = "",
) -> dict[str, Any]:
    """Arguments of CreateModelPackage. `card`: of `package_card_content`. `constraints_uri`: Model Monitor's
    constraints to check later drift by.

    `Tags` are left out: SageMaker refuses them together with a group. The token comes from the record, so registering
    it again makes no second version.
    """
    image, data = record.environment.image, record.model_data
    request: dict[str, Any] = {
        "ModelPackageGroupName": record.group,
        "ModelPackageDescription": _description(record),
        "InferenceSpecification": {
            "Containers": [{"Image": image, "ModelDataUrl": data}],
            "SupportedContentTypes": list(content_types),
            "SupportedResponseMIMETypes": list(response_types),
        },
        "ModelApprovalStatus": approval,
        "MetadataProperties": _filled(
            {
                "CommitId": record.code_commit[:1024],
                "Repository": record.repository[:1024],
                "GeneratedBy": (record.training_job or "trimtab")[:1024],
            }
        ),
        "ModelMetrics": {"ModelQuality": {"Statistics": _source(evaluation_uri, evaluation_sha256)}},
        "CustomerMetadataProperties": customer_metadata(record, record_uri),
        "ModelCard": {"ModelCardContent": card_json(card), "ModelCardStatus": "Draft"},
        "SkipModelValidation": "All",
        "ClientToken": client_token(record),
    }
    if constraints_uri:
        constraints = {"ContentType": "application/json", "S3Uri": constraints_uri}
        request["DriftCheckBaselines"] = {"ModelDataQuality": {"Constraints": constraints}}
    return request


def client_token(record: VersionRecord) -> str:
    """The token of a record's registration: a UUID of what was trained, the job where there is one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, record.training_job or record_sha256(record)))


def customer_metadata(record: VersionRecord, record_uri: str) -> dict[str, str]:
    """What the registry keeps of the record: where it lies, its hash, and what fits of it (256 characters a value)."""
    told = {
        "record": record_uri,
        "record_sha256": record_sha256(record),
        "record_version": str(record.version),
        "training_data_version": record.training_data_version,
        "hyperparameters_sha256": content_sha256(dict(record.hyperparameters)),
        "parent_version": "" if record.parent_version is None else str(record.parent_version),
        "drift_report": record.drift_report,
        "gates_passed": str(record.gates_passed).lower(),
        **{f"metric_{name}"[:_MOST_KEY]: f"{value:.6g}" for name, value in sorted(record.metrics.items())},
    }
    kept = [(name, value[:_MOST_VALUE]) for name, value in told.items() if value]
    return dict(kept[:_MOST_METADATA])


def registered_hashes(packages: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """The hashes of records that the registry holds, by record version, of versions as DescribeModelPackage gives
    them. What was registered by others has none."""
    found = {}
    for package in packages:
        told = package.get("CustomerMetadataProperties") or {}
        if str(told.get("record_version", "")).isdecimal() and told.get("record_sha256"):
            found[int(told["record_version"])] = str(told["record_sha256"])
    return found


def parent_record(package: Mapping[str, Any] | None, group: str, before: int) -> int | None:
    """The record of the version that serves, as DescribeModelPackage gives it; None when it has none in this group that
    is older than the record `before`."""
    told = (package or {}).get("CustomerMetadataProperties", {}).get("record_version", "")
    is_of_group = (package or {}).get("ModelPackageGroupName") == group
    return int(told) if is_of_group and told.isdecimal() and int(told) < before else None


def _description(record: VersionRecord) -> str:
    parent = "" if record.parent_version is None else f", to replace version {record.parent_version}"
    gates = "passed every gate" if record.gates_passed else "did not pass every gate"
    return f"Record {record.version}{parent}; {gates} ({len(record_bytes(record)):,} bytes of record)"[:1024]


def _source(uri: str, sha256: str) -> dict[str, str]:
    return {"ContentType": "application/json", "S3Uri": uri, "ContentDigest": f"sha256:{sha256}"}


def _filled(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
