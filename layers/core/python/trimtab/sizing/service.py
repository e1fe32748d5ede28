"""Service time and workers, as latency shows them: service in quiet minutes, queueing in busy ones."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from trimtab.sizing.observations import Minutes, Observations
from trimtab.sizing.queueing import Z95, lognormal_cv2, p95_latency
from trimtab.sizing.settings import SizingSettings

ENOUGH_REQUESTS = 20  # a 95th percentile of fewer is mostly the greatest
ENOUGH_MINUTES = 60
BUSY_QUANTILE = 0.95
TOLERANCE = 1.1


@dataclass(frozen=True, slots=True)
class ServiceTime:
    """Seconds of service without queueing, and their spread. `is_assumed`: the spread was not measured.

    `is_tail_hidden`: few requests take so long that the mean is over p95, which does not tell how long.
    """

    mean_s: float
    p95_s: float
    cv2: float
    is_assumed: bool = False
    is_tail_hidden: bool = False


def service_time(observations: Observations, per_instance: Minutes, settings: SizingSettings) -> ServiceTime | str:
    """From the minutes with the least traffic per instance, or why it cannot be told.

    The slowest hundredth of these minutes (a deployment, a cold start) is left out; requests count alike.
    """
    if observations.latency_ms is None:
        return "ModelLatency was not read"
    requests, latency = observations.invocations, observations.latency_ms
    usable = (requests > 0) & (latency > 0)
    if (ample := usable & (requests >= ENOUGH_REQUESTS)).sum() >= ENOUGH_MINUTES:
        usable = ample
    if usable.sum() < ENOUGH_MINUTES:
        return f"ModelLatency is known for {int(usable.sum())} minutes with requests, of at least {ENOUGH_MINUTES}"
    quiet = usable & (per_instance <= np.quantile(per_instance[usable], settings.low_load))
    quiet &= latency <= np.quantile(latency[quiet], 0.99)
    mean = _mean(latency, requests, quiet) / 1000
    p95 = observations.latency_p95_ms
    measured = quiet & (p95 > 0) if p95 is not None else np.zeros_like(quiet)
    cv2 = settings.assumed_cv**2
    if p95 is not None and measured.any():
        p95_s = _mean(p95, requests, measured) / 1000
        if p95_s < mean:
            return ServiceTime(mean, mean, cv2, is_tail_hidden=True)
        return ServiceTime(mean, p95_s, lognormal_cv2(mean, p95_s))
    sigma = np.sqrt(np.log1p(cv2))
    return ServiceTime(mean, mean * float(np.exp(Z95 * sigma - sigma**2 / 2)), cv2, is_assumed=True)


def workers_shown(
    observations: Observations, per_instance: Minutes, service: ServiceTime, most: int
) -> tuple[int, bool]:
    """How many requests an instance serves at once, at most `most`, and whether that explains the latency.

    It is the greatest number whose bound on p95 covers what busy minutes showed, and never fewer than were at work
    then by Little's law: `most` when latency cannot tell, those at work when no number explains it.
    """
    p95, requests = observations.latency_p95_ms, observations.invocations
    if p95 is None:
        return most, True
    usable = (requests >= ENOUGH_REQUESTS) & (p95 > 0)
    if usable.sum() < ENOUGH_MINUTES:
        return most, True
    busy = usable & (per_instance >= np.quantile(per_instance[usable], BUSY_QUANTILE))
    busy &= p95 <= np.quantile(p95[busy], 0.99)
    shown, rps = _mean(p95, requests, busy) / 1000, _mean(per_instance, requests, busy)
    at_work = min(max(ceil(rps * service.mean_s), 1), most)
    for workers in range(most, at_work - 1, -1):
        if shown <= TOLERANCE * p95_latency(workers, rps, service.mean_s, service.p95_s, service.cv2):
            return workers, True
    return at_work, False


def typical_p95_ms(observations: Observations) -> float | None:
    """The 95th percentile over requests of their minutes' p95: what latency is now, or None when it is not known."""
    p95, requests = observations.latency_p95_ms, observations.invocations
    if p95 is None or not (usable := (requests > 0) & (p95 > 0)).any():
        return None
    order = np.argsort(p95[usable])
    weight = np.cumsum(requests[usable][order])
    return float(p95[usable][order][np.searchsorted(weight, 0.95 * weight[-1])])


def slow_hours(observations: Observations, target_ms: float) -> float:
    """Share of the hours with no more than median traffic whose p95 is over the target: load does not explain those.

    An hour's p95 is the mean of its minutes', weighted by requests; hours without enough requests tell nothing.
    """
    if observations.latency_p95_ms is None:
        return 0.0
    usable = (observations.invocations > 0) & (observations.latency_p95_ms > 0)
    hour = np.arange(len(usable))[usable] // 60
    requests, p95 = observations.invocations[usable], observations.latency_p95_ms[usable]
    total = np.bincount(hour, requests)
    enough = total >= 60 * ENOUGH_REQUESTS
    if not enough.any():
        return 0.0
    quiet = enough & (total <= np.median(total[enough]))
    mean = np.bincount(hour, requests * p95)[quiet] / total[quiet]
    return float(np.mean(mean > target_ms))


def _mean(values: Minutes, weights: Minutes, chosen: np.ndarray) -> float:
    return float(np.average(values[chosen], weights=weights[chosen]))
