"""How many instances, and the policy that varies them: target tracking, and a schedule where traffic has one."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trimtab.sizing.capacity import Capacity
from trimtab.sizing.demand import Demand
from trimtab.sizing.observations import WEEK_MINUTES
from trimtab.sizing.settings import SizingSettings

Metric = Literal["SageMakerVariantInvocationsPerInstance", "CPUUtilization"]
LEAD_MINUTES = 15  # a scheduled instance starts so long before its hour
MAX_HEADROOM = 1.5
MERGED_HOURS = 2  # a dip this short between two busy spells is not worth two more actions
DAYS = (range(5), range(5, 7))
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, slots=True)
class ScheduledAction:
    """For PutScheduledAction: from `schedule` (UTC) on the least capacity is `minimum`."""

    name: str
    schedule: str
    minimum: int


@dataclass(frozen=True, slots=True)
class Policy:
    """Bounds and target tracking of one variant; `target_value` is in the unit of `metric`.

    `target_rps`: the same target as requests per second of one instance. `floor`: per minute of the week, the least
    capacity that the schedule sets (None without one).
    """

    minimum: int
    maximum: int
    metric: Metric
    target_value: float
    target_rps: float
    scale_in_cooldown_s: int
    scale_out_cooldown_s: int
    scheduled: tuple[ScheduledAction, ...] = ()
    floor: NDArray[np.int64] | None = None


def instances_needed(rps: float, capacity: Capacity, settings: SizingSettings) -> int | None:
    """The least count that carries `rps`, and still does, at its limits, without one zone; None when none does."""
    if capacity.rps <= 0 or capacity.failure_rps <= 0 or not isfinite(rps):
        return None
    if settings.zones == 1:
        return max(ceil(rps / capacity.rps), settings.min_instances, 1)
    count = max(ceil(rps / capacity.rps), settings.min_instances, 2)
    while (count - ceil(count / settings.zones)) * capacity.failure_rps < rps:
        count += 1
    return count


def target_tracking(demand: Demand, capacity: Capacity, count: int, most: int, settings: SizingSettings) -> Policy:
    """The policy for a type whose instances at the design load are `count`, and never more than `most`.

    The target leaves room for traffic to grow by its `lead_growth` while a new instance starts.
    """
    night = instances_needed(demand.night_p95 * demand.headroom, capacity, settings) or count
    minimum = min(night, count)
    maximum = max(min(ceil(MAX_HEADROOM * demand.design / capacity.rps) + 1, most), count)
    target_rps = capacity.rps / (1 + demand.lead_growth) / (demand.burst or 1.0)
    scheduled, floor = _schedule(demand, capacity, minimum, count, settings)
    return Policy(
        minimum=minimum,
        maximum=maximum,
        metric="SageMakerVariantInvocationsPerInstance",
        target_value=60 * target_rps,
        target_rps=target_rps,
        scale_in_cooldown_s=settings.scale_in_cooldown_s,
        scale_out_cooldown_s=settings.scale_out_cooldown_s,
        scheduled=scheduled,
        floor=floor,
    )


def cpu_target(vcpus: int, percent: float = 70) -> float:
    """TargetValue that means `percent` of an instance's CPU: CPUUtilization is a sum over cores, 0 to 100 × vCPU."""
    return percent * vcpus


def _schedule(
    demand: Demand, capacity: Capacity, minimum: int, count: int, settings: SizingSettings
) -> tuple[tuple[ScheduledAction, ...], NDArray[np.int64] | None]:
    """Actions that raise the least capacity before the busy hours of working days and weekends, and lower it after."""
    if demand.seasonality <= settings.scheduled_from:
        return (), None
    floor = np.full(WEEK_MINUTES, minimum, dtype=np.int64)
    for numbers in DAYS:
        profile = np.array(demand.hourly_p99).reshape(7, 24)[list(numbers)]
        if not np.isfinite(profile).all():
            continue
        needed = [_count_for(float(rps) * demand.headroom, capacity, count, settings) for rps in profile.max(axis=0)]
        for first, last, least in _busy_spells(needed, minimum):
            for day in numbers:
                minutes = np.arange(day * 1440 + first * 60 - LEAD_MINUTES, day * 1440 + last * 60) % WEEK_MINUTES
                floor[minutes] = np.maximum(floor[minutes], least)
    actions = _actions(floor)
    return actions, floor if actions else None


def _actions(floor: NDArray[np.int64]) -> tuple[ScheduledAction, ...]:
    """What sets the least capacity wherever it changes: spells overlap, so each alone does not tell what it is after
    one of them. Changes at the same time of several days are one action."""
    before = np.roll(floor, 1)
    days: dict[tuple[int, int, str], list[int]] = {}
    for minute in np.flatnonzero(floor != before).tolist():
        day, of_day = divmod(minute, 24 * 60)
        way = "raise" if floor[minute] > before[minute] else "lower"
        days.setdefault((of_day, int(floor[minute]), way), []).append(day)
    actions = []
    for (of_day, least, way), numbers in sorted(days.items()):
        hour, minute = divmod(of_day, 60)
        words = _weekdays(numbers)
        name = f"{way}-{'daily' if words == '*' else words.lower().replace(',', '-')}-{hour:02}{minute:02}"
        actions.append(ScheduledAction(name, f"cron({minute} {hour} ? * {words} *)", least))
    return tuple(actions)


def _count_for(rps: float, capacity: Capacity, most: int, settings: SizingSettings) -> int:
    return min(instances_needed(rps, capacity, settings) or most, most)


def _busy_spells(needed: list[int], minimum: int) -> list[tuple[int, int, int]]:
    """Spells [first, last) of hours that need more than the minimum, within one day, and the most they need."""
    spells: list[tuple[int, int, int]] = []
    for hour, count in enumerate(needed):
        if count <= minimum:
            continue
        if spells and hour - spells[-1][1] <= MERGED_HOURS:
            first, _, least = spells[-1]
            spells[-1] = (first, hour + 1, max(least, count))
        else:
            spells.append((hour, hour + 1, count))
    return spells


def _weekdays(numbers: Sequence[int]) -> str:
    """Days of the week, counted from Monday, in cron's words; cron's week begins on Sunday, and no range crosses it."""
    of_cron = sorted((number + 1) % 7 for number in numbers)
    if len(of_cron) == len(WEEKDAYS):
        return "*"
    if len(of_cron) > 2 and of_cron[-1] - of_cron[0] == len(of_cron) - 1:
        return f"{WEEKDAYS[of_cron[0]]}-{WEEKDAYS[of_cron[-1]]}"
    return ",".join(WEEKDAYS[number] for number in of_cron)
