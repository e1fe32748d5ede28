from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import permutations

import pytest

from tests.unit.rollout.minutes import START
from trimtab.rollout.series import Arm, Minute, Series, SeriesError

QUIET = Arm(0, 0)


def test_bad_requests_are_never_more_than_requests():
    assert Arm(5, 9, 7) == Arm(5, 5, 5)


@pytest.mark.parametrize("counts", [(-1, 0), (5, -1), (5, 0, -1)])
def test_negative_counts_are_refused(counts):
    with pytest.raises(SeriesError, match="negative"):
        Arm(*counts)


def test_a_time_without_zone_is_refused():
    with pytest.raises(SeriesError, match="no time zone"):
        Minute(datetime(2026, 11, 20), QUIET, QUIET)  # noqa: DTZ001
    with pytest.raises(SeriesError, match="no time zone"):
        Series((), datetime(2026, 11, 20))  # noqa: DTZ001


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(SeriesError, match="between 0 and 1"):
        Minute(START, QUIET, QUIET, share)


def test_minutes_count_from_the_first_whole_one():
    late = Series((), START + timedelta(seconds=20))
    assert [late.index(START + timedelta(minutes=m)) for m in (0, 1, 2)] == [-1, 0, 1]
    assert Series((), START).index(START) == 0


def test_minutes_before_the_start_do_not_count():
    early = Minute(START - timedelta(minutes=1), Arm(5, 5), QUIET)
    assert Series((early,), START).by_index() == {}


def test_zones_do_not_matter():
    there = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert Series((Minute(there, QUIET, QUIET),), START).by_index().keys() == {0}


def test_of_a_minute_that_is_there_twice_each_arms_fullest_reading_holds_in_any_order():
    readings = (
        Minute(START, Arm(10, 1), QUIET, 0.1),
        Minute(START, Arm(8, 0), Arm(90, 2), None),
        Minute(START, Arm(10, 2), Arm(80, 5), 0.1),
    )
    found = {Series(order, START).by_index()[0] for order in permutations(readings)}
    assert found == {Minute(START, Arm(10, 2), Arm(90, 2), 0.1)}


def test_a_repeated_minute_changes_nothing():
    minute = Minute(START, Arm(10, 1, 3), Arm(90, 2, 5), 0.1)
    assert Series((minute, replace(minute)), START).by_index() == {0: minute}
