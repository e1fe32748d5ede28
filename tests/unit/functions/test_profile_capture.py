import copy
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import botocore.client
import numpy as np
import pytest
from botocore.exceptions import ClientError

from functions.profile_capture import app
from trimtab.aws import capture_objects, quality_rows, readings, s3, state_bucket
from trimtab.capture.pack import NO_GRID, decode_pack, encode_pack, parse_pack_key
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table
from trimtab.quality import ground_truth
from trimtab.quality.keyed_rows import row_keys
from trimtab.settings import SettingsError

EIGHT = datetime(2024, 11, 20, 8, tzinfo=UTC)
NINE = EIGHT + timedelta(hours=1)
EVENT = json.loads((Path(__file__).parents[3] / "events" / "profile_capture" / "captures_created.json").read_text())
RECORD = EVENT["Records"][0]
BODY = json.loads(RECORD["body"])


def line(sent="30,gold", answered="0.5", at=EIGHT):
    def side(mode, data):
        return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}

    return json.dumps(
        {
            "captureData": {"endpointInput": side("INPUT", sent), "endpointOutput": side("OUTPUT", answered)},
            "eventMetadata": {"eventId": "1", "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"},
            "eventVersion": "0",
        }
    )


def put(stack, *lines, name="a", endpoint="churn", variant="AllTraffic"):
    key = f"captures/{endpoint}/{variant}/2024/11/20/08/{name}.jsonl"
    s3.write_object(stack.captures, key, "\n".join(lines).encode())
    return key


def record(key, number=1, receives=1, body=None):
    body = (
        json.dumps(BODY | {"detail": {"bucket": {"name": "captures"}, "object": {"key": key}}})
        if body is None
        else body
    )
    attributes = RECORD["attributes"] | {"ApproximateReceiveCount": str(receives)}
    return RECORD | {"messageId": f"m{number}", "body": body, "attributes": attributes}


def handle(context, *records):
    answer = app.lambda_handler({"Records": list(records)}, context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def packs(stack):
    keys = filter(None, map(parse_pack_key, s3.list_keys(stack.state, "profiles/")))
    return {key: decode_pack(s3.read_object(stack.state, str(key))) for key in keys}


def rows(stack):
    return {
        (key.endpoint, key.variant, key.hour): sum(entry.profile.rows for entry in of)
        for key, of in packs(stack).items()
    }


def quarantined(stack):
    return {key: json.loads(s3.read_object(stack.state, key)) for key in s3.list_keys(stack.state, "quarantine/")}


def test_one_batch_of_everything(stack, context):
    good = put(stack, *[line()] * 3, name="good")
    poison = put(stack, "junk", line(), '{"no": "capture"}', "junk", name="poison")
    failures = handle(
        context,
        record(good, 1),
        record(poison, 2),
        record("models/model.tar.gz", 3),
        record("", 4, body='{"Records": []}'),
        record(good.replace("good", "gone"), 5, receives=1),
    )
    assert failures == ["m5"]
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 4}
    (entries,) = packs(stack).values()
    assert {entry.object.key: entry.records for entry in entries} == {good: 3, poison: 1}
    assert {entry.object.key: sum(entry.unreadable.values()) for entry in entries} == {good: 0, poison: 3}
    assert len(quarantined(stack)) == 2


def test_the_sample_event_is_one_message(stack, context):
    key = BODY["detail"]["object"]["key"]
    boto3.client("s3").create_bucket(
        Bucket="example-captures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    s3.write_object("example-captures", key, line().encode())
    assert app.lambda_handler(copy.deepcopy(EVENT), context) == {"batchItemFailures": []}
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 1}


