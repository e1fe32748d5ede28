"""A count or a scaling policy replayed against the minutes that were: what would have held, and what it had cost.

What Application Auto Scaling does is followed closely enough to be on the safe side: out after `high_alarm_minutes`
over the target, in proportion to it; in by one instance after `low_alarm_minutes` under a share of it; one change at
a time, as SageMaker refuses a second while the endpoint is updating; paid for from when a start is ordered, serving
only `start_minutes` later. Minutes without requests have no datapoint, and an alarm without data scales nothing in.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from trimtab.sizing.autoscaling import Policy
from trimtab.sizing.observations import Minutes
from trimtab.sizing.settings import SizingSettings

MONTH_HOURS = 730


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """What would have happened, minute by minute and in all.

    `instances`: paid for in each minute; `serving`: of them; `broken`: minutes over the latency target,
    `broken_share` of those with known traffic, with `broken_requests_share` of the requests. `changes`: how often the
    count changed.
    """

    instances: Minutes
    serving: Minutes
    broken: NDArray[np.bool_]
    broken_share: float
    broken_requests_share: float
    instance_hours: float
    mean_instances: float
    most_instances: int
    changes: int

    def holds(self, settings: SizingSettings) -> bool:
        """Whether the target was held in all but the tolerated share of minutes and of requests."""
        return (
            self.broken_share <= settings.broken_share and self.broken_requests_share <= settings.broken_requests_share
        )

    def monthly_usd(self, usd_per_hour: float | None) -> float | None:
        """What a month of such days costs at this price of an instance; None when that is not known."""
        return None if usd_per_hour is None else self.mean_instances * usd_per_hour * MONTH_HOURS


def replay_counts(rps: Minutes, counts: Minutes, breaking_rps: float) -> Replay:
    """The replay with so many instances in each minute: today's as recorded, or a fixed count."""
    return _replay(rps, counts, counts, breaking_rps)


def replay_policy(
    rps: Minutes, minute_of_week: NDArray[np.int64], policy: Policy, breaking_rps: float, settings: SizingSettings
) -> Replay:
    """The replay under a policy."""
    paid, serving = _scaled(rps, minute_of_week, policy, settings)
    return _replay(rps, paid, serving, breaking_rps)


def fixed_count(rps: Minutes, breaking_rps: float, settings: SizingSettings) -> int:
    """The fewest instances that, never varied, hold the target in all but the tolerated minutes and requests."""
    rates = np.sort(rps[np.isfinite(rps)])[::-1]
    minutes = np.arange(1, len(rates) + 1) <= settings.broken_share * len(rates)
    requests = np.cumsum(rates) <= settings.broken_requests_share * rates.sum()
    tolerated = int(np.count_nonzero(minutes & requests))
    return ceil(rates[tolerated] / breaking_rps) if tolerated < len(rates) else 0


def _replay(rps: Minutes, paid: Minutes, serving: Minutes, breaking_rps: float) -> Replay:
    known = np.isfinite(rps)
    broken = known & (np.where(known, rps, 0.0) > breaking_rps * serving)
    requests = float(rps[known].sum())
    return Replay(
        instances=paid,
        serving=serving,
        broken=broken,
        broken_share=float(broken.sum()) / max(int(known.sum()), 1),
        broken_requests_share=float(rps[broken].sum()) / requests if requests else 0.0,
        instance_hours=float(paid.sum()) / 60,
        mean_instances=float(paid.mean()) if len(paid) else 0.0,
        most_instances=int(paid.max(initial=0)),
        changes=int(np.count_nonzero(np.diff(paid))),
    )


def _scaled(
    rps: Minutes, minute_of_week: NDArray[np.int64], policy: Policy, settings: SizingSettings
) -> tuple[Minutes, Minutes]:
    """Instances paid for and serving in each minute. Cool-downs count from the end of an activity."""
    rates = rps.tolist()
    floors = [policy.minimum] * len(rates) if policy.floor is None else policy.floor[minute_of_week].tolist()
    target = policy.target_rps
    low = target * settings.low_alarm_share
    out_rest = ceil(policy.scale_out_cooldown_s / 60)
    in_rest = ceil(policy.scale_in_cooldown_s / 60)
    paid, serving = np.empty(len(rates)), np.empty(len(rates))
    first = next((rate for rate in rates if rate == rate), 0.0)
    count = wanted = min(max(ceil(first / target), floors[0] if floors else 1), policy.maximum)
    ready = rested_out = rested_in = over = under = 0
    for minute, (rate, floor) in enumerate(zip(rates, floors, strict=True)):
        if wanted > count and minute >= ready:
            count = wanted
            rested_out = rested_in = minute + out_rest
        starting = wanted > count
        if floor > wanted:  # a scheduled action acts at its time
            wanted, ready, starting = floor, minute + settings.start_minutes, True
        serving[minute], paid[minute] = count, max(wanted, count)
        per_instance = rate / count
        over = over + 1 if per_instance > target else 0
        under = under + 1 if 0 < per_instance < low else 0
        if starting:
            continue
        if over >= settings.high_alarm_minutes and minute >= rested_out:
            wanted = max(min(ceil(rate / target), policy.maximum), count)
            ready = minute + 1 + settings.start_minutes
        elif under >= settings.low_alarm_minutes and minute >= rested_in:
            highest = max(rates[minute + 1 - settings.low_alarm_minutes : minute + 1])
            if max(ceil(highest / target), floor) < count:
                count = wanted = count - 1
                rested_in = minute + 1 + in_rest
                under = 0
    return paid, serving
