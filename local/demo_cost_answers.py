"""What the deployed functions answered about an endpoint, for the cost demo's table, summary and pictures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local.demo_cost_fleet import Member
from local.load_profiles import Minutes
from trimtab.cost.hours import EndpointHour
from trimtab.cost.predictions import prediction_cost
from trimtab.sizing.autoscaling import Policy
from trimtab.sizing.observations import WEEK_MINUTES
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import MONTH_HOURS, replay_policy

DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
PER_HOUR = 3600


@dataclass(frozen=True, eq=False)
class Answer:
    """One endpoint. `working`: what rightsize_endpoints stored of its variant; `usd_month`, `usd_per_thousand`: what
    track_cost counted; `rps`: its minutes; `capacity_now`, `capacity_proposed`: requests per second of each minute
    that hold the target, None where that is not known."""

    member: Member
    working: Mapping[str, Any]
    usd_month: float | None
    usd_per_thousand: float | None
    start: datetime
    rps: Minutes
    capacity_now: Minutes | None
    capacity_proposed: Minutes | None

    @property
    def verdict(self) -> str:
        return str(self.working["verdict"])

    @property
    def proposal(self) -> Mapping[str, Any] | None:
        proposal: Mapping[str, Any] | None = self.working["proposal"]
        return proposal

    @property
    def now(self) -> dict[str, Any]:
        """What it runs on."""
        replayed = self.working["simulation_today"]
        usd = replayed["monthly_usd"] if replayed else self.usd_month
        return {"instance_type": self.member.instance_type, "count": self.member.count, "monthly_usd": rounded(usd)}

    @property
    def saving(self) -> list[float]:
        """USD a month: the 5th percentile, the middle, the 95th. Who deletes an idle endpoint saves all of its cost."""
        if self.proposal and self.proposal["saving_usd_month"]:
            low, mid, high = self.proposal["saving_usd_month"]
            return [low, mid, high]
        return [self.now["monthly_usd"] or 0.0 if self.verdict == "IDLE" else 0.0] * 3

    @property
    def confidence(self) -> float | None:
        """Of the proposal, or of what there is to compare with; None where nothing was computed."""
        best = self.proposal or next(iter(self.working["top"]), None)
        return best["confidence"]["value"] if best else None

    @property
    def advice(self) -> list[Mapping[str, Any]]:
        """What is advised beside or instead of the proposal."""
        return [each for each in self.working["advice"] if each["answer"] == "yes"]

    @property
    def proposed(self) -> str:
        """What to do, in few words."""
        if self.proposal:
            return str(self.proposal["words"])
        if self._instead:
            return "benchmark on CPUs"
        return {"IDLE": "delete it", "RIGHT_SIZED": "as it is"}.get(self.verdict, "–")

    @property
    def reason(self) -> str:
        """Why, beginning with the advice that takes the place of a proposal."""
        return "; ".join([*self._instead, str(self.working["reason"])])

    @property
    def _instead(self) -> list[str]:
        return [each["reason"] for each in self.advice if each["name"] == "benchmark_on_cpu" and not self.proposal]

    @property
    def proposed_usd_per_thousand(self) -> float | None:
        """What 1,000 of the same requests would cost."""
        requests = self.rps.mean() * PER_HOUR
        if self.proposal is None or not requests:
            return None
        return float(1000 * self.proposal["monthly_usd"] / MONTH_HOURS / requests)

    def summary(self) -> dict[str, Any]:
        """For summary.json."""
        return {
            "name": self.member.name,
            "now": self.now,
            "proposal": self._proposed(),
            "saving_usd": self.saving,
            "confidence": self.confidence,
            "advice": [{key: each[key] for key in ("name", "reason", "obstacles")} for each in self.advice],
            "reason": self.reason,
        }

    def _proposed(self) -> dict[str, Any] | None:
        if self.proposal is None:
            return None
        kept = ("instance_type", "count", "words", "monthly_usd", "policy", "simulation")
        return {name: self.proposal[name] for name in kept} | {
            "usd_per_thousand_predictions": self.proposed_usd_per_thousand
        }


def answer_of(
    member: Member,
    working: Mapping[str, Any],
    hours: Iterable[EndpointHour],
    start: datetime,
    requests: NDArray[np.int64],
) -> Answer:
    """What is to be told of an endpoint. `hours`: what track_cost stored of the two weeks."""
    known = [hour for hour in hours if hour.cost.usd is not None]
    counted = prediction_cost(known)
    rps = requests / 60
    return Answer(
        member=member,
        working=working,
        usd_month=None if counted.usd is None or not known else counted.usd / len(known) * MONTH_HOURS,
        usd_per_thousand=counted.usd_per_thousand,
        start=start,
        rps=rps,
        capacity_now=capacity_now(member, working, len(rps)),
        capacity_proposed=capacity_proposed(working, start, rps),
    )


def capacity_now(member: Member, working: Mapping[str, Any], minutes: int) -> Minutes | None:
    """Requests per second that today's instances take within the target."""
    able = working["capacity_today"]
    return None if able is None else np.full(minutes, member.count * able["breaking_rps"])


def capacity_proposed(working: Mapping[str, Any], start: datetime, rps: Minutes) -> Minutes | None:
    """The same of the proposed instances, minute by minute as its policy varies them."""
    proposal = working["proposal"]
    if proposal is None:
        return None
    breaking = proposal["capacity"]["breaking_rps"] / (working["demand"]["burst"] or 1.0)
    told = proposal["policy"]
    if told is None:
        return np.full(len(rps), proposal["count"] * breaking)
    target_rps = told["target_value"] / 60
    policy = Policy(
        minimum=told["minimum"],
        maximum=told["maximum"],
        metric=told["metric"],
        target_value=told["target_value"],
        target_rps=target_rps,
        scale_in_cooldown_s=told["scale_in_cooldown_s"],
        scale_out_cooldown_s=told["scale_out_cooldown_s"],
        floor=floor_of(told["scheduled"], told["minimum"]),
    )
    first = (start.weekday() * 24 + start.hour) * 60 + start.minute
    week = (first + np.arange(len(rps))) % WEEK_MINUTES
    capacity: Minutes = replay_policy(rps, week, policy, breaking, SizingSettings()).serving * breaking
    return capacity


def floor_of(scheduled: Iterable[Mapping[str, Any]], minimum: int) -> NDArray[np.int64] | None:
    """The least capacity in each minute of the week that scheduled actions set; None without any."""
    changes = sorted((minute, each["minimum"]) for each in scheduled for minute in minutes_of_week(each["schedule"]))
    if not changes:
        return None
    floor = np.full(WEEK_MINUTES, minimum, dtype=np.int64)
    floor[: changes[0][0]] = changes[-1][1]
    for (minute, least), (following, _) in zip(changes, [*changes[1:], (WEEK_MINUTES, 0)], strict=True):
        floor[minute:following] = least
    return floor


def minutes_of_week(cron: str) -> list[int]:
    """When `cron(45 6 ? * MON-FRI *)` acts, as minutes since Monday 00:00."""
    minute, hour, _, _, days, _ = cron.removeprefix("cron(").removesuffix(")").split()
    numbers: set[int] = set()
    for part in ("SUN-SAT" if days == "*" else days).split(","):
        first, _, last = part.partition("-")
        numbers |= set(range(DAYS.index(first), DAYS.index(last or first) + 1))
    return sorted((number - 1) % 7 * 24 * 60 + int(hour) * 60 + int(minute) for number in numbers)


def rounded(usd: float | None) -> float | None:
    """To the cent."""
    return None if usd is None else round(usd, 2)
