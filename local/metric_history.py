"""What CloudWatch would have kept of an endpoint with a known load: all its metrics, from one model of a request.

Utilisation follows the utilisation law (what a request takes × requests, on top of idling); latency is service time
and the wait in a queue of each instance (Erlang C, its exponential tail scaled by (1 + CV²)/2 for service times of
any spread); concurrency follows Little's law. Minutes without requests have no datapoint, as in CloudWatch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local.load_profiles import Minutes
from trimtab.sizing.queueing import erlang_c

REQUESTS, INSTANCES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
SHARES = (0.0, 0.5, 0.8, 0.93, 0.97, 0.985, 1.0)
"""Latencies are told as one value each for the requests between two of these."""
BUSIEST = 0.98  # a queue of the next minute is not carried over, so that none may be full
BUSY_STEPS = 50
DRAWN = 200
NOISE = 0.02

type Contents = tuple[list[float], list[float]] | None
"""Values and how often each was seen in a minute; None: no datapoint."""


@dataclass(frozen=True)
class Request:
    """What a request takes on one instance, and what idling takes.

    `cpu_s`: seconds of one core; `gpu_s`: of one GPU; `service_s`: mean time in service, `cv` its spread (lognormal);
    `workers`: requests that an instance serves at once; `idle_percent`: of one core; `in_bursts`: how many times more
    are in flight than evenly arriving requests would be.
    """

    service_s: float
    cv: float
    cpu_s: float
    workers: int
    idle_percent: float = 5.0
    memory_percent: float = 20.0
    gpu_s: float = 0.0
    gpu_memory_percent: float = 0.0
    in_bursts: float = 1.0


@dataclass(frozen=True)
class Instance:
    """What an instance has."""

    cores: int
    gpus: int = 0


@dataclass(frozen=True)
class MetricSeries:
    """One metric from `start` on, minute by minute, as CloudWatch would have been told it."""

    namespace: str
    metric: str
    unit: str
    start: datetime
    minutes: Sequence[Contents]

    def document(self, dimensions: Mapping[str, str]) -> dict[str, Any]:
        """For `Cloud.play_metrics`."""
        return {
            "Namespace": self.namespace,
            "MetricName": self.metric,
            "Dimensions": dict(dimensions),
            "Unit": self.unit,
            "Start": self.start.timestamp(),
            "Minutes": self.minutes,
        }


def metric_history(
    start: datetime, requests: NDArray[np.int64], request: Request, instance: Instance, count: int, *, seed: int = 0
) -> list[MetricSeries]:
    """The metrics of a variant with `count` instances and so many requests in each minute."""
    rng = np.random.default_rng(seed)
    each = requests / 60 / count
    busy = np.minimum(each * request.service_s / request.workers, BUSIEST)
    latency = _latency(request, busy)
    asked = [float(number) for number in requests]
    found = [
        MetricSeries(REQUESTS, "Invocations", "None", start, [_told([1.0], [n]) for n in asked]),
        MetricSeries(REQUESTS, "InvocationsPerInstance", "None", start, [_told([1 / count], [n]) for n in asked]),
        MetricSeries(REQUESTS, "ModelLatency", "Microseconds", start, _grouped(latency, requests)),
        MetricSeries(REQUESTS, "ConcurrentRequestsPerModel", "None", start, _in_flight(latency, each, request, rng)),
    ]
    of_instances = {
        "CPUUtilization": request.idle_percent + 100 * request.cpu_s * each,
        "MemoryUtilization": np.full(len(requests), request.memory_percent),
    }
    most = {"CPUUtilization": 100.0 * instance.cores, "MemoryUtilization": 100.0}
    if instance.gpus:
        of_instances["GPUUtilization"] = 100 * request.gpu_s * each
        of_instances["GPUMemoryUtilization"] = np.full(len(requests), request.gpu_memory_percent)
        most |= {"GPUUtilization": 100.0 * instance.gpus, "GPUMemoryUtilization": 100.0 * instance.gpus}
    for metric, level in of_instances.items():
        noisy = level[:, None] * (1 + NOISE * rng.standard_normal((len(level), count)))
        values = np.clip(noisy, 0, most[metric]).round(3).tolist()
        found.append(MetricSeries(INSTANCES, metric, "Percent", start, [(row, [1.0] * count) for row in values]))
    return found


def arrivals(rps: Minutes, *, seed: int = 0) -> NDArray[np.int64]:
    """Requests of each minute at these rates, as they come by chance (Poisson)."""
    drawn: NDArray[np.int64] = np.random.default_rng(seed).poisson(rps * 60)
    return drawn


def latency_groups(request: Request, busy: float) -> Minutes:
    """Seconds of latency for each part of the requests by `SHARES`, with the workers so busy.

    The 95th and 99th percentiles and the mean are those of service and wait together.
    """
    quantiles = (np.arange(DRAWN) + 0.5) / DRAWN
    sigma = np.sqrt(np.log1p(request.cv**2))
    rng = np.random.default_rng(0)
    service = request.service_s * np.exp(sigma * rng.standard_normal(DRAWN * DRAWN) - sigma**2 / 2)
    waiting = erlang_c(request.workers, busy * request.workers) if busy > 0 else 0.0
    rate = request.workers * (1 - busy) / request.service_s / ((1 + request.cv**2) / 2)
    # the quantiles of the wait: none for those who are served at once, exponential for the others
    wait = np.maximum(np.log(np.maximum(waiting, 1e-12) / (1 - quantiles)), 0) / rate
    total = np.sort(service + np.tile(wait, DRAWN))
    edges = np.rint(np.array(SHARES) * len(total)).astype(int)
    groups = np.array([total[low:high].mean() for low, high in pairwise(edges)])
    groups[3], groups[5] = np.quantile(total, (0.95, 0.99))
    groups[0] += (total.mean() - np.diff(SHARES) @ groups) / SHARES[1]
    return groups


def _latency(request: Request, busy: Minutes) -> Minutes:
    """The groups of latencies of each minute: one row a minute."""
    steps = np.linspace(0, BUSIEST, BUSY_STEPS)
    table = np.array([latency_groups(request, float(step)) for step in steps])
    return np.stack([np.interp(busy, steps, column) for column in table.T], axis=1)


def _grouped(latency: Minutes, requests: NDArray[np.int64]) -> list[Contents]:
    """Microseconds, with how many of the requests took so long."""
    counts = np.diff(np.rint(np.array(SHARES)[None, :] * requests[:, None]), axis=1)
    values = (latency * 1e6).round()
    return [_told(*row) for row in zip(values.tolist(), counts.tolist(), strict=True)]


def _in_flight(latency: Minutes, each: Minutes, request: Request, rng: np.random.Generator) -> list[Contents]:
    """The most requests in an instance at once: Poisson traffic rarely has more than L + 3√L, L being the mean."""
    mean = each * (latency @ np.diff(SHARES))
    most = np.ceil(request.in_bursts * (mean + rng.uniform(2, 3.5, len(mean)) * np.sqrt(mean)))
    return [_told([float(number)], [1.0 if number else 0.0]) for number in most]


def _told(values: list[float], counts: list[float]) -> Contents:
    seen = [(value, count) for value, count in zip(values, counts, strict=True) if count > 0]
    return ([value for value, _ in seen], [count for _, count in seen]) if seen else None
