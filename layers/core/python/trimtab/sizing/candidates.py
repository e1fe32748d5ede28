"""Which instance types an endpoint could run on, and for each of the others why not."""

from dataclasses import dataclass

import numpy as np

from trimtab.sizing.capacity import Workload
from trimtab.sizing.endpoint import Endpoint, InstanceType
from trimtab.sizing.observations import Minutes
from trimtab.sizing.settings import SizingSettings

SAME_TYPE, SAME_FAMILY, OTHER_FAMILY, OTHER_KIND = 1.0, 0.9, 0.7, 0.3


@dataclass(frozen=True, slots=True)
class Rejection:
    """A type that is not proposed. `rule` is stable, `reason` for people."""

    instance_type: str
    rule: str
    reason: str


def objection(
    candidate: InstanceType,
    endpoint: Endpoint,
    load: Workload,
    usd_per_hour: float | None,
    gpu_percent: Minutes | None,
    settings: SizingSettings,
) -> Rejection | None:
    """Why this type cannot take the endpoint's place, or None when nothing speaks against it."""
    found = (
        _unknown(candidate, usd_per_hour)
        or _burstable(candidate, load.measured_on)
        or _architecture(candidate, endpoint, load.measured_on)
        or _kind(candidate, endpoint, load, gpu_percent, settings)
        or _memory(candidate, load)
    )
    return Rejection(candidate.name, *found) if found else None


def likeness(candidate: InstanceType, today: InstanceType, *, is_benchmarked: bool) -> float:
    """How far what was measured today holds for this type, 1 for the same one and for one that was benchmarked."""
    if is_benchmarked or candidate.name == today.name:
        return SAME_TYPE
    if candidate.family == today.family:
        return SAME_FAMILY
    return OTHER_FAMILY if candidate.accelerator == today.accelerator else OTHER_KIND


def gpu_p99(gpu_percent: Minutes | None, gpus: int | None) -> float | None:
    """99th percentile of GPU utilisation, in percent of all GPUs; None when not known."""
    if gpu_percent is None or not gpus or not np.isfinite(gpu_percent).any():
        return None
    return float(np.nanquantile(gpu_percent, 0.99)) / gpus


Found = tuple[str, str] | None


def _unknown(candidate: InstanceType, usd_per_hour: float | None) -> Found:
    if usd_per_hour is None:
        return "price", "its price here is not known"
    if None in (candidate.vcpus, candidate.memory_gib, candidate.gpus, candidate.architecture):
        return "size", "its vCPUs, memory, GPUs or architecture are not known"
    return None


def _burstable(candidate: InstanceType, today: InstanceType) -> Found:
    """CPU credits run out at the worst of times: no latency can be promised on them."""
    if not candidate.is_burstable or candidate.name == today.name:
        return None
    return "burstable", "its CPU runs on credits: no latency can be held once they are spent"


def _architecture(candidate: InstanceType, endpoint: Endpoint, today: InstanceType) -> Found:
    if candidate.architecture == today.architecture or candidate.architecture in endpoint.architectures:
        return None
    return "architecture", f"needs the image rebuilt for {candidate.architecture}"


def _kind(
    candidate: InstanceType,
    endpoint: Endpoint,
    load: Workload,
    gpu_percent: Minutes | None,
    settings: SizingSettings,
) -> Found:
    """What was measured on one kind of processor says nothing about another: that takes a benchmark."""
    today, benchmarked = load.measured_on, candidate.name in endpoint.benchmarks
    if candidate.accelerator == today.accelerator == "gpu" and candidate.family != today.family:
        is_compared = {candidate.family, today.family} <= set(settings.performance)
        return (
            None if is_compared or benchmarked else ("benchmark", f"{candidate.family} has other GPUs: benchmark first")
        )
    if candidate.accelerator == today.accelerator:
        is_measured = candidate.accelerator in {None, "gpu"} or benchmarked or candidate.name == today.name
        return None if is_measured else ("benchmark", f"{_kind_name(candidate)} is not measured: benchmark first")
    if not benchmarked:
        return "benchmark", f"{_kind_name(candidate)} instead of {_kind_name(today)}: benchmark first"
    busiest = gpu_p99(gpu_percent, today.gpus)
    if today.accelerator == "gpu" and (busiest is None or busiest >= settings.unneeded_gpu_percent):
        used = "how busy the GPUs are is not known" if busiest is None else f"the GPUs are {busiest:.0f} % busy (p99)"
        return "gpu", f"has no GPU, and {used}"
    return None


def _kind_name(instance_type: InstanceType) -> str:
    return {"gpu": "GPUs", "neuron": "AWS Neuron", None: "CPUs"}.get(
        instance_type.accelerator, str(instance_type.accelerator)
    )


def _memory(candidate: InstanceType, load: Workload) -> Found:
    """Each worker may hold a copy of the model: more vCPUs may need more memory, fewer are not trusted to need less."""
    today = load.measured_on
    if candidate.name == today.name:
        return None
    per_worker = max((candidate.vcpus or 0) / (today.vcpus or 1), 1.0)
    checks = [("memory", load.memory_gib, candidate.memory_gib, today.memory_gib, 1.0 if today.gpus else per_worker)]
    if candidate.gpus and today.gpus:
        more = max(candidate.gpus / today.gpus, 1.0)
        checks.append(("GPU memory", load.gpu_memory_gib, candidate.gpu_memory_gib, today.gpu_memory_gib, more))
    for name, needed, there, now, times in checks:
        if there is None:
            return "memory", f"its {name} is not known"
        if needed is None and (now is None or there < now * times):
            return "memory", f"the use of {name} is not known, and it has less a worker than {today.name}"
        if needed is not None and there < needed * times:
            return "memory", f"{there:g} GiB of {name} for {needed * times:.1f} GiB with head-room"
    return None
