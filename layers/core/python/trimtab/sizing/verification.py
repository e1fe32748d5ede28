"""Whether a change that was made holds: p99 of latency hour by hour against what was predicted, and what it costs
against a replay of the plan on the traffic that came since. More or less traffic than foreseen is no fault of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime

from trimtab.sizing.application import Prediction, Resizing, Seen
from trimtab.sizing.observations import Minutes, Observations
from trimtab.sizing.plan import Document
from trimtab.sizing.setting import Resize, differences
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import replay_counts, replay_policy

HOUR = timedelta(hours=1)
SETTLING = timedelta(minutes=30)
"""What comes so soon after a change was made is not held against it."""
ENOUGH_REQUESTS = 100
"""p99 of an hour with fewer requests is little more than its slowest."""
KNOWN_SHARE = 0.9
MOST_DAYS = 14
"""CloudWatch keeps minutes for 15 days: what could not be verified by then never will be."""
HELD, UNDONE, FAILED, SUPERSEDED, UNVERIFIED = "held", "undone", "failed", "superseded", "unverified"
"""Outcomes. FAILED: it could not be undone."""


class Trial(Document):
    """A change that is in force and being verified. `outcome`: how that ended, "" while it lasts."""

    started: AwareDatetime
    change: Resizing
    outcome: str = ""
    reason: str = ""
    ended: AwareDatetime | None = None

    def closed(self, outcome: str, reason: str, now: datetime) -> "Trial":
        """The trial with its outcome."""
        return self.model_copy(update={"outcome": outcome, "reason": reason, "ended": now})


class Answer(StrEnum):
    """What the hours so far say."""

    WAIT = "wait"
    HELD = "held"
    BROKEN = "broken"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Verified:
    """The answer with its reason and numbers."""

    answer: Answer
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def first_hour(trial: Trial) -> datetime:
    """The first whole hour that is held against a change."""
    begun = trial.started + SETTLING
    whole = begun.replace(minute=0, second=0, microsecond=0)
    return whole if whole == begun else whole + HOUR


def superseded_by(trial: Trial, seen: Seen | None) -> str:
    """What somebody else changed since, so that there is nothing to verify or undo any more; "" when nothing."""
    change = trial.change
    if seen is None:
        return "the endpoint, or its variant, is gone"
    if seen.config != change.config:
        return f"{seen.config} was deployed meanwhile"
    others = differences(change.wanted, seen.setting, may_vary=True)
    if change.wanted.scaling is not None:
        others = tuple(each for each in others if not isinstance(each, Resize))  # that is for scaling to mend
    return "its instances, or how they are scaled, were changed by somebody else" if others else ""


def verify(
    trial: Trial,
    minutes: Observations,
    p99_ms: Mapping[datetime, float],
    now: datetime,
    settings: SizingSettings,
) -> Verified:
    """Hold the minutes since `first_hour` against what was predicted.

    `minutes`: requests and instances, from `first_hour` on; `p99_ms` by hour, without those that are not known.
    """
    plan, prediction = trial.change.plan, trial.change.prediction
    hours = len(minutes.invocations) // 60
    requests = _hourly_sum(minutes.invocations, hours)
    slow, known, asked = _slow_hours(requests, minutes.start, p99_ms, prediction)
    actual, foreseen, counted = _instance_hours(trial, minutes, hours, settings)
    usd = plan.usd_per_hour
    evidence = {
        "hours": hours,
        "hours_with_known_cost": counted,
        "hours_with_known_p99": known,
        "slow_hours": slow,
        "slow_share_before": prediction.slow_share,
        "p99_limit_ms": prediction.p99_ms,
        "p99_highest_ms": max(p99_ms.values(), default=None),
        "usd": round(actual * usd, 4),
        "usd_predicted": round(foreseen * usd, 4),
        "instance_hours": round(actual, 3),
        "instance_hours_predicted": round(foreseen, 3),
    }
    most_slow = max(2 * prediction.slow_share, settings.verify_slow_share)
    if slow >= settings.verify_slow_hours and slow > most_slow * known:
        reason = f"p99 was over {prediction.p99_ms:.0f} ms in {slow} of {known} hours"
        return Verified(Answer.BROKEN, reason, evidence)
    costs = f"{actual * usd:,.2f} USD in {counted} hours, of {foreseen * usd:,.2f} predicted"
    if counted >= settings.verify_hours and actual > foreseen * (1 + settings.verify_cost_share):
        return Verified(Answer.BROKEN, f"it cost {costs}", evidence)
    if now - trial.started < timedelta(days=settings.verify_days):
        return Verified(
            Answer.WAIT, f"{costs}; p99 over {prediction.p99_ms:.0f} ms in {slow} of {known} hours", evidence
        )
    if counted >= KNOWN_SHARE * hours and known >= KNOWN_SHARE * asked and hours:
        reason = f"it cost {costs}, and p99 was over {prediction.p99_ms:.0f} ms in {slow} of {known} hours"
        return Verified(Answer.HELD, reason, evidence)
    missing = f"of {hours} hours, {counted} have a known cost and {known} of {asked} with requests a known p99"
    if now - trial.started < timedelta(days=MOST_DAYS):
        return Verified(Answer.WAIT, missing, evidence)
    return Verified(Answer.UNVERIFIED, missing, evidence)


def predicted(
    p99_ms: Mapping[datetime, float], requests: Mapping[datetime, float], p95_ms: float | None, target_ms: float
) -> Prediction | None:
    """What p99 a change is held to, from the hours before it; None when they do not tell.

    p99 may grow as p95 may: to the target, keeping its proportion to p95. `p95_ms`: the usual one.
    """
    hours = sorted(hour for hour in p99_ms.keys() & requests.keys() if requests[hour] >= ENOUGH_REQUESTS)
    if not hours or not p95_ms:
        return None
    values = np.array([p99_ms[hour] for hour in hours])
    order = np.argsort(values)
    weight = np.cumsum(np.array([requests[hour] for hour in hours])[order])
    usual = float(values[order][np.searchsorted(weight, 0.95 * weight[-1])])
    limit = target_ms * max(usual / p95_ms, 1.0)
    return Prediction(p99_ms=limit, slow_share=float(np.mean(values > limit)))


def _slow_hours(
    requests: Minutes, start: datetime, p99_ms: Mapping[datetime, float], prediction: Prediction
) -> tuple[int, int, int]:
    """Hours over the limit, hours whose p99 is known, and hours with enough requests to have one."""
    asked = [start + number * HOUR for number in np.flatnonzero(requests >= ENOUGH_REQUESTS).tolist()]
    known = [p99_ms[hour] for hour in asked if hour in p99_ms]
    return sum(value > prediction.p99_ms for value in known), len(known), len(asked)


def _instance_hours(
    trial: Trial, minutes: Observations, hours: int, settings: SizingSettings
) -> tuple[float, float, int]:
    """Instance-hours that were and those of the replay, over the hours of which both are known, and how many."""
    plan, rps = trial.change.plan, minutes.rps[: hours * 60]
    if minutes.instances is None or not hours:
        return 0.0, 0.0, 0
    policy = plan.replayable()
    if policy is None or plan.is_fixed:
        replay = replay_counts(rps, np.full(len(rps), float(plan.count)), plan.breaking_rps)
    else:
        week = minutes.minute_of_week[: hours * 60]
        replay = replay_policy(rps, week, policy, plan.breaking_rps, settings)
    paid = minutes.instances[: hours * 60].reshape(hours, 60)
    known = _is_known(paid) & _is_known(rps.reshape(hours, 60))
    per_hour = np.nanmean(np.where(known[:, None], paid, 0.0), axis=1)
    foreseen = replay.instances.reshape(hours, 60).mean(axis=1)
    return float(per_hour[known].sum()), float(foreseen[known].sum()), int(known.sum())


def _is_known(minutes: NDArray[np.float64]) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.isfinite(minutes).mean(axis=1) >= KNOWN_SHARE
    return known


def _hourly_sum(values: Minutes, hours: int) -> Minutes:
    total: Minutes = np.nansum(values[: hours * 60].reshape(hours, 60), axis=1)
    return total
