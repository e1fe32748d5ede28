"""What else could be done, each with the hard limits in its way. What is not known is said, not passed over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from trimtab.sizing.candidates import gpu_p99
from trimtab.sizing.capacity import Workload
from trimtab.sizing.demand import Demand
from trimtab.sizing.endpoint import Endpoint, InstanceType
from trimtab.sizing.observations import Minutes, Observations
from trimtab.sizing.queueing import p95_latency
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import MONTH_HOURS, Replay

SERVERLESS_GB = (1, 2, 3, 4, 5, 6)
SERVERLESS_PAYLOAD_MB = 4
SERVERLESS_IMAGE_GB = 10
SERVERLESS_DISK_GB = 5
SERVERLESS_SECONDS = 60
CONCURRENCY_SHARE = 0.8
ASYNC_PAYLOAD_MB = 1024
CONCURRENCY = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
BURSTY_GROWTH = 1.0


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice. "yes": do it; "no": the `obstacles` forbid it; "unknown": they must be looked into first."""

    name: str
    answer: Literal["yes", "no", "unknown"]
    reason: str
    obstacles: tuple[str, ...] = ()


def idle(
    observations: Observations, endpoint: Endpoint, cores: int | None, now: datetime, settings: SizingSettings
) -> Advice | None:
    """Whether the endpoint is idle and should be deleted by someone: None when it has had requests.

    Never concluded from silence: without a record of every minute, of all other variants and of CPU it stays unknown.
    """
    requests = observations.invocations
    if np.nansum(requests) > 0:
        return None
    span = timedelta(minutes=int(np.isfinite(requests).sum()))
    obstacles, doubts = [], []
    if observations.problem:
        doubts.append(observations.problem)
    if span < timedelta(days=settings.days * settings.day_coverage):
        doubts.append(f"only {span / timedelta(days=1):.1f} of {settings.days} days are recorded")
    if endpoint.created is None:
        doubts.append("its age is not known")
    elif now - endpoint.created < timedelta(days=settings.days):
        obstacles.append(f"it is younger than {settings.days} days")
    if endpoint.other_requests is None:
        doubts.append("the requests of its other variants and components are not known")
    elif endpoint.other_requests > 0:
        obstacles.append(f"its other variants had {endpoint.other_requests:,.0f} requests")
    if endpoint.kept:
        obstacles.append("it is tagged keep=true")
    if endpoint.kind == "async":
        obstacles.append("asynchronous endpoints publish no Invocations")
    cpu = observations.cpu_percent
    if cpu is None or not np.isfinite(cpu).any():
        doubts.append("CPUUtilization is not known")
    else:
        over = (float(np.nanquantile(cpu, 0.95)) - float(np.nanmedian(cpu))) / (cores or 1)
        if over >= settings.idle_cpu:
            obstacles.append(f"its CPUs work: p95 is {over:.1f} % over the median")
    if obstacles or doubts:
        return Advice("idle", "no" if obstacles else "unknown", "no request was seen", (*obstacles, *doubts))
    return Advice(
        "idle", "yes", f"no request in {span / timedelta(days=1):.0f} days: delete the endpoint, keep its configuration"
    )


def routing(endpoint: Endpoint, load: Workload, demand: Demand, count: int) -> Advice | None:
    """Least outstanding requests instead of random: nearly one queue for all instances. It costs nothing."""
    if endpoint.routing != "RANDOM" or count < 2:
        return None
    service, workers = load.service, load.workers
    each = demand.peak / count
    alone = p95_latency(workers, each, service.mean_s, service.p95_s, service.cv2)
    pooled = p95_latency(workers * count, demand.peak, service.mean_s, service.p95_s, service.cv2)
    if not pooled < 0.95 * alone:
        return None
    text = f"{alone * 1000:.0f} ms" if np.isfinite(alone) else "without bound"
    return Advice(
        "routing",
        "yes",
        f"RoutingStrategy LEAST_OUTSTANDING_REQUESTS: p95 at the peak about {pooled * 1000:.0f} ms instead of {text}",
    )


