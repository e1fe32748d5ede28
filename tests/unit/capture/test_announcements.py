import json

import pytest

from trimtab.capture.announcements import AnnouncementError, BackfillBatch, created_objects, listed_objects


def event(bucket="captures", key="churn/a b.jsonl", source="aws.s3"):
    return {"source": source, "detail": {"bucket": {"name": bucket}, "object": {"key": key}}}


def notified(*keys, name="ObjectCreated:Put"):
    records = [{"eventName": name, "s3": {"bucket": {"name": "captures"}, "object": {"key": key}}} for key in keys]
    return {"Records": records}


@pytest.mark.parametrize(
    ("message", "created"),
    [
        (event(), [("captures", "churn/a b.jsonl")]),
        (event(key="a%20b+c"), [("captures", "a%20b+c")]),  # EventBridge does not encode keys
        (event(source="trimtab"), [("captures", "churn/a b.jsonl")]),
        (notified("a%20b+c", "d"), [("captures", "a b c"), ("captures", "d")]),
        (notified("a", name="ObjectRemoved:Delete"), []),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent"}, []),
    ],
    ids=["event", "key as it is", "asked for again", "notification", "removal", "test"],
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
        ([], "not an S3 event: : "),
    ],
)
def test_what_is_no_announcement_says_which_field_is_wrong(message, told):
    with pytest.raises(AnnouncementError, match=r"^not an S3 event: ") as raised:
        created_objects(json.dumps(message))
    assert told in str(raised.value)


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
