import gzip
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.capture.faults import Unreadable
from trimtab.capture.ground_truth import Label, labels


def line(data, encoding="CSV", event_id="e1"):
    truth = {"data": data, "encoding": encoding}
    return json.dumps({"groundTruthData": truth, "eventMetadata": {"eventId": event_id}, "eventVersion": "0"})


def read(*lines, **options):
    found = list(labels(["\n".join(lines).encode()], **options))
    return [each for each in found if isinstance(each, Label)], [each for each in found if isinstance(each, Unreadable)]


@pytest.mark.parametrize(
    ("path", "count", "values"),
    [
        ("ase_test_gt_batch.gt.jsonl", 334, {0.0, 1.0}),
        ("idea.gt.jsonl", 50, {0.0, 1.0}),
        ("sagemaker-python-sdk/actuals.jsonl", 44, {0.0, 1.0}),
    ],
)
def test_every_real_label_is_read(shared, path, count, values):
    found = list(labels([(shared / "data/capture" / path).read_bytes()]))
    assert Counter(type(each) for each in found) == {Label: count}
    assert all(each.index == 0 and each.values.keys() == {"label"} for each in found)
    assert {each.values["label"] for each in found} <= values
    assert len({each.event_id for each in found}) == count


@pytest.mark.parametrize(
    ("data", "encoding", "expected"),
    [
        ("1", "CSV", [{"label": 1.0}]),
        ("cat\n", "CSV", [{"label": "cat"}]),
        ("0\n1\n0", "CSV", [{"label": 0.0}, {"label": 1.0}, {"label": 0.0}]),
        ("1,0.5", "CSV", [{"label_0": 1.0, "label_1": 0.5}]),
        ('{"label": 1}', "JSON", [{"label": 1.0}]),
        ('{"label": "cat", "weight": null}', "JSON", [{"label": "cat", "weight": None}]),
        ('{"instances": [{"label": 0}, {"label": 1}]}', "JSON", [{"label": 0.0}, {"label": 1.0}]),
        ("[0, 1]", "JSON", [{"label": 0.0}, {"label": 1.0}]),
        ("[[0], [1]]", "JSON", [{"label": 0.0}, {"label": 1.0}]),
        ('{"label": true}\n{"label": false}', "JSON", [{"label": "true"}, {"label": "false"}]),
        ("MQ==", "BASE64", [{"label": 1.0}]),
        ("cat", "", [{"label": "cat"}]),
    ],
)
def test_rows_of_a_request_have_a_label_each(data, encoding, expected):
    found, unreadable = read(line(data, encoding))
    assert unreadable == []
    assert found == [Label("e1", index, values) for index, values in enumerate(expected)]


def test_labels_that_were_not_quoted_are_read():
    assert read(line([0, 1], "JSON"))[0] == [Label("e1", 0, {"label": 0.0}), Label("e1", 1, {"label": 1.0})]
    assert read(line(1, "CSV"))[0] == [Label("e1", 0, {"label": 1.0})]


def test_labels_belong_to_their_requests():
    found, _ = read(line("1\n0", event_id="a"), "", line('{"label": 1}', "JSON", "b"), line("1", event_id="c"))
    assert Counter((each.event_id, each.index) for each in found) == Counter([("a", 0), ("a", 1), ("b", 0), ("c", 0)])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("junk", "not_json"),
        ("[]", "not_ground_truth"),
        ('{"captureData": {}, "eventMetadata": {"eventId": "e"}}', "not_ground_truth"),
        ('{"groundTruthData": {"data": null}, "eventMetadata": {"eventId": "e"}}', "not_ground_truth"),
        ('{"groundTruthData": {"data": "1"}}', "no_event_id"),
        (line("1", event_id=""), "no_event_id"),
        (line("{", "JSON"), "not_json"),
        (line("", "CSV"), "no_rows"),
        (line("!", "BASE64"), "bad_base64"),
        (line("iVBORw0KGgo=", "BASE64"), "not_labels"),
        (line('"1', "CSV"), "bad_csv"),
    ],
)
def test_what_cannot_be_read_costs_its_line(bad, reason):
    found, [unreadable] = read(line("1", event_id="a"), bad, line("0", event_id="b"))
    assert [each.event_id for each in found] == ["a", "b"]
    assert (unreadable.line, unreadable.reason) == (2, reason)


def test_a_json_object_without_a_key_is_a_row_without_a_value():
    assert read(line("{}", "JSON"))[0] == [Label("e1", 0, {})]


@given(st.lists(st.integers(0, 1), min_size=1, max_size=40), st.integers(10, 500), st.booleans())
@settings(deadline=None, max_examples=40)
def test_groups_and_compression_do_not_matter(values, group_bytes, is_gzip):
    content = "\n".join(line(str(value), event_id=str(i)) for i, value in enumerate(values)).encode()
    found = labels([gzip.compress(content) if is_gzip else content], group_bytes=group_bytes)
    assert [(each.event_id, each.values["label"]) for each in found] == [(str(i), v) for i, v in enumerate(values)]


@given(st.lists(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: line(text).encode()), max_size=6))
@settings(deadline=None, max_examples=100)
def test_no_content_raises(lines):
    list(labels([b"\n".join(lines)]))
