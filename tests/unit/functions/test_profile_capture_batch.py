"""What comes in other forms than captures: batch transforms, ground truth, several models, S3's own notifications."""

import json
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.detect_drift import app as detect_drift
from functions.profile_capture import app
from trimtab.aws import s3, state_bucket
from trimtab.aws.reprofiling import profile_again
from trimtab.capture.pack import decode_pack, parse_pack_key, union
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sketch import merge_sketches

EVENTS = Path(__file__).parents[3] / "events" / "profile_capture"
EIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)
MANIFEST = "jobs/churn-batch/{}/2026/11/20/08/689dcd0e-b680-4027-b029-a67323bb95ac.json"
INPUT, OUTPUT = MANIFEST.format("input"), MANIFEST.format("output")


def put(bucket, key, body):
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def put_manifest(stack, key, prefix, *entries):
    put(stack.captures, key, json.dumps([{"prefix": prefix}, *entries]))


def message(body, number=0, receives=1):
    attributes = {"ApproximateReceiveCount": str(receives), "SentTimestamp": "1795681309123"}
    text = body if isinstance(body, str) else json.dumps(body)
    return {"messageId": f"m{number}", "body": text, "attributes": attributes}


def created(stack, key, number=0, receives=1):
    body = {"source": "aws.s3", "detail": {"bucket": {"name": stack.captures}, "object": {"key": key}}}
    return message(body, number, receives)


def handle(context, *records):
    answer = app.lambda_handler({"Records": list(records)}, context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def packs(stack):
    """The objects of each variant."""
    found = {}
    for key in s3.list_keys(stack.state, "profiles/"):
        place = parse_pack_key(key)
        found.setdefault((place.endpoint, place.variant), []).append(decode_pack(s3.read_object(stack.state, key)))
    return {place: union(each) for place, each in found.items()}


def rows(stack):
    return {place: sum(entry.profile.rows for entry in entries) for place, entries in packs(stack).items()}


def quarantined(stack):
    return [json.loads(s3.read_object(stack.state, key)) for key in s3.list_keys(stack.state, "quarantine/")]


def put_both_sides(stack):
    put(stack.captures, "jobs/data/a.csv", "1,x\n2,y\n3,z\n")
    put(stack.captures, "jobs/answers/a.csv.out", "0.5\n0.25\n0.125\n")
    put_manifest(stack, INPUT, f"s3://{stack.captures}/jobs/data/a.csv", "")
    put_manifest(stack, OUTPUT, f"s3://{stack.captures}/jobs/answers/", "a.csv.out")


def test_both_sides_of_a_batch_transform_are_variants_of_the_destination(stack, context):
    put_both_sides(stack)
    assert handle(context, created(stack, INPUT, 1), created(stack, OUTPUT, 2)) == []
    found = packs(stack)
    (sent,), (answered,) = found["churn-batch", "batch-input"], found["churn-batch", "batch-output"]
    assert (sent.object.key, sent.records, sent.columns) == ("jobs/data/a.csv", 3, {"c0", "c1"})
    assert sent.manifest == f"s3://{stack.captures}/{INPUT}"
    assert (answered.records, answered.profile.outputs) == (3, {"prediction"})
    hours = {parse_pack_key(key).hour for key in s3.list_keys(stack.state, "profiles/")}
    assert hours == {EIGHT}
    assert quarantined(stack) == []


def test_a_data_object_named_by_two_manifests_of_an_hour_counts_once(stack, context):
    put_both_sides(stack)
    again = INPUT.replace("689dcd0e", "00000000")
    put_manifest(stack, again, f"s3://{stack.captures}/jobs/data/", "a.csv", "a.csv")
    assert handle(context, created(stack, INPUT, 1), created(stack, again, 2), created(stack, again, 3)) == []
    assert rows(stack) == {("churn-batch", "batch-input"): 3}


def test_one_event_of_a_backfill_profiles_a_manifest_too(stack, context):
    put_both_sides(stack)
    event = {"BatchInput": {"bucket": stack.captures, "prefix": ""}, "Items": [{"Key": INPUT}, {"Key": OUTPUT}]}
    assert app.lambda_handler(event, context) == {"objects": 2, "rows": 6}


def test_a_data_object_that_is_not_there_is_waited_for_and_then_passed_over(stack, context):
    put_both_sides(stack)
    put_manifest(stack, INPUT, f"s3://{stack.captures}/jobs/data/", "gone.csv", "a.csv")
    assert handle(context, created(stack, INPUT, 1)) == ["m1"]
    assert rows(stack) == {}
    assert handle(context, created(stack, INPUT, 1, receives=3)) == []
    assert rows(stack) == {("churn-batch", "batch-input"): 3}
    [document] = quarantined(stack)
    assert document["object"]["key"] == "jobs/data/gone.csv"
    assert INPUT in document["reason"]
    assert "does not exist" in document["reason"]


def refuse(monkeypatch, bad):
    opened = s3.open_object

    def open_object(bucket, key):
        if key == bad:
            raise s3.ObjectForbiddenError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "GetObject")
        return opened(bucket, key)

    monkeypatch.setattr(s3, "open_object", open_object)


