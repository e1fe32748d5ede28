import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.capture.decode import decode
from trimtab.capture.free_text import are_free_payloads, characters, measure_free_texts, settled
from trimtab.capture.layout import Layout
from trimtab.capture.naming import has_nameless_inputs, name_columns
from trimtab.capture.profile import add_profiles, profile_table
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sample import sample_of_table
from trimtab.capture.sketch import merge_sketches, profile_of, sketch_table
from trimtab.capture.table import NumericColumn, Table, TextColumn

HOUR = datetime(2026, 1, 1, 7, tzinfo=UTC)


def prose(count, length=100):
    return [f"{i:04} ".ljust(length + i % 7, "x") for i in range(count)]


def texts(values):
    distinct = sorted({value for value in values if value is not None})
    return TextColumn(
        np.array([-1 if value is None else distinct.index(value) for value in values], np.int64), tuple(distinct)
    )


def table(outputs=(), **columns):
    return Table(HOUR, len(next(iter(columns.values()))), 1, columns, frozenset(outputs))


def columns_read(requests, layout=None):
    lines = [
        {
            "captureData": {
                "endpointInput": {
                    "data": json.dumps(each),
                    "encoding": "JSON",
                    "observedContentType": "application/json",
                }
            },
            "eventMetadata": {"eventId": "1", "inferenceTime": "2026-01-01T07:30:00Z"},
        }
        for each in requests
    ]
    (found,) = decode(["\n".join(map(json.dumps, lines)).encode()], layout or Layout())
    return found.columns


@pytest.mark.parametrize(
    ("values", "are_free"),
    [
        (prose(100), True),
        (prose(1), True),
        (prose(100, 10), False),
        (prose(12) + prose(88, 10), True),
        (["spam"] * 20 + prose(1), False),
        (prose(4) * 25, False),
        (prose(4, 300) * 25, True),
        (["plan a", "plan b"] * 50, False),
        ([], False),
    ],
    ids=["prose", "one", "short", "some long", "one message", "few long labels", "few very long", "labels", "none"],
)
def test_texts_are_free_when_they_are_long_and_hardly_repeat(values, are_free):
    assert are_free_payloads(values) is are_free
    if values:
        found = measure_free_texts(table(review=texts(values)), Layout())
        assert list(found.columns) == ["review.characters" if are_free else "review"]


def test_the_length_of_each_text_is_what_is_measured():
    found = measure_free_texts(
        table({"review"}, age=NumericColumn(np.ones(3)), review=texts([*prose(2), None])), Layout()
    )
    assert (list(found.columns), found.outputs) == (["age", "review.characters"], {"review.characters"})
    assert found.columns["review.characters"].values.tolist() == pytest.approx([100, 101, np.nan], nan_ok=True)
    assert characters(NumericColumn(np.array([1.0, np.nan, -2.5]))).values.tolist() == pytest.approx(
        [1, np.nan, 4], nan_ok=True
    )


def test_what_is_known_of_a_column_decides():
    long, short, digits = table(x=texts(prose(9))), table(x=texts(["a", "b"])), table(x=NumericColumn(np.ones(2)))
    by_length, as_category = Layout(numeric=frozenset({"x.characters"})), Layout(categorical=frozenset({"x"}))
    for each in (long, short, digits):
        assert list(measure_free_texts(each, by_length).columns) == ["x.characters"]
        assert list(measure_free_texts(each, as_category).columns) == ["x"]
    both = replace(by_length, categorical=frozenset({"x"}))
    assert [list(measure_free_texts(each, both).columns) for each in (long, short)] == [["x.characters"], ["x"]]


def test_a_column_that_is_called_like_a_length_stays_what_it_is():
    made = table(x=texts(prose(9)), **{"x.characters": NumericColumn(np.arange(9.0))})
    assert measure_free_texts(made, Layout()) is made
    assert settled(sketch_table(made)).columns.keys() == made.columns.keys()


