from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.capture.faults import Unreadable
from trimtab.capture.naming import name_columns
from trimtab.capture.objects import MOST_LISTED, fold_models, fold_object, unreadable_document
from trimtab.capture.pack import ObjectId, encode_pack
from trimtab.capture.profile import Profile, profile_table
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sample_document import encode_sample
from trimtab.capture.sampling import SmallestHashes
from trimtab.capture.sketch import merge_sketches, sketch_table
from trimtab.capture.table import NumericColumn, Table, TextColumn

EIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)
NINE = EIGHT + timedelta(hours=1)
IDENTITY = ObjectId("captures", "churn/AllTraffic/2026/11/20/08/a.jsonl", "2026-11-20T08:10:00+00:00", "e1")


def table(hour=EIGHT, rows=40, seed=0, outputs=("p",), **names):
    # whole numbers, so that sums are exact whatever is added first
    rng = np.random.default_rng(seed)
    numbers = rng.integers(-50, 50, rows).astype(float)
    numbers[rng.random(rows) < 0.1] = np.nan
    columns = {
        "x": NumericColumn(numbers),
        "c": TextColumn(rng.integers(-1, 3, rows), ("red", "green", "blue")),
        "p": NumericColumn(rng.integers(0, 2, rows).astype(float)),
    }
    return Table(
        hour, rows, rows, {names.get(name, name): column for name, column in columns.items()}, frozenset(outputs)
    )


def cut(whole, start, stop):
    columns = {
        name: replace(column, values=column.values[start:stop])
        if isinstance(column, NumericColumn)
        else replace(column, codes=column.codes[start:stop])
        for name, column in whole.columns.items()
    }
    return replace(whole, rows=stop - start, records=stop - start, columns=columns)


REFERENCE = reference_from_sketch(sketch_table(table(rows=500, seed=9)), source="test", created="2026-11-20T00:00:00Z")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=5), st.sampled_from([None, REFERENCE]), st.randoms(use_true_random=False))
def test_any_split_in_any_order_gives_the_same_profile(cuts, reference, random):
    whole = [table(EIGHT, seed=1), table(NINE, seed=2)]
    ends = sorted({0, 40, *cuts})
    pieces = [cut(each, *span) for each in whole for span in pairwise(ends)]
    random.shuffle(pieces)
    at_once = fold_object(IDENTITY, whole, reference, EIGHT)
    in_pieces = fold_object(IDENTITY, pieces, reference, EIGHT)
    assert in_pieces.rows == at_once.rows == 80
    assert list(in_pieces.hours) == list(at_once.hours) == [EIGHT, NINE]
    for hour, entry in at_once.hours.items():
        assert named(in_pieces.hours[hour]) == named(entry)


def named(entry):
    """The entry's bytes with the columns in order of their names."""
    if isinstance(entry.profile, Profile):
        return encode_pack([entry])
    return encode_pack(
        [replace(entry, profile=replace(entry.profile, columns=dict(sorted(entry.profile.columns.items()))))]
    )


def test_counts_lie_in_the_hour_of_the_event():
    folded = fold_object(IDENTITY, [table(NINE, rows=7), table(EIGHT, rows=5), table(NINE, rows=3)], REFERENCE, EIGHT)
    assert {hour: entry.profile.rows for hour, entry in folded.hours.items()} == {EIGHT: 5, NINE: 10}
    assert (folded.rows, folded.records) == (15, 15)
    assert all(entry.object == IDENTITY for entry in folded.hours.values())


def test_unreadable_lines_belong_to_their_hour_else_to_that_of_the_key():
    items = [
        Unreadable(1, "bad_json", "no JSON"),
        table(NINE, rows=3),
        Unreadable(5, "wrong_columns", "3 for 4", hour=NINE),
        Unreadable(6, "bad_json", "no JSON"),
    ]
    folded = fold_object(IDENTITY, items, REFERENCE, EIGHT)
    assert {hour: entry.unreadable for hour, entry in folded.hours.items()} == {
        EIGHT: {"bad_json": 2},
        NINE: {"wrong_columns": 1},
    }
    assert folded.hours[EIGHT].profile.rows == 0
    assert folded.unreadable == Counter(bad_json=2, wrong_columns=1)
    assert [item.line for item in folded.listed] == [1, 5, 6]


def test_a_lost_output_is_told_but_its_line_is_not_lost():
    items = [
        table(EIGHT, rows=3),
        Unreadable(2, "error_response", "", records=0, hour=EIGHT),
        Unreadable(4, "bad_json", ""),
    ]
    folded = fold_object(IDENTITY, items, REFERENCE, EIGHT)
    assert folded.unreadable == Counter(error_response=1, bad_json=1)
    assert folded.lost == folded.hours[EIGHT].lost == 1


