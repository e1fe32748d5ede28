"""What the local endpoints publish in CloudWatch."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sagemaker.metrics import EndpointMetrics, Served, counted, rounded

NOON = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
BLUE, GREEN = Served("churn", "blue", "one"), Served("churn", "green", "one")


def publishing(sent: list[dict[str, Any]], clock: Callable[[], datetime]) -> EndpointMetrics:
    return EndpointMetrics(sent.extend, clock)


def statistics(data: list[dict[str, Any]], metric: str, **dimensions: str) -> list[tuple[float, float]]:
    """Sample count and sum of each datum of a series."""
    found = [
        datum
        for datum in data
        if datum["MetricName"] == metric and {d["Name"]: d["Value"] for d in datum["Dimensions"]} == dimensions
    ]
    return [
        (sum(datum["Counts"]), sum(v * c for v, c in zip(datum["Values"], datum["Counts"], strict=True)))
        for datum in found
    ]


def test_requests_are_counted_by_minute_and_variant() -> None:
    sent: list[dict[str, Any]] = []
    now = NOON
    metrics = publishing(sent, lambda: now)
    metrics.count(BLUE, 200, 1500, 100)
    metrics.count(BLUE, 400, 2500, 100)
    metrics.count(GREEN, 500, 100, 100)
    now = NOON + timedelta(minutes=1)
    metrics.count(BLUE, 200, 500, 100)
    assert metrics.flush() == len(sent)
    blue = {"EndpointName": "churn", "VariantName": "blue"}
    assert {datum["Timestamp"].second for datum in sent} == {0}
    assert statistics(sent, "Invocations", **blue) == [(2, 2), (1, 1)]
    assert statistics(sent, "Invocation4XXErrors", **blue) == [(2, 1), (1, 0)]
    assert statistics(sent, "Invocation5XXErrors", **blue) == [(2, 0), (1, 0)]
    assert statistics(sent, "InvocationModelErrors", **blue) == [(2, 1), (1, 0)]
    assert statistics(sent, "ModelLatency", **blue) == [(2, 4000), (1, 500)]
    assert statistics(sent, "OverheadLatency", **blue) == [(2, 200), (1, 100)]
    assert metrics.flush() == 0


def test_fleets_are_told_apart_by_their_config() -> None:
    sent: list[dict[str, Any]] = []
    metrics = publishing(sent, lambda: NOON)
    metrics.count(BLUE, 200, 1, 1)
    metrics.count(Served("churn", "blue", "two"), 500, 1, 1)
    metrics.flush()
    both = {"EndpointName": "churn", "VariantName": "blue"}
    assert statistics(sent, "InvocationModelErrors", **both) == [(2, 1)]
    assert statistics(sent, "InvocationModelErrors", **both, EndpointConfigName="two") == [(1, 1)]


def test_many_requests_give_the_same_series_as_one_after_the_other() -> None:
    minute = NOON.replace(second=0)
    many: list[dict[str, Any]] = []
    one_by_one: list[dict[str, Any]] = []
    latencies = np.array([1000.0, 20_000.0, 1000.0])
    metrics = publishing(many, lambda: NOON + timedelta(hours=1))
    metrics.count_many(BLUE, minute, 1, latencies, np.array([5.0, 5.0, 5.0]))
    metrics.flush()
    metrics = publishing(one_by_one, lambda: NOON)
    for status, latency in ((500, 1000), (200, 20_000), (200, 1000)):
        metrics.count(BLUE, status, latency, 5)
    metrics.flush()
    assert many == sorted(one_by_one, key=many.index)
    metrics.count_many(BLUE, minute, 0, np.array([]), np.array([]))
    assert metrics.flush() == 0


def test_a_minute_is_published_when_it_is_over_and_no_longer_held_back() -> None:
    now, delay = NOON, timedelta(minutes=3)
    metrics = EndpointMetrics(lambda _data: None, lambda: now, lambda: delay)
    metrics.count(BLUE, 200, 1, 1)
    for minutes, published in ((1, False), (3, False), (4, True)):
        now = NOON + timedelta(minutes=minutes)
        assert bool(metrics.publish_past()) is published
    metrics.count(BLUE, 200, 1, 1)
    assert metrics.flush() == 0  # a flush ends no delay
    delay = timedelta()
    assert metrics.publish_past() == 0
    assert metrics.flush() > 0


@given(st.lists(st.floats(0.01, 1e9), max_size=300))
def test_values_are_counted_to_three_digits(values: list[float]) -> None:
    counts = counted(np.array(values))
    assert sum(counts.values()) == len(values)
    assert all(rounded(value) == value for value in counts)
    total = sum(value * count for value, count in counts.items())
    assert total == pytest.approx(sum(values), rel=0.0051)


def test_zero_is_a_value() -> None:
    assert counted(np.zeros(3)) == {0: 3}


def test_long_lists_of_values_are_split() -> None:
    sent: list[dict[str, Any]] = []
    metrics = publishing(sent, lambda: NOON)
    metrics.count_many(BLUE, NOON, 0, np.arange(1000.0, 5000.0, 10.0), np.ones(400))
    metrics.flush()
    latency = [datum for datum in sent if datum["MetricName"] == "ModelLatency"]
    assert max(len(datum["Values"]) for datum in latency) == 150
    assert sum(sum(datum["Counts"]) for datum in latency) == 800  # by variant, and by variant and config


def test_metrics_that_cannot_be_published_stop_nothing() -> None:
    def refuse(_data: list[dict[str, Any]]) -> None:
        raise ConnectionError

    metrics = EndpointMetrics(refuse, lambda: NOON)
    metrics.count(BLUE, 200, 1, 1)
    assert metrics.flush() == 12
