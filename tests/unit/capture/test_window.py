from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.capture.pack import ObjectId, ObjectProfile
from trimtab.capture.profile import profile_table
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sample import sample_of_table, seed_of
from trimtab.capture.sample_document import encode_sample
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table
from trimtab.capture.window import (
    REPROFILING_WAIT,
    add_objects,
    columns_of,
    coverage_of,
    objects_on_former_grids,
    sample_of_objects,
    sketch_objects,
)

HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)


def table(seed, rows=30, name="x"):
    values = np.random.default_rng(seed).integers(0, 100, rows).astype(float)
    return Table(HOUR, rows, rows, {name: NumericColumn(values)})


REFERENCE = reference_from_sketch(sketch_table(table(99, 500)), source="test", created=HOUR.isoformat())
FORMER = reference_from_sketch(sketch_table(table(98, 500)), source="test", created=HOUR.isoformat())


def entry(profile, number=0, **unreadable):
    return ObjectProfile(ObjectId("b", f"k{number}", "2026", "e"), profile, profile.rows, unreadable)


OBJECTS = [
    *(entry(profile_table(table(i), REFERENCE.grid), i) for i in range(4)),
    *(entry(sketch_table(table(i)), i) for i in range(4, 8)),
    entry(profile_table(table(8), FORMER.grid), 8),
]


def plain(profile):
    column = profile.columns["x"]
    return (profile.rows, column.counts.tolist(), column.missing, column.minimum, column.maximum, column.total)


@settings(deadline=None)
@given(st.permutations(OBJECTS))
def test_adding_does_not_depend_on_the_order(objects):
    assert plain(add_objects(objects, REFERENCE)) == plain(add_objects(OBJECTS, REFERENCE))


def test_objects_from_before_the_reference_count_and_those_of_a_former_one_do_not():
    added = add_objects(OBJECTS, REFERENCE)
    everything = np.concatenate([table(i).columns["x"].values for i in range(8)])
    whole = profile_table(Table(HOUR, 240, 240, {"x": NumericColumn(everything)}), REFERENCE.grid)
    assert plain(added) == plain(whole)


def test_objects_from_before_the_reference_get_its_names_where_they_have_none():
    added = add_objects([entry(sketch_table(table(1, name="c0")))], REFERENCE)
    assert added.columns["x"].missing == 0
    assert plain(added) == plain(profile_table(table(1), REFERENCE.grid))
    other = add_objects([entry(sketch_table(table(1, name="y")))], REFERENCE)
    assert other.columns["x"].missing == other.rows == 30


def test_columns_are_those_of_the_payloads_by_the_names_of_the_reference():
    nameless = entry(sketch_table(table(1, name="c0")))
    counted = replace(entry(profile_table(table(1), REFERENCE.grid)), columns=frozenset({"x", "new"}))
    assert columns_of([nameless], REFERENCE) == {"x"}
    assert columns_of([nameless, counted], REFERENCE) == {"x", "new"}
    assert columns_of([], REFERENCE) == frozenset()


def test_no_objects_add_up_to_no_rows():
    assert add_objects([], REFERENCE).rows == 0
    assert sketch_objects([]).rows == 0


@pytest.mark.parametrize(("age", "found"), [(timedelta(0), 1), (REPROFILING_WAIT, 1), (REPROFILING_WAIT * 1.01, 0)])
def test_captures_of_a_former_grid_are_wanted_for_a_day(age, found):
    former = objects_on_former_grids(OBJECTS, REFERENCE, HOUR + age)
    assert former == OBJECTS[8:][:found]


def test_a_window_without_reference_is_the_sketch_of_its_objects():
    sketch = sketch_objects(OBJECTS)
    assert sketch.rows == 120
    assert sketch.columns["x"].numbers.counts.sum() == 120


def test_coverage_counts_what_was_not_read_by_reason():
    covered = coverage_of(
        [replace(OBJECTS[0], unreadable={"bad_json": 4}, lost=4), entry(OBJECTS[1].profile, 1, bad_json=1, x=5)]
    )
    assert (covered.objects, covered.records) == (2, 60)
    assert covered.unreadable == {"bad_json": 5, "x": 5}


def test_only_lines_of_which_no_row_was_counted_lower_the_coverage():
    lines, outputs = {"bad_json": 10}, {"error_response": 30}
    lost = replace(OBJECTS[0], unreadable=lines, lost=10)
    covered = coverage_of([lost, replace(OBJECTS[1], unreadable=outputs)])
    assert (covered.records, covered.lost) == (60, 10)
    assert covered.unreadable == lines | outputs
    assert covered.share == pytest.approx(60 / 70)
    assert coverage_of([]).share == 1.0


def sampled(profile, number, name="x"):
    return replace(
        entry(profile, number), sample=sample_of_table(table(number, name=name), seed_of(str(number)), 0, 30)
    )


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(5)), st.integers(1, 200))
def test_the_rows_of_a_window_do_not_depend_on_the_order_of_its_objects(order, most):
    objects = [sampled(sketch_table(table(number)), number) for number in range(5)]
    made = sample_of_objects(objects, most)
    assert encode_sample(sample_of_objects([objects[i] for i in order], most)) == encode_sample(made)
    assert made.rows == min(most, 150)


def test_rows_are_sampled_of_what_counts_by_the_names_of_the_reference():
    nameless, former = table(1, name="c0"), table(3)
    objects = [
        sampled(sketch_table(nameless), 1, "c0"),
        sampled(profile_table(table(2), REFERENCE.grid), 2),
        sampled(profile_table(former, FORMER.grid), 3),
        entry(profile_table(table(4), REFERENCE.grid), 4),
    ]
    made = sample_of_objects(objects, 1000, REFERENCE)
    counted = np.concatenate([nameless.columns["c0"].values, table(2).columns["x"].values])
    assert sorted(made.columns["x"]) == sorted(counted)
    assert set(made.columns) == {"x"}
    assert sample_of_objects(objects, 1000).rows == 90


def test_what_was_kept_before_it_was_to_be_redacted_is_not_shown():
    objects = [sampled(sketch_table(table(1, name="c0")), 1, "c0")]
    assert sample_of_objects(objects, 9, REFERENCE, frozenset({"x"})).columns == {}


def test_no_objects_have_no_rows():
    assert sample_of_objects([], 10).rows == 0
