"""Amazon SNS: publish on a topic."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


def publish(topic_arn: str, subject: str, message: str, attributes: Mapping[str, str]) -> str:
    """Publish a message with string attributes; its id. Raises botocore's ClientError or BotoCoreError."""
    response = _client().publish(
        TopicArn=topic_arn,
        Subject=subject,
        Message=message,
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )
    return response["MessageId"]


@functools.cache
def _client() -> "SNSClient":
    return boto3.client(
        "sns",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=3, read_timeout=5),
    )
