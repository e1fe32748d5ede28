"""Instance-minutes out of the samples that instances publish."""

from datetime import UTC, datetime, timedelta

import pytest

from trimtab.cost.instances import instance_minutes

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def series(values):
    return {START + i * MINUTE: float(value) for i, value in enumerate(values) if value is not None}


def minutes(values, **how):
    return instance_minutes(series(values), **{"is_complete": True, "is_serving": True, **how})


def test_one_sample_a_minute_is_one_instance():
    assert sum(minutes([3] * 60).values()) == 180


def test_follows_scaling_and_both_fleets_of_a_deployment():
    assert sum(minutes([3] * 10 + [6] * 5 + [3] * 10).values()) == 90


@pytest.mark.parametrize("seconds", [10, 30, 60])
def test_several_samples_a_minute_are_still_one_instance(seconds):
    assert minutes([2 * 60 / seconds] * 3, publish_seconds=seconds) == series([2, 2, 2])


def test_one_sample_in_five_minutes_stands_for_five():
    five = 5 * MINUTE
    counts = {START + i * five: 2.0 for i in range(12)}
    found = instance_minutes(counts, is_complete=True, is_serving=True, publish_seconds=300, step=five)
    assert sum(found.values()) == 120


def test_withheld_samples_leave_it_unknown():
    assert minutes([3, 3], is_complete=False) is None


def test_no_samples_of_a_fleet_that_serves_are_unknown_not_0():
    assert minutes([]) is None
    assert minutes([], is_serving=False) == {}


def test_a_lost_sample_is_no_stopped_instance():
    assert minutes([3, None, None, 2]) == series([3, 2, 2, 2])


def test_a_long_silence_is_not_filled():
    assert minutes([3, *[None] * 6, 3]) == series([3, *[None] * 6, 3])


def test_nothing_is_added_before_the_first_and_after_the_last_sample():
    assert minutes([None, 2, 2, None]) == series([None, 2, 2])
