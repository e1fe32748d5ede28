"""Random traffic of canaries: what a scenario says, drawn minute by minute, for many runs at once.

Requests are Poisson, split between the arms at random as the weights say, and each fails by itself, unless the errors
come in bursts. A slow request is one that takes longer than production's 95th percentile.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import log, sqrt
from statistics import NormalDist
from typing import Literal
from zlib import crc32

import numpy as np

from trimtab.capture.table import FloatArray, IntArray
from trimtab.rollout.series import Arm, Minute, Series
from trimtab.rollout.traffic import Traffic, steps_by_share

type Group = Literal["steady", "ramp", "bursts", "late onset", "slow"]

MINUTES = 240
STEP_MINUTES = 20
"""So long a share of the traffic is kept before the next one; the last one stays."""
RISE_MINUTES = 60
"""So long the error rate takes to rise."""
SLOW_SHARE = 0.05
"""Production's share of slow requests."""
STARTED = datetime(2026, 11, 20, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Latency:
    """The canary takes `factor` times as long as production; latencies are log-normal with this coefficient of
    variation."""

    factor: float
    variation: float

    @property
    def slow_share(self) -> float:
        """The canary's share of slow requests."""
        deviation = sqrt(log(1 + self.variation**2))
        normal = NormalDist()
        return 1 - normal.cdf(normal.inv_cdf(1 - SLOW_SHARE) - log(self.factor) / deviation)


@dataclass(frozen=True)
class Scenario:
    """A canary, and what is true of it.

    `error_rate`: production's; it rises evenly to `rises_to` in the first hour. `relative_risk`: the canary's error
    rate over production's, from minute `onset` on; 1 before. `shares`: the canary's parts of the requests, step by
    step. `bursts`: coefficient of variation of the error rate from minute to minute, of each arm by itself.
    """

    group: Group
    error_rate: float
    requests_per_second: float
    relative_risk: float
    runs: int
    rises_to: float | None = None
    shares: tuple[float, ...] = (0.1,)
    bursts: float = 0.0
    onset: int = 0
    latency: Latency | None = None

    @property
    def title(self) -> str:
        """All of it but the number of runs, in one line."""
        rates = " to ".join(f"{100 * rate:g} %" for rate in (self.error_rate, self.rises_to) if rate is not None)
        title = f"{self.group}: {rates} errors, {self.requests_per_second:g} requests/s, ratio {self.relative_risk:g}"
        if self.onset:
            title += f" from minute {self.onset} on"
        if self.latency:
            title += f", latency ×{self.latency.factor:g} (CV {self.latency.variation:g})"
        return title


def draw(scenario: Scenario, runs: int, rng: np.random.Generator) -> Traffic:
    """Counts of four hours, shape (runs, minutes)."""
    share = shares_by_minute(scenario)
    rate = error_rate_by_minute(scenario)
    risk = np.where(np.arange(MINUTES) < scenario.onset, 1.0, scenario.relative_risk)
    requests = rng.poisson(scenario.requests_per_second * 60, (runs, MINUTES))
    canary = rng.binomial(requests, share)
    production = requests - canary
    canary_errors = _errors(canary, rate * risk, scenario.bursts, rng)
    production_errors = _errors(production, rate, scenario.bursts, rng)
    canary_slow = production_slow = None
    if scenario.latency:
        canary_slow = rng.binomial(canary, scenario.latency.slow_share).astype(np.float64)
        production_slow = rng.binomial(production, SLOW_SHARE).astype(np.float64)
    return Traffic(
        canary_requests=canary.astype(np.float64),
        canary_errors=canary_errors,
        production_requests=production.astype(np.float64),
        production_errors=production_errors,
        share=share,
        steps=steps_by_share(share),
        canary_slow=canary_slow,
        production_slow=production_slow,
    )


def generator(scenario: Scenario, part: int, seed: int) -> np.random.Generator:
    """The random numbers of one part of a scenario's runs: they depend on nothing else."""
    return np.random.default_rng([seed, crc32(scenario.title.encode()), part])


def shares_by_minute(scenario: Scenario) -> FloatArray:
    """The canary's part of the requests by the weights, shape (minutes,)."""
    step = np.minimum(np.arange(MINUTES) // STEP_MINUTES, len(scenario.shares) - 1)
    return np.array(scenario.shares)[step]


def error_rate_by_minute(scenario: Scenario) -> FloatArray:
    """Production's error rate, shape (minutes,)."""
    last = scenario.error_rate if scenario.rises_to is None else scenario.rises_to
    rising = np.linspace(scenario.error_rate, last, RISE_MINUTES)
    return np.concatenate([rising, np.full(MINUTES - RISE_MINUTES, last)])


def series_of_run(traffic: Traffic, run: int) -> Series:
    """One run as what is read of a canary."""
    canary_slow, production_slow = (
        None if slow is None else slow[run] for slow in (traffic.canary_slow, traffic.production_slow)
    )

    def arm(requests: FloatArray, errors: FloatArray, slow: FloatArray | None, minute: int) -> Arm:
        return Arm(int(requests[run, minute]), int(errors[run, minute]), None if slow is None else int(slow[minute]))

    minutes = tuple(
        Minute(
            STARTED + timedelta(minutes=minute),
            arm(traffic.canary_requests, traffic.canary_errors, canary_slow, minute),
            arm(traffic.production_requests, traffic.production_errors, production_slow, minute),
            float(share),
        )
        for minute, share in enumerate(traffic.share)
    )
    return Series(minutes, STARTED)


def _errors(requests: IntArray, rate: FloatArray, bursts: float, rng: np.random.Generator) -> FloatArray:
    noise = rng.gamma(1 / bursts**2, bursts**2, requests.shape) if bursts else 1.0
    errors: FloatArray = rng.binomial(requests, np.minimum(rate * noise, 1.0)).astype(np.float64)
    return errors