def test_unreadable_lines_are_quarantined_with_reason_and_place(stack, context):
    key = put(stack, "junk", line(), line(sent='"30'), "junk")
    assert handle(context, record(key)) == []
    ((name, document),) = quarantined(stack).items()
    assert name.startswith("quarantine/2024/11/20/")
    assert document["object"]["key"] == key
    assert document["object"]["bucket"] == "captures"
    assert document["records_read"] == 1
    assert sum(document["unreadable"].values()) == 3
    assert sorted(found["line"] for found in document["lines"]) == [1, 3, 4]
    assert all(found["reason"] and found["detail"] for found in document["lines"])
    assert handle(context, record(key, 2)) == []
    assert list(quarantined(stack)) == [name]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "junk",
        "[]",
        '{"Service":"Amazon S3","Event":"s3:OtherEvent"}',
        json.dumps({"source": "aws.s3", "detail": {"bucket": {"name": "captures"}}}),
        json.dumps(BODY | {"source": "somebody.else"}),
        '{"source": "aws.s3", "detail": {"bucket": {"name": "captures"}, "object": {"key": "\\ud800"}}}',
    ],
)
def test_a_message_that_is_no_event_is_quarantined_and_done_with(stack, context, body):
    assert handle(context, record("", body=body)) == []
    ((name, document),) = quarantined(stack).items()
    assert document["message"] == body
    assert document["reason"].startswith("not an S3 event: ")
    sent = datetime.fromtimestamp(int(RECORD["attributes"]["SentTimestamp"]) / 1000, UTC)
    assert name.startswith(f"quarantine/{sent:%Y/%m/%d}/")


def test_the_reason_names_the_field(stack, context):
    handle(context, record("", body='{"source": "aws.s3", "detail": {"bucket": {"name": 1}, "object": {}}}'))
    (document,) = quarantined(stack).values()
    assert "detail.bucket.name: " in document["reason"]
    assert "detail.object.key: " in document["reason"]


@pytest.mark.parametrize(("receives", "failures"), [(1, ["m1"]), (2, ["m1"]), (3, []), (7, [])])
def test_an_object_that_is_gone_is_looked_for_three_times(stack, context, receives, failures):
    key = "churn/AllTraffic/2024/11/20/08/gone.jsonl"
    assert handle(context, record(key, receives=receives)) == failures
    reasons = [document["reason"] for document in quarantined(stack).values()]
    assert reasons == ([] if failures else [f"s3://captures/{key} does not exist"])
    assert packs(stack) == {}


@pytest.mark.parametrize("code", ["AccessDenied", "KMS.DisabledException", "SlowDown", "NoSuchBucket"])
def test_an_object_that_must_not_be_read_comes_back_however_often(stack, context, monkeypatch, code):
    bad, good = put(stack, line(), name="bad"), put(stack, line(), name="good")
    read = s3.open_object

    def refuse(bucket, key):
        if key == bad:
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")
        return read(bucket, key)

    monkeypatch.setattr(s3, "open_object", refuse)
    assert handle(context, record(bad, 1, receives=9), record(good, 2)) == ["m1"]
    assert quarantined(stack) == {}
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 1}


def test_an_object_whose_processing_raises_fails_alone(stack, context, monkeypatch):
    bad, good = put(stack, line(), name="bad"), put(stack, line(), name="good")
    fold = capture_objects.fold_models

    def break_one(identity, *rest, **more):
        if identity.key == bad:
            raise ZeroDivisionError
        return fold(identity, *rest, **more)

    monkeypatch.setattr(capture_objects, "fold_models", break_one)
    assert handle(context, record(bad, 1), record(good, 2)) == ["m1"]
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 1}


def test_a_stream_that_breaks_off_fails_alone(stack, context, monkeypatch):
    bad, good = put(stack, line(), name="bad"), put(stack, line(), name="good")
    read = s3.open_object

    def cut(bucket, key):
        def chunks():
            yield b'{"captureData"'
            raise OSError("connection reset")

        opened = read(bucket, key)
        return s3.OpenObject(opened.etag, opened.modified, opened.size, chunks()) if key == bad else opened

    monkeypatch.setattr(s3, "open_object", cut)
    assert handle(context, record(bad, 1), record(good, 2)) == ["m1"]
    assert quarantined(stack) == {}
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 1}


def test_a_message_that_cannot_even_be_quarantined_fails_alone(stack, context, monkeypatch):
    good = put(stack, line(), name="good")
    write = s3.write_object

    def refuse(bucket, key, *rest, **how):
        if key.startswith("quarantine/"):
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "later"}}, "PutObject")
        write(bucket, key, *rest, **how)

    monkeypatch.setattr(s3, "write_object", refuse)
    poison = put(stack, "junk", name="poison")
    assert handle(context, record("", 1, body="junk"), record(good, 2), record(poison, 3)) == ["m1", "m3"]
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 1}


