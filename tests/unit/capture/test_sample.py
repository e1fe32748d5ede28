from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.capture.sample import (
    ALL,
    LONGEST_TEXT,
    RowSample,
    as_texts,
    cut_of,
    merge_samples,
    row_hashes,
    sample_of_table,
    seed_of,
    trim,
    up_to,
    without_columns,
)
from trimtab.capture.sample_document import encode_sample
from trimtab.capture.sampling import RowSampler, SmallestHashes
from trimtab.capture.table import NumericColumn, Table, TextColumn

HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)
CELLS = st.one_of(
    st.none(),
    st.sampled_from(["a", "b", " a", "true", "TRUE", "1", "1.0", "-0", "x" * 300, "True" + " " * 300 + "x"]),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
)
ROWS = st.lists(st.tuples(CELLS, st.none() | st.floats(-2, 2, width=16), CELLS), max_size=30)


def column(cells):
    """As a decoder makes it: numbers where every cell is one, else texts."""
    if all(cell is None or isinstance(cell, float) for cell in cells):
        return NumericColumn(np.array([np.nan if cell is None else cell for cell in cells], float))
    texts = [repr(cell) if isinstance(cell, float) else cell for cell in cells]
    values = [text for text in dict.fromkeys(texts) if text is not None]
    return TextColumn(np.array([-1 if text is None else values.index(text) for text in texts], np.int64), tuple(values))


def table(rows, names=("x", "y", "p")):
    cells = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
    return Table(HOUR, len(rows), len(rows), {name: column(each) for name, each in cells.items()}, frozenset({"p"}))


def whole(rows, seed):
    return sample_of_table(table(rows), seed, 0, max(1, len(rows)))


def same(left, right):
    return encode_sample(left) == encode_sample(right)


def test_hashes_are_those_of_splitmix64():
    # https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert row_hashes(1234567, 0, 5).tolist() == known
    assert row_hashes(1234567, 3, 2).tolist() == known[3:]


def test_seeds_differ_with_every_part_of_the_identity():
    parts = [("a", "bc"), ("ab", "c"), ("a", "bc", ""), ("bc", "a")]
    assert len({seed_of(*each) for each in parts}) == len(parts)
    assert all(0 <= seed_of(*each) <= ALL for each in parts)


def test_a_sample_has_the_rows_with_the_smallest_hashes_in_their_order():
    hashes = row_hashes(7, 100, 1000)
    made = sample_of_table(Table(HOUR, 1000, 1000, {"n": NumericColumn(np.arange(1000.0))}), seed=7, first=100, most=10)
    assert made.columns["n"].tolist() == np.argsort(hashes)[:10].tolist()
    assert made.hashes.tolist() == np.sort(hashes)[:10].tolist()
    assert made.cut == np.sort(hashes)[10] - 1
    assert made.share == pytest.approx(10 / 1000, rel=0.9)


def test_fewer_rows_than_wanted_are_all_there():
    made = whole([("a", 1.0, None), (None, 2.0, None)], 1)
    assert (made.rows, made.cut, made.share) == (2, ALL, 1.0)
    assert set(made.columns) == {"x", "y"}  # p is missing in every row


def test_every_row_has_the_same_chance():
    taken = np.zeros(200)
    for number in range(400):
        made = Table(HOUR, 200, 200, {"n": NumericColumn(np.arange(200.0))})
        taken[sample_of_table(made, seed_of("bucket", f"{number}.jsonl"), 0, 20).columns["n"].astype(int)] += 1
    expected = 400 * 20 / 200
    # chi-square over 199 cells: mean 199 at most, standard deviation 20
    assert ((taken - expected) ** 2 / expected).sum() < 199 + 5 * 20


@given(ROWS, st.integers(0, 2**64 - 1), st.integers(1, 10), st.lists(st.integers(0, 30), max_size=4))
@settings(deadline=None)
def test_how_the_tables_are_cut_does_not_change_the_sample(rows, seed, most, cuts):
    ends = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    pieces = RowSampler(seed, SmallestHashes(most))
    for start, stop in pairwise(ends):
        pieces.add(table(rows[start:stop]))
    assert same(pieces.sample(), trim(whole(rows, seed), most))


