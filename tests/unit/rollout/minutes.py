"""Canary minutes for tests: exact ones, and random ones."""

from datetime import UTC, datetime, timedelta

import numpy as np

from trimtab.rollout.series import Arm, Minute, Series
from trimtab.rollout.traffic import Counts, Traffic, steps_by_share

START = datetime(2026, 11, 20, 8, tzinfo=UTC)
DELAY = 3


def after(minutes):
    """The moment at which so many minutes are complete."""
    return START + timedelta(minutes=minutes - 1 + DELAY)


def series(rows, *, share=None, problem=""):
    """One minute a row: (canary requests, canary errors, production requests, production errors[, slow, slow])."""
    minutes = []
    for index, (nc, xc, np_, xp, *slow) in enumerate(rows):
        slow_canary, slow_production = slow or (None, None)
        minutes.append(
            Minute(
                START + timedelta(minutes=index),
                Arm(nc, xc, slow_canary),
                Arm(np_, xp, slow_production),
                share[index] if isinstance(share, list) else share,
            )
        )
    return Series(tuple(minutes), START, problem)


def counts(*intervals):
    """Of (canary errors, canary requests, production errors, production requests), as the worked table has them."""
    return Counts(*np.array(intervals, dtype=np.float64).reshape(-1, 4).T)


def simulated(rng, runs, *, requests_per_second, error_rate, relative_risk, share=0.1, minutes=240, burst=0.0):
    """Traffic of many runs; `burst`: coefficient of variation of each arm's error rate from minute to minute."""
    shares = np.broadcast_to(np.asarray(share, dtype=np.float64), (minutes,))
    rates = np.broadcast_to(np.asarray(error_rate, dtype=np.float64), (minutes,))
    requests = rng.poisson(requests_per_second * 60, (runs, minutes))
    canary = rng.binomial(requests, shares)
    arms = []
    for arm_requests, risk in ((canary, relative_risk), (requests - canary, 1.0)):
        noise = rng.gamma(1 / burst**2, burst**2, (runs, minutes)) if burst else 1.0
        arms += [arm_requests * 1.0, rng.binomial(arm_requests, np.clip(rates * risk * noise, 0, 1)) * 1.0]
    return Traffic(arms[0], arms[1], arms[2], arms[3], shares, steps_by_share(shares))


def series_of_run(traffic, run, *, minutes=None):
    """One simulated run as a series."""
    arrays = (traffic.canary_requests, traffic.canary_errors, traffic.production_requests, traffic.production_errors)
    rows = np.stack([array[run] for array in arrays], axis=-1).astype(int).tolist()
    share = [None if np.isnan(each) else float(each) for each in traffic.share]
    return series(rows[:minutes], share=share[:minutes])
