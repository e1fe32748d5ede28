from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from trimtab.aws import state_bucket
from trimtab.aws.backlog import Backlog, judged_windows, read_window_sample
from trimtab.capture.pack import NO_GRID, ObjectId, ObjectProfile, grid_name, pack_key
from trimtab.capture.profile import profile_table
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sample import sample_of_table, seed_of
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table

pytestmark = pytest.mark.usefixtures("aws")

START = datetime(2026, 11, 20, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def table(rows):
    return Table(START, rows, rows, {"x": NumericColumn(np.arange(rows, dtype=float))})


REFERENCE = reference_from_sketch(sketch_table(table(50)), source="test", created="2026-11-20T00:00:00Z")


def put(number, objects, on_grid=False, etag="e", modified="2026"):
    """A pack of the hour with these objects' rows."""
    entries = [
        ObjectProfile(
            ObjectId("captures", key, modified, etag),
            profile_table(table(rows), REFERENCE.grid) if on_grid else sketch_table(table(rows)),
            rows,
            sample=sample_of_table(table(rows), seed_of(key, str(number)), 0, 20),
        )
        for key, rows in objects.items()
    ]
    grid = REFERENCE.grid.name if on_grid else NO_GRID
    state_bucket.write_pack("state", pack_key("churn", "v", START + number * HOUR, grid, entries), entries)


def backlog(start=None, end=START + 9 * HOUR):
    return Backlog("state", "churn", "v", start, end, REFERENCE.grid.name)


def rows(of):
    return {(hour - START) // HOUR: count for hour, count in of.rows().items()}


def test_a_listing_bounds_the_rows_and_reading_makes_them_exact():
    put(0, {"a": 5, "b": 7})
    put(0, {"b": 7, "c": 2})
    put(2, {"d": 4})
    waiting = backlog()
    assert rows(waiting) == {0: 21, 2: 4}
    assert not waiting.is_read(START, START + HOUR)
    read = waiting.read(START, START + 2 * HOUR)
    assert [entry.object.key for entry in read] == ["a", "b", "c"]
    assert rows(waiting) == {0: 14, 2: 4}
    assert waiting.is_read(START, START + 2 * HOUR)
    assert not waiting.is_read(START, START + 3 * HOUR)


def test_nothing_is_read_twice(monkeypatch):
    put(0, {"a": 5})
    put(1, {"b": 6})
    asked = []
    read_packs = state_bucket.read_packs
    monkeypatch.setattr(state_bucket, "read_packs", lambda _, keys: asked.extend(keys) or read_packs(_, keys))
    waiting = backlog()
    waiting.read(START, START + HOUR)
    assert [entry.object.key for entry in waiting.read(START, START + 2 * HOUR)] == ["a", "b"]
    assert [key.hour for key in asked] == [START, START + HOUR]


def test_of_two_countings_the_one_on_the_present_grid_is_taken():
    put(0, {"a": 5, "b": 5})
    put(0, {"a": 5}, on_grid=True)
    assert [grid_name(entry) for entry in backlog().read(START, START + HOUR)] == [REFERENCE.grid.name, NO_GRID]


def test_an_object_that_was_overwritten_counts_as_it_is_now():
    put(0, {"a": 5}, etag="e1")
    put(0, {"a": 9}, etag="e2", modified="2027")
    waiting = backlog()
    waiting.read(START, START + HOUR)
    assert rows(waiting) == {0: 9}


def test_hours_outside_the_span_are_not_seen_and_dropped_ones_are_forgotten():
    for number in range(5):
        put(number, {f"{number}": 1})
    waiting = backlog(start=START + HOUR, end=START + 4 * HOUR)
    assert rows(waiting) == {1: 1, 2: 1, 3: 1}
    waiting.read(START, START + 3 * HOUR)
    waiting.drop(START + 3 * HOUR)
    assert rows(waiting) == {3: 1}
    assert waiting.read(START, START + 3 * HOUR) == []


def test_no_packs_are_no_backlog():
    assert backlog().rows() == {}
    assert backlog().read(START, START + HOUR) == []


def sampled(most=1000, **more):
    return read_window_sample("state", "churn", "v", START, START + 3 * HOUR, most, **more)


def test_a_compacted_hour_has_one_pack_with_as_many_sampled_rows_as_are_wanted():
    put(0, {"a": 15, "b": 7})
    put(0, {"b": 7, "c": 12})
    waiting = backlog()
    waiting.read(START, START + HOUR)
    before = sampled(most=10)
    (name,) = waiting.compact(START, START + HOUR, 10)
    assert name.endswith(".34.pack")
    assert sum(entry.sample.rows for entry in backlog().read(START, START + HOUR)) == 10
    after = sampled()
    assert after.hashes.tolist() == before.hashes.tolist()
    assert after.cut == before.cut


def test_the_rows_of_a_window_are_those_of_all_its_hours():
    put(0, {"a": 5, "b": 7})
    put(1, {"a": 6})
    put(5, {"z": 3})
    everything = sampled()
    assert sorted(everything.columns["x"]) == sorted([*range(5), *range(7), *range(6)])
    assert sampled(most=4).hashes.tolist() == everything.hashes.tolist()[:4]
    assert set(sampled(redact=frozenset({"x"})).columns) == set()


def test_a_window_without_packs_has_no_rows():
    assert sampled(reference=REFERENCE).rows == 0


def test_of_judged_windows_those_on_the_grid_that_ended_in_the_time_come_with_their_packs():
    for number in range(5):
        put(number, {f"o{number}": 5}, on_grid=True)
        start, grid = START + number * HOUR, "former" if number == 1 else REFERENCE.grid.name
        document = {
            "window": {"start": start.isoformat(), "end": (start + HOUR).isoformat()},
            "reference": {"grid": grid},
            "packs": backlog().names(start, start + HOUR),
        }
        state_bucket.write_window("state", "churn", "v", start, document)
    put(3, {"late": 1}, on_grid=True)
    put(4, {"later": 1}, on_grid=True)
    documents, packs = judged_windows("state", "churn", "v", START + HOUR, START + 4 * HOUR, REFERENCE.grid.name)
    starts = [(datetime.fromisoformat(each["window"]["start"]) - START) // HOUR for each in documents]
    assert starts == [2, 3]
    assert [packs.has_changed(each) for each in documents] == [False, True]
    assert rows(packs).keys() == {2, 3}
    assert judged_windows("state", "churn", "v", START, START + 4 * HOUR, "never") is None
    assert judged_windows("state", "churn", "other", START, START + 4 * HOUR, REFERENCE.grid.name) is None
