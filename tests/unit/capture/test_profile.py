import itertools
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.grid import Grid, numeric_bins, vocabulary
from trimtab.capture.profile import Profile, add_profiles, profile_table
from trimtab.capture.table import NumericColumn, Table, TextColumn, canonical_text, number_of

HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)
GRID = Grid(
    {
        "x": numeric_bins(*np.unique(np.arange(1000.0), return_counts=True)),
        "c": vocabulary({"a": 5, "1": 3, "true": 2}),
    }
)

numbers = st.lists(st.one_of(st.floats(-2000, 2000), st.just(float("nan"))), max_size=60)
texts = st.lists(st.sampled_from(["a", "1", "1.0", "True", "new", None]), max_size=60)


def text_column(cells):
    values = tuple(dict.fromkeys(cell for cell in cells if cell is not None))
    return TextColumn(np.array([-1 if cell is None else values.index(cell) for cell in cells], np.int64), values)


def table(x, c):
    rows = min(len(x), len(c))
    return Table(HOUR, rows, rows, {"x": NumericColumn(np.array(x[:rows], float)), "c": text_column(c[:rows])})


def facts(profile: Profile):
    return {
        name: (
            column.counts.tolist(),
            column.missing,
            column.invalid,
            column.minimum,
            column.maximum,
            column.integral,
        )
        for name, column in profile.columns.items()
    }


@given(numbers, texts)
def test_counts_are_those_of_a_plain_histogram(x, c):
    profile = profile_table(table(x, c), GRID)
    values = np.array(x[: profile.rows], float)
    present = values[~np.isnan(values)]
    edges = np.concatenate([[-np.inf], GRID.columns["x"].edges, [np.inf]])
    expected = [int(((present >= low) & (present < high)).sum()) for low, high in itertools.pairwise(edges)]
    assert profile.columns["x"].counts.tolist() == expected
    assert profile.columns["x"].total == pytest.approx(present.sum())
    assert profile.columns["x"].integral == sum(value.is_integer() for value in present)
    assert all(column.cells == profile.rows for column in profile.columns.values())


@given(numbers, texts, st.integers(0, 60), st.randoms())
def test_any_split_in_any_order_adds_to_the_whole(x, c, at, random):
    whole = table(x, c)
    parts = [table(x[:at], c[:at]), table(x[at : whole.rows], c[at : whole.rows])]
    profiles = [profile_table(part, GRID) for part in parts]
    random.shuffle(profiles)
    assert facts(add_profiles(profiles, GRID)) == facts(profile_table(whole, GRID))


def test_sums_do_not_depend_on_the_order_of_the_parts():
    parts = [profile_table(table([value], ["a"]), GRID) for value in (1e16, 1.0, -1e16, 3.0, 1e-7)]
    totals = {add_profiles(order, GRID).columns["x"].total for order in (parts, parts[::-1], parts[2:] + parts[:2])}
    assert len(totals) == 1


def test_profiles_on_two_grids_do_not_add():
    other = Grid({"x": GRID.columns["x"]})
    with pytest.raises(ValueError, match="do not add"):
        add_profiles([profile_table(table([1], ["a"]), GRID)], other)


def test_nothing_adds_to_the_empty_profile():
    empty = add_profiles([], GRID)
    assert empty.rows == 0
    assert empty.columns["x"].counts.sum() == 0
    assert len(empty.columns["c"].counts) == GRID.columns["c"].bins


def test_a_column_that_is_not_there_is_missing_in_every_row():
    profile = profile_table(Table(HOUR, 3, 3, {"x": NumericColumn(np.ones(3))}), GRID)
    assert profile.columns["c"].missing == 3


def test_numbers_in_a_text_column_are_counted_and_words_are_invalid():
    column = text_column(["12", "x", None, "1e2", "nan"])
    profile = profile_table(Table(HOUR, 5, 5, {"x": column}), GRID).columns["x"]
    assert (profile.valid, profile.invalid, profile.missing) == (2, 2, 1)
    assert profile.total == 112


def test_numbers_are_categories_by_their_canonical_spelling():
    numeric = NumericColumn(np.array([1.0, 1.0, 7.0, np.nan]))
    profile = profile_table(Table(HOUR, 4, 4, {"c": numeric}), GRID).columns["c"]
    assert profile.counts.tolist() == [0, 2, 0, 0, 1]
    assert profile.missing == 1


def test_values_beyond_the_reference_are_summed_apart():
    profile = profile_table(table([-10.0, -20.0, 5.0, 2000.0], ["a"] * 4), GRID).columns["x"]
    assert (profile.below, profile.above) == (-30, 2000)
    assert (profile.counts[0], profile.counts[-1]) == (2, 1)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("1.0", "1"), ("01", "1"), (" 1e3 ", "1000"), ("True", "true"), ("FALSE", "false"), ("0.25", "0.25"), ("x", "x")],
)
def test_one_category_has_one_spelling(text, canonical):
    assert canonical_text(text) == canonical


@pytest.mark.parametrize("text", ["", "nan", "inf", "-Infinity", "1_000", "x", "0x1f"])
def test_words_spell_no_number(text):
    assert number_of(text) is None


def test_numbers_too_large_to_square_are_invalid_and_stop_nothing():
    parts = [profile_table(table([1e308, 5.0, -1e308, 1e200], ["a"] * 4), GRID) for _ in range(3)]
    added = add_profiles(parts, GRID).columns["x"]
    assert (added.valid, added.invalid, added.total) == (3, 9, 15.0)
