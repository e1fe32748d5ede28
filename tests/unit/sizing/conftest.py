"""The worked example of right-sizing: 14 days of minutes of 3 × ml.m5.xlarge, and a small catalogue."""

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from trimtab.sizing.endpoint import Endpoint
from trimtab.sizing.observations import Observations
from trimtab.sizing.queueing import p95_latency

START = datetime(2026, 10, 5, tzinfo=UTC)  # a Monday
NOW = datetime(2026, 10, 19, tzinfo=UTC)
PRICES = {  # us-east-1, hosting, 2026-05
    "ml.t2.medium": 0.056,
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.23,
    "ml.m5.2xlarge": 0.461,
    "ml.c5.xlarge": 0.204,
    "ml.c5.2xlarge": 0.408,
    "ml.c6g.xlarge": 0.163,
    "ml.g4dn.xlarge": 0.7364,
    "ml.g5.xlarge": 1.408,
    "ml.g5.2xlarge": 1.515,
    "ml.inf1.xlarge": 0.297,
}


@dataclass(frozen=True)
class Type:
    name: str
    vcpus: int | None
    memory_gib: float | None
    gpus: int | None = 0
    gpu_memory_gib: float | None = None
    architecture: str | None = "x86_64"
    accelerator: str | None = None
    is_burstable: bool = False

    @property
    def family(self):
        return self.name.split(".")[1]


TYPES = [
    Type("ml.t2.medium", 2, 4, is_burstable=True),
    Type("ml.m5.large", 2, 8),
    Type("ml.m5.xlarge", 4, 16),
    Type("ml.m5.2xlarge", 8, 32),
    Type("ml.c5.xlarge", 4, 8),
    Type("ml.c5.2xlarge", 8, 16),
    Type("ml.c6g.xlarge", 4, 8, architecture="arm64"),
    Type("ml.g4dn.xlarge", 4, 16, 1, 16, accelerator="gpu"),
    Type("ml.g5.xlarge", 4, 16, 1, 22.4, accelerator="gpu"),
    Type("ml.g5.2xlarge", 8, 32, 1, 22.4, accelerator="gpu"),
    Type("ml.inf1.xlarge", 4, 8, accelerator="neuron"),
]


@pytest.fixture(scope="session")
def catalogue():
    return {each.name: each for each in TYPES}


@pytest.fixture(scope="session")
def prices():
    return PRICES


@pytest.fixture(scope="session")
def now():
    return NOW


@pytest.fixture(scope="session")
def make_type():
    return Type


@pytest.fixture(scope="session")
def worked():
    """Requests per second and CPU of the worked example: a day's wave, quieter weekends, noise; one seed."""
    rng = random.Random(42)
    rps, cpu = [], []
    for minute in range(14 * 1440):
        day, hour = (minute // 1440) % 7, (minute % 1440) / 60
        base = 20 * (1 + 0.6 * math.sin((hour - 9) / 24 * 2 * math.pi)) * (0.6 if day >= 5 else 1)
        rps.append(max(0.0, base * (1 + rng.gauss(0, 0.08))))
        cpu.append(6 + 5.2 * (rps[-1] / 3) + rng.gauss(0, 1.5))
    return SimpleNamespace(rps=np.array(rps), cpu=np.array(cpu), start=START)


@pytest.fixture(scope="session")
def observe():
    """Observations of traffic with a known cost of a request, as CloudWatch would show them."""

    def make(
        rps,
        *,
        instances=3,
        vcpus=4,
        service_s=0.05,
        p95_s=0.0973,
        cv2=0.25,
        cpu_per_rps=5.2,
        cpu_idle=6.0,
        memory_percent=15.6,
        seed=7,
        **others,
    ):
        rps = np.asarray(rps, dtype=np.float64)
        rng = np.random.default_rng(seed)
        each = rps / instances
        p95 = np.array(
            [
                p95_latency(vcpus, float(rate), service_s, p95_s, cv2)
                for rate in np.minimum(each, 0.97 * vcpus / service_s)
            ]
        )
        wait = np.maximum(p95 - p95_s, 0) / 3
        noise = lambda size: 1 + rng.normal(0, size, len(rps))  # noqa: E731
        served = np.where(rps > 0, 1.0, np.nan)
        return Observations(
            **{
                "start": START,
                "invocations": rps * 60,
                "instances": np.broadcast_to(np.asarray(instances, dtype=np.float64), len(rps)),
                "invocations_per_instance": each * 60,
                "cpu_percent": np.maximum(cpu_idle + cpu_per_rps * each + rng.normal(0, 1.5, len(rps)), 0),
                "memory_percent": np.full(len(rps), memory_percent),
                "latency_ms": 1000 * (service_s + wait) * noise(0.02) * served,
                "latency_p95_ms": 1000 * p95 * noise(0.03) * served,
                **others,
            }
        )

    return make


@pytest.fixture(scope="session")
def endpoint():
    return Endpoint("ml.m5.xlarge", 3, created=datetime(2026, 1, 1, tzinfo=UTC), other_requests=0)
