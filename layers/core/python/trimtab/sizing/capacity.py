"""What one instance carries, by CPU, GPU and latency: on the type that was measured, and carried over to others."""

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from trimtab.sizing.endpoint import Benchmark, InstanceType
from trimtab.sizing.observations import Minutes, Observations
from trimtab.sizing.queueing import max_rate
from trimtab.sizing.service import ServiceTime, service_time, workers_shown
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.utilisation import UtilisationLaw, utilisation_law

MODEL_ON_CPU, MODEL_ON_GPU = 1.3, 1.2  # memory of a loaded model, times its size
SERVER_GIB = 1.5


@dataclass(frozen=True, slots=True)
class Workload:
    """What a request costs, as measured on `measured_on`.

    `workers`: requests an instance serves at once there. `memory_gib`, `gpu_memory_gib`: what an instance needs with
    head-room, None when not known. `doubts`: what lowers the confidence.
    """

    measured_on: InstanceType
    cpu: UtilisationLaw | None
    gpu: UtilisationLaw | None
    service: ServiceTime
    workers: int
    memory_gib: float | None
    gpu_memory_gib: float | None
    doubts: tuple[str, ...] = ()

    @property
    def r2(self) -> float:
        """The poorer fit of the laws in use."""
        return min(law.r2 for law in (self.cpu, self.gpu) if law is not None)

    def load_seen(self, settings: SizingSettings) -> float:
        """The greatest utilisation seen, as a share of what an instance may be loaded to."""
        busy = busy_target(self.measured_on, settings)
        of_cpu = self.cpu.highest / (busy * 100 * (self.measured_on.vcpus or 1)) if self.cpu else 0.0
        of_gpu = self.gpu.highest / (settings.busy * 100 * (self.measured_on.gpus or 1)) if self.gpu else 0.0
        return max(of_cpu, of_gpu)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Requests per second that one instance of a type takes, and what limits it.

    `rps` at the design load; `failure_rps` for as long as a zone is lost; `breaking_rps`: from here on the target
    does not hold. `limit`: "cpu", "gpu", "latency" or "benchmark".
    """

    rps: float
    failure_rps: float
    breaking_rps: float
    limit: str


def busy_target(instance_type: InstanceType, settings: SizingSettings) -> float:
    """How busy an instance may be at the design load."""
    return min(settings.busy, settings.burstable_busy) if instance_type.is_burstable else settings.busy


def workload(
    observations: Observations,
    today: InstanceType,
    instances: Minutes,
    settings: SizingSettings,
    *,
    model_gb: float | None = None,
) -> Workload | str:
    """What the minutes show of the cost of a request, or why it cannot be told.

    `instances`: of each minute; `model_gb`: the model's size, which stands in where memory was not measured.
    """
    if today.vcpus is None:
        return f"the vCPUs of {today.name} are not known"
    per_instance = observations.rps / instances
    service = service_time(observations, per_instance, settings)
    if isinstance(service, str):
        return service
    doubts = ["the spread of service time is assumed: p95 was not measured"] if service.is_assumed else []
    if service.is_tail_hidden:
        doubts.append("few requests take so long that p95 is below the mean: how long is not known")
    cpu = utilisation_law(per_instance, observations.cpu_percent)
    gpu = utilisation_law(per_instance, observations.gpu_percent) if today.gpus else "is not there"
    if today.gpus and isinstance(gpu, str):
        return f"GPUUtilization {gpu}"
    if isinstance(cpu, str):
        if not today.gpus:
            return f"CPUUtilization {cpu}"
        doubts.append(f"CPUUtilization {cpu}")
    at_most = settings.workers or (settings.gpu_workers * today.gpus if today.gpus else today.vcpus)
    workers, is_explained = workers_shown(observations, per_instance, service, at_most)
    if settings.workers:
        workers = settings.workers
    elif not is_explained:
        doubts.append("latency in busy minutes is higher than queueing explains")
    return Workload(
        measured_on=today,
        cpu=None if isinstance(cpu, str) else cpu,
        gpu=None if isinstance(gpu, str) else gpu,
        service=service,
        workers=workers,
        memory_gib=_needed(observations.memory_percent, today.memory_gib, 1, settings)
        or (None if model_gb is None else model_memory_gib(model_gb, workers, today.accelerator)),
        gpu_memory_gib=_needed(observations.gpu_memory_percent, today.gpu_memory_gib, today.gpus or 1, settings),
        doubts=tuple(doubts),
    )


def capacity(
    load: Workload,
    instance_type: InstanceType,
    target_s: float,
    settings: SizingSettings,
    benchmark: Benchmark | None = None,
) -> Capacity:
    """What one instance of a type takes within the p95 target.

    A benchmark overrides the model. Otherwise CPU time per request, service time and workers are carried over by
    vCPUs, GPUs and the relative speed of the families; whether they may be is for the caller to say.
    """
    busy = busy_target(instance_type, settings)
    if benchmark is not None:
        most = benchmark.max_invocations / 60
        return Capacity(most * busy, most * settings.failure_busy, most * settings.breaking_busy, "benchmark")
    speed = _speed(instance_type, load.measured_on, settings)
    service = replace(load.service, mean_s=load.service.mean_s / speed, p95_s=load.service.p95_s / speed)
    workers = _workers(load, instance_type)

    def limits(share: float, target: float) -> dict[str, float]:
        return {
            "cpu": speed * load.cpu.rate(instance_type.vcpus or 0, share) if load.cpu else inf,
            "gpu": speed * load.gpu.rate(instance_type.gpus, share) if load.gpu and instance_type.gpus else inf,
            "latency": max_rate(workers, service.mean_s, service.p95_s, service.cv2, target, share),
        }

    design = limits(busy, target_s)
    limit = min(design, key=lambda name: design[name])
    return Capacity(
        rps=design[limit],
        failure_rps=min(limits(settings.failure_busy, target_s * settings.failure_slack).values()),
        breaking_rps=min(limits(settings.breaking_busy, target_s).values()),
        limit=limit,
    )


def model_memory_gib(model_gb: float, workers: int, accelerator: str | None) -> float:
    """What a model of so many GB takes where it was not measured: a copy for each worker, and the server itself."""
    return model_gb * (MODEL_ON_CPU if accelerator is None else MODEL_ON_GPU) * workers + SERVER_GIB


def _speed(instance_type: InstanceType, today: InstanceType, settings: SizingSettings) -> float:
    return settings.performance.get(instance_type.family, 1.0) / settings.performance.get(today.family, 1.0)


def _workers(load: Workload, instance_type: InstanceType) -> int:
    """Workers grow with GPUs where there are any, else with vCPUs.

    Fewer than one each are a number that the server was given: more vCPUs are not trusted to bring more.
    """
    today, workers = load.measured_on, load.workers
    now, there = (today.gpus, instance_type.gpus) if today.gpus else (today.vcpus, instance_type.vcpus)
    grown = max(workers * (there or 0) // (now or 1), 1)
    return min(grown, workers) if workers < (now or 1) else grown


def _needed(percent: Minutes | None, size_gib: float | None, parts: int, settings: SizingSettings) -> float | None:
    """GiB used by the 99.9th percentile of minutes, and head-room; `percent` is a sum over `parts` of the size."""
    if percent is None or size_gib is None or not np.isfinite(percent).any():
        return None
    share = float(np.nanquantile(percent, 0.999)) / 100 / parts
    return share * size_gib * settings.memory_headroom
