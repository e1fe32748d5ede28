from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.rollout.freeze import FreezeError, frozen_by, parse_window

FRIDAY = datetime(2026, 11, 20, 16, tzinfo=UTC)
WEEKEND = "Fri 16:00 - Mon 07:00"


@pytest.mark.parametrize(
    ("hours", "is_frozen"), [(-0.01, False), (0, True), (24, True), (62.99, True), (63, False), (7 * 24 + 1, True)]
)
def test_a_weekly_window_goes_over_the_weeks_end(hours, is_frozen):
    assert bool(frozen_by([WEEKEND], FRIDAY + timedelta(hours=hours))) == is_frozen


def test_times_are_utc_wherever_the_clock_is():
    moment = datetime.fromisoformat("2026-11-20T16:30:00+01:00")
    assert frozen_by([WEEKEND], moment) == ""


@pytest.mark.parametrize("window", ["Mon 00:00 - Mon 00:00", "Mon 00:00 - Sun 24:00"])
@given(moment=st.datetimes(timezones=st.just(UTC)))
def test_a_whole_week_is_frozen_always(window, moment):
    assert frozen_by([window], moment) == window


def test_a_dated_window_comes_once():
    window = "2026-12-20T00:00Z / 2027-01-03T00:00+00:00"
    assert frozen_by([WEEKEND, window], datetime(2026, 12, 24, tzinfo=UTC)) == window
    assert frozen_by([window], datetime(2027, 1, 3, tzinfo=UTC)) == ""
    assert frozen_by([window], datetime(2026, 12, 19, 23, 59, tzinfo=UTC)) == ""


@pytest.mark.parametrize(
    "text",
    ["", "weekend", "Fre 16:00 - Mon 07:00", "Fri 25:00 - Mon 07:00", "2026-12-20 / 2027-01-03", "2026-12-20T00:00Z",
     "2027-01-03T00:00Z / 2026-12-20T00:00Z", "Fri 16:00"],
)  # fmt: skip
def test_what_is_no_window_is_refused(text):
    with pytest.raises(FreezeError):
        parse_window(text)