def test_an_object_over_two_hours_becomes_two_packs(stack, context):
    key = put(stack, line(), line(at=NINE), line(at=EIGHT + timedelta(minutes=59)))
    assert handle(context, record(key)) == []
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 2, ("churn", "AllTraffic", NINE): 1}


def test_variants_and_endpoints_are_kept_apart(stack, context):
    places = [("churn", "AllTraffic"), ("churn", "Canary"), ("fraud", "AllTraffic")]
    keys = [put(stack, *[line()] * n, endpoint=e, variant=v) for n, (e, v) in enumerate(places, 1)]
    assert handle(context, *(record(key, n) for n, key in enumerate(keys))) == []
    assert rows(stack) == {(*place, EIGHT): n for n, place in enumerate(places, 1)}


def test_many_objects_of_an_hour_become_one_pack(stack, context):
    keys = [put(stack, line(), name=f"{n}") for n in range(12)]
    assert handle(context, *(record(key, n) for n, key in enumerate(keys))) == []
    ((key, entries),) = packs(stack).items()
    assert (key.rows, len(entries)) == (12, 12)


def test_the_same_object_twice_in_a_batch_counts_once(stack, context):
    key = put(stack, line(), line())
    assert handle(context, record(key, 1), record(key, 2)) == []
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 2}
    handle(context, record(key, 3))
    assert len(packs(stack)) == 1  # the retry overwrote it


def test_a_pack_that_cannot_be_written_brings_exactly_its_messages_back(stack, context, monkeypatch):
    early, late, both = (
        put(stack, line(), name="early"),
        put(stack, line(at=NINE), name="late"),
        put(stack, line(), line(at=NINE), name="both"),
    )
    write = state_bucket.write_pack

    def refuse(bucket, key, objects):
        if key.hour == NINE:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "later"}}, "PutObject")
        write(bucket, key, objects)

    monkeypatch.setattr(state_bucket, "write_pack", refuse)
    messages = [record(early, 1), record(late, 2), record(both, 3), record(late, 4)]
    assert handle(context, *messages) == ["m2", "m3", "m4"]
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 2}
    monkeypatch.setattr(state_bucket, "write_pack", write)
    assert handle(context, *messages[1:]) == []
    assert sum(entry.profile.rows for key, of in packs(stack).items() for entry in of if key.hour == NINE) == 2


def put_settings(text):
    boto3.client("ssm").put_parameter(Name="/trimtab/endpoints/churn", Type="String", Value=text, Overwrite=True)


def make_reference(stack, *names, outputs=frozenset()):
    rng = np.random.default_rng(1)
    columns = {name: NumericColumn(rng.integers(0, 100, 400).astype(float)) for name in names}
    made = reference_from_sketch(
        sketch_table(Table(EIGHT, 400, 400, columns, outputs)), source="test", created="2024-11-20T00:00:00Z"
    )
    state_bucket.replace_reference(stack.state, "churn", made)
    return made


def profile(stack, context, *lines):
    assert handle(context, record(put(stack, *lines))) == []
    ((key, entries),) = packs(stack).items()
    return key, entries[0].profile


def test_without_a_reference_columns_are_sketched_under_their_positions(stack, context):
    key, sketch = profile(stack, context, line())
    assert key.grid == NO_GRID
    assert set(sketch.columns) == {"c0", "c1", "prediction"}
    assert sketch.outputs == {"prediction"}


def test_settings_name_the_columns(stack, context):
    put_settings("{columns: [age, plan], predictions: [score]}")
    _, sketch = profile(stack, context, line())
    assert list(sketch.columns) == ["age", "plan", "score"]
    assert sketch.outputs == {"score"}


def test_settings_that_cannot_be_used_do_not_stop_profiling(stack, context):
    put_settings("columns: [age, age]")
    assert profile(stack, context, line())[1].rows == 1


