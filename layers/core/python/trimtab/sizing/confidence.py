"""How far a recommendation can be trusted: a number from 0 to 1, and what took it down."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from trimtab.sizing.observations import Observations
from trimtab.sizing.settings import SizingSettings

CROSS_CHECK = 0.1
RECENT = timedelta(days=7)
CEILING = 0.69  # never more than medium, however good the rest is
MARGIN = 1.4
"""So much less capacity a proposal of high confidence must still hold with: with few requests in flight, bursts within
a minute of 1.5 times its rate stay below what Little's law can tell from chance."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """`value` from 0 to 1; `reasons`: each thing that lowered it, with its factor."""

    value: float
    level: Literal["high", "medium", "low"]
    reasons: tuple[str, ...]


def confidence(
    *,
    days: int,
    requests: float,
    load_seen: float,
    r2: float,
    likeness: float,
    rests_on_gpu: bool,
    grows_workers: bool,
    knows_bursts: bool,
    count_gap: float | None,
    changed: datetime | None,
    now: datetime,
    doubts: tuple[str, ...],
    settings: SizingSettings,
) -> Confidence:
    """Confidence in a proposal.

    `load_seen`: the greatest utilisation seen as a share of the target; `likeness`: of the proposed type to today's;
    `grows_workers`: whether it counts on more workers than were measured;
    `count_gap`: relative difference between the two ways to count instances, None when they cannot be compared;
    `doubts`: each halves it.
    """
    factors = [
        (min(days / settings.days, 1.0), f"{days} of {settings.days} days"),
        (min(requests / settings.confident_requests, 1.0), f"{requests:,.0f} requests"),
        (_step(load_seen, 0.5, 0.25), f"load seen is {load_seen:.0%} of the target's"),
        (_step(r2, 0.8, 0.5), f"utilisation follows traffic with R² {r2:.2f}"),
        (likeness, "measured on another type"),
        (1.0 if knows_bursts else 0.9, "bursts within a minute are not known: concurrency was not read"),
        (0.8 if count_gap is not None and count_gap > CROSS_CHECK else 1.0, "two ways to count instances disagree"),
        (0.8 if changed is not None and now - changed < RECENT else 1.0, "changed within 7 days"),
        *((0.5, doubt) for doubt in doubts),
    ]
    value = float(np.prod([factor for factor, _ in factors]))
    reasons = [f"× {factor:.2g}: {text}" for factor, text in factors if factor < 1]
    sure = Confidence(value, _level(value, settings), tuple(reasons))
    if rests_on_gpu:
        sure = capped(sure, "a busy GPU need not be a full one", settings)
    if grows_workers:
        sure = capped(sure, "that a server on more vCPUs starts more workers is not known", settings)
    return sure


def capped(sure: Confidence, reason: str, settings: SizingSettings) -> Confidence:
    """At most medium, for something that the metrics cannot tell."""
    if sure.value <= CEILING:
        return sure
    return Confidence(CEILING, _level(CEILING, settings), (*sure.reasons, f"at most {CEILING}: {reason}"))


def count_gap(observations: Observations) -> float | None:
    """Relative difference of the mean instances by CPUUtilization's samples and by requests per instance, weighted by
    requests; None when one of them was not read."""
    if observations.instances is None or observations.invocations_per_instance is None:
        return None
    requests, share = observations.invocations, observations.invocations_per_instance
    usable = (requests > 0) & (share > 0) & (observations.instances > 0)
    if not usable.any():
        return None
    by_requests = float(requests[usable].sum() / share[usable].sum())
    # Σ requests / Σ (requests / n) is a harmonic mean: the samples are averaged alike
    by_samples = float(requests[usable].sum() / (requests[usable] / observations.instances[usable]).sum())
    return abs(by_samples - by_requests) / by_requests


def _step(value: float, good: float, fair: float) -> float:
    return 1.0 if value >= good else 0.8 if value >= fair else 0.5


def _level(value: float, settings: SizingSettings) -> Literal["high", "medium", "low"]:
    if value >= settings.high_confidence:
        return "high"
    return "medium" if value >= settings.min_confidence else "low"