def test_a_data_object_in_a_bucket_that_must_not_be_read_is_quarantined(stack, context, monkeypatch):
    put_both_sides(stack)
    refuse(monkeypatch, "theirs.csv")
    put_manifest(stack, INPUT, "s3://", "somebody-elses/theirs.csv", f"{stack.captures}/jobs/data/a.csv")
    assert handle(context, created(stack, INPUT, 1)) == []
    assert rows(stack) == {("churn-batch", "batch-input"): 3}
    [document] = quarantined(stack)
    assert document["object"] == {"bucket": "somebody-elses", "key": "theirs.csv"}
    assert "AccessDenied" in document["reason"]


def test_a_refusal_in_the_manifests_own_bucket_may_pass(stack, context, monkeypatch):
    put_both_sides(stack)
    refuse(monkeypatch, "jobs/data/a.csv")
    assert handle(context, created(stack, INPUT, 1), created(stack, OUTPUT, 2)) == ["m1"]
    assert rows(stack) == {("churn-batch", "batch-output"): 3}
    assert quarantined(stack) == []


def test_a_refusal_is_still_the_error_that_aws_gave():
    assert issubclass(s3.ObjectForbiddenError, ClientError)


def test_a_manifest_that_is_none_is_quarantined(stack, context):
    put(stack.captures, INPUT, '{"prefix": "s3://x/"}')
    assert handle(context, created(stack, INPUT)) == []
    [document] = quarantined(stack)
    assert document["object"]["key"] == INPUT
    assert "prefix" in document["reason"]


def test_lines_of_a_data_object_that_cannot_be_read_are_quarantined_with_their_place(stack, context):
    put_both_sides(stack)
    put(stack.captures, "jobs/data/a.csv", "1,x\n\n2\n3,z\n")
    assert handle(context, created(stack, INPUT)) == []
    assert rows(stack) == {("churn-batch", "batch-input"): 2}
    [document] = quarantined(stack)
    assert document["object"]["key"] == "jobs/data/a.csv"
    assert [(line["line"], line["reason"]) for line in document["lines"]] == [(3, "wrong_columns")]
    assert (document["records_read"], document["records_lost"]) == (2, 1)


