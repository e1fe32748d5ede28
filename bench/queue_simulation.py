"""Queues with several workers, request by request: what is true of an endpoint, whatever a formula says.

The recursion of Kiefer and Wolfowitz: whoever comes next is served by the worker that is free first. Many independent
queues are simulated at once, one a column.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]
type Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

REQUESTS_A_MINUTE = 800
"""A minute with more requests is cut short: it is long against a service time all the same."""
LOADS = np.concatenate([np.linspace(0.02, 0.5, 7), np.linspace(0.56, 0.98, 15)])
WARM_UP = 600
REQUESTS = 1500
LANES = 24
BURST_LANES, BURST_MINUTES = 12, 5


@dataclass(frozen=True)
class Shape:
    """Service times with a mean of 1. `p95`: their 95th percentile."""

    name: str
    draw: Draw
    p95: float


def lognormal(variation: float) -> Shape:
    """Log-normal with this coefficient of variation."""
    sigma = float(np.sqrt(np.log1p(variation**2)))

    def draw(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return rng.lognormal(-(sigma**2) / 2, sigma, size)

    return Shape(f"log-normal, CV {variation:g}", draw, float(np.exp(1.6448536 * sigma - sigma**2 / 2)))


def two_kinds(share: float, times: float) -> Shape:
    """Nearly constant, but a share of the requests takes so many times as long."""
    short = 1 / (1 - share + share * times)

    def draw(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return short * np.where(rng.random(size) < share, times, 1.0) * rng.uniform(0.9, 1.1, size)

    long = 0.9 + 0.2 * (1 - 0.05 / share) if share > 0.05 else 0.0
    p95 = times * long if share > 0.05 else 0.9 + 0.2 * (0.95 / (1 - share))
    return Shape(f"{share:.0%} take {times:g} times as long", draw, short * p95)


SHAPES = (
    Shape("constant ± 10 %", lambda rng, size: rng.uniform(0.9, 1.1, size), 1.09),
    Shape("Erlang, CV 0.5", lambda rng, size: rng.gamma(4, 0.25, size), 1.9384),
    Shape("exponential", lambda rng, size: rng.exponential(1.0, size), 2.9957),
    lognormal(0.5),
    lognormal(1.0),
    lognormal(1.5),
    two_kinds(0.1, 6),
    two_kinds(0.03, 10),
)


def serve(arrivals: Array, services: Array, workers: NDArray[np.int64]) -> Array:
    """Latency of each request, shape (requests, lanes). `workers` of each lane; no request is an arrival at infinity,
    and its latency NaN."""
    lanes, most = arrivals.shape[1], int(workers.max())
    free = np.where(np.arange(most) < workers[:, None], 0.0, np.inf).ravel()
    by_lane = free.reshape(lanes, most)
    first = np.arange(lanes) * most
    latency = np.empty_like(arrivals)
    with np.errstate(invalid="ignore"):
        for request, (arrival, service) in enumerate(zip(arrivals, services, strict=True)):
            next_free = first + by_lane.argmin(axis=1)
            done = np.maximum(free[next_free], arrival) + service
            free[next_free] = done
            np.subtract(done, arrival, out=latency[request])
    return latency


@dataclass(frozen=True)
class Curve:
    """Latency by load of one worker (0 to 1), in units of the mean service time."""

    loads: Array
    mean: Array
    p95: Array

    def load_at(self, target: float) -> float:
        """The load from which p95 is over the target; 0 when the service alone is."""
        over = np.flatnonzero(self.p95 > target)
        if not len(over):
            return float(self.loads[-1])
        if not (last := int(over[0])):
            return 0.0
        share = (target - self.p95[last - 1]) / (self.p95[last] - self.p95[last - 1])
        return float(self.loads[last - 1] + share * (self.loads[last] - self.loads[last - 1]))


@cache
def curve(shape: Shape, workers: int, peak: float = 1.0, burst: float = 0.0) -> Curve:
    """Latency in long runs of Poisson traffic, or of traffic that comes in bursts: `peak` as in `phases`, each burst so
    many mean service times long. In a burst that is more than can be served, work piles up and is done after it.
    """
    by_load = _in_bursts(shape, workers, peak, burst) if peak > 1 else _steadily(shape, workers)
    p95 = np.array([float(np.quantile(each, 0.95)) for each in by_load])
    return Curve(LOADS, np.array([float(each.mean()) for each in by_load]), np.maximum.accumulate(p95))


def phases(peak: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Requests that come in bursts: (share of the minute, rate over the minute's mean), first the burst of each."""
    return (1 / 3, peak), (2 / 3, (3 - peak) / 2)


