"""Amazon SageMaker's model registry, and which of its versions an endpoint serves."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from trimtab.aws.clients import sagemaker
from trimtab.aws.refusals import translated
from trimtab.aws.sagemaker_deployments import (
    NotFoundError,
    describe_config,
    describe_deployment,
    describe_model,
    describe_package,
)


def versions(group: str) -> Iterator[dict[str, Any]]:
    """The versions of a group as ListModelPackages gives them, newest first. Raises RefusedError."""
    pages = sagemaker().get_paginator("list_model_packages")
    try:
        for page in pages.paginate(ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"):
            for summary in page["ModelPackageSummaryList"]:
                yield dict(summary)
    except ClientError as error:
        raise translated(error) from error


def register_version(request: Mapping[str, Any]) -> str:
    """Create a version; its ARN. Raises RefusedError, as when there is no such group."""
    try:
        return str(sagemaker().create_model_package(**request)["ModelPackageArn"])
    except ClientError as error:
        raise translated(error) from error


def version_of_record(group: str, sha256: str, since: datetime) -> str | None:
    """ARN of the version that was registered since that moment from the record of this hash. Raises RefusedError."""
    for summary in versions(group):
        if summary["CreationTime"] < since:
            return None
        described = describe_version(summary["ModelPackageArn"]) or {}
        if described.get("CustomerMetadataProperties", {}).get("record_sha256") == sha256:
            return str(summary["ModelPackageArn"])
    return None


def describe_version(arn: str) -> dict[str, Any] | None:
    """A version as DescribeModelPackage gives it, None when there is none (any more)."""
    try:
        return describe_package(arn)
    except NotFoundError:
        return None


def served_version(endpoint: str) -> str:
    """ARN of the version that serves with the greatest weight, "" when what serves is of no registry. An endpoint that
    is not there serves nothing."""
    try:
        state = describe_deployment(endpoint)
        config = describe_config(state.config)
        models = {each["VariantName"]: each.get("ModelName") for each in config["ProductionVariants"]}
        serving = max(state.variants.values(), key=lambda each: each.current_weight, default=None)
        model = models.get(serving.name) if serving else None
        description = describe_model(model) if model else {}
    except NotFoundError:
        return ""
    containers = [description.get("PrimaryContainer") or {}, *description.get("Containers", [])]
    return next((each["ModelPackageName"] for each in containers if each.get("ModelPackageName")), "")
