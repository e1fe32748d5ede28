"""A bucket is asked for its EventBridge notifications, and given them without losing those it has."""

import pytest
from botocore.stub import ANY, Stubber

from trimtab.aws import clients, s3


@pytest.fixture
def stub():
    clients.client.cache_clear()
    with Stubber(clients.s3()) as stubber:
        yield stubber
    clients.client.cache_clear()


def test_eventbridge_is_on_when_its_empty_configuration_is_there(stub):
    stub.add_response("get_bucket_notification_configuration", {"EventBridgeConfiguration": {}})
    stub.add_response("get_bucket_notification_configuration", {})
    assert s3.tells_event_bridge("captures")
    assert not s3.tells_event_bridge("captures")


def test_other_notifications_stay(stub):
    topic = {"Id": "t", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "Events": ["s3:ObjectRemoved:*"]}
    stub.add_response("get_bucket_notification_configuration", {"TopicConfigurations": [topic]})
    wanted = {
        "TopicConfigurations": [topic],
        "QueueConfigurations": [],
        "LambdaFunctionConfigurations": [],
        "EventBridgeConfiguration": {},
    }
    stub.add_response(
        "put_bucket_notification_configuration",
        {},
        {"Bucket": "captures", "NotificationConfiguration": wanted, "SkipDestinationValidation": ANY},
    )
    s3.tell_event_bridge("captures")
    stub.assert_no_pending_responses()
