"""The model registry: versions, their approval, and what is told of it."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.sagemaker.errors import RefusedError
from local.sagemaker.packages import (
    create_model_package,
    create_model_package_group,
    describe_model_package,
    list_model_packages,
    update_model_package,
)

type World = Any

# Members of the example in "Events that SageMaker AI sends to Amazon EventBridge".
EVENT_MEMBERS = {
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
    "CertifyForMarketplace",
    "ModelApprovalStatus",
    "MetadataProperties",
    "ModelMetrics",
    "LastModifiedTime",
}
METRICS = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://models/evaluation.json"}}}
CARD = {"ModelCardContent": '{"intended_uses": {"risk_rating": "Low"}}', "ModelCardStatus": "Draft"}
REQUEST: dict[str, Any] = {
    "ModelPackageGroupName": "churn",
    "InferenceSpecification": {
        "Containers": [{"Image": "r/churn@sha256:ab", "ModelDataUrl": "s3://models/m.tar.gz"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    },
    "MetadataProperties": {"CommitId": "abc"},
    "ModelMetrics": METRICS,
    "CustomerMetadataProperties": {"record_version": "1"},
    "ModelCard": CARD,
    "SkipModelValidation": "All",
}


@pytest.fixture
def registry(world: World) -> World:
    create_model_package_group(world.service, {"ModelPackageGroupName": "churn"})
    return world


def register(world: World, **members: Any) -> str:
    return str(create_model_package(world.service, REQUEST | members)["ModelPackageArn"])


def shown(world: World, arn: str) -> dict[str, Any]:
    return describe_model_package(world.service, {"ModelPackageName": arn})


def test_a_version_is_shown_as_it_was_given(registry: World) -> None:
    arn = register(registry)
    described = shown(registry, arn)
    for member in ("MetadataProperties", "ModelMetrics", "CustomerMetadataProperties", "ModelCard"):
        assert described[member] == REQUEST[member]
    assert (described["ModelPackageVersion"], described["ModelPackageStatus"]) == (1, "Completed")
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["InferenceSpecification"]["Containers"][0]["ImageDigest"] == "sha256:ab"
    assert "ImageDigest" not in REQUEST["InferenceSpecification"]["Containers"][0]
    assert "forgotten" not in str(described).lower()


def test_a_token_makes_one_version_however_often_and_at_once(registry: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        arns = set(pool.map(lambda _: register(registry, ClientToken="token"), range(40)))
    assert len(arns) == 1
    assert len(registry.told) == 1
    assert register(registry, ClientToken="other") not in arns


def test_approval_keeps_what_is_not_given(registry: World) -> None:
    arn = register(registry)
    registry.after(60)
    update_model_package(
        registry.service,
        {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved", "ApprovalDescription": "anna: every gate passed"},
    )
    described = shown(registry, arn)
    assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == (
        "Approved",
        "anna: every gate passed",
    )
    assert described["CustomerMetadataProperties"] == {"record_version": "1"}
    update_model_package(
        registry.service,
        {
            "ModelPackageArn": arn,
            "CustomerMetadataProperties": {"live": "yes"},
            "CustomerMetadataPropertiesToRemove": ["record_version"],
        },
    )
    described = shown(registry, arn)
    assert (described["ModelApprovalStatus"], described["CustomerMetadataProperties"]) == ("Approved", {"live": "yes"})
    assert described["ModelCard"] == CARD


def test_making_and_approving_are_told_in_the_shape_of_the_example(registry: World) -> None:
    arn = register(registry)
    update_model_package(registry.service, {"ModelPackageArn": arn, "ModelApprovalStatus": "Rejected"})
    made, rejected = registry.told
    assert (rejected["DetailType"], rejected["Resources"]) == ("SageMaker Model Package State Change", [arn])
    detail = json.loads(rejected["Detail"])
    assert set(detail) == EVENT_MEMBERS
    assert detail["ModelApprovalStatus"] == "Rejected"
    assert detail["CreationTime"] == detail["LastModifiedTime"] == "2026-11-23T12:00:00Z"
    assert detail["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
    assert json.loads(made["Detail"])["ModelApprovalStatus"] == "PendingManualApproval"


def test_the_newest_version_comes_first_even_when_time_stands_still(registry: World) -> None:
    arns = [register(registry, ModelApprovalStatus=status) for status in ("Approved", "Rejected", "Approved")]
    asked = {"ModelPackageGroupName": "churn", "SortOrder": "Descending"}

    def versions(**members: Any) -> list[int]:
        page = list_model_packages(registry.service, asked | members)["ModelPackageSummaryList"]
        return [one["ModelPackageVersion"] for one in page]

    assert versions() == [3, 2, 1]
    assert versions(ModelApprovalStatus="Approved") == [3, 1]
    assert versions(MaxResults=2) == [3, 2]
    assert versions(ModelPackageGroupName=arns[0].replace("model-package", "model-package-group")[:-2]) == [3, 2, 1]
    assert list_model_packages(registry.service, {})["ModelPackageSummaryList"] == []


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"ModelPackageGroupName": "none"}, "model-package-group/none does not exist"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "Tags can't be given"),
        ({"ModelPackageName": "x"}, "Both ModelPackageName and ModelPackageGroupName"),
        ({"ModelApprovalStatus": "Yes"}, "'modelApprovalStatus'"),
        ({"CustomerMetadataProperties": {"a": "b" * 257}}, "values of 1 to 256"),
        ({"CustomerMetadataProperties": {str(number): "b" for number in range(51)}}, "at most 50"),
        ({"ModelCard": {"ModelCardContent": '{"oops": 1}', "ModelCardStatus": "Draft"}}, "additional property oops"),
    ],
)
def test_what_the_registry_would_not_take_is_refused(registry: World, members: dict[str, Any], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        register(registry, **members)
    assert registry.told == []


def test_what_is_there_or_not_there_is_named(registry: World) -> None:
    with pytest.raises(RefusedError, match="Model Package Group already exists"):
        create_model_package_group(registry.service, {"ModelPackageGroupName": "churn"})
    with pytest.raises(RefusedError, match="does not exist"):
        update_model_package(registry.service, {"ModelPackageArn": "arn:aws:sagemaker:x:0:model-package/churn/9"})
    with pytest.raises(RefusedError, match="name a ModelPackageGroupName"):
        create_model_package(registry.service, {"ModelPackageName": "x"})
