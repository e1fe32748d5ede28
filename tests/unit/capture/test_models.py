import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.capture import models
from trimtab.capture.decode import decode
from trimtab.capture.faults import Unreadable
from trimtab.capture.layout import Layout
from trimtab.capture.models import decode_models, model_of
from trimtab.capture.objects import fold_models
from trimtab.capture.pack import ObjectId

EIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)


def line(value="1", inference_id=None, attributes=None):
    metadata = {"eventId": "e", "inferenceTime": "2026-11-20T08:00:00Z"}
    metadata |= {"inferenceId": inference_id} if inference_id else {}
    metadata |= {"customAttributes": attributes} if attributes else {}
    sent = {"observedContentType": "text/csv", "data": value, "encoding": "CSV"}
    return json.dumps({"captureData": {"endpointInput": sent}, "eventMetadata": metadata})


@pytest.mark.parametrize(
    "attributes",
    [
        "model=a",
        "tenant=x;model=a",
        "tenant=x, model = a ,z=1",
        "trace;model=a",
        '{"model": "a", "n": 1}',
        {"model": "a"},
        ["tenant=x", "model=a"],
        '["model=a"]',
    ],
)
def test_an_attribute_names_the_model_in_any_spelling(attributes):
    assert model_of("model", "", attributes) == "a"


@pytest.mark.parametrize(
    "attributes", [None, "", "model", "mode=a", "{", "[" * 100_000, 3, [3], {"model": ["a"]}, "{}"]
)
def test_a_request_that_names_no_model_has_none(attributes):
    assert model_of("model", "", attributes) == ""


@pytest.mark.parametrize(
    ("attribute", "inference_id", "model"),
    [
        ("inferenceId:/", "a/1/2", "a"),
        ("inferenceId::", "a:1", "a"),
        ("inferenceId:--", "a-b--1", "a-b"),
        ("inferenceId:/", "a", ""),
        ("inferenceId:/", "", ""),
        ("inferenceId:/", "/1", ""),
    ],
)
def test_the_beginning_of_the_inference_id_names_the_model(attribute, inference_id, model):
    assert model_of(attribute, inference_id, "model=b") == model


def read(lines, attribute="model", **options):
    found = list(decode_models(["\n".join(lines).encode()], attribute, lambda _: Layout(columns=("x",)), **options))
    rows = Counter()
    for model, item in found:
        rows[model] += 0 if isinstance(item, Unreadable) else item.rows
    return rows, [(model, item.line, item.reason) for model, item in found if isinstance(item, Unreadable)]


def test_lines_that_cannot_be_read_keep_their_numbers():
    rows, unreadable = read(
        [
            line(attributes="model=a"),
            "junk",
            line("1,2", attributes="model=b"),
            line(),
            "",
            line("1,2", attributes="model=a"),
        ]
    )
    assert rows == {"": 1, "a": 1, "b": 0}
    assert sorted(unreadable) == [("", 2, "not_json"), ("a", 6, "wrong_columns"), ("b", 3, "wrong_columns")]


def test_a_line_that_looks_like_gzip_costs_itself():
    lines = [line(attributes="model=a").encode(), b"\x1f\x8bjunk", line().encode()]
    found = list(decode_models([b"\n".join(lines)], "model", lambda _: Layout()))
    assert [item.line for _, item in found if isinstance(item, Unreadable)] == [2]
    assert sum(item.rows for _, item in found if not isinstance(item, Unreadable)) == 2


def test_an_attribute_that_is_different_in_each_request_is_refused(monkeypatch):
    monkeypatch.setattr(models, "MOST_MODELS", 3)
    rows, unreadable = read([line(attributes=f"model={i % 5}") for i in range(10)])
    assert rows.keys() - {""} == {"0", "1", "2"}
    assert {reason for *_, reason in unreadable} == {"too_many_models"}
    assert len(unreadable) == 4


def test_a_name_too_long_is_refused():
    _, unreadable = read([line(attributes=f"model={'x' * 200}")])
    assert unreadable == [("", 1, "bad_model")]


def test_without_an_attribute_all_is_one_model():
    lines = [line(attributes=f"model={i}") for i in range(3)]
    assert read(lines, attribute="") == ({"": 3}, [])


@given(st.lists(st.sampled_from(["", "a", "b"]), max_size=30), st.integers(100, 3000))
@settings(deadline=None, max_examples=40)
def test_models_together_are_the_whole(of_lines, group_bytes):
    lines = [line(str(i), attributes=model and f"model={model}") for i, model in enumerate(of_lines)]
    chunks = ["\n".join(lines).encode()]
    identity = ObjectId("b", "k", "2026", "e")
    items = decode_models(chunks, "model", lambda _: Layout(), group_bytes=group_bytes)
    folded = fold_models(identity, items, lambda _: None, EIGHT)
    assert {model: each.rows for model, each in folded.items()} == Counter(of_lines)
    assert sum(table.rows for table in decode(chunks, Layout())) == len(of_lines)


def test_each_model_is_read_in_its_own_way():
    layouts = {"a": Layout(columns=("x",)), "b": Layout(columns=("y",))}
    lines = [line(attributes="model=a"), line(attributes="model=b")]
    found = dict(decode_models(["\n".join(lines).encode()], "model", layouts.__getitem__))
    assert {model: set(table.columns) for model, table in found.items()} == {"a": {"x"}, "b": {"y"}}
