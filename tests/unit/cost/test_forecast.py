"""The month's cost so far, and at its end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.forecast import forecast_month

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 23, 12, 20, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
MONTH = datetime(2026, 11, 1, tzinfo=UTC)
PAST_HOURS = 22 * 24 + 12


def steady(usd, *, start=LONG_AGO, until=NOW):
    hours = int((until - start) / HOUR)
    return {start + i * HOUR: usd for i in range(hours)}


def test_a_steady_endpoint_costs_the_same_to_the_end():
    month = forecast_month(steady(0.46), NOW, created=LONG_AGO)
    assert month.known_usd == month.to_date_usd == pytest.approx(0.46 * PAST_HOURS)
    assert month.forecast_usd == pytest.approx(0.46 * 720)
    assert (month.low_usd, month.high_usd) == (pytest.approx(month.forecast_usd), pytest.approx(month.forecast_usd))
    assert (month.known_hours, month.unknown_hours) == (PAST_HOURS, 0)


def test_weekends_to_come_are_foreseen():
    def usd(hour):
        return 0.5 if hour.weekday() >= 5 else 2.0

    costs = {hour: usd(hour) for hour in steady(0.0)}
    month = forecast_month(costs, NOW, created=LONG_AGO)
    true_end = sum(usd(MONTH + i * HOUR) for i in range(720))
    assert month.forecast_usd == pytest.approx(true_end)
    assert month.low_usd < month.forecast_usd < month.high_usd


def test_an_endpoint_that_was_not_there_yet_cost_nothing():
    created = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
    month = forecast_month(steady(1.0, start=created.replace(minute=0)), NOW, created=created)
    assert month.known_usd == 78
    assert month.unknown_hours == 0
    assert month.forecast_usd == pytest.approx(78 + 180)


def test_hours_that_are_not_known_are_estimated_and_counted():
    costs = steady(1.0) | {MONTH + i * HOUR: None for i in range(40)}
    month = forecast_month(costs, NOW, created=LONG_AGO)
    assert month.unknown_hours == 40
    assert month.known_usd == PAST_HOURS - 40
    assert month.to_date_usd == PAST_HOURS
    assert month.forecast_usd == pytest.approx(720)


def test_a_missing_hour_is_unknown_not_0():
    costs = steady(1.0)
    del costs[MONTH + 5 * HOUR]
    assert forecast_month(costs, NOW, created=LONG_AGO).unknown_hours == 1


def test_with_many_unknown_hours_nothing_is_forecast():
    costs = {hour: None if hour < NOW.replace(minute=0) - timedelta(days=5) else 1.0 for hour in steady(1.0)}
    month = forecast_month(costs, NOW, created=LONG_AGO)
    assert (month.to_date_usd, month.forecast_usd, month.low_usd) == (None, None, None)
    assert month.known_usd == 120


def test_with_less_than_a_day_nothing_is_forecast():
    created = NOW.replace(minute=0) - 5 * HOUR
    month = forecast_month(steady(1.0, start=created), NOW, created=created)
    assert month.to_date_usd == 5
    assert month.forecast_usd is None


def test_what_it_cost_before_it_was_changed_is_no_teacher():
    changed = NOW - timedelta(days=3)
    costs = {hour: 3.0 if hour < changed else 1.0 for hour in steady(0.0)}
    month = forecast_month(costs, NOW, created=LONG_AGO, changed=changed)
    assert month.forecast_usd == pytest.approx(month.known_usd + 180)


def test_december_ends_with_the_year():
    month = forecast_month(steady(1.0), datetime(2026, 12, 1, 0, 5, tzinfo=UTC), created=LONG_AGO)
    assert month.known_usd == 0
    assert month.forecast_usd == pytest.approx(744)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=50))
def test_a_forecast_is_no_less_than_what_was_spent_and_lies_in_its_range(values):
    start = NOW.replace(minute=0) - timedelta(days=30)
    month = forecast_month({start + i * HOUR: values[i % len(values)] for i in range(30 * 24)}, NOW, created=start)
    assert month.known_usd <= month.forecast_usd + 1e-9
    assert month.low_usd <= month.forecast_usd <= month.high_usd
