"""What SageMaker publishes of its endpoints in CloudWatch: counted by minute, and sent when the minute is over.

Each request gives a value: 1 to `Invocations`, 0 or 1 to each kind of error (so that their average is a rate), its time
to the latencies, in µs. To keep the lists short, the model's are rounded to 3 significant digits, the overhead's to 2.
Series are those of a variant and, beside them, those of a variant of the fleet made by one endpoint config. On AWS
nobody may publish in `AWS/…`; MiniStack lets us.
"""

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOG = logging.getLogger(__name__)
NAMESPACE = "AWS/SageMaker"
DATA_PER_CALL = 1000
VALUES_PER_DATUM = 150
OVERHEAD_DIGITS = 2
MINUTE = timedelta(minutes=1)

# Sends datapoints as PutMetricData wants them. Raises when it can't.
type Send = Callable[[list[dict[str, Any]]], object]
type Series = tuple[str, str, str, str, datetime]
"""Endpoint, variant, endpoint config (empty for all fleets together), metric, minute."""


@dataclass(frozen=True, slots=True)
class Served:
    """Whose requests are counted."""

    endpoint: str
    variant: str
    config: str


class EndpointMetrics:
    """What is counted by fleet, variant and minute and not yet sent. Safe to use from many threads.

    `delay` tells how long after a minute's end it may be published.
    """

    def __init__(
        self,
        send: Send,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        delay: Callable[[], timedelta] = timedelta,
    ) -> None:
        self._send, self._clock, self._delay = send, clock, delay
        self._counts: dict[Series, Counter[float]] = defaultdict(Counter)
        self._lock = threading.Lock()
        threading.Thread(target=self._publish_regularly, daemon=True).start()

    def count(self, served: Served, status: int, microseconds: float, overhead: float) -> None:
        """Count one request that the model answered with this HTTP status, in so long, not counting the overhead."""
        values: dict[str, Mapping[float, int]] = {
            "Invocations": {1.0: 1},
            "InvocationModelErrors": {int(status // 100 != 2): 1},
            # SageMaker publishes 0 for each request without an error
            **{f"Invocation{family}XXErrors": {int(status // 100 == family): 1} for family in (4, 5)},
            "ModelLatency": {rounded(microseconds): 1},
            "OverheadLatency": {rounded(overhead, OVERHEAD_DIGITS): 1},
        }
        self._add(served, self._clock(), values)

    def count_many(
        self,
        served: Served,
        minute: datetime,
        errors: int,
        latencies: NDArray[np.float64],
        overheads: NDArray[np.float64],
    ) -> None:
        """Count many requests of one minute, one for each latency. `errors` of them failed with status 500."""
        if not latencies.size:
            return
        failed = {number: count for number, count in ((1.0, errors), (0.0, latencies.size - errors)) if count}
        values: dict[str, Mapping[float, int]] = {
            "Invocations": {1: latencies.size},
            "InvocationModelErrors": failed,
            "Invocation5XXErrors": failed,
            "Invocation4XXErrors": {0: latencies.size},
            "ModelLatency": counted(latencies),
            "OverheadLatency": counted(overheads, OVERHEAD_DIGITS),
        }
        self._add(served, minute, values)

    def flush(self) -> int:
        """Publish everything that no delay holds back. Gives the number of datapoints; what can't be sent is lost."""
        delay = self._delay()
        return self._publish(self._clock() - delay if delay else datetime.max.replace(tzinfo=UTC) - MINUTE)

    def publish_past(self) -> int:
        """Publish the minutes that are over and not held back."""
        return self._publish(self._clock() - self._delay())

    def _add(self, served: Served, at: datetime, values: Mapping[str, Mapping[float, int]]) -> None:
        minute = at.replace(second=0, microsecond=0)
        with self._lock:
            for metric, counts in values.items():
                for config in ("", served.config):
                    self._counts[served.endpoint, served.variant, config, metric, minute].update(counts)

    def _publish_regularly(self) -> None:
        while True:
            time.sleep(5)
            self.publish_past()

    def _publish(self, until: datetime) -> int:
        with self._lock:
            over = [series for series in self._counts if series[4] + MINUTE <= until]
            data = [datum for series in over for datum in _data(series, self._counts.pop(series))]
        try:
            for batch in batched(data, DATA_PER_CALL, strict=False):
                self._send(list(batch))
        except Exception:  # endpoints go on answering when metrics can't be published
            LOG.exception("metrics lost")
        return len(data)


def rounded(value: float, digits: int = 3) -> float:
    """A value to so many significant digits."""
    return float(f"{value:.{digits}g}")


def counted(values: NDArray[np.float64], digits: int = 3) -> dict[float, int]:
    """How often each value occurs, to so many significant digits."""
    exponents = np.floor(np.log10(np.maximum(values, 1e-9))) - (digits - 1)
    numbers = np.rint(values / 10**exponents)
    occurring, counts = np.unique(np.stack([numbers, exponents]), axis=1, return_counts=True)
    result: Counter[float] = Counter()
    for (number, exponent), count in zip(occurring.T.tolist(), counts.tolist(), strict=True):
        result[float(f"{number:.0f}e{exponent:.0f}")] += count  # 1000e0 and 100e1 are one value
    return result


def _data(series: Series, counts: Counter[float]) -> Iterator[dict[str, Any]]:
    endpoint, variant, config, metric, minute = series
    dimensions = {"EndpointName": endpoint, "VariantName": variant} | ({"EndpointConfigName": config} if config else {})
    for part in batched(sorted(counts.items()), VALUES_PER_DATUM, strict=False):
        yield {
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Timestamp": minute,
            "Unit": "Microseconds" if metric.endswith("Latency") else "None",
            "Values": [value for value, _ in part],
            "Counts": [float(count) for _, count in part],
        }
