from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.grid import Grid, numeric_bins
from trimtab.capture.pack import NO_GRID, ObjectId, ObjectProfile, grid_name
from trimtab.capture.packing import Part, entries_of_packs, number_of_objects
from trimtab.capture.profile import profile_table
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table

EIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)
GRID = Grid({"x": numeric_bins(*np.unique(np.arange(100.0), return_counts=True))})


def entry(name, rows=1, *, counted=False):
    table = Table(EIGHT, rows, rows, {"x": NumericColumn(np.arange(float(rows)))})
    profile = profile_table(table, GRID) if counted else sketch_table(table)
    return ObjectProfile(ObjectId("captures", name, "2026-11-20T08:10:00+00:00", "e1"), profile, rows)


hours = st.dictionaries(
    st.integers(0, 2).map(lambda hour: EIGHT + timedelta(hours=hour)),
    st.builds(entry, st.sampled_from("ab"), st.integers(0, 3), counted=st.booleans()),
)
parts = st.lists(st.builds(Part, st.sampled_from(["churn", "fraud"]), st.sampled_from(["A", "B"]), hours), max_size=3)


@given(st.dictionaries(st.sampled_from(["m1", "m2", "m3"]), parts))
def test_every_entry_is_in_the_pack_of_its_endpoint_variant_hour_and_grid_with_the_item_it_came_with(items):
    packs = entries_of_packs(items)
    packed = [
        (identifier, *pack, id(each))
        for pack, of_pack in packs.items()
        for identifier, entries in of_pack.items()
        for each in entries
    ]
    given_to_it = [
        (identifier, part.endpoint, part.variant, hour, grid_name(each), id(each))
        for identifier, of_item in items.items()
        for part in of_item
        for hour, each in part.hours.items()
    ]
    assert sorted(packed) == sorted(given_to_it)


def test_sketches_and_counts_of_one_hour_are_two_packs():
    items = {
        "m1": [Part("churn", "A", {EIGHT: entry("a")})],
        "m2": [Part("churn", "A", {EIGHT: entry("b", counted=True)})],
    }
    assert {grid for *_, grid in entries_of_packs(items)} == {NO_GRID, GRID.name}


def test_an_object_counts_once_however_many_hours_and_models_it_has():
    over_two_hours = Part("churn", "A", {EIGHT: entry("a", 2), EIGHT + timedelta(hours=1): entry("a", 3)})
    other_model = Part("churn", "A.m", {EIGHT: entry("a", 4)})
    assert over_two_hours.rows == 5
    assert number_of_objects([over_two_hours, other_model]) == 1
    assert number_of_objects([over_two_hours, Part("churn", "A", {EIGHT: entry("b")})]) == 2


def test_an_object_without_rows_counts_and_no_object_does_not():
    assert number_of_objects([Part("churn", "A", {})]) == 1
    assert number_of_objects([]) == 0
