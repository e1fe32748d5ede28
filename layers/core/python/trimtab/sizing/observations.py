"""One variant's minutes, on a grid: what CloudWatch recorded, and what it did not.

NaN is unknown. An absent minute of `Invocations` means no requests only where an instance demonstrably ran: CloudWatch
has nothing for minutes without requests, but equally nothing for a name that does not exist or a reading that failed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

Minutes = NDArray[np.float64]
MINUTE = timedelta(minutes=1)
WEEK_MINUTES = 7 * 24 * 60

# field: (metric, statistic, factor to the field's unit). Latencies come in microseconds.
METRICS: Mapping[str, tuple[str, str, float]] = {
    "invocations": ("Invocations", "Sum", 1),
    "invocations_per_instance": ("InvocationsPerInstance", "Sum", 1),
    "instances": ("CPUUtilization", "SampleCount", 1),
    "cpu_percent": ("CPUUtilization", "Average", 1),
    "memory_percent": ("MemoryUtilization", "Maximum", 1),
    "gpu_percent": ("GPUUtilization", "Average", 1),
    "gpu_memory_percent": ("GPUMemoryUtilization", "Maximum", 1),
    "latency_ms": ("ModelLatency", "Average", 1e-3),
    "latency_p95_ms": ("ModelLatency", "p95", 1e-3),
    "concurrency": ("ConcurrentRequestsPerModel", "Maximum", 1),
}


class ObservationsError(ValueError):
    """Datapoints that make no series. The message names the field."""


@dataclass(frozen=True, slots=True)
class Observations:
    """Minutes from `start` (UTC) on, one value each, all of the same length; None: the metric was not read.

    `cpu_percent` is the sum over cores (0 to 100 × vCPU) and `gpu_percent`, `gpu_memory_percent` over GPUs, each the
    mean over instances, as SageMaker publishes them. `problem`: why the readings are not whole ("" means they are).
    """

    start: datetime
    invocations: Minutes
    instances: Minutes | None = None
    invocations_per_instance: Minutes | None = None
    cpu_percent: Minutes | None = None
    memory_percent: Minutes | None = None
    gpu_percent: Minutes | None = None
    gpu_memory_percent: Minutes | None = None
    latency_ms: Minutes | None = None
    latency_p95_ms: Minutes | None = None
    concurrency: Minutes | None = None
    problem: str = ""

    def __post_init__(self) -> None:
        for name in METRICS:
            series = getattr(self, name)
            if series is None:
                continue
            if len(series) != len(self.invocations):
                raise ObservationsError(f"{name}: {len(series)} minutes, but {len(self.invocations)} of invocations")
            if np.isinf(series).any() or (series < 0).any():
                raise ObservationsError(f"{name}: negative or infinite values")

    @property
    def rps(self) -> Minutes:
        """Requests per second of each minute."""
        return self.invocations / 60

    @property
    def minute_of_week(self) -> NDArray[np.int64]:
        """0 is Monday 00:00 UTC."""
        first = (self.start.weekday() * 24 + self.start.hour) * 60 + self.start.minute
        return (first + np.arange(len(self.invocations))) % WEEK_MINUTES

    def since(self, moment: datetime | None) -> "Observations":
        """Only the minutes that begin at `moment` or later: before a change, service times were another model's."""
        if moment is None or moment <= self.start:
            return self
        skipped = min(-((self.start - moment) // MINUTE), len(self.invocations))
        kept: dict[str, Any] = {
            name: None if (old := getattr(self, name)) is None else old[skipped:] for name in METRICS
        }
        return Observations(start=self.start + skipped * MINUTE, problem=self.problem, **kept)

    def instance_counts(self, default: int) -> Minutes:
        """Instances of each minute, `default` where that was not recorded."""
        if self.instances is None:
            return np.full(len(self.invocations), float(default))
        return np.where(self.instances > 0, self.instances, float(default))


def from_datapoints(
    datapoints: Mapping[str, Iterable[tuple[datetime, float]]],
    *,
    start: datetime,
    end: datetime,
    incomplete: Iterable[str] = (),
    publish_seconds: int = 60,
    problem: str = "",
) -> Observations:
    """Series of the minutes in [start, end) from datapoints by field of METRICS, in CloudWatch's units and any order.

    Of datapoints for one minute that differ, the greater counts. `incomplete` names fields whose reading failed or was
    partial: what they lack stays unknown. An absent minute of invocations is 0 where CPUUtilization shows that an
    instance ran, else unknown. `publish_seconds`: how often an instance publishes its utilisation.

    Raises ObservationsError for an unknown field or times without a zone.
    """
    if start.tzinfo is None or end.tzinfo is None:
        raise ObservationsError("start, end: times without a zone")
    start = start.astimezone(UTC).replace(second=0, microsecond=0)
    length = max((end - start) // MINUTE, 0)
    doubted = set(incomplete)
    if unknown := (set(datapoints) | doubted) - set(METRICS):
        raise ObservationsError(f"{', '.join(sorted(unknown))}: no field of {', '.join(METRICS)}")
    series = {name: _on_grid(name, points, start, length) for name, points in datapoints.items()}
    requests = series.setdefault("invocations", np.full(length, np.nan))
    if (instances := series.get("instances")) is not None:
        if "invocations" not in doubted:
            series["invocations"] = np.where(np.isnan(requests) & (instances > 0), 0.0, requests)
        series["instances"] = instances * publish_seconds / 60
    if doubted:
        problem = "; ".join(part for part in (problem, f"not read whole: {', '.join(sorted(doubted))}") if part)
    return Observations(start=start, problem=problem, **series)


def _on_grid(name: str, points: Iterable[tuple[datetime, float]], start: datetime, length: int) -> Minutes:
    values = [float("nan")] * length
    factor = METRICS[name][2]
    for at, value in points:
        if at.tzinfo is None:
            raise ObservationsError(f"{name}: a time without a zone: {at}")
        minute = (at - start) // MINUTE
        if 0 <= minute < length and not value * factor <= values[minute]:
            values[minute] = value * factor
    return np.array(values, dtype=np.float64)
