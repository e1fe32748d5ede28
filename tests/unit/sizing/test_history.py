from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.sizing.history import (
    by_week,
    hours_document,
    hours_from_documents,
    hours_of,
    merged,
    recent_weeks,
    week_of,
    weekly_means,
)
from trimtab.sizing.observations import Observations

MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)


def hours(rps, start=MONDAY, minutes=60):
    return {start + i * HOUR: {"minutes": minutes, "rps": float(each)} for i, each in enumerate(rps)}


def test_hours_are_whole_and_what_is_not_known_is_left_out():
    requests = np.full(150, 60.0)
    requests[70:75] = np.nan
    requests[90:] = np.nan
    read = Observations(start=MONDAY - timedelta(minutes=20), invocations=requests, instances=np.full(150, 2.0))
    found = hours_of(read)
    assert list(found) == [MONDAY, MONDAY + HOUR]
    assert (found[MONDAY]["minutes"], found[MONDAY]["rps"], found[MONDAY]["instances"]) == (55, 1.0, 2.0)
    assert found[MONDAY + HOUR]["minutes"] == 10
    assert found[MONDAY]["cpu_percent"] is None


def test_the_reading_with_more_minutes_counts():
    kept, read = hours([1, 1]), hours([2, 2], minutes=30)
    assert merged(kept, read) == kept
    assert merged(read, kept) == kept
    assert merged(kept, hours([3], start=MONDAY + 2 * HOUR)).keys() == {MONDAY + i * HOUR for i in range(3)}


def test_weeks_follow_on_each_other():
    weeks = [hours(np.full(168, value), MONDAY + i * WEEK) for i, value in enumerate((9, 1, 2, 3))]
    assert weekly_means(weeks[1] | weeks[2] | weeks[3]) == (1, 2, 3)
    assert weekly_means(weeks[0] | weeks[2] | weeks[3]) == (2, 3)  # a gap ends them
    part = hours(np.full(100, 50.0), MONDAY + 4 * WEEK)
    assert weekly_means(weeks[2] | weeks[3] | part) == (2, 3)
    assert weekly_means({}) == ()


def test_hardly_known_hours_make_no_week():
    assert weekly_means(hours(np.full(168, 1.0), minutes=40)) == ()


@settings(max_examples=25)
@given(st.lists(st.integers(0, 999), min_size=1, max_size=400), st.integers(0, 500))
def test_reading_twice_and_in_parts_is_reading_once(values, cut):
    whole = hours(values)
    parts = {k: v for i, (k, v) in enumerate(whole.items()) if i < cut}
    assert merged(merged({}, parts), whole) == merged(merged(whole, whole), parts) == whole
    documents = [hours_document(week) for week in by_week(whole).values()]
    assert merged({}, hours_from_documents(documents)) == whole


def test_the_weeks_that_are_kept_begin_on_mondays():
    assert week_of(datetime(2026, 10, 11, 23, 59, tzinfo=UTC)) == MONDAY
    weeks = recent_weeks(datetime(2026, 10, 11, 23, 59, tzinfo=UTC))
    assert (weeks[-1], len(weeks)) == (MONDAY, 13)
