import json
from pathlib import Path

import boto3
import pytest

from functions.profile_capture import app
from trimtab.aws import s3
from trimtab.capture.pack import decode_pack, union

EVENTS = Path(__file__).parents[3] / "events" / "profile_capture"


def key_of(minute, endpoint="churn", hour=8):
    return f"captures/{endpoint}/AllTraffic/2024/11/20/{hour:02}/{minute:02}-00-000-{minute:036}.jsonl"


def line(identifier, minute, hour=8):
    return json.dumps(
        {
            "captureData": {
                "endpointInput": {
                    "observedContentType": "text/csv",
                    "mode": "INPUT",
                    "data": f"{minute},a",
                    "encoding": "CSV",
                },
                "endpointOutput": {
                    "observedContentType": "text/csv",
                    "mode": "OUTPUT",
                    "data": "0.5",
                    "encoding": "CSV",
                },
            },
            "eventMetadata": {"eventId": identifier, "inferenceTime": f"2024-11-20T{hour:02}:{minute:02}:00Z"},
            "eventVersion": "0",
        }
    )


def put(stack, *minutes, rows=3, **where):
    keys = [key_of(minute, **where) for minute in minutes]
    hour = where.get("hour", 8)
    for minute, key in zip(minutes, keys, strict=True):
        body = "\n".join(line(f"{minute}-{row}", minute, hour) for row in range(rows))
        boto3.client("s3").put_object(Bucket=stack.captures, Key=key, Body=body)
    return keys


def batch(stack, keys, prefix="captures/"):
    return {"BatchInput": {"bucket": stack.captures, "prefix": prefix}, "Items": [{"Key": key} for key in keys]}


def objects(bucket, prefix):
    client = boto3.client("s3")
    for entry in client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        yield entry["Key"], client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()


def profiled(stack, endpoint="churn"):
    packs = [decode_pack(body) for _, body in objects(stack.state, f"profiles/{endpoint}/")]
    return {entry.object.key: entry.profile.rows for entry in union(packs)}


def quarantined(stack):
    return [json.loads(body) for _, body in objects(stack.state, "quarantine/")]


def test_a_batch_becomes_one_pack_an_hour(stack, context):
    keys = put(stack, 1, 2) + put(stack, 3, hour=9)
    assert app.lambda_handler(batch(stack, keys), context) == {"objects": 3, "rows": 9}
    assert profiled(stack) == dict.fromkeys(keys, 3)
    assert len(list(objects(stack.state, "profiles/"))) == 2


def test_counts_are_those_of_the_event_path(stack, context):
    keys = put(stack, 1, 2)
    app.lambda_handler(batch(stack, keys), context)
    by_batch = dict(objects(stack.state, "profiles/"))
    bodies = [
        {"source": "aws.s3", "detail": {"bucket": {"name": stack.captures}, "object": {"key": key}}} for key in keys
    ]
    records = [{"messageId": str(i), "body": json.dumps(body), "attributes": {}} for i, body in enumerate(bodies)]
    assert app.lambda_handler({"Records": records}, context) == {"batchItemFailures": []}
    assert dict(objects(stack.state, "profiles/")) == by_batch


def test_a_batch_done_again_changes_nothing(stack, context):
    event = batch(stack, put(stack, 1, 2, 3))
    app.lambda_handler(event, context)
    before = dict(objects(stack.state, ""))
    app.lambda_handler(event, context)
    assert dict(objects(stack.state, "")) == before


def test_a_passing_fault_fails_the_batch_and_keeps_what_was_profiled(stack, context, monkeypatch):
    keys, opened = put(stack, 1, 2, 3), s3.open_object

    def throttled(bucket, key):
        if key == keys[1]:
            raise TimeoutError("slow down")
        return opened(bucket, key)

    monkeypatch.setattr(s3, "open_object", throttled)
    with pytest.raises(app.BatchFailedError, match=rf"1 of 3 objects .*{keys[1]}"):
        app.lambda_handler(batch(stack, keys), context)
    assert profiled(stack).keys() == {keys[0], keys[2]}
    monkeypatch.setattr(s3, "open_object", opened)
    assert app.lambda_handler(batch(stack, keys), context) == {"objects": 3, "rows": 9}
    assert profiled(stack) == dict.fromkeys(keys, 3)


