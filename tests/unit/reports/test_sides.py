import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.sample import RowSample
from trimtab.capture.table import TextColumn
from trimtab.reports.sides import MOST_CATEGORIES, OTHERS, harmless, sides_of


def sample(rows, **columns):
    return RowSample(np.arange(rows, dtype=np.uint64), 2**64 - 1, columns)


def texts(codes, *values):
    return TextColumn(np.array(codes, np.int64), values)


NUMERIC, CATEGORICAL = {"kind": "numeric"}, {"kind": "categorical"}


def test_numbers_are_plain_floats_and_what_is_not_finite_counts_as_missing():
    before = sample(4, x=np.array([1.0, np.inf, np.nan, 2.0]))
    after = sample(3, x=texts([0, 1, -1], "3", "unknown"))
    sides = sides_of(before, after, {"x": NUMERIC})
    first, second = sides.numeric["x"]
    assert (first.dtype, second.dtype) == (np.float64, np.float64)
    np.testing.assert_array_equal(first, [1, np.nan, np.nan, 2])
    np.testing.assert_array_equal(second, [3, np.nan, np.nan])
    assert sides.notes == {"x": "2 cells that hold no finite number count as missing"}
    assert sides.rows == (4, 3)


def test_categories_are_texts_or_none_even_where_they_are_spelled_as_numbers():
    sides = sides_of(sample(3, c=np.array([1.0, 2.5, np.nan])), sample(2, c=texts([0, -1], "web")), {"c": CATEGORICAL})
    first, second = sides.categorical["c"]
    assert (first.dtype, second.dtype) == (object, object)
    assert first.tolist() == ["1", "2.5", None]
    assert second.tolist() == ["web", None]


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (sample(2), sample(2), "not among the sampled rows: redacted, or without any value"),
        (sample(2, x=np.ones(2)), sample(2), "without any value in the current rows"),
        (sample(2), sample(2, x=np.ones(2)), "without any value in the reference rows"),
        (sample(2, x=np.ones(2)), sample(2, x=texts([0, 0], "n/a")), "no cell of a side holds a number"),
        (sample(0), sample(2, x=np.ones(2)), "a side has no rows"),
    ],
)
def test_a_column_without_values_is_left_out_and_it_is_said_why(before, after, why):
    sides = sides_of(before, after, {"x": NUMERIC})
    assert not sides.columns
    assert sides.left_out == {"x": why}


def test_only_judged_columns_are_shown_in_the_order_of_the_verdict():
    before = sample(2, a=np.ones(2), b=np.ones(2), ignored=np.ones(2))
    sides = sides_of(before, before, {"b": NUMERIC, "a": NUMERIC})
    assert list(sides.columns) == ["b", "a"]


def test_the_rarest_of_many_categories_become_one():
    names = [f"city {i:03}" for i in range(200)]
    codes = np.concatenate([np.arange(200), np.zeros(10, np.int64)])
    one = sample(210, city=texts(codes, *names))
    first, _ = sides_of(one, one, {"city": CATEGORICAL}).categorical["city"]
    assert len(set(first)) == MOST_CATEGORIES
    assert OTHERS in first
    assert list(first).count("city 000") == 11


def test_at_most_so_many_rows_those_with_the_smallest_hashes():
    one = sample(30, x=np.arange(30.0))
    sides = sides_of(one, one, {"x": NUMERIC}, most=10)
    assert sides.rows == (10, 10)
    np.testing.assert_array_equal(sides.numeric["x"][0], np.arange(10.0))


def test_names_that_look_alike_stay_apart():
    one = sample(1, **{"a<b": np.ones(1), "a‹b": np.zeros(1)})
    sides = sides_of(one, one, {"a<b": NUMERIC, "a‹b": NUMERIC})
    assert sides.shown == {"a<b": "a‹b", "a‹b": "a‹b’"}
    assert sides.numeric["a‹b’"][0].tolist() == [0.0]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=20, unique=True), st.text(max_size=20))
def test_no_name_and_no_value_can_become_markup(values, name):
    one = sample(len(values), **{name: texts(range(len(values)), *values)})
    sides = sides_of(one, one, {name: CATEGORICAL})
    shown = [*sides.columns, *sides.categorical[sides.shown[name]][0]]
    assert not [text for text in shown if "<" in text or ">" in text]
    assert harmless(harmless(name)) == harmless(name)