def _steadily(shape: Shape, workers: int) -> list[Array]:
    """Latencies by load."""
    rng = np.random.default_rng([workers, len(shape.name)])
    size = (WARM_UP + REQUESTS, len(LOADS), LANES)
    apart = rng.exponential(1.0, size) / (LOADS[:, None] * workers)
    arrivals = np.cumsum(apart, axis=0).reshape(size[0], -1)
    services = shape.draw(rng, arrivals.shape)
    latency = serve(arrivals, services, np.full(arrivals.shape[1], workers))[WARM_UP:]
    return list(latency.reshape(REQUESTS, len(LOADS), LANES).transpose(1, 0, 2).reshape(len(LOADS), -1))


def _in_bursts(shape: Shape, workers: int, peak: float, burst: float) -> list[Array]:
    """Latencies by load; each minute begins with a burst."""
    lanes = np.repeat(LOADS * workers, BURST_LANES)
    (lasting, _), _ = phases(peak)
    ones = np.ones(len(lanes))
    latency, minute = windows(
        np.repeat(lanes[:, None], BURST_MINUTES, axis=1),
        np.full(len(lanes), workers),
        ones,
        shape,
        peak,
        ones * burst / lasting,
        np.random.default_rng([workers, len(shape.name), 1]),
    )
    is_settled = (minute >= 1) & (minute < BURST_MINUTES)
    return [
        latency[:, at : at + BURST_LANES][is_settled[:, at : at + BURST_LANES]]
        for at in range(0, len(lanes), BURST_LANES)
    ]


def minute_seconds(rps: Array | float) -> Array:
    """How long a minute of an instance is simulated, with so many requests per second."""
    seconds: Array = np.minimum(60.0, REQUESTS_A_MINUTE / np.maximum(rps, 1e-9))
    return seconds


def windows(
    rates: Array,
    workers: NDArray[np.int64],
    service_s: Array,
    shape: Shape,
    peak: float,
    minute_s: Array,
    rng: np.random.Generator,
) -> tuple[Array, NDArray[np.int64]]:
    """Queues through some minutes each: latency in seconds and the minute of each request, both (requests, lanes).

    `rates`: requests per second of one instance, shape (lanes, minutes); `minute_s`: how long a minute lasts in each
    lane. A minute with very many requests may be cut short: it is long against a service time all the same.
    """
    lanes, minutes = rates.shape
    shares, factors = (np.array(each) for each in zip(*phases(peak), strict=True))
    edges = np.concatenate([[0.0], np.cumsum(np.tile(shares, minutes))])
    expected = np.cumsum((rates[:, :, None] * (shares * factors) * minute_s[:, None, None]).reshape(lanes, -1), axis=1)
    most = int((expected[:, -1] + 5 * np.sqrt(expected[:, -1]) + 5).max())
    units = np.cumsum(rng.exponential(1.0, (most, lanes)), axis=0)
    at = np.empty((most, lanes))
    for lane in range(lanes):
        reached = np.concatenate([[0.0], expected[lane]])
        at[:, lane] = np.interp(units[:, lane], reached, edges, right=np.inf)
    services = shape.draw(rng, (most, lanes)) * service_s
    latency = serve(at * minute_s, services, workers)
    return latency, np.where(np.isfinite(at), at, minutes).astype(np.int64)
