from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.capture import sketch
from trimtab.capture.profile import profile_table
from trimtab.capture.sketch import (
    MOST_BINS,
    MOST_TEXTS,
    coarsen,
    grid_of,
    merge_as_they_come,
    merge_numbers,
    merge_sketches,
    profile_of,
    sketch_numbers,
    sketch_table,
)
from trimtab.capture.table import NumericColumn, Table, TextColumn

HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)
finite = st.floats(allow_nan=False, allow_infinity=False)


def ones(values):
    return np.ones(len(values), np.int64)


def table(**columns):
    made = {
        name: NumericColumn(np.asarray(cells, float))
        if not isinstance(cells[0], str)
        else TextColumn(np.arange(len(cells)), tuple(cells))
        for name, cells in columns.items()
    }
    rows = len(next(iter(columns.values())))
    return Table(HOUR, rows, rows, made)


def same(left, right):
    return left.shift == right.shift and (left.keys == right.keys).all() and (left.counts == right.counts).all()


@given(st.lists(finite, max_size=50))
def test_few_values_are_kept_exactly(values):
    sketch = sketch_numbers(np.array(values, float), ones(values))
    distinct, counts = np.unique(np.array(values, float) + 0.0, return_counts=True)
    assert sketch.shift == 0
    assert sketch.lower_bounds().tolist() == distinct.tolist()
    assert sketch.counts.tolist() == counts.tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 9000), max_size=6), st.randoms())
def test_any_split_in_any_order_merges_to_the_same_sketch(seed, cuts, random):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(1e6, 1, 4000), rng.lognormal(0, 3, 4000), -rng.exponential(1, 1000)])
    rng.shuffle(values)
    whole = sketch_numbers(values, ones(values))
    parts = [sketch_numbers(part, ones(part)) for part in np.split(values, sorted(cuts))]
    random.shuffle(parts)
    assert same(merge_numbers(parts), whole)
    half = len(parts) // 2
    assert same(merge_numbers([merge_numbers(parts[half:]), merge_numbers(parts[:half])]), whole)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1.7e9])
def test_bins_are_fine_wherever_the_column_lies(offset):
    rng = np.random.default_rng(2)
    values = offset + rng.normal(0, 1, 50_000)
    sketch = sketch_numbers(values, ones(values))
    assert MOST_BINS / 4 < len(sketch.keys) <= MOST_BINS
    assert sketch.counts.max() < 0.01 * len(values)


def test_coarser_bins_hold_the_same_values():
    values = np.random.default_rng(3).normal(size=1000)
    sketch = sketch_numbers(values, ones(values))
    coarse = coarsen(sketch, 45)
    assert coarse.counts.sum() == 1000
    assert coarse.lower_bounds()[0] <= values.min()
    assert coarse.upper_bounds()[-1] > values.max()


def test_a_reference_from_a_sketch_counts_as_one_from_the_rows():
    rng = np.random.default_rng(4)
    rows = table(x=rng.normal(size=20_000), k=rng.integers(0, 12, 20_000), far=1.7e9 + rng.uniform(0, 3600, 20_000))
    sketch = sketch_table(rows)
    grid = grid_of(sketch)
    from_sketch, from_rows = profile_of(sketch, grid), profile_table(rows, grid)
    for name in grid.columns:
        assert from_sketch.columns[name].counts.tolist() == from_rows.columns[name].counts.tolist()
        assert from_sketch.columns[name].total == pytest.approx(from_rows.columns[name].total)


def test_a_column_is_numeric_when_nearly_all_values_are():
    mostly = table(x=["1", "2", "3", "4", "5", "6", "7", "8", "9", "n/a?"])
    grid = grid_of(sketch_table(mostly))
    assert hasattr(grid.columns["x"], "edges")
    assert profile_of(sketch_table(mostly), grid).columns["x"].invalid == 1
    half = table(x=["1", "2", "a", "b"])
    assert grid_of(sketch_table(half)).columns["x"].values == ("1", "2", "a", "b")


def test_numbers_can_be_declared_codes():
    grid = grid_of(sketch_table(table(zip=[1010.0, 1020.0, 1010.0])), categorical=frozenset({"zip"}))
    assert grid.columns["zip"].values == ("1010", "1020")


