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


def table(x, c, counts=None):
    rows = min(len(x), len(c))
    columns = {"x": NumericColumn(np.array(x[:rows], float)), "c": text_column(c[:rows])}
    return Table(HOUR, rows, rows, columns, counts=counts)


def facts(profile: Profile):
    return {
        name: (
            column.counts.tolist(),
            column.missing,
            column.invalid,
            column.minimum,
            column.maximum,
            column.integral,
            column.by_request,
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


@given(st.data(), st.lists(st.integers(1, 5), max_size=15), st.integers(0, 15), st.randoms())
def test_any_split_by_request_adds_to_the_whole(data, counts, at, random):
    """Whether or not a part has requests of one row only, or lacks a column."""
    rows = sum(counts)
    x = data.draw(st.lists(st.sampled_from([1.0, 500.0, 501.0, 1e200, float("nan")]), min_size=rows, max_size=rows))
    c = data.draw(st.lists(st.sampled_from(["a", "1", "new", None]), min_size=rows, max_size=rows))
    cut = sum(counts[:at])
    pieces = [(x[:cut], c[:cut], counts[:at]), (x[cut:], c[cut:], counts[at:])]
    parts = [profile_table(table(*cells, np.array(sizes, np.int64)), GRID) for *cells, sizes in pieces]
    random.shuffle(parts)
    whole = profile_table(table(x, c, np.array(counts, np.int64)), GRID)
    assert facts(add_profiles(parts, GRID)) == facts(whole)
    squares = {column.by_request for column in whole.columns.values()}
    assert (squares == {None}) is all(count == 1 for count in counts)


def test_how_alike_rows_of_a_request_are_is_counted_by_the_bins_of_the_psi():
    parts = profile_table(table([1, 2, 950, 960, np.nan], ["a", "a", "1", "x", None], np.array([3, 1, 1])), GRID)
    x, c = (parts.columns[name].by_request for name in ("x", "c"))
    assert (x.cells, x.valid, x.alike, x.gaps) == (11, 10, 6, 1)  # 1 and 2 in one bin, 950 in another
    assert (c.cells, c.valid, c.alike, c.gaps) == (11, 10, 6, 1)
    absent = profile_table(Table(HOUR, 5, 2, {}, counts=np.array([3, 2])), GRID).columns["x"].by_request
    assert (absent.cells, absent.valid, absent.alike, absent.gaps) == (13, 0, 0, 13)


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


def test_of_long_texts_the_beginning_is_kept_and_a_hash():
    """An image in a JSON string stayed in memory and in packs, with every other one of its object."""
    texts = ["x" * 1000 + str(i) for i in range(5)]
    short = [canonical_text(text) for text in texts]
    assert all(text.startswith("x" * 200) and len(text) < 256 for text in short)
    assert len(set(short)) == len(texts)
    assert [canonical_text(text) for text in short] == short
    assert canonical_text(f"{texts[0]} ") == short[0]
    assert canonical_text("1" + " " * 1000) == "1"


@pytest.mark.parametrize("text", ["", "nan", "inf", "-Infinity", "1_000", "x", "0x1f"])
def test_words_spell_no_number(text):
    assert number_of(text) is None


def test_numbers_too_large_to_square_are_invalid_and_stop_nothing():
    parts = [profile_table(table([1e308, 5.0, -1e308, 1e200], ["a"] * 4), GRID) for _ in range(3)]
    added = add_profiles(parts, GRID).columns["x"]
    assert (added.valid, added.invalid, added.total) == (3, 9, 15.0)
