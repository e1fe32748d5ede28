"""Endpoints on Amazon SageMaker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from trimtab.aws.clients import sagemaker


@dataclass(frozen=True)
class Endpoint:
    """What monitoring needs to know of an endpoint.

    `changed`: when it was created or last updated. `variants`: names of its production variants. `capture_status`:
    `Started` or `Stopped`, "" without data capture. `sampling`: the share of requests to be captured, 0 to 1.
    `destination`: the S3 URI captures go to, "" without. `configuration`: the endpoint config that serves; `pending`:
    the one that is being deployed, "" without.
    """

    name: str
    captures_data: bool
    tags: Mapping[str, str]
    changed: datetime
    variants: tuple[str, ...]
    capture_status: str
    sampling: float
    destination: str
    created: datetime
    configuration: str
    pending: str

    @property
    def capture_place(self) -> tuple[str, str]:
        """Bucket and prefix, without slashes at its ends, that captures go to; both "" without."""
        bucket, _, prefix = self.destination.removeprefix("s3://").partition("/")
        return bucket, prefix.strip("/")


def endpoint_names() -> Iterator[str]:
    """The names of all endpoints that serve or are being updated."""
    for page in sagemaker().get_paginator("list_endpoints").paginate():
        for endpoint in page["Endpoints"]:
            if endpoint["EndpointStatus"] not in {"Creating", "Deleting", "Failed"}:
                yield endpoint["EndpointName"]


def describe_endpoint(name: str) -> Endpoint | None:
    """One endpoint, None when it does not exist (any more)."""
    client = sagemaker()
    try:
        answer = client.describe_endpoint(EndpointName=name)
    except ClientError as error:
        # SageMaker has no error of its own for this
        if error.response["Error"]["Code"] == "ValidationException" and "Could not find" in str(error):
            return None
        raise
    pages = client.get_paginator("list_tags").paginate(ResourceArn=answer["EndpointArn"])
    capture: Mapping[str, Any] = answer.get("DataCaptureConfig", {})
    return Endpoint(
        name=name,
        captures_data=capture.get("EnableCapture", False),
        tags={tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]},
        changed=answer["LastModifiedTime"],
        variants=tuple(variant["VariantName"] for variant in answer.get("ProductionVariants", [])),
        capture_status=capture.get("CaptureStatus", ""),
        sampling=capture.get("CurrentSamplingPercentage", 0) / 100,
        destination=capture.get("DestinationS3Uri", ""),
        created=answer["CreationTime"],
        configuration=answer.get("EndpointConfigName", ""),
        pending=answer.get("PendingDeploymentSummary", {}).get("EndpointConfigName", ""),
    )
