"""A limit that others' trainings reach passes when they end; one that is too low for this training does not."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from trimtab.training.room import LONGEST, may_get_room

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
WORDS = (
    "The account-level service limit 'ml.g5.xlarge for spot training job usage' is {} Instances, with current "
    "utilization of {} Instances and a request delta of {} Instances."
)


def waiting(since=None):
    return SimpleNamespace(waits_since=since)


@pytest.mark.parametrize(
    ("message", "may"),
    [
        (WORDS.format(2, 2, 1), True),
        (WORDS.format("1,000", "999", 2), True),
        (WORDS.format(0, 0, 1), False),
        (WORDS.format(1, 0, 2), False),
        ("You have exceeded a limit, in other words.", True),
    ],
)
def test_only_a_limit_that_is_high_enough_is_waited_for(message, may):
    assert may_get_room(waiting(), "ResourceLimitExceeded", message, NOW) is may


def test_other_refusals_are_final():
    assert not may_get_room(waiting(), "ValidationException", WORDS.format(2, 2, 1), NOW)


@pytest.mark.parametrize(("since", "may"), [(LONGEST - timedelta(seconds=1), True), (LONGEST, False)])
def test_a_day_is_long_enough(since, may):
    assert may_get_room(waiting(NOW - since), "ResourceLimitExceeded", "full", NOW) is may