def test_a_pack_that_cannot_be_written_fails_the_batch(stack, context, monkeypatch):
    monkeypatch.setenv("STATE_BUCKET_NAME", "no-such-bucket")
    with pytest.raises(app.BatchFailedError):
        app.lambda_handler(batch(stack, put(stack, 1)), context)


def test_an_object_gone_since_the_listing_is_quarantined_and_fails_nothing(stack, context):
    keys = put(stack, 1)
    assert app.lambda_handler(batch(stack, [*keys, key_of(2)]), context) == {"objects": 1, "rows": 3}
    [document] = quarantined(stack)
    assert document["object"] == {"bucket": stack.captures, "key": key_of(2)}
    assert "does not exist" in document["reason"]


def test_an_archived_object_is_quarantined_and_fails_nothing(stack, context):
    keys = put(stack, 1)
    boto3.client("s3").put_object(Bucket=stack.captures, Key=key_of(2), Body=b"{}", StorageClass="GLACIER")
    assert app.lambda_handler(batch(stack, [*keys, key_of(2)]), context) == {"objects": 1, "rows": 3}
    [document] = quarantined(stack)
    assert "archived" in document["reason"]


def test_lines_that_cannot_be_read_are_quarantined_and_fail_nothing(stack, context):
    keys = put(stack, 1)
    boto3.client("s3").put_object(Bucket=stack.captures, Key=key_of(2), Body=b"no capture\n")
    assert app.lambda_handler(batch(stack, [*keys, key_of(2)]), context) == {"objects": 2, "rows": 3}
    [document] = quarantined(stack)
    assert document["object"]["key"] == key_of(2)


def test_keys_that_are_no_captures_and_keys_outside_the_prefix_are_skipped(stack, context):
    keys = put(stack, 1)
    others = put(stack, 1, endpoint="other")
    event = batch(stack, [*keys, "captures/churn/readme.txt", *others], prefix="captures/churn/")
    assert app.lambda_handler(event, context) == {"objects": 1, "rows": 3}
    assert profiled(stack, "other") == {}
    assert quarantined(stack) == []


def test_an_inventory_has_encoded_keys_former_versions_and_delete_markers(stack, context):
    keys = [key.replace("captures/", "old captures=1/") for key in put(stack, 1, 2, 3)]
    for source, target in zip(put(stack, 1, 2, 3), keys, strict=True):
        copy = {"Bucket": stack.captures, "Key": source}
        boto3.client("s3").copy_object(Bucket=stack.captures, Key=target, CopySource=copy)
    encoded = [key.replace(" ", "+").replace("=", "%3D") for key in keys]
    rows = [
        {"Bucket": stack.captures, "Key": encoded[0], "IsLatest": "true", "IsDeleteMarker": "false"},
        {"Bucket": stack.captures, "Key": encoded[0], "IsLatest": "false", "IsDeleteMarker": "false"},
        {"Bucket": stack.captures, "Key": encoded[1], "IsLatest": "true", "IsDeleteMarker": "true"},
        {"Bucket": stack.captures, "Key": encoded[2]},
    ]
    event = {"BatchInput": {"bucket": stack.captures, "prefix": ""}, "Items": rows}
    assert app.lambda_handler(event, context) == {"objects": 2, "rows": 6}
    assert profiled(stack) == {keys[0]: 3, keys[2]: 3}
    assert quarantined(stack) == []


@pytest.mark.parametrize("name", ["captures_listed", "captures_in_inventory"])
def test_sample_events_are_read(stack, context, name):
    event = json.loads((EVENTS / f"{name}.json").read_text())
    event["BatchInput"]["bucket"] = stack.captures
    assert app.lambda_handler(event, context) == {"objects": 0, "rows": 0}
    assert len(quarantined(stack)) == len({item["Key"] for item in event["Items"]})
