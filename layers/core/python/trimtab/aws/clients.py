"""One boto3 client per service and process, with retries for throttling."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_lambda.client import LambdaClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sagemaker.client import SageMakerClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_ssm.client import SSMClient


@cache
def client(service: str, region: str | None = None) -> Any:
    """The process's client of a service, in its own region or a named one; the functions below give it its type."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name=region,
        config=Config(retries={"mode": "adaptive", "max_attempts": 8}, max_pool_connections=32),
    )


def cloudwatch() -> Any:
    """Amazon CloudWatch."""
    return client("cloudwatch")


def pricing() -> Any:
    """AWS Price List, in the nearest of the few regions that have it; each knows the prices of all."""
    own = boto3.session.Session().region_name or ""
    offered = ("cn-northwest-1",) if own.startswith("cn-") else ("us-east-1", "eu-central-1", "ap-south-1")
    return client("pricing", next((region for region in offered if region[:3] == own[:3]), offered[0]))


def s3() -> "S3Client":
    """Amazon S3."""
    return client("s3")  # type: ignore[no-any-return]


@cache
def signing_s3() -> "S3Client":
    """Amazon S3, to sign addresses. Signature 4 goes with every region and with KMS; the bucket's host name is that of
    its region, for a redirection from the general one would break the signature."""
    return boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


def dynamodb() -> "DynamoDBClient":
    """Amazon DynamoDB."""
    return client("dynamodb")  # type: ignore[no-any-return]


def events() -> "EventBridgeClient":
    """Amazon EventBridge."""
    return client("events")  # type: ignore[no-any-return]


def lambda_() -> "LambdaClient":
    """AWS Lambda."""
    return client("lambda")  # type: ignore[no-any-return]


def sagemaker() -> "SageMakerClient":
    """Amazon SageMaker."""
    return client("sagemaker")  # type: ignore[no-any-return]


def sqs() -> "SQSClient":
    """Amazon SQS."""
    return client("sqs")  # type: ignore[no-any-return]


def ssm() -> "SSMClient":
    """AWS Systems Manager."""
    return client("ssm")  # type: ignore[no-any-return]