def test_too_many_texts_leave_the_vocabulary_open():
    many = table(id=[f"id-{i}" for i in range(MOST_TEXTS + 1)])
    grid = grid_of(sketch_table(many))
    assert grid.columns["id"].open
    assert profile_of(sketch_table(many), grid).columns["id"].valid == MOST_TEXTS + 1


def test_a_column_that_a_part_lacks_is_missing_there():
    merged = merge_sketches([sketch_table(table(x=[1.0, 2.0])), sketch_table(table(y=["a"]))])
    assert merged.rows == 3
    assert merged.columns["x"].missing == 1
    assert merged.columns["y"].missing == 2


def test_sketches_that_are_merged_as_they_come_do_not_pile_up(monkeypatch):
    rng = np.random.default_rng(0)
    parts = [sketch_table(table(x=rng.normal(size=50), c=[f"v{i}" for i in range(50)])) for _ in range(100)]
    expected = merge_sketches(parts, most_bins=500)
    sizes = []
    monkeypatch.setattr(
        sketch, "merge_sketches", lambda parts, **how: sizes.append(len(parts)) or merge_sketches(parts, **how)
    )
    merged = merge_as_they_come(iter(parts), most_bins=500)
    for name in ("x", "c"):
        assert same(merged.columns[name].numbers, expected.columns[name].numbers)
        assert merged.columns[name].texts == expected.columns[name].texts
    assert merged.columns["x"].total == pytest.approx(expected.columns["x"].total)
    assert max(sizes) < 20


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.randoms())
def test_sketches_of_tables_merge_in_any_order(seed, random):
    rng = np.random.default_rng(seed)
    parts = [
        sketch_table(table(x=rng.normal(size=8), c=[str(rng.choice(["a", "b", "7"])) for _ in range(8)]))
        for _ in range(5)
    ]
    expected = merge_sketches(parts)
    random.shuffle(parts)
    merged = merge_sketches([merge_sketches(parts[:2]), merge_sketches(parts[2:])])
    for name in ("x", "c"):
        assert same(merged.columns[name].numbers, expected.columns[name].numbers)
        assert merged.columns[name].texts == expected.columns[name].texts


@given(st.data(), st.lists(st.integers(1, 4), min_size=1, max_size=12), st.integers(0, 12))
def test_how_alike_rows_of_a_request_are_adds_over_any_split(data, counts, at):
    rows, cut = sum(counts), sum(counts[:at])
    x = np.array(data.draw(st.lists(st.sampled_from([1.0, 2.5, np.nan]), min_size=rows, max_size=rows)))
    codes = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=rows, max_size=rows)))

    def part(cells, sizes):
        columns = {"x": NumericColumn(x[cells]), "c": TextColumn(codes[cells], ("1", "b", "z"))}
        return sketch_table(Table(HOUR, sum(sizes), len(sizes), columns, counts=np.array(sizes, np.int64)))

    merged = merge_sketches([part(slice(cut, None), counts[at:]), part(slice(cut), counts[:at])])
    whole = part(slice(None), counts)
    assert {name: column.by_request for name, column in merged.columns.items()} == {
        name: column.by_request for name, column in whole.columns.items()
    }


def test_a_sketch_on_a_grid_keeps_the_design_effect():
    rng = np.random.default_rng(1)
    counts = np.full(500, 20)
    columns = {
        "user": NumericColumn(np.repeat(rng.normal(size=500), 20)),
        "item": NumericColumn(rng.normal(size=10_000)),
        "plan": TextColumn(np.repeat(rng.integers(0, 3, 500), 20), ("a", "b", "c")),
    }
    made = Table(HOUR, 10_000, 500, columns, counts=counts)
    sketch = sketch_table(made)
    grid = grid_of(sketch)
    estimated, counted = profile_of(sketch, grid), profile_table(made, grid)
    for name in columns:
        alike, expected = (each.columns[name].by_request.alike for each in (estimated, counted))
        assert alike == pytest.approx(expected, rel=0.02)
    other = Table(HOUR, 5, 2, {"a": NumericColumn(np.arange(5.0))}, counts=np.array([3, 2]))
    absent = profile_of(sketch_table(other), grid)
    assert absent.columns["user"].by_request.gaps == 13
