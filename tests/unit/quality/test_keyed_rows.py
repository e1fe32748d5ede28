"""Merging rows by identity: laws, and the form that is stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.quality.builders import texts
from trimtab.quality.keyed_rows import (
    KeyedRowsError,
    decode_rows,
    encode_rows,
    keyed_rows,
    places_of,
    requests_of,
    row_keys,
    union,
)

cells = st.tuples(
    st.sampled_from(["a", "b", "c"]),  # request
    st.integers(0, 2),  # row
    st.integers(0, 3),  # seen
    st.sampled_from(["x", "y", "z", None]),
    st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")]),
)


def rows_of(given_cells, column="number"):
    keys = row_keys((cell[0] for cell in given_cells), (cell[1] for cell in given_cells))
    return keyed_rows(
        keys,
        np.array([cell[2] for cell in given_cells], np.int64),
        {column: np.array([cell[4] for cell in given_cells], np.float64)},
        {"text": texts([cell[3] for cell in given_cells])},
    )


parts = st.tuples(st.lists(cells, max_size=8), st.sampled_from(["number", "other"])).map(lambda each: rows_of(*each))


@given(st.lists(parts, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_parts_does_not_matter(given_parts, random):
    shuffled = list(given_parts)
    random.shuffle(shuffled)
    assert encode_rows(union(shuffled)) == encode_rows(union(given_parts))


@given(parts, parts, parts)
def test_merging_is_associative(a, b, c):
    left, right = union([union([a, b]), c]), union([a, union([b, c])])
    assert encode_rows(left) == encode_rows(right) == encode_rows(union([a, b, c]))


@given(parts, parts)
def test_duplicates_change_nothing(a, b):
    once = union([a, b])
    assert encode_rows(union([a, b, a, once])) == encode_rows(once)


@given(st.lists(cells, max_size=12))
def test_each_row_is_there_once_from_its_first_sight_to_its_last(given_cells):
    rows = rows_of(given_cells)
    identities = sorted({cell[:2] for cell in given_cells})
    assert len(rows) == len(identities)
    assert (rows.keys[1:] > rows.keys[:-1]).all()
    places = dict(zip(row_keys(*zip(*identities, strict=True)).tolist() if identities else [], identities, strict=True))
    for key, first, last in zip(rows.keys.tolist(), rows.first.tolist(), rows.last.tolist(), strict=True):
        seen = [cell[2] for cell in given_cells if cell[:2] == places[key]]
        assert (first, last) == (min(seen), max(seen))


def test_a_row_is_as_it_was_last_seen():
    rows = union([rows_of([("a", 0, 5, "new", 1.0)]), rows_of([("a", 0, 4, "old", 2.0)])])
    assert rows.texts["text"].values == ("new",)
    assert rows.numbers["number"].tolist() == [1.0]


@given(parts)
def test_bytes_bring_the_rows_back(rows):
    assert encode_rows(decode_rows(encode_rows(rows))) == encode_rows(rows)


@pytest.mark.parametrize("body", [b"", b"nonsense", encode_rows(rows_of([]))[:-4]])
def test_other_bytes_are_refused(body):
    with pytest.raises(KeyedRowsError):
        decode_rows(body)


def test_a_column_of_two_kinds_is_refused():
    key = row_keys(["a"], [0])
    with pytest.raises(KeyedRowsError, match="x is numeric"):
        union([keyed_rows(key, 0, {"x": np.ones(1)}), keyed_rows(key, 0, texts={"x": texts(["1"])})])


def test_rows_of_one_request_share_its_number():
    keys = np.sort(row_keys([f"r{row // 3}" for row in range(30)], [row % 3 for row in range(30)]))
    assert np.bincount(requests_of(keys)).tolist() == [3] * 10


def test_keys_are_found_among_others():
    keys = np.sort(row_keys("abcdef", [0] * 6))
    assert places_of(keys[1::2], keys).tolist() == [1, 3, 5]
    assert places_of(keys, keys[:0]).tolist() == [-1] * 6
    assert places_of(row_keys(["g"], [0]), keys).tolist() == [-1]


def test_a_surrogate_in_an_id_does_no_harm():
    assert len(keyed_rows(row_keys(["\ud800"], [0]), 0)) == 1
