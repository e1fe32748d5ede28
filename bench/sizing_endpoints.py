"""Endpoints whose truth is known: their traffic, what a request takes, and what CloudWatch would have shown of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import log2

import numpy as np

from bench.queue_simulation import SHAPES, Array, Curve, Shape, curve, minute_seconds, phases
from trimtab.cost.catalogue import InstanceType, bundled_catalogue
from trimtab.sizing.endpoint import Endpoint
from trimtab.sizing.observations import Observations

DAY = 24 * 60
DAYS, DAYS_TO_COME = 14, 7
START = datetime(2026, 10, 5, tzinfo=UTC)  # a Monday
NOW = START + timedelta(days=DAYS)
REGION = "us-east-1"
BUSY = 0.6
"""How busy an instance is taken to be where its bursts are told in service times."""
TRAFFIC = ("steady", "daily wave", "office hours", "bursts", "growing", "night batch")
PEAKS = (1.0, 1.0, 1.0, 1.5, 2.0)
"""How many times its mean the rate within a minute rises; most endpoints' requests come evenly."""
TYPES = tuple(
    f"ml.{family}.{size}"
    for family in ("m5", "c5", "r5", "m7i", "c6i")
    for size in ("large", "xlarge", "2xlarge", "4xlarge")
)
SPEED = (0.9, 1.1)
"""How fast a vCPU of another family is against today's: by 10 % either way, which nobody tells Trimtab."""


@dataclass(frozen=True)
class Model:
    """What is true of a request. `service_s`: its mean on today's type; `cpu_share`: how much of that is computing.

    `workers`: of an instance, None for one a vCPU. `on_gpu`: how many times faster one GPU serves it.
    """

    shape: Shape
    service_s: float
    cpu_share: float
    workers: int | None
    idle_percent: float
    server_gib: float
    worker_gib: float
    model_gb: float
    on_gpu: float
    speeds: Mapping[str, float]

    def workers_on(self, instance_type: InstanceType) -> int:
        """How many requests an instance serves at once."""
        return instance_type.gpus or self.workers or instance_type.vcpus or 1

    def service_on(self, instance_type: InstanceType) -> float:
        """Seconds that a request takes there."""
        return self.service_s / (self.on_gpu if instance_type.gpus else self.speeds.get(instance_type.family, 1.0))

    def memory_on(self, instance_type: InstanceType) -> float:
        """GiB in use there."""
        return self.server_gib + self.worker_gib * (1 if instance_type.gpus else self.workers_on(instance_type))


@dataclass(frozen=True)
class Simulated:
    """One endpoint. `rps`: requests per second of three weeks; two are seen, one is to come."""

    number: int
    traffic: str
    peak: float
    model: Model
    today: InstanceType
    instances: int
    target_ms: float
    rps: Array

    @property
    def seen(self) -> Array:
        """The two weeks that are looked at."""
        return self.rps[: DAYS * DAY]

    @property
    def future(self) -> Array:
        """The week that follows."""
        return self.rps[DAYS * DAY :]

    @property
    def endpoint(self) -> Endpoint:
        """It as it is sized."""
        return Endpoint(
            self.today.name,
            self.instances,
            created=START - timedelta(days=90),
            other_requests=0,
            model_gb=self.model.model_gb,
        )


def latency_curve(model: Model, instance_type: InstanceType, peak: float) -> Curve:
    """Latency by load on one instance of a type."""
    workers, service = model.workers_on(instance_type), model.service_on(instance_type)
    if peak == 1:
        return curve(model.shape, workers)
    burst = float(minute_seconds(BUSY * workers / service)) * phases(peak)[0][0] / service
    return curve(model.shape, workers, peak, float(2 ** round(log2(burst))))