def test_batch_transforms_are_judged_side_by_side_each_with_its_own_reference(stack, context, monkeypatch):
    monkeypatch.setattr(detect_drift, "publish_findings", lambda _, findings: stack.findings.extend(findings))
    put_both_sides(stack)
    put(stack.captures, "jobs/data/a.csv", "".join(f"{i},x{i % 3}\n" for i in range(1200)))
    put(stack.captures, "jobs/answers/a.csv.out", "".join(f"{i / 1200}\n" for i in range(1200)))
    handle(context, created(stack, INPUT, 1), created(stack, OUTPUT, 2))
    outcome = detect_drift.lambda_handler({}, context)
    assert outcome["endpoints"].keys() == {"churn-batch"}
    made = {
        side: state_bucket.read_reference(stack.state, "churn-batch", side) for side in ("batch-input", "batch-output")
    }
    assert list(made["batch-input"].grid.columns) == ["c0", "c1"]
    assert list(made["batch-output"].grid.columns) == ["prediction"]
    assert state_bucket.read_reference(stack.state, "churn-batch") is None
    later = {side: MANIFEST.format(side).replace("20/08", "20/09") for side in ("input", "output")}
    put_manifest(stack, later["input"], f"s3://{stack.captures}/jobs/data/a.csv", "")
    put_manifest(stack, later["output"], f"s3://{stack.captures}/jobs/answers/a.csv.out", "")
    handle(context, created(stack, later["input"], 1), created(stack, later["output"], 2))
    outcome = detect_drift.lambda_handler({"endpoint": "churn-batch"}, context)["endpoints"]["churn-batch"]
    assert {side: document["verdict"] for side, document in outcome.items()} == {
        "batch-input": "OK",
        "batch-output": "OK",
    }
    assert {side: document["never_captured"] for side, document in outcome.items()} == {
        "batch-input": [],
        "batch-output": [],
    }


def test_data_objects_are_profiled_again_by_way_of_their_manifest(stack, context):
    put_both_sides(stack)
    handle(context, created(stack, INPUT))
    entries = packs(stack)["churn-batch", "batch-input"]
    profile_again(stack.queue, entries)
    [sent] = boto3.client("sqs").receive_message(QueueUrl=stack.queue)["Messages"]
    reference = reference_from_sketch(
        merge_sketches(entry.profile for entry in entries), source="s3://t/t.csv", created=EIGHT.isoformat()
    )
    state_bucket.replace_reference(stack.state, "churn-batch", reference)
    assert handle(context, message(sent["Body"])) == []
    grids = {parse_pack_key(key).grid for key in s3.list_keys(stack.state, "profiles/")}
    assert grids == {"none", reference.grid.name}


LABEL = '{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"e"},"eventVersion":"0"}'


@pytest.mark.parametrize(
    "key",
    [
        "2026/11/20/08/labels.jsonl",
        "truth/2026/11/20/08/labels.jsonl",
        "jobs/truth/2026/11/20/08/labels.jsonl",
        "a/b/c/2026/11/20/08/x.jsonl",
    ],
)
def test_ground_truth_is_acknowledged_and_counted(stack, context, capsys, key):
    put(stack.captures, key, f"{LABEL}\n{LABEL}\n")
    assert handle(context, created(stack, key)) == []
    assert (rows(stack), quarantined(stack)) == ({}, [])
    assert '"GroundTruthObjects":[1.0]' in capsys.readouterr().out


def test_what_is_neither_capture_nor_ground_truth_is_skipped(stack, context, capsys):
    put(stack.captures, "logs/2026/11/20/08/x.jsonl", '{"message": "hello"}\n')
    assert handle(context, created(stack, "logs/2026/11/20/08/x.jsonl")) == []
    assert (rows(stack), quarantined(stack)) == ({}, [])
    assert '"ObjectsSkipped":[1.0]' in capsys.readouterr().out


def line(cells="1,a", attributes=None, number=0):
    metadata = {"eventId": str(number), "inferenceTime": "2026-11-20T08:21:00Z", "customAttributes": attributes}
    sides = {"endpointInput": cells, "endpointOutput": "0.5"}
    captured = {
        side: {"observedContentType": "text/csv", "data": data, "encoding": "CSV"} for side, data in sides.items()
    }
    return json.dumps({"captureData": captured, "eventMetadata": metadata})


CAPTURE = "churn/AllTraffic/2026/11/20/08/20-48-871-0b7bfd33-c8a7-4adf-a09a-98fd0af79974.jsonl"