def serverless(
    endpoint: Endpoint,
    load: Workload,
    demand: Demand,
    observations: Observations,
    usd_per_second: Mapping[int, float | None],
    proposed_usd_month: float | None,
    settings: SizingSettings,
) -> Advice:
    """Serverless inference, at a price per second by GB of memory.

    Break-even: the average requests per second at which it costs as much as the instances.
    """
    no, unknown = _serverless_limits(endpoint, load, demand, observations, settings)
    size = None
    if load.memory_gib is not None:
        size = next((gb for gb in SERVERLESS_GB if gb >= load.memory_gib), None)
        if size is None:
            no.append(f"needs {load.memory_gib:.1f} GiB of memory, of at most {SERVERLESS_GB[-1]}")
    price = usd_per_second.get(size) if size is not None else None
    even = None
    if price is None or price <= 0 or proposed_usd_month is None:
        unknown.append("its price, or that of the instances, is not known")
    else:
        even = proposed_usd_month / MONTH_HOURS / 3600 / (load.service.mean_s * price)
    reason = f"{demand.mean:.2f} requests a second on average" + (
        f", break-even {even:.2f}" if even is not None else ""
    )
    if even is not None and demand.mean >= settings.serverless_share * even:
        no.append(f"costs too much from {settings.serverless_share * even:.2f} requests a second on")
    answer: Literal["yes", "no", "unknown"] = "no" if no else "unknown" if unknown else "yes"
    return Advice("serverless", answer, reason + "; takes a new endpoint, there is no way to convert", (*no, *unknown))


def cold_share(observations: Observations, settings: SizingSettings) -> float:
    """Share of the requests that would meet a cold serverless start: the first after `cold_minutes` without any."""
    requests = np.nan_to_num(observations.invocations)
    at = np.flatnonzero(requests > 0)
    if not len(at):
        return 0.0
    return float(1 + (np.diff(at) > settings.cold_minutes).sum()) / float(requests.sum())


def asynchronous(endpoint: Endpoint, demand: Demand, settings: SizingSettings) -> Advice | None:
    """Asynchronous inference with scaling to zero, where minutes of latency are acceptable."""
    if settings.latency_ms is None or settings.latency_ms < settings.async_latency_ms or demand.idle_share == 0:
        return None
    no = [f"payloads over {ASYNC_PAYLOAD_MB} MB"] if (endpoint.request_mb or 0) > ASYNC_PAYLOAD_MB else []
    unknown = ["the size of its payloads is not known"] if endpoint.request_mb is None else []
    reason = f"idle in {demand.idle_share:.0%} of minutes: MinCapacity 0, out on HasBacklogWithoutCapacity"
    return Advice("async", "no" if no else "unknown" if unknown else "yes", reason, (*no, *unknown))


def scale_to_zero(endpoint: Endpoint, demand: Demand) -> Advice | None:
    """Only inference components can; while at zero every request fails for minutes."""
    if demand.longest_idle < 60:
        return None
    obstacles = ["while at zero every request fails until an instance has started, for minutes"]
    if endpoint.kind != "inference_components":
        obstacles.insert(0, "only endpoints of inference components can: the endpoint must be made anew")
    reason = f"up to {demand.longest_idle / 60:.0f} hours in a row without a request"
    return Advice("scale_to_zero", "unknown", reason, tuple(obstacles))


def multi_model(endpoint: Endpoint, load: Workload, demand: Demand, settings: SizingSettings) -> Advice | None:
    """Sharing instances with other models, at low use."""
    busy = load.cpu.highest / (100 * (load.measured_on.vcpus or 1)) if load.cpu else None
    if demand.mean >= settings.low_rps or busy is None or busy >= settings.low_cpu_share or endpoint.multi_model:
        return None
    reason = f"{demand.mean:.2f} requests a second and CPUs {busy:.1%} busy: share instances with other models"
    return Advice(
        "multi_model",
        "unknown",
        reason,
        ("all models must run in the same container", "a model that was unloaded starts cold"),
    )