def test_counts_are_on_the_grid_of_the_reference_under_its_names(stack, context):
    reference = make_reference(stack, "age", "tenure", "score", outputs=frozenset({"score"}))
    key, counts = profile(stack, context, line("30,7"), line("31,", "2"))
    assert key.grid == counts.grid == reference.grid.name
    assert counts.columns["age"].total == 61
    assert (counts.columns["tenure"].total, counts.columns["tenure"].missing) == (7, 1)
    assert counts.columns["score"].total == 2.5


def test_columns_are_not_named_by_a_reference_that_has_another_number_of_them(stack, context):
    make_reference(stack, "age", "tenure", "label")
    _, counts = profile(stack, context, line("30,7"))
    assert all(column.missing == counts.rows == 1 for column in counts.columns.values())


def test_a_broken_reference_brings_back_the_messages_of_its_endpoint_alone(stack, context):
    s3.write_object(stack.state, "references/churn/current.json", b"{")
    keys = [put(stack, line()), put(stack, line(), name="b"), put(stack, line(), endpoint="fraud")]
    assert handle(context, *(record(key, n) for n, key in enumerate(keys))) == ["m0", "m1"]
    assert rows(stack) == {("fraud", "AllTraffic", EIGHT): 1}


def test_a_request_of_detect_drift_is_as_good_as_an_event_of_s3(stack, context):
    key = put(stack, line())
    body = json.dumps({"source": "trimtab", "detail": {"bucket": {"name": "captures"}, "object": {"key": key}}})
    assert handle(context, record(key, body=body)) == []
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 1}


def test_answers_that_lie_in_the_future_are_unreadable(stack, context):
    key = put(stack, line(at=datetime.now(UTC) + timedelta(days=2)), line())
    assert handle(context, record(key)) == []
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 1}
    (document,) = quarantined(stack).values()
    assert document["unreadable"] == {"future_time": 1}


def test_an_empty_object_is_done_with(stack, context):
    assert handle(context, record(put(stack, ""))) == []
    assert packs(stack) == quarantined(stack) == {}


def test_an_overwritten_object_counts_as_it_is_now(stack, context):
    key = put(stack, line())
    handle(context, record(key))
    put(stack, line(), line("31,basic"))
    handle(context, record(key))
    assert {key.rows for key in packs(stack)} == {1, 2}


def test_equal_batches_give_equal_bytes(stack, context):
    keys = [put(stack, line(f"{n},x"), name=f"{n}") for n in range(3)]
    handle(context, *(record(key, n) for n, key in enumerate(keys)))
    first = [encode_pack(entries) for entries in packs(stack).values()]
    handle(context, *(record(key, n) for n, key in enumerate(reversed(keys))))
    assert [encode_pack(entries) for entries in packs(stack).values()] == first


def test_what_was_done_is_measured(stack, context, capsys):
    handle(context, record(put(stack, line(), "junk")), record("no/capture.txt", 2), record("", 3, body="junk"))
    printed = [json.loads(text) for text in capsys.readouterr().out.splitlines() if '"_aws"' in text]
    (measured,) = printed
    assert {name: measured[name] for name in ("ObjectsProfiled", "RowsProfiled", "LinesUnreadable")} == {
        "ObjectsProfiled": [1.0],
        "RowsProfiled": [1.0],
        "LinesUnreadable": [1.0],
    }
    assert measured["ObjectsSkipped"] == measured["MessagesQuarantined"] == [1.0]


@pytest.mark.usefixtures("stack")
def test_an_absent_variable_is_named(context, monkeypatch):
    monkeypatch.delenv("STATE_BUCKET_NAME")
    with pytest.raises(SettingsError, match="STATE_BUCKET_NAME"):
        handle(context)


def test_what_there_is_no_time_for_comes_back_and_what_was_counted_is_written(stack, context):
    keys = [put(stack, line(), name=name) for name in "abc"]
    context.remaining = (200_000, 200_000, 20_000)  # before the first object, its one chunk, and the second
    failed = handle(context, *[record(key, number) for number, key in enumerate(keys, 1)])
    assert len(failed) == 2
    assert len(packs(stack)) == 1


