"""What the local endpoints publish in CloudWatch."""

from datetime import UTC, datetime, timedelta
from typing import Any

from local.sagemaker.metrics import EndpointMetrics

NOON = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)


def value_of(data: list[dict[str, Any]], metric: str) -> list[Any]:
    return [datum.get("Value", datum.get("StatisticValues")) for datum in data if datum["MetricName"] == metric]


def test_requests_are_counted_by_minute_and_variant() -> None:
    sent: list[dict[str, Any]] = []
    now = NOON
    metrics = EndpointMetrics(sent.extend, lambda: now)
    metrics.count("churn", "blue", 200, 1500)
    metrics.count("churn", "blue", 400, 2500)
    metrics.count("churn", "green", 500, 100)
    now = NOON + timedelta(minutes=1)
    metrics.count("churn", "blue", 200, 500)
    assert metrics.flush() == len(sent) == 12
    blue = [datum for datum in sent if datum["Dimensions"][1]["Value"] == "blue"]
    assert {datum["Timestamp"].second for datum in sent} == {0}
    assert value_of(blue, "Invocations") == [2, 1]
    assert value_of(blue, "Invocation4XXErrors") == [1, 0]
    assert value_of(blue, "Invocation5XXErrors") == [0, 0]
    assert value_of(blue, "ModelLatency")[0] == {"SampleCount": 2, "Sum": 4000, "Minimum": 1500, "Maximum": 2500}
    assert metrics.flush() == 0


def test_metrics_that_cannot_be_published_stop_nothing() -> None:
    def refuse(_data: list[dict[str, Any]]) -> None:
        raise ConnectionError

    metrics = EndpointMetrics(refuse, lambda: NOON)
    metrics.count("churn", "blue", 200, 1)
    assert metrics.flush() == 4
