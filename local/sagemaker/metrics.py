"""What SageMaker publishes of its endpoints in CloudWatch: counted by minute, and sent when the minute is over.

On AWS nobody may publish in `AWS/…`; MiniStack lets us.
"""

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import batched
from typing import Any

LOG = logging.getLogger(__name__)
NAMESPACE = "AWS/SageMaker"
DATA_PER_CALL = 1000

# Sends datapoints as PutMetricData wants them. Raises when it can't.
type Send = Callable[[list[dict[str, Any]]], object]
type Series = tuple[str, str, str, datetime]
"""Endpoint, variant, metric, minute."""


class EndpointMetrics:
    """Invocations, errors and latencies by endpoint, variant and minute. Safe to use from many threads."""

    def __init__(self, send: Send, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._send, self._clock = send, clock
        self._counts: Counter[Series] = Counter()
        self._latencies: dict[Series, list[float]] = defaultdict(list)
        self._lock = threading.Lock()
        threading.Thread(target=self._publish_past, daemon=True).start()

    def count(self, endpoint: str, variant: str, status: int, microseconds: float) -> None:
        """Count one request that was answered with this HTTP status, in so long."""
        minute = self._clock().replace(second=0, microsecond=0)
        with self._lock:
            self._counts[endpoint, variant, "Invocations", minute] += 1
            # SageMaker publishes 0 for each request without an error
            for family in (4, 5):
                self._counts[endpoint, variant, f"Invocation{family}XXErrors", minute] += status // 100 == family
            self._latencies[endpoint, variant, "ModelLatency", minute].append(microseconds)

    def flush(self) -> int:
        """Publish everything now. Gives the number of datapoints; what could not be sent is lost."""
        return self._publish(datetime.max.replace(tzinfo=UTC))

    def _publish_past(self) -> None:
        while True:
            time.sleep(5)
            self._publish(self._clock().replace(second=0, microsecond=0))

    def _publish(self, before: datetime) -> int:
        with self._lock:
            over = [series for series in {**self._counts, **self._latencies} if series[3] < before]
            data = [
                _datum(series, self._counts.pop(series))
                if series in self._counts
                else _datum(series, self._latencies.pop(series))
                for series in over
            ]
        try:
            for batch in batched(data, DATA_PER_CALL, strict=False):
                self._send(list(batch))
        except Exception:  # endpoints go on answering when metrics can't be published
            LOG.exception("metrics lost")
        return len(data)


def _datum(series: Series, values: int | list[float]) -> dict[str, Any]:
    endpoint, variant, metric, minute = series
    datum: dict[str, Any] = {
        "MetricName": metric,
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
        "Timestamp": minute,
    }
    if isinstance(values, int):
        return datum | {"Value": values, "Unit": "Count"}
    statistics = {"SampleCount": len(values), "Sum": sum(values), "Minimum": min(values), "Maximum": max(values)}
    return datum | {"StatisticValues": statistics, "Unit": "Microseconds"}