def test_an_object_too_large_for_the_time_that_is_left_fails_alone(stack, context, monkeypatch):
    monkeypatch.setattr(s3, "CHUNK_BYTES", 100)
    small, large = put(stack, line(), name="small"), put(stack, *[line()] * 100, name="large")
    context.remaining = (*[200_000] * 20, 20_000)
    assert handle(context, record(small, 1), record(large, 2)) == ["m2"]
    assert rows(stack) == {("churn", "AllTraffic", EIGHT): 1}


def test_what_failed_before_has_its_turn_after_what_is_new(stack, context):
    old, new = put(stack, line(), name="old"), put(stack, line(), name="new")
    context.remaining = (200_000, 200_000, 20_000)
    assert handle(context, record(old, 1, receives=2), record(new, 2)) == ["m1"]


def sampled(stack):
    """The sampled rows of all packs, by variant, as the names of their columns and how many there are."""
    return {
        key.variant: (
            sum(entry.sample.rows for entry in of if entry.sample),
            {*of[0].sample.columns} if of[0].sample else None,
        )
        for key, of in packs(stack).items()
    }


def test_some_rows_are_kept_beside_the_counts_and_the_same_ones_again(stack, context):
    put_settings("{columns: [age, plan], predictions: [score], sample_rows: 5}")
    keys = [put(stack, *[line(f"{i},gold", f"0.{i}") for i in range(4)], name=name) for name in "abc"]
    assert handle(context, *[record(key, number) for number, key in enumerate(keys)]) == []
    assert sampled(stack) == {"AllTraffic": (5, {"age", "plan", "score"})}
    first = [encode_pack(of) for of in packs(stack).values()]
    assert handle(context, *[record(key, number) for number, key in enumerate(reversed(keys))]) == []
    assert [encode_pack(of) for of in packs(stack).values()] == first


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ("{columns: [age, plan], redact: [age]}", {"plan", "prediction"}),
        ("redact: [age]", None),  # any of the nameless columns may be the age
        ("redact: [c0]", {"c1", "prediction"}),
        ("sample_rows: 0", None),
    ],
)
def test_values_of_redacted_columns_are_not_kept(stack, context, settings, kept):
    put_settings(settings)
    assert handle(context, record(put(stack, line()))) == []
    assert sampled(stack) == {"AllTraffic": (0 if kept is None else 1, kept)}


QUALITY = (
    '{"columns": ["age", "plan"], "predictions": ["score"], "quality": {"segments": ["plan"], "label": "churned"}}'
)


def watch_quality(settings=QUALITY, endpoint="churn"):
    boto3.client("ssm").put_parameter(Name=f"/trimtab/endpoints/{endpoint}", Type="String", Value=settings)


def truth(event_id, data="1", encoding="CSV"):
    return json.dumps({
        "groundTruthData": {"data": data, "encoding": encoding}, "eventMetadata": {"eventId": event_id},
        "eventVersion": "0",
    })  # fmt: skip


def put_truth(stack, *lines, prefix="ground-truth/churn", name="a", hour="2024/11/20/09"):
    key = f"{prefix}/{hour}/{name}.jsonl"
    s3.write_object(stack.captures, key, "\n".join(lines).encode())
    return key


def kept(stack, prefix):
    return {
        key.rpartition("/")[0]: quality_rows.read_rows(stack.state, [key]) for key in s3.list_keys(stack.state, prefix)
    }


def keys_of(rows):
    return rows.keys.tolist()


def test_answers_are_kept_by_request_where_quality_is_watched(stack, context):
    watch_quality()
    second = line("40,basic\n50,gold", "0.9\n0.1", at=NINE).replace(
        '"eventId": "1"', '"eventId": "x", "inferenceId": "two"'
    )
    assert handle(context, record(put(stack, line(), second))) == []
    found = kept(stack, "answers/")
    assert found.keys() == {f"answers/churn/AllTraffic/2024/11/20/{hour:02}" for hour in (8, 9)}
    two = found["answers/churn/AllTraffic/2024/11/20/09"]
    assert keys_of(two) == sorted(row_keys(["two", "two"], [0, 1]).tolist())
    assert sorted(two.numbers["score"].tolist()) == [0.1, 0.9]
    assert two.texts["segment.plan"].values == ("basic", "gold")
    assert set(two.first.tolist()) == {int(NINE.timestamp())}
    assert rows(stack)[("churn", "AllTraffic", NINE)] == 2


