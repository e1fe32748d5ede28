import json

import pytest

from trimtab.capture.announcements import AnnouncementError, BackfillBatch, created_objects, listed_objects


def event(bucket="captures", key="churn/a b.jsonl", source="aws.s3", **other):
    return {"source": source, "detail": {"bucket": {"name": bucket}, "object": {"key": key}}, **other}


def notified(*keys, name="ObjectCreated:Put"):
    records = [{"eventName": name, "s3": {"bucket": {"name": "captures"}, "object": {"key": key}}} for key in keys]
    return {"Records": records}


@pytest.mark.parametrize(
    ("message", "created"),
    [
        (event(), [("captures", "churn/a b.jsonl")]),
        (event(**{"detail-type": "Object Created"}), [("captures", "churn/a b.jsonl")]),
        (event(**{"detail-type": "Object Deleted"}), []),
        (event(**{"detail-type": "Object Tags Added"}), []),
        (event(key="a%20b+c"), [("captures", "a%20b+c")]),  # EventBridge does not encode keys
        (event(source="trimtab"), [("captures", "churn/a b.jsonl")]),
        (notified("a%20b+c", "d"), [("captures", "a b c"), ("captures", "d")]),
        (notified("a", name="ObjectRemoved:Delete"), []),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent"}, []),
    ],
    ids=[
        "event",
        "typed event",
        "deletion",
        "tags",
        "key as it is",
        "asked for again",
        "notification",
        "removal",
        "test",
    ],
)
def test_every_announcement_of_s3_tells_what_was_created(message, created):
    assert created_objects(json.dumps(message)) == created


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"source": "aws.s3", "detail": {"bucket": {"name": 1}, "object": {}}}, "detail.object.key: "),
        (event(source="somebody.else"), "source: "),
        ({"Records": []}, "Records: "),
        ({"Event": "s3:OtherEvent"}, "Event: "),
        (event(**{"detail-type": "AWS API Call via CloudTrail"}), "detail-type: "),
        ([], "not an S3 event: : "),
    ],
)
def test_what_is_no_announcement_says_which_field_is_wrong(message, told):
    with pytest.raises(AnnouncementError, match=r"^not an S3 event: ") as raised:
        created_objects(json.dumps(message))
    assert told in str(raised.value)


def test_an_event_in_an_envelope_of_sns_is_refused_with_the_reason():
    topic = "arn:aws:sns:eu-west-1:123456789012:captures"
    envelope = {"Type": "Notification", "TopicArn": topic, "Message": json.dumps(notified("a"))}
    with pytest.raises(AnnouncementError, match=r"^an SNS notification of arn:.*:captures: S3 events are taken from"):
        created_objects(json.dumps(envelope))


def test_of_a_batch_the_objects_count_that_there_are_below_the_prefix():
    items = [
        {"Key": "churn/a.jsonl"},
        {"Key": "fraud/a.jsonl"},
        {"Bucket": "captures", "Key": "churn/a%20b.jsonl", "IsLatest": "true"},
        {"Bucket": "captures", "Key": "churn/old.jsonl", "IsLatest": "false"},
        {"Bucket": "captures", "Key": "churn/gone.jsonl", "IsDeleteMarker": "true"},
    ]
    batch = BackfillBatch.model_validate({"BatchInput": {"bucket": "captures", "prefix": "churn/"}, "Items": items})
    assert listed_objects(batch) == [("captures", "churn/a.jsonl"), ("captures", "churn/a b.jsonl")]