def test_each_model_has_windows_of_its_own(stack, context):
    boto3.client("ssm").put_parameter(Name="/trimtab/endpoints/churn", Value="model_attribute: model", Type="String")
    attributes = ["model=a", "model=b/2;tenant=x", None, "model=a"]
    lines = [line("junk" if i == 3 else "1,a", each, i) for i, each in enumerate(attributes)]
    put(stack.captures, CAPTURE, "\n".join([*lines, "broken"]))
    assert handle(context, created(stack, CAPTURE)) == []
    found = {variant: entries for (_, variant), entries in packs(stack).items()}
    assert {variant: (each.records, each.lost) for variant, [each] in found.items()} == {
        "AllTraffic": (1, 1),
        "AllTraffic.a": (1, 1),
        "AllTraffic.b%2F2": (1, 0),
    }
    [document] = quarantined(stack)
    assert sorted((item["line"], item["reason"]) for item in document["lines"]) == [
        (4, "wrong_columns"),
        (5, "not_json"),
    ]


def test_without_the_setting_all_models_are_one_variant(stack, context):
    put(stack.captures, CAPTURE, "\n".join(line(attributes=f"model={i}", number=i) for i in range(3)))
    assert handle(context, created(stack, CAPTURE)) == []
    assert rows(stack) == {("churn", "AllTraffic"): 3}


def test_a_variants_own_reference_comes_before_the_current_one(stack, context):
    put(stack.captures, CAPTURE, "\n".join(line(f"{i},a", number=i) for i in range(9)))
    handle(context, created(stack, CAPTURE))
    sketch = packs(stack)["churn", "AllTraffic"][0].profile
    first = reference_from_sketch(sketch, source="s3://t/t.csv", created="2026")
    own = reference_from_sketch(sketch, source="s3://t/own.csv", created="2026", categorical=frozenset({"c0"}))
    assert own.grid.name != first.grid.name
    state_bucket.replace_reference(stack.state, "churn", first)
    state_bucket.replace_reference(stack.state, "churn", own, "AllTraffic")
    handle(context, created(stack, CAPTURE))
    grids = {parse_pack_key(key).grid for key in s3.list_keys(stack.state, "profiles/")}
    assert grids == {"none", own.grid.name}


def test_s3s_own_notifications_are_read_and_its_test_is_done_with(stack, context):
    client = boto3.client("s3")
    client.create_bucket(Bucket="example-captures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    put("example-captures", f"data capture/{CAPTURE}", line())
    event = json.loads((EVENTS / "captures_notified.json").read_text())
    assert app.lambda_handler(event, context) == {"batchItemFailures": []}
    assert rows(stack) == {("churn", "AllTraffic"): 1}
    assert quarantined(stack) == []


def test_a_notification_of_another_event_is_done_with(stack, context):
    removed = {
        "Records": [
            {
                "eventName": "ObjectRemoved:Delete",
                "s3": {"bucket": {"name": stack.captures}, "object": {"key": CAPTURE}},
            }
        ]
    }
    assert handle(context, message(removed)) == []
    assert (rows(stack), quarantined(stack)) == ({}, [])


@pytest.mark.parametrize("endpoint", ["a b", "ü%2Fx", "x=1+y", "日本", "a..b"])
def test_odd_names_of_endpoints_are_profiled_under_their_names(stack, context, endpoint):
    key = CAPTURE.replace("churn", endpoint)
    put(stack.captures, key, line())
    assert handle(context, created(stack, key)) == []
    assert rows(stack) == {(endpoint, "AllTraffic"): 1}


def test_the_sample_event_of_a_batch_transform_is_read(stack, context):
    client = boto3.client("s3")
    client.create_bucket(Bucket="example-captures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    event = json.loads((EVENTS / "batch_transform_captured.json").read_text())
    for record in event["Records"]:
        key = json.loads(record["body"])["detail"]["object"]["key"]
        put("example-captures", key, json.dumps([{"prefix": "s3://example-captures/"}, "a.csv"]))
    put("example-captures", "a.csv", "1\n2\n")
    assert app.lambda_handler(event, context) == {"batchItemFailures": []}
    assert rows(stack) == {("churn-batch", "batch-input"): 2, ("churn-batch", "batch-output"): 2}