def test_without_the_setting_no_answer_is_kept(stack, context):
    handle(context, record(put(stack, line())))
    assert kept(stack, "answers/") == {}


def test_of_a_regression_the_inputs_are_kept_too_save_what_is_redacted(stack, context):
    watch_quality('{"columns": ["age", "plan"], "redact": ["age"], "quality": {"problem": "regression"}}')
    handle(context, record(put(stack, line())))
    (found,) = kept(stack, "answers/").values()
    assert (set(found.numbers), set(found.texts)) == ({"score"}, {"prediction", "category.plan"})


def test_labels_of_any_shape_are_kept_for_the_endpoint_that_their_folder_is_named_like(stack, context):
    watch_quality()
    named, several = '{"churned": "no", "when": 3}', '[{"churned": 1}, {"churned": 0}]'
    key = put_truth(stack, truth("a"), truth("b", named, "JSON"), truth("c", several, "JSON"), "junk")
    assert handle(context, record(key)) == []
    ((folder, found),) = kept(stack, "labels/").items()
    assert folder == "labels/churn/2024/11/20/09"
    assert keys_of(found) == sorted(row_keys(["a", "b", "c", "c"], [0, 0, 0, 1]).tolist())
    assert found.texts["label"].values == ("0", "1", "no")
    assert set(found.last.tolist()) == {int(NINE.timestamp()) + 3599}  # written long after the hour in its key
    assert [document["unreadable"] for document in quarantined(stack).values()] == [{"not_json": 1}]
    assert packs(stack) == {}


def test_labels_lie_where_the_settings_say(stack, context):
    watch_quality('{"quality": {"labels": "s3://captures/truth/of/churn/"}}')
    handle(context, record(put(stack, line())))
    handle(context, record(put_truth(stack, truth("a"), prefix="truth/of/churn/eu")))
    handle(context, record(put_truth(stack, truth("a"), prefix="elsewhere/churn")))
    assert list(kept(stack, "labels/")) == ["labels/churn/2024/11/20/09"]
    assert len(kept(stack, "labels/")["labels/churn/2024/11/20/09"]) == 1


def test_labels_that_come_before_the_first_capture_of_their_endpoint_are_kept(stack, context):
    for number in range(11):  # more than SSM tells at once
        watch_quality("{}", f"a{number}")
    watch_quality('{"quality": {"labels": "s3://captures/truth/of/churn/"}}')
    messages = [record(put_truth(stack, truth("1"), prefix="truth/of/churn"), 1), record(put(stack, line()), 2)]
    assert handle(context, *messages) == []
    assert list(kept(stack, "labels/")) == ["labels/churn/2024/11/20/09"]


def test_ground_truth_that_nobody_claims_is_counted_and_logged_with_the_reason(stack, context, caplog, capsys):
    watch_quality('{"quality": {"labels": "s3://captures/truth/of/churn/"}}')
    key = put_truth(stack, truth("a"), prefix="elsewhere/churn")
    assert handle(context, record(key)) == []
    [told] = [each for each in caplog.records if each.message == "Ground truth is not kept"]
    assert (told.key, told.reason) == (key, app.UNCLAIMED)
    assert '"GroundTruthUnclaimed":[1.0]' in capsys.readouterr().out


def test_labels_whose_owner_cannot_be_found_out_now_come_back(stack, context, monkeypatch):
    watch_quality()

    def throttled(_):
        raise RuntimeError("ThrottlingException")
        yield

    monkeypatch.setattr(readings, "endpoints_with_settings", throttled)
    assert handle(context, record(put_truth(stack, truth("a")))) == ["m1"]


@pytest.mark.parametrize("prefix", ["ground-truth/other", "churn", "a/b/churn"])
def test_ground_truth_of_endpoints_that_nobody_watches_is_done_with(stack, context, prefix):
    watch_quality("{}")
    assert handle(context, record(put_truth(stack, truth("a"), prefix=prefix))) == []
    assert kept(stack, "labels/") == packs(stack) == quarantined(stack) == {}


