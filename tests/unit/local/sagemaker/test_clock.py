"""Real time, and time that stands still."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from local.sagemaker.clock import Clock, parsed_moment

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_time_stands_still_until_it_is_set_again_or_let_go() -> None:
    real = iter(NOON + timedelta(seconds=n) for n in range(9))
    clock = Clock(lambda: next(real))
    assert clock.now() < clock.now()
    later = datetime(2030, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    clock.set(later)
    assert clock.now() == clock.now() == later
    assert clock.now().tzinfo is UTC
    clock.set(None)
    assert clock.now() < later


def test_a_moment_without_a_time_zone_is_refused() -> None:
    assert parsed_moment("2026-11-23T13:00:00+01:00") == parsed_moment("2026-11-23T12:00:00Z") == NOON
    with pytest.raises(ValueError, match="names no time zone"):
        parsed_moment("2026-11-23T12:00:00")