def draw_endpoint(number: int, seed: int) -> Simulated:
    """The endpoint of this number: traffic takes turns, all else is drawn."""
    rng = np.random.default_rng([seed, number])
    traffic = TRAFFIC[number % len(TRAFFIC)]
    shape = SHAPES[(number // len(TRAFFIC)) % len(SHAPES)]
    types = bundled_catalogue().types
    today = types[str(rng.choice(TYPES))]
    model = _model(shape, today, rng)
    peak = float(rng.choice(PEAKS))
    instances = int(rng.integers(2, 9))
    workers, service = model.workers_on(today), model.service_on(today)
    busy_at_peak = float(np.exp(rng.uniform(np.log(0.12), np.log(0.8))))
    rps = _rates(traffic, rng)
    rps *= busy_at_peak * instances * workers / service / np.quantile(rps[: DAYS * DAY], 0.999)
    slack = float(np.exp(rng.uniform(np.log(1.3), np.log(5))))
    return Simulated(number, traffic, peak, model, today, instances, max(shape.p95, 1.0) * service * slack * 1000, rps)


def observe(simulated: Simulated, seed: int) -> Observations:
    """What CloudWatch would have shown of the first two weeks: each minute a queue in equilibrium, with the noise of
    so many requests; a backlog where there are more than can be served; some minutes lost, some deployments.
    """
    rng = np.random.default_rng([seed, simulated.number, 1])
    model, today, count = simulated.model, simulated.today, simulated.instances
    workers, service = model.workers_on(today), model.service_on(today)
    rps = simulated.seen
    requests = rng.poisson(rps * 60).astype(np.float64)
    each = requests / 60 / count
    load = each * service / workers
    seen = latency_curve(model, today, simulated.peak)
    backlog_s = _backlog(load) * 60
    some = np.maximum(requests, 1)
    mean = np.interp(load, seen.loads, seen.mean) * service + backlog_s
    p95 = np.interp(load, seen.loads, seen.p95) * service + backlog_s
    spread = np.maximum(p95 / mean - 1, 0.1)
    mean *= np.maximum(1 + rng.normal(0, 1, len(rps)) * spread / np.sqrt(some), 0.2)
    p95 *= np.maximum(1 + rng.normal(0, 1, len(rps)) * spread / np.sqrt(some), 0.2)
    in_flight = rps * np.interp(load, seen.loads, seen.mean) * service * simulated.peak
    most = np.ceil(in_flight + np.maximum(rng.normal(1.3, 0.5, len(rps)), 0) * np.sqrt(in_flight))
    cpu = model.idle_percent + 100 * model.cpu_share * np.minimum(each * service, workers)
    cpu = np.maximum(cpu + rng.normal(0, 1.5, len(rps)), 0)
    for at in rng.integers(0, len(rps), 3):
        cpu[at : at + 8] += 60
        p95[at : at + 8] *= 1.6
    served = np.where(requests > 0, 1.0, np.nan)
    memory = model.memory_on(today) / (today.memory_gib or 1)
    minutes = {
        "invocations": requests,
        "invocations_per_instance": requests / count,
        "instances": np.full(len(rps), float(count)),
        "cpu_percent": np.minimum(cpu, 100.0 * (today.vcpus or 1)),
        "memory_percent": np.minimum(100 * memory * rng.normal(1, 0.01, len(rps)), 100),
        "latency_ms": mean * 1000 * served,
        "latency_p95_ms": p95 * 1000 * served,
        "concurrency": np.where(requests > 0, np.maximum(most, 1), np.nan),
    }
    lost = rng.random(len(rps)) < 0.002
    return Observations(start=START, **{name: np.where(lost, np.nan, each) for name, each in minutes.items()})


def _model(shape: Shape, today: InstanceType, rng: np.random.Generator) -> Model:
    vcpus, memory = today.vcpus or 1, today.memory_gib or 1.0
    families = {name.split(".")[1] for name in bundled_catalogue().types}
    used = memory * rng.uniform(0.1, 0.6)
    server = min(0.7, used / 2)
    workers = None if rng.random() < 0.85 else int(rng.choice([1, vcpus]))
    return Model(
        shape=shape,
        service_s=float(np.exp(rng.uniform(np.log(0.03), np.log(0.6)))),
        cpu_share=float(rng.choice([1.0, 1.0, 0.8, 0.5])),
        workers=workers,
        idle_percent=float(rng.uniform(1, 8)),
        server_gib=server,
        worker_gib=(used - server) / (workers or vcpus),
        model_gb=(used - server) / (workers or vcpus) / 1.3,
        on_gpu=float(rng.uniform(3, 10)),
        speeds={each: float(rng.uniform(*SPEED)) for each in sorted(families - {today.family})},
    )


def _rates(traffic: str, rng: np.random.Generator) -> Array:
    """The shape of three weeks of traffic, in no unit."""
    minute = np.arange((DAYS + DAYS_TO_COME) * DAY)
    hour, day = (minute % DAY) / 60, minute // DAY
    weekend = np.where(day % 7 >= 5, rng.uniform(0.3, 1.0), 1.0)
    wave = 1 + rng.uniform(0.3, 0.8) * np.sin((hour - rng.uniform(6, 12)) / 24 * 2 * np.pi)
    match traffic:
        case "steady":
            rates = np.ones(len(minute))
        case "daily wave":
            rates = wave * weekend
        case "office hours":
            inside = 1 / (1 + np.exp(-(hour - 8.5) * 4)) - 1 / (1 + np.exp(-(hour - 17.5) * 4))
            rates = 0.08 + inside * np.where(day % 7 >= 5, 0.15, 1.0)
        case "bursts":
            rates = 0.4 * wave + _bursts(len(minute), rng)
        case "growing":
            rates = wave * (1 + rng.uniform(0.01, 0.04) * minute / (7 * DAY))
        case _:
            rates = 0.3 * wave + np.where((hour >= 2) & (hour < 4.5), 1.0, 0.0)
    noise = np.exp(_slow_noise(len(minute), rng.uniform(0.02, 0.1), rng) + rng.normal(0, 0.03, len(minute)))
    result: Array = rates * noise
    return result


def _bursts(minutes: int, rng: np.random.Generator) -> Array:
    """Some bursts a day of up to an hour, of the same kinds in all weeks."""
    rates = np.zeros(minutes)
    for at in np.flatnonzero(rng.random(minutes) < 3 / DAY):
        length = int(rng.integers(5, 60))
        rates[at : at + length] += rng.uniform(0.3, 1.0)
    return np.minimum(rates, 1.2)


def _slow_noise(minutes: int, deviation: float, rng: np.random.Generator) -> Array:
    """Noise that forgets in about half an hour."""
    kernel = np.exp(-np.arange(150) / 30)
    noise = np.convolve(rng.normal(0, 1, minutes + 149), kernel, "valid")
    result: Array = noise * deviation / np.sqrt((kernel**2).sum())
    return result


def _backlog(load: Array) -> Array:
    """Minutes of work that wait at the end of each minute, at these loads of all workers."""
    waiting = np.zeros(len(load))
    if load.max() <= 1:
        return waiting
    total = 0.0
    for minute, busy in enumerate(load.tolist()):
        total = max(total + busy - 1, 0.0)
        waiting[minute] = total
    return waiting