def test_answers_and_labels_that_come_again_change_nothing(stack, context):
    watch_quality()
    messages = [record(put(stack, line()), 1), record(put_truth(stack, truth("1")), 2)]
    handle(context, *messages)
    before = {key: s3.read_object(stack.state, key) for key in s3.list_keys(stack.state, "")}
    handle(context, *messages, *messages)
    assert {key: s3.read_object(stack.state, key) for key in s3.list_keys(stack.state, "")} == before


def test_rows_that_cannot_be_written_bring_their_messages_back(stack, context, monkeypatch):
    watch_quality()
    monkeypatch.setattr(app.quality_rows, "write_rows", lambda *_: (_ for _ in ()).throw(OSError))
    assert handle(context, record(put(stack, line()), 1), record(put(stack, line(), endpoint="other"), 2)) == ["m1"]


def test_labels_in_one_place_are_kept_for_every_endpoint_that_has_them_there(stack, context):
    """As two endpoints do that stand for each other; a neighbour whose name begins alike has its own."""
    for endpoint in ("blue", "green"):
        watch_quality('{"quality": {"labels": "s3://captures/truth/churn"}}', endpoint)
        handle(context, record(put(stack, line(), endpoint=endpoint)))
    watch_quality("{quality: {}}", "churn-v2")
    handle(context, record(put_truth(stack, truth("a"), prefix="truth/churn")))
    assert list(kept(stack, "labels/")) == ["labels/blue/2024/11/20/09", "labels/green/2024/11/20/09"]
    handle(context, record(put_truth(stack, truth("b"), prefix="truth/churn-v2")))
    assert sorted(kept(stack, "labels/"))[1:2] == ["labels/churn-v2/2024/11/20/09"]


def test_of_a_share_of_the_requests_answers_and_labels_are_kept_both_or_neither(stack, context):
    watch_quality("{quality: {keep_share: 0.5}}")
    names = [f"r{number}" for number in range(40)]
    lines = [line().replace('"eventId": "1"', f'"eventId": "{name}"') for name in names]
    handle(context, record(put(stack, *lines), 1), record(put_truth(stack, *map(truth, names)), 2))
    (answers,), (told,) = (kept(stack, prefix).values() for prefix in ("answers/", "labels/"))
    assert keys_of(answers) == keys_of(told)
    assert 5 < len(told) < 35


def test_ground_truth_of_any_length_is_read_in_parts(stack, context, monkeypatch):
    watch_quality()
    monkeypatch.setattr(ground_truth, "LABELS_AT_ONCE", 3)
    monkeypatch.setattr(ground_truth, "MOST_LISTED", 4)
    names = [f"r{number}" for number in range(10)]
    assert handle(context, record(put_truth(stack, *map(truth, names), *["junk"] * 10))) == []
    ((_, found),) = kept(stack, "labels/").items()
    assert keys_of(found) == sorted(row_keys(names, [0] * 10).tolist())
    (document,) = quarantined(stack).values()
    assert (document["unreadable"], document["records_lost"], len(document["lines"])) == ({"not_json": 10}, 10, 4)


def test_an_answer_that_is_redacted_is_not_kept(stack, context):
    watch_quality('{"columns": ["age", "plan"], "predictions": ["score"], "redact": ["score"], "quality": {}}')
    handle(context, record(put(stack, line())))
    assert kept(stack, "answers/") == {}


def test_where_no_quality_is_watched_nothing_more_is_asked_of_aws(stack, context, monkeypatch):
    called = []
    call = botocore.client.BaseClient._make_api_call

    def noted(client, operation, parameters):
        called.append((operation, parameters.get("Key")))
        return call(client, operation, parameters)

    key = put(stack, line())
    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", noted)
    handle(context, record(key))
    *asked, (written, pack) = called
    assert Counter(asked) == {
        ("GetParameter", None): 1,
        ("GetObject", key): 1,
        ("GetObject", "references/churn/AllTraffic.json"): 1,
        ("GetObject", "references/churn/current.json"): 1,
    }
    assert (written, pack.partition("/")[0]) == ("PutObject", "profiles")
