from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.windows import HOUR, HourRows, plan_windows

T0 = datetime(2024, 5, 6, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
COUNTS = st.lists(st.integers(0, 1500), max_size=60)


def plan(counts, *, start=None, until=200, now=200, watermark=15 * MINUTES, max_hours=24):
    """Counts by hour after T0, hours as numbers after T0."""
    return plan_windows(
        [HourRows(T0 + i * HOUR, rows) for i, rows in enumerate(counts)],
        start=None if start is None else T0 + start * HOUR,
        until=T0 + until * HOUR,
        now=T0 + now * HOUR,
        watermark=watermark,
        thresholds=DriftThresholds(),
        max_hours=max_hours,
    )


def spans(found):
    return [((w.start - T0) // HOUR, (w.end - T0) // HOUR, w.rows) for w in found.closed]


def test_an_hour_with_enough_rows_is_a_window():
    found = plan([1000, 1200], until=2)
    assert spans(found) == [(0, 1, 1000), (1, 2, 1200)]
    assert found.open is None
    assert found.rows_needed == 1000


def test_hours_accumulate_until_there_are_enough_rows():
    found = plan([400, 400, 400, 100], until=4)
    assert spans(found) == [(0, 3, 1200)]
    assert found.closed[0].hours == (T0, T0 + HOUR, T0 + 2 * HOUR)
    assert (found.open.start, found.open.end, found.open.rows) == (T0 + 3 * HOUR, T0 + 4 * HOUR, 100)
    assert found.rows_needed == 900


def test_a_window_starts_at_its_first_hour_with_rows():
    assert spans(plan([0, 0, 1000, 0, 0, 500, 500], until=7)) == [(2, 3, 1000), (5, 7, 1000)]


def test_a_gap_only_adds_to_the_span():
    found = plan([600, 0, 0, 600], until=4)
    assert spans(found) == [(0, 4, 1200)]
    assert found.closed[0].hours == (T0, T0 + 3 * HOUR)


def test_a_window_that_lasts_too_long_ends_with_what_it_has():
    assert spans(plan([300] + [0] * 30 + [800, 300], until=40)) == [(0, 24, 300), (31, 33, 1100)]
    assert spans(plan([10] * 5, until=5, max_hours=3)) == [(0, 3, 30)]


def test_the_last_window_ends_when_it_lasted_too_long_though_nothing_follows():
    assert spans(plan([300], until=24)) == [(0, 24, 300)]
    found = plan([300], until=23)
    assert found.closed == ()
    assert (found.open.rows, found.rows_needed) == (300, 700)


def test_only_hours_that_ended_before_until_count():
    assert spans(plan([1000, 1000, 1000], until=2)) == [(0, 1, 1000), (1, 2, 1000)]
    half_past = plan([1000, 1000], until=1.5)
    assert spans(half_past) == [(0, 1, 1000)]


def test_late_captures_have_until_the_watermark():
    assert spans(plan([1000, 1000], now=2)) == [(0, 1, 1000)]
    assert spans(plan([1000, 1000], now=2.2)) == [(0, 1, 1000)]
    assert spans(plan([1000, 1000], now=2.25)) == [(0, 1, 1000), (1, 2, 1000)]


def test_hours_before_the_start_do_not_count():
    assert spans(plan([1000, 600, 600], start=1, until=3)) == [(1, 3, 1200)]


def test_without_rows_there_is_no_window():
    found = plan([0, 0, 0])
    assert (found.closed, found.open) == ((), None)


def test_rows_of_one_hour_given_twice_add_up():
    hours = [HourRows(T0, 500), HourRows(T0.astimezone(timezone(timedelta(hours=2))), 500)]
    found = plan_windows(
        hours,
        start=None,
        until=T0 + HOUR,
        now=T0 + 2 * HOUR,
        watermark=HOUR,
        thresholds=DriftThresholds(),
        max_hours=24,
    )
    assert spans(found) == [(0, 1, 1000)]


@pytest.mark.parametrize("hour", [T0 + 5 * MINUTES, T0.replace(tzinfo=None)])
def test_what_is_no_whole_hour_is_refused(hour):
    with pytest.raises(ValueError, match="not the start of an hour"):
        plan_windows(
            [HourRows(hour, 1)],
            start=None,
            until=T0,
            now=T0,
            watermark=HOUR,
            thresholds=DriftThresholds(),
            max_hours=24,
        )


@given(COUNTS, st.randoms(use_true_random=False))
def test_order_of_the_hours_does_not_matter(counts, random):
    hours = [HourRows(T0 + i * HOUR, rows) for i, rows in enumerate(counts)]
    mixed = list(hours)
    random.shuffle(mixed)
    limits = {"start": None, "until": T0 + 50 * HOUR, "now": T0 + 99 * HOUR, "watermark": HOUR, "max_hours": 12}
    settings = {"thresholds": DriftThresholds(), **limits}
    assert plan_windows(mixed, **settings) == plan_windows(hours, **settings)


@given(COUNTS, st.integers(0, 70), st.integers(1, 30))
def test_time_only_adds_windows(counts, until, max_hours):
    before, after = (plan(counts, until=u, max_hours=max_hours) for u in (until, until + 7))
    assert after.closed[: len(before.closed)] == before.closed


@given(COUNTS, st.integers(0, 70), st.integers(1, 30))
def test_every_row_that_counts_is_in_exactly_one_window(counts, until, max_hours):
    found = plan(counts, until=until, max_hours=max_hours)
    windows = [*found.closed, *([found.open] if found.open else [])]
    assert sum(window.rows for window in windows) == sum(counts[:until])
    hours = [hour for window in windows for hour in window.hours]
    assert hours == [T0 + i * HOUR for i, rows in enumerate(counts[:until]) if rows]
    for window in windows:
        assert window.start == window.hours[0] <= window.hours[-1] < window.end
        assert (window.end - window.start) // HOUR <= max_hours
    for window, following in pairwise(windows):
        assert window.end <= following.start


@given(COUNTS, st.integers(0, 70), st.integers(1, 30))
def test_planning_on_from_the_last_window_gives_the_same_windows(counts, until, max_hours):
    found = plan(counts, until=until, max_hours=max_hours)
    if found.closed:
        first = found.closed[0]
        rest = plan(counts, start=(first.end - T0) // HOUR, until=until, max_hours=max_hours)
        assert (rest.closed, rest.open) == (found.closed[1:], found.open)