def test_models_of_one_object_are_folded_apart_each_on_its_own_grid():
    items = [("a", table(EIGHT, rows=3)), ("", Unreadable(1, "bad_json", "")), ("b", table(NINE, rows=5))]
    references = {"a": REFERENCE, "b": None, "": None}
    folded = fold_models(IDENTITY, items, references.__getitem__, EIGHT, manifest="s3://b/m.json")
    assert {model: (each.rows, each.lost) for model, each in folded.items()} == {"a": (3, 0), "": (0, 1), "b": (5, 0)}
    assert isinstance(folded["a"].hours[EIGHT].profile, Profile)
    assert not isinstance(folded["b"].hours[NINE].profile, Profile)
    assert {entry.manifest for each in folded.values() for entry in each.hours.values()} == {"s3://b/m.json"}


@pytest.mark.parametrize("reference", [None, REFERENCE])
def test_an_object_without_one_good_line_is_kept_as_such(reference):
    folded = fold_object(IDENTITY, [Unreadable(1, "bad_json", "")], reference, EIGHT)
    assert folded.rows == folded.hours[EIGHT].records == 0
    encode_pack(folded.hours.values())


def test_an_empty_object_adds_nothing():
    assert fold_object(IDENTITY, [], REFERENCE, EIGHT).hours == {}


def test_all_unreadable_lines_are_counted_and_not_all_listed():
    lines = (Unreadable(i, "bad_json", "") for i in range(MOST_LISTED + 500))
    folded = fold_object(IDENTITY, lines, REFERENCE, EIGHT)
    assert folded.unreadable["bad_json"] == MOST_LISTED + 500
    assert len(folded.listed) == MOST_LISTED


def test_what_could_not_be_read_of_all_models_together_is_told_line_by_line():
    folded = fold_models(
        IDENTITY,
        [
            ("a", table(EIGHT, rows=3)),
            ("a", Unreadable(2, "bad_json", "no end")),
            ("b", Unreadable(5, "error_response", "500", records=0)),
            ("b", Unreadable(7, "bad_json", "no start")),
        ],
        lambda _: None,
        EIGHT,
    )
    document = unreadable_document(IDENTITY, list(folded.values()))
    assert document == {
        "object": {"bucket": "captures", "key": IDENTITY.key, "modified": IDENTITY.modified, "etag": "e1"},
        "records_read": 3,
        "records_lost": 2,
        "unreadable": {"bad_json": 2, "error_response": 1},
        "lines": [
            {"line": 2, "reason": "bad_json", "detail": "no end"},
            {"line": 5, "reason": "error_response", "detail": "500"},
            {"line": 7, "reason": "bad_json", "detail": "no start"},
        ],
    }
    assert unreadable_document(IDENTITY, [folded["a"], folded["a"]])["unreadable"] == {"bad_json": 2}


def test_of_an_object_that_was_read_whole_there_is_nothing_to_tell():
    assert unreadable_document(IDENTITY, [fold_object(IDENTITY, [table()], REFERENCE, EIGHT)]) is None
    assert unreadable_document(IDENTITY, []) is None


def test_many_models_do_not_make_a_longer_list():
    lines = [(model, Unreadable(i, "bad_json", "")) for model in "ab" for i in range(MOST_LISTED)]
    folded = fold_models(IDENTITY, lines, lambda _: None, EIGHT)
    document = unreadable_document(IDENTITY, list(folded.values()))
    assert (len(document["lines"]), document["unreadable"]) == (MOST_LISTED, {"bad_json": 2 * MOST_LISTED})


def test_columns_without_names_get_those_of_the_reference():
    nameless = table(outputs=("prediction",), x="c0", c="c1", p="prediction")
    reference = replace(REFERENCE, outputs=frozenset({"p"}))
    renamed = name_columns(nameless, reference)
    assert list(renamed.columns) == ["x", "c", "p"]
    assert renamed.outputs == {"p"}
    assert name_columns(sketch_table(nameless), reference).outputs == {"p"}
    folded = fold_object(IDENTITY, [nameless], reference, EIGHT)
    expected = profile_table(table(), reference.grid)
    assert folded.hours[EIGHT].profile.columns["x"].counts.tolist() == expected.columns["x"].counts.tolist()


@pytest.mark.parametrize(
    ("names", "outputs", "expected"),
    [
        ({"x": "c0", "c": "c2"}, ("p",), ["c0", "c2", "p"]),  # not all of the first
        ({"x": "c0"}, ("p",), ["c0", "c", "p"]),
        ({"x": "c0", "c": "c1", "p": "c2"}, (), ["c0", "c1", "c2"]),  # one more than the reference's inputs
        ({"x": "c0", "c": "c1", "p": "prediction"}, ("prediction",), ["x", "c", "p"]),
        ({"p": "prediction_0"}, ("prediction_0",), ["x", "c", "prediction_0"]),
        ({"p": "prediction_label"}, ("prediction_label",), ["x", "c", "prediction_label"]),
    ],
)
def test_only_as_many_nameless_columns_as_the_reference_has_are_named(names, outputs, expected):
    reference = replace(REFERENCE, outputs=frozenset({"p"}))
    assert list(name_columns(table(outputs=outputs, **names), reference).columns) == expected


