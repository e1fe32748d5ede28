"""What became of simulated canaries: counted for the naive rule and for Trimtab's own, with Monte-Carlo errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from trimtab.capture.table import FloatArray, IntArray
from trimtab.rollout.judgement import Decision, decide_each_minute, first_minute
from trimtab.rollout.ratio_rule import is_worse
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.traffic import BoolArray, Traffic

CHECKS = tuple(range(5, 61, 5))
"""Minutes at which the naive rule is looked at."""
HOUR = CHECKS[-1]


@dataclass(frozen=True)
class Outcomes:
    """The minute (1, 2, …; 0: never) at which each run is first … shape (runs,).

    `found_harmful`: rolled back by evidence, had nothing promoted it before; giving up undecided when the time is over
    is no finding of harm. `promoted`: said to be fit. `worse`: above the naive rule's ratio at one of its checks.
    `worse_at_hour`: 60 when it is at the last of them.
    """

    found_harmful: IntArray
    promoted: IntArray
    worse: IntArray
    worse_at_hour: IntArray


def outcomes(traffic: Traffic, thresholds: CanaryThresholds) -> Outcomes:
    """Judge every run at every minute."""
    rows = decide_each_minute(traffic, thresholds)
    at_checks = np.array(CHECKS) - 1

    def so_far(values: FloatArray) -> FloatArray:
        total: FloatArray = np.cumsum(values, axis=-1)[..., at_checks]
        return total

    worse = is_worse(
        so_far(traffic.canary_errors),
        so_far(traffic.canary_requests),
        so_far(traffic.production_errors),
        so_far(traffic.production_requests),
        thresholds.margin,
    )
    return Outcomes(
        found_harmful=first_minute(rows, thresholds, Decision.ROLL_BACK, but_by={"deadline"}),
        promoted=first_minute(rows, thresholds, Decision.PROMOTE),
        worse=np.where(worse.any(axis=-1), np.array(CHECKS)[np.argmax(worse, axis=-1)], 0),
        worse_at_hour=np.where(worse[..., -1], HOUR, 0),
    )


def joined(parts: Sequence[Outcomes]) -> Outcomes:
    """The runs of all parts, one after the other."""
    names = Outcomes.__dataclass_fields__
    return Outcomes(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def figures(found: Outcomes, *, is_harmful: bool, onset: int = 0) -> dict[str, dict[str, Any]]:
    """Figures of each rule: shares of the runs, and minutes from the onset of harm to the roll-back.

    The first decision is final, save in `rolled_back_if_never_promoted`.
    """
    promoted, harmful = found.promoted, found.found_harmful
    is_rolled_back = (harmful > 0) & ((promoted == 0) | (harmful < promoted))
    is_promoted = (promoted > 0) & ~is_rolled_back
    by_hour = (is_rolled_back & (harmful <= HOUR), is_promoted & (promoted <= HOUR))
    ours = _of_rule(np.where(is_rolled_back, harmful, 0), is_harmful=is_harmful, onset=onset) | {
        "rolled_back_by_60": share_of(by_hour[0]),
        "promoted_at_60": share_of(by_hour[1]),
        "held_at_60": share_of(~by_hour[0] & ~by_hour[1]),
        "promoted": share_of(is_promoted),
        "undecided_at_the_deadline": share_of(~is_rolled_back & ~is_promoted),
        "rolled_back_if_never_promoted": share_of(harmful > 0),
    }
    nothing = share_of(np.zeros_like(is_promoted))
    naive = {
        name: _of_rule(minute, is_harmful=is_harmful, onset=onset)
        | {"promoted_at_60": share_of(minute == 0), "held_at_60": nothing}
        for name, minute in (("naive_at_60", found.worse_at_hour), ("naive_any_check", found.worse))
    }
    return {**naive, "ours": ours}


def share_of(is_so: BoolArray) -> dict[str, float]:
    """How many of the runs are so."""
    return share(float(is_so.sum()), len(is_so))


def share(count: float, runs: int) -> dict[str, float]:
    """count / runs with its standard error, taken at (count + ½) / (runs + 1): also none of many is not certain."""
    near = (count + 0.5) / (runs + 1)
    return {"value": round(count / runs, 6), "se": round(sqrt(near * (1 - near) / runs), 6)}


def median_of(minutes: IntArray) -> dict[str, float] | None:
    """The median with its standard error, from the order statistics around it; None of nothing."""
    if not len(minutes):
        return None
    ordered, half = np.sort(minutes), sqrt(len(minutes)) / 2
    ends = np.clip([len(ordered) / 2 - half, len(ordered) / 2 + half], 0, len(ordered) - 1).astype(np.int64)
    low, high = ordered[ends]
    return {"value": float(np.median(ordered)), "se": float(high - low) / 2}


def _of_rule(rolled_back: IntArray, *, is_harmful: bool, onset: int) -> dict[str, Any]:
    """Of the minutes at which the runs are rolled back (0: not). Before the onset of harm that is false."""
    is_rolled_back = rolled_back > 0
    is_found = is_rolled_back & (rolled_back > onset) & is_harmful
    return {
        "rolled_back": share_of(is_rolled_back),
        "false_rollbacks": share_of(is_rolled_back & ~is_found) if onset or not is_harmful else None,
        "missed_detections": share_of(~is_rolled_back) if is_harmful else None,
        "median_minutes": median_of(rolled_back[is_rolled_back & (rolled_back > onset)] - onset),
    }