@given(st.lists(ROWS, max_size=4), st.integers(1, 10), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_merging_is_associative_commutative_and_idempotent(objects, most, random):
    samples = [trim(whole(rows, seed_of(str(number))), most) for number, rows in enumerate(objects)]
    merged = merge_samples(samples)
    again = [*samples, *samples]
    random.shuffle(again)
    middle = random.randint(0, len(again))
    assert same(merge_samples(again), merged)
    assert same(merge_samples([merge_samples(again[:middle]), merge_samples(again[middle:])]), merged)


@given(ROWS, ROWS, st.integers(1, 10), st.integers(0, 5), st.integers(0, 5))
@settings(deadline=None)
def test_trimming_parts_first_changes_nothing(a, b, most, more_of_a, more_of_b):
    first, second = whole(a, seed_of("a")), whole(b, seed_of("b"))
    parts = [trim(first, most + more_of_a), trim(second, most + more_of_b)]
    wanted = trim(merge_samples([first, second]), most)
    assert same(trim(merge_samples(parts), most), wanted)
    assert cut_of(parts, most) == wanted.cut
    assert wanted.rows == min(most, len(a) + len(b))
    assert same(up_to(merge_samples(parts), wanted.cut), wanted)


@given(ROWS)
@settings(deadline=None)
def test_a_column_stands_in_its_normal_form(rows):
    made = whole(rows, 5)
    for each in made.columns.values():
        if isinstance(each, TextColumn):
            assert list(each.values) == sorted(set(each.values))
            assert set(each.codes.tolist()) - {-1} == set(range(len(each.values)))
            assert all(len(value) <= LONGEST_TEXT for value in each.values)
        assert len(each.codes if isinstance(each, TextColumn) else each) == made.rows
    assert list(made.columns) == sorted(made.columns)
    assert made.outputs <= made.columns.keys()


def test_texts_that_spell_numbers_are_numbers_until_a_text_comes_that_spells_none():
    numbers, texts = whole([("1.0", 0.0, None), (2.5, 0.0, None)], 1), whole([("a", 0.0, None)], 2)
    assert sorted(numbers.columns["x"].tolist()) == [1.0, 2.5]
    merged = merge_samples([numbers, texts])
    assert merged.columns["x"].values == ("1", "2.5", "a")
    assert as_texts(numbers.columns["x"]).values == ("1", "2.5")
    assert as_texts(np.array([np.nan, -0.0, 3.0])).codes.tolist() == [-1, 0, 1]


def test_numbers_beyond_reason_are_missing():
    made = sample_of_table(Table(HOUR, 2, 2, {"x": NumericColumn(np.array([1e300, -0.0]))}), 1, 0, 5)
    assert np.isnan(made.columns["x"]).sum() == 1
    assert not np.signbit(made.columns["x"]).any()


@pytest.mark.parametrize("redact", [{"x"}, {"x", "p"}, {"output.y"}])
def test_redacted_columns_never_enter(redact):
    rows = [(1.0, 2.0, 3.0)]
    names = ("x", "y", "output.x")
    made = sample_of_table(
        replace(table(rows, names), outputs=frozenset({"output.x"})), 1, 0, 5, redact=frozenset(redact)
    )
    assert set(made.columns) == ({"y"} if "x" in redact else set(names))


def test_columns_can_be_taken_out_later():
    made = whole([("a", 2.0, 3.0)], 1)
    left = without_columns(made, frozenset({"x", "p"}))
    assert (set(left.columns), left.outputs, left.rows, left.cut) == ({"y"}, frozenset(), 1, ALL)


def test_nothing_merges_to_nothing():
    assert merge_samples([]).rows == 0
    assert merge_samples([RowSample(cut=5), whole([(1.0, 1.0, 1.0)], 1)]).cut == 5
