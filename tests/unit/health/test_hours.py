"""What is kept of an hour says what its objects would."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.pack import ObjectId, ObjectProfile
from trimtab.capture.profile import ColumnProfile, Profile
from trimtab.health.hours import (
    add_hours,
    columns_of,
    comparable,
    complete_hours,
    count_hour,
    hour_document,
    hour_from_document,
)

LEARNED = frozenset({"a", "b", "c"})


def entry(key, columns, *, rows=5, grid="g", unreadable=0):
    profile = Profile(grid, rows, {"a": ColumnProfile(np.array([rows]))})
    unread = {"not_json": unreadable} if unreadable else {}
    return ObjectProfile(ObjectId("captures", str(key), "", ""), profile, rows, unread, frozenset(columns))


entries = st.lists(
    st.builds(
        entry,
        st.integers(),
        st.sets(st.sampled_from("abcde")),
        rows=st.integers(0, 9),
        grid=st.sampled_from(["g", "former"]),
        unreadable=st.integers(0, 3),
    ),
    max_size=8,
)


@given(entries, entries)
def test_hours_add_up_to_what_their_objects_are_together(first, second):
    apart = [count_hour(first, "g", LEARNED), count_hour(second, "g", LEARNED)]
    assert add_hours(apart) == add_hours([count_hour(first + second, "g", LEARNED)])


@given(entries)
def test_an_hour_survives_being_stored(objects):
    hour = count_hour(objects, "g", LEARNED)
    document = hour_document(hour)
    assert json.loads(json.dumps(document)) == document
    assert hour_from_document(document) == hour


def test_columns_are_compared_on_one_grid_only():
    objects = [entry(1, "abd"), entry(2, "ab"), entry(3, ["c0", "c1"], grid="former"), entry(4, "", rows=0)]
    hour = count_hour(objects, "g", LEARNED)
    assert (hour.extra, hour.absent, hour.seen) == ({"d": 1}, ("c",), 2)
    assert hour.captured == 15
    assert columns_of(comparable(objects, "former")) == {"c0", "c1"}


def test_a_text_that_is_measured_in_some_objects_only_is_one_column():
    """Without a reference a small object may list texts whose length a larger one measures."""
    objects = [entry(1, ["a", "review"]), entry(2, ["a", "review.characters"])]
    assert columns_of(objects) == {"a", "review"}
    for learned in ({"a", "review"}, {"a", "review.characters"}, {"a", "review", "review.characters"}):
        hour = count_hour(objects[1:], "g", frozenset(learned))
        assert (hour.extra, hour.absent) == ({}, ())


def test_hours_are_complete_once_the_delay_is_over():
    delay, ten = timedelta(minutes=15), datetime(2026, 11, 23, 10, tzinfo=UTC)
    before = complete_hours(ten + timedelta(minutes=14), delay, 3)
    assert [hour.hour for hour in before] == [6, 7, 8]
    assert [hour.hour for hour in complete_hours(ten + delay, delay, 3)] == [7, 8, 9]
