import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from trimtab.aws import sns


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with mock_aws():
        sns._client.cache_clear()
        yield
    sns._client.cache_clear()


def test_publishes_subject_message_and_attributes() -> None:
    topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
    queue = boto3.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:inbox")
    message_id = sns.publish(topic, "Subject", "Body – with ≥", {"severity": "critical"})
    (received,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    notification = json.loads(received["Body"])
    assert notification["MessageId"] == message_id
    assert (notification["Subject"], notification["Message"]) == ("Subject", "Body – with ≥")
    assert notification["MessageAttributes"] == {"severity": {"Type": "String", "Value": "critical"}}


def test_raises_when_the_topic_is_not_there() -> None:
    with pytest.raises(ClientError, match="NotFound"):
        sns.publish("arn:aws:sns:eu-west-1:123456789012:gone", "Subject", "Body", {})
