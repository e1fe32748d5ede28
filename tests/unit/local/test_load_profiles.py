"""Shapes of load from the bundled series."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from local.load_profiles import BUNDLED, DAY, FORTNIGHT, by_hour_of_day, recorded

START = datetime(2026, 11, 20, 8, 7, tzinfo=UTC)


@pytest.mark.parametrize("name", BUNDLED)
def test_two_weeks_have_a_mean_of_one_and_come_again(name: str) -> None:
    shape = recorded(name, START, FORTNIGHT + 100)
    assert shape[:FORTNIGHT].mean() == pytest.approx(1, abs=0.05)
    assert shape.min() >= 0
    assert (shape[FORTNIGHT:] == shape[:100]).all()


def test_what_was_recorded_comes_at_the_same_time_of_the_week() -> None:
    noon = datetime(2014, 4, 15, 12, 4, tzinfo=UTC)  # a Tuesday: the load balancer's series has 2014-04-15 12:04
    later = noon + timedelta(weeks=26)
    assert (recorded("load balancer", noon, DAY) == recorded("load balancer", later, DAY)).all()


def test_the_mean_day_is_the_same_each_day_and_steeper_with_more_contrast() -> None:
    flat, steep = (by_hour_of_day("load balancer", START, 2 * DAY, contrast) for contrast in (1, 3))
    assert np.allclose(steep[:DAY], steep[DAY:])
    assert steep.mean() == pytest.approx(1, abs=0.01)
    assert steep.max() / steep.min() == pytest.approx((flat.max() / flat.min()) ** 3, rel=0.05)