def test_named_predictions_are_never_taken_for_each_other():
    both = {"prediction_a": NumericColumn(np.zeros(9)), "prediction_b": NumericColumn(np.ones(9))}
    made = Table(EIGHT, 9, 9, both, frozenset(both))
    reference = reference_from_sketch(sketch_table(made), source="test", created="2026-11-20T00:00:00Z")
    turned = replace(made, columns=dict(reversed(both.items())))
    assert name_columns(turned, reference) == turned


@given(st.permutations(range(12)))
def test_positions_count_not_the_order_in_which_columns_appear(order):
    known = {f"k{i:02d}": NumericColumn(np.full(3, float(i))) for i in range(12)}
    reference = reference_from_sketch(
        merge_sketches([sketch_table(Table(EIGHT, 3, 3, known))]), source="test", created="2026-11-20T00:00:00Z"
    )
    nameless = Table(EIGHT, 3, 3, {f"c{i}": known[f"k{i:02d}"] for i in order})
    renamed = name_columns(nameless, reference)
    assert renamed.columns.keys() == known.keys()
    assert all(column is known[name] for name, column in renamed.columns.items())


def sampled(items, most=10, identity=IDENTITY, reference=REFERENCE, redact=frozenset()):
    folded = fold_models(
        identity, items, lambda _: reference, EIGHT, smallest=lambda *_: SmallestHashes(most), redact=redact
    )
    return {(model, hour): entry.sample for model, each in folded.items() for hour, entry in each.hours.items()}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=5), st.sampled_from([None, REFERENCE]), st.sampled_from([1, 10, 100]))
def test_the_rows_sampled_do_not_depend_on_how_the_object_is_split(cuts, reference, most):
    whole = [table(EIGHT, seed=1), table(NINE, seed=2)]
    pieces = [("", cut(each, *span)) for each in whole for span in pairwise(sorted({0, 40, *cuts}))]
    at_once, in_pieces = (sampled(items, most, reference=reference) for items in ([("", t) for t in whole], pieces))
    assert at_once.keys() == in_pieces.keys()
    for key, sample in at_once.items():
        assert encode_sample(in_pieces[key]) == encode_sample(sample)
        assert sample.rows == min(most, 40)


def test_rows_of_each_object_hour_and_model_are_drawn_by_themselves():
    items = [("a", table(EIGHT)), ("a", table(NINE)), ("b", table(EIGHT))]
    here, there = sampled(items), sampled(items, identity=replace(IDENTITY, key="other.jsonl"))
    drawn = [sample.hashes.tolist() for sample in (*here.values(), *there.values())]
    assert len(drawn) == 6
    assert len({tuple(each) for each in drawn}) == 6


def test_an_object_that_is_written_again_keeps_its_sample():
    again = replace(IDENTITY, modified="2026-11-21T08:10:00+00:00")
    first, second = sampled([("", table())]), sampled([("", table())], identity=again)
    assert encode_sample(first["", EIGHT]) == encode_sample(second["", EIGHT])


def test_sampled_rows_have_the_names_of_the_reference_and_no_redacted_cells():
    nameless = table(x="c0", c="c1", p="prediction", outputs=("prediction",))
    assert set(sampled([("", nameless)])["", EIGHT].columns) == {"x", "c", "p"}
    assert set(sampled([("", nameless)], redact=frozenset({"x"}))["", EIGHT].columns) == {"c", "p"}
    assert sampled([("", nameless)], reference=None, redact=frozenset({"x"}))["", EIGHT] is None


def test_an_object_of_one_model_is_sampled_as_among_models():
    redact, manifest = frozenset({"x"}), "s3://b/m.json"
    folded = fold_object(
        IDENTITY,
        [table(EIGHT), table(NINE)],
        REFERENCE,
        EIGHT,
        manifest=manifest,
        smallest=lambda _: SmallestHashes(10),
        redact=redact,
    )
    expected = sampled([("", table(EIGHT)), ("", table(NINE))], redact=redact)
    assert {entry.manifest for entry in folded.hours.values()} == {manifest}
    for hour, entry in folded.hours.items():
        assert encode_sample(entry.sample) == encode_sample(expected["", hour])


def test_no_rows_are_kept_where_none_are_wanted():
    assert sampled([("", table())], most=0)["", EIGHT] is None
    assert fold_object(IDENTITY, [table()], REFERENCE, EIGHT).hours[EIGHT].sample is None