def test_questions_prompts_and_what_is_generated_are_measured_whatever_the_shape():
    long = prose(3)
    assert list(columns_read([{"inputs": {"question": q, "context": q * 9}} for q in long])) == [
        "question.characters",
        "context.characters",
    ]
    assert list(columns_read([{"prompt": "hi", "top_k": 1}])) == ["prompt.characters", "top_k"]
    chat = columns_read([{"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}])
    assert {name: column.values.tolist() for name, column in chat.items()} == {
        "messages.length": [1],
        "messages.characters": [5],
    }


def test_of_wanted_columns_texts_are_read_for_their_length():
    known = frozenset({"a", "review.characters"})
    layout = Layout(columns=("a", "review"), keep=known, numeric=known)
    assert columns_read([[1, "good"]], layout)["review.characters"].values.tolist() == [4]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=6), st.randoms(use_true_random=False))
def test_tables_that_are_judged_otherwise_make_one_reference_and_count_alike(cuts, random):
    """Of few rows some pieces hold long texts and some do not. Their lengths are compared all the same."""
    values = [*prose(30), *prose(30, 20)]
    random.shuffle(values)
    ends = sorted({0, 60, *cuts})
    pieces = [table(review=texts(values[a:b])) for a, b in pairwise(ends)]
    parts = [sketch_table(measure_free_texts(piece, Layout())) for piece in pieces]
    whole = table(**{"review.characters": characters(texts(values))})
    expected = reference_from_sketch(sketch_table(whole), source="", created="")
    if all(list(part.columns) == ["review"] for part in parts):
        return
    made = reference_from_sketch(merge_sketches(parts), source="", created="")
    assert made.grid.name == expected.grid.name
    counted = add_profiles([profile_of(name_columns(part, expected), expected.grid) for part in parts], expected.grid)
    live = add_profiles(
        [profile_table(name_columns(piece, expected), expected.grid) for piece in pieces], expected.grid
    )
    for profile in (made.profile, counted, live):
        column, due = profile.columns["review.characters"], expected.profile.columns["review.characters"]
        assert (column.counts.tolist(), column.missing, column.total) == (due.counts.tolist(), 0, due.total)


def test_texts_without_names_take_those_of_the_references_texts():
    training = measure_free_texts(table(age=NumericColumn(np.arange(9.0)), review=texts(prose(9))), Layout())
    reference = reference_from_sketch(sketch_table(training), source="", created="")
    for values in (prose(2), ["good", "bad"]):
        live = measure_free_texts(table(c0=NumericColumn(np.ones(2)), c1=texts(values)), Layout())
        assert has_nameless_inputs(live)
        assert list(name_columns(live, reference).columns) == ["age", "review.characters"]
        assert list(name_columns(sketch_table(live), reference).columns) == ["age", "review.characters"]


def test_the_length_of_what_must_not_be_kept_is_not_kept():
    made = measure_free_texts(table(age=NumericColumn(np.ones(3)), review=texts(prose(3))), Layout())
    assert list(sample_of_table(made, 0, 0, 9, redact=frozenset({"review"})).columns) == ["age"]


def test_an_answer_in_plain_text_is_what_the_reference_knows():
    def outputs_of(answer, layout):
        said = {
            "data": base64.b64encode(answer.encode()).decode(),
            "encoding": "BASE64",
            "observedContentType": "text/plain",
        }
        line = {"captureData": {"endpointOutput": said}, "eventMetadata": {"inferenceTime": "2026-01-01T07:30:00Z"}}
        (found,) = decode([json.dumps(line).encode()], layout)
        return list(found.columns)

    long, measured = prose(1)[0], ["output.characters", "output.words"]
    assert (outputs_of("spam", Layout()), outputs_of(long, Layout())) == (["prediction"], measured)
    assert outputs_of("spam", Layout(numeric=frozenset({"output.characters"}))) == measured
    assert outputs_of(long, Layout(categorical=frozenset({"prediction"}))) == ["prediction"]