def bursts(demand: Demand) -> Advice | None:
    """The 10-second metric, where requests come in bursts."""
    if (demand.burst or 1.0) <= 1.0 and demand.lead_growth < BURSTY_GROWTH:
        return None
    reason = (
        f"traffic grows by {demand.lead_growth:.0%} before an instance can start (p99), "
        f"bursts are {demand.burst or 1:.1f} × what minutes show: scale on {CONCURRENCY}"
    )
    return Advice("high_resolution_scaling", "yes", reason)


def gpu(
    endpoint: Endpoint, today: InstanceType, gpu_percent: Minutes | None, settings: SizingSettings
) -> Advice | None:
    """A GPU that is hardly used: a benchmark on CPUs decides, utilisation alone does not."""
    busiest = gpu_p99(gpu_percent, today.gpus)
    if busiest is None or busiest >= settings.unneeded_gpu_percent or endpoint.benchmarks:
        return None
    reason = f"the GPUs are {busiest:.1f} % busy (p99): run CreateInferenceRecommendationsJob on CPU types"
    return Advice("benchmark_on_cpu", "yes", reason, ("what a request costs on CPUs is not known",))


def availability(endpoint: Endpoint) -> Advice | None:
    """One instance is one zone."""
    if endpoint.instances >= 2 or endpoint.kind != "real_time":
        return None
    return Advice("availability", "yes", "one instance: the loss of its zone takes the endpoint down; run at least two")


def savings_plan(proposed: Replay, usd_per_hour: float | None) -> Advice | None:
    """What a SageMaker Savings Plan could safely cover: what the right-sized endpoint costs in its cheapest hour."""
    hours = len(proposed.instances) // 60
    if usd_per_hour is None or not hours:
        return None
    least = float(proposed.instances[: hours * 60].reshape(hours, 60).mean(axis=1).min()) * usd_per_hour
    reason = (
        f"never below {least:.3f} USD an hour at list prices once right-sized: commit to no more, and only afterwards"
    )
    return Advice("savings_plan", "yes", reason)


def _serverless_limits(
    endpoint: Endpoint, load: Workload, demand: Demand, observations: Observations, settings: SizingSettings
) -> tuple[list[str], list[str]]:
    """What forbids serverless, and what would have to be known."""
    in_flight = demand.peak * load.service.mean_s * (demand.burst or 1.0)
    cold = cold_share(observations, settings)
    forbidding = {
        "it has no GPU": load.measured_on.accelerator is not None,
        "it has no data capture, so drift is not seen": endpoint.data_capture,
        "it has no second variant, so no canary": endpoint.variants > 1,
        "it has no VPC or network isolation": endpoint.network_isolated,
        "it has no multi-model endpoints": endpoint.multi_model,
        f"peak concurrency {in_flight:.0f} is more than {CONCURRENCY_SHARE:.0%} of {settings.serverless_concurrency}": (
            in_flight > CONCURRENCY_SHARE * settings.serverless_concurrency
        ),
        f"requests may take {SERVERLESS_SECONDS} s at most": load.service.p95_s > SERVERLESS_SECONDS,
        f"about {cold:.2%} of requests would start cold": cold > settings.cold_share,
    }
    no, unknown = [text for text, holds in forbidding.items() if holds], []
    for name, value, most in (
        ("payloads", endpoint.request_mb, SERVERLESS_PAYLOAD_MB * 1.0),
        ("image", endpoint.image_gb, SERVERLESS_IMAGE_GB * 1.0),
        ("model", endpoint.model_gb, SERVERLESS_DISK_GB * 1.0),
    ):
        unit = "MB" if name == "payloads" else "GB"
        if value is None:
            unknown.append(f"the size of the {name} is not known (at most {most:g} {unit})")
        elif value > most:
            no.append(f"{name} of {value:g} {unit}, of at most {most:g}")
    if load.memory_gib is None:
        unknown.append("the use of memory is not known")
    return no, unknown
