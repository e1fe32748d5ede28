"""The fleet of `make demo-cost`: six endpoints, what their requests take, and the shape of their load."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from local.load_profiles import Minutes, by_hour_of_day, recorded
from local.metric_history import Instance, MetricSeries, Request, arrivals, metric_history
from trimtab.cost.catalogue import bundled_catalogue

VARIANT = "AllTraffic"


@dataclass(frozen=True)
class Member:
    """An endpoint. `rps`: mean requests per second; `shape`: of the load, with a mean of 1, from a moment on for so
    many minutes; `target_ms`: the p95 to hold."""

    name: str
    what: str
    instance_type: str
    count: int
    rps: float
    shape: Callable[[datetime, int], Minutes]
    request: Request
    target_ms: float

    def requests(self, start: datetime, minutes: int, seed: int) -> NDArray[np.int64]:
        """Requests of each minute."""
        return arrivals(self.rps * self.shape(start, minutes), seed=seed)

    def history(self, start: datetime, requests: NDArray[np.int64], seed: int) -> list[MetricSeries]:
        """Its metrics."""
        known = bundled_catalogue().types[self.instance_type]
        instance = Instance(cores=known.vcpus or 1, gpus=known.gpus or 0)
        return metric_history(start, requests, self.request, instance, self.count, seed=seed)


def _recorded(name: str) -> Callable[[datetime, int], Minutes]:
    return lambda start, minutes: recorded(name, start, minutes)


FLEET = (
    Member(
        "over-sized",
        "a level load on four times what it needs",
        "ml.m5.2xlarge",
        4,
        32.0,
        _recorded("server"),
        Request(service_s=0.05, cv=0.5, cpu_s=0.05, workers=8, memory_percent=9),
        200,
    ),
    Member(
        "idle",
        "nobody has called it for two weeks",
        "ml.m5.xlarge",
        2,
        0.0,
        _recorded("server"),
        Request(service_s=0.05, cv=0.5, cpu_s=0.05, workers=4),
        200,
    ),
    Member(
        "bursty",
        "a load balancer's requests: bursts of ten times the median",
        "ml.c5.2xlarge",
        4,
        25.0,
        _recorded("load balancer"),
        Request(service_s=0.04, cv=0.7, cpu_s=0.04, workers=8, in_bursts=4.0),
        250,
    ),
    Member(
        "seasonal",
        "the same day again and again: five times the requests in the evening",
        "ml.c5.xlarge",
        10,
        100.0,
        lambda start, minutes: by_hour_of_day("load balancer", start, minutes, contrast=3.0),
        Request(service_s=0.06, cv=0.5, cpu_s=0.06, workers=4, memory_percent=30),
        250,
    ),
    Member(
        "gpu-hardly-used",
        "a small model on GPUs that wait for it",
        "ml.g4dn.xlarge",
        2,
        3.0,
        _recorded("quiet server"),
        Request(service_s=0.03, cv=0.3, cpu_s=0.02, workers=1, gpu_s=0.004, gpu_memory_percent=12),
        250,
    ),
    Member(
        "right-sized",
        "a database's load on what it needs",
        "ml.c5.large",
        2,
        25.0,
        _recorded("database"),
        Request(service_s=0.03, cv=0.5, cpu_s=0.03, workers=2, memory_percent=30),
        200,
    ),
)
