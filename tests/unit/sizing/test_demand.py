from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.sizing.demand import demand, longest_run
from trimtab.sizing.observations import Observations
from trimtab.sizing.settings import SizingSettings

DEFAULTS = SizingSettings()


@pytest.fixture
def example(worked):
    return Observations(start=worked.start, invocations=worked.rps * 60)


def test_the_worked_example(example):
    found = demand(example, DEFAULTS)
    figures = (found.p50, found.p95, found.p99, found.highest, found.peak, found.design)
    assert [round(value, 2) for value in figures] == [
        16.49, 32.31, 35.14, 41.19, 38.57, 46.28,
    ]  # fmt: skip
    assert round(found.lead_growth, 3) == 0.287
    assert round(found.requests) == 21_405_298
    assert found.seasonality > 0.9
    assert found.burst is None


def test_too_few_days_are_no_demand(example):
    assert "6 of at least 7 days" in demand(replace(example, invocations=example.invocations[: 6 * 1440]), DEFAULTS)
    sparse = example.invocations.copy()
    sparse[::5] = np.nan
    assert "0 of at least 7 days" in demand(replace(example, invocations=sparse), DEFAULTS)


@pytest.mark.parametrize(
    ("weeks", "growth"),
    [
        ((), 0.2),
        ((10, 10, 10), 0.2),
        ((10, 11, 12, 13), 4 / 13),
        ((10, 10, 10, 10), 0),
        ((13, 12, 11, 10), 0),
        ((1, 10, 100, 1000), 1.0),
        ((10, 11, float("nan"), 13), 0.2),
        ((0, 0, 0, 0), 0.2),
    ],
)
def test_growth_is_the_slope_of_four_weeks_or_more(example, weeks, growth):
    assert demand(example, DEFAULTS, weekly_means=weeks).growth == pytest.approx(growth)


def test_bursts_within_the_minute_raise_the_design_load(example):
    calm = example.rps * 0.05 + 2
    latency = np.full(len(calm), 50.0)
    poisson = demand(replace(example, latency_ms=latency, concurrency=calm), DEFAULTS)
    bursty = demand(replace(example, latency_ms=latency, concurrency=calm * 8), DEFAULTS)
    assert poisson.burst == 1
    assert bursty.burst > 2
    assert bursty.design == pytest.approx(bursty.peak * 1.2 * bursty.burst)


def test_idle_minutes_are_counted():
    assert longest_run(np.array([True, True, False, True, True, True])) == 3
    assert longest_run(np.array([False])) == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 50))
def test_demand_scales_with_traffic(seed, factor):
    rps = np.random.default_rng(seed).gamma(3, 2, 7 * 1440)
    start = datetime(2026, 10, 5, tzinfo=UTC)
    one = demand(Observations(start=start, invocations=rps * 60), DEFAULTS)
    many = demand(Observations(start=start, invocations=rps * 60 * factor), DEFAULTS)
    assert many.design == pytest.approx(one.design * factor)
    assert many.seasonality == pytest.approx(one.seasonality)
    assert one.night_p95 <= one.highest
