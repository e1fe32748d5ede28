"""From the catalogue to the cheapest types that hold the target in simulation, and why each of the others does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

import numpy as np

from trimtab.sizing.autoscaling import Policy, instances_needed, target_tracking
from trimtab.sizing.candidates import Rejection, likeness, objection
from trimtab.sizing.capacity import Capacity, Workload, capacity
from trimtab.sizing.confidence import MARGIN, Confidence, capped, confidence, count_gap
from trimtab.sizing.demand import Demand
from trimtab.sizing.endpoint import Endpoint, InstanceType
from trimtab.sizing.observations import Observations
from trimtab.sizing.saving import Saving, saving
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import MONTH_HOURS, Replay, fixed_count, replay_counts, replay_policy

TOP = 3
SAME_COST = 1.01  # a policy that costs so little more than a fixed count is preferred: it is ready for more


@dataclass(frozen=True, slots=True, eq=False)
class Situation:
    """What every candidate is held against. `today`: the replay of what there is; `doubts`: what lowers confidence."""

    observations: Observations
    endpoint: Endpoint
    demand: Demand
    load: Workload
    target_ms: float
    today: Replay
    usd_today: float | None
    now: datetime
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Running:
    """One way to run on a type: how many at the design load, under a policy or (None) never varied.

    `has_margin`: it would hold with MARGIN times less capacity.
    """

    count: int
    policy: Policy | None
    replay: Replay
    has_margin: bool


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A type, how many of it (`count`), and how to vary that: `policy` None is a fixed count.

    `saving` against today, None while the price of today's type is not known.
    """

    instance_type: str
    count: int
    policy: Policy | None
    capacity: Capacity
    replay: Replay
    usd_per_hour: float
    monthly_usd: float
    saving: Saving | None
    confidence: Confidence


def find_proposals(
    situation: Situation,
    catalogue: Mapping[str, InstanceType],
    usd_per_hour: Mapping[str, float | None],
    settings: SizingSettings,
) -> tuple[tuple[Proposal, ...], tuple[Rejection, ...]]:
    """The cheapest three, by cost in the replay and then many small before few big, and all other types with reasons.

    A type that what was measured says too little about is only listed when that is so of every type.
    Types are tried by price; once even the fewest instances of one cost more than three that hold, the rest is not
    simulated.
    """

    @cache
    def cheapest(able: Capacity, count: int, most: int) -> Running | None:  # many types have the same capacity
        return _cheapest_that_holds(situation, able, count, most, settings)

    found: list[Proposal] = []
    rejected: list[Rejection] = []
    priced: list[tuple[float, InstanceType, Confidence]] = []
    gpu_percent = situation.observations.gpu_percent
    for candidate in catalogue.values():
        usd = usd_per_hour.get(candidate.name)
        if against := objection(candidate, situation.endpoint, situation.load, usd, gpu_percent, settings):
            rejected.append(against)
        elif usd is not None:
            priced.append((usd, candidate, _confidence(situation, candidate, settings)))
    is_any_trusted = any(sure.value >= settings.min_confidence for _, _, sure in priced)
    for usd, candidate, sure in sorted(priced, key=lambda each: (each[0], each[1].name)):
        if is_any_trusted and sure.value < settings.min_confidence:
            reason = f"confidence {sure.value:.2f} is below {settings.min_confidence:g}: benchmark first"
            rejected.append(Rejection(candidate.name, "confidence", reason))
            continue
        least = settings.min_instances * usd * MONTH_HOURS
        if len(found) >= TOP and least > sorted(each.monthly_usd for each in found)[TOP - 1]:
            reason = f"{settings.min_instances} of it cost {least:,.2f} USD a month, more than the proposed"
            rejected.append(Rejection(candidate.name, "cost", reason))
            continue
        answer = _propose(situation, candidate, usd, sure, cheapest, settings)
        if isinstance(answer, Proposal):
            found.append(answer)
        else:
            rejected.append(answer)
    found.sort(key=lambda each: (round(each.monthly_usd, 2), -each.count, each.instance_type))
    rejected += [
        Rejection(each.instance_type, "cost", f"costs {each.monthly_usd:,.2f} USD a month, more than the proposed")
        for each in found[TOP:]
    ]
    return tuple(found[:TOP]), tuple(sorted(rejected, key=lambda each: each.instance_type))


def _propose(
    situation: Situation,
    candidate: InstanceType,
    usd: float,
    sure: Confidence,
    cheapest: Callable[[Capacity, int, int], Running | None],
    settings: SizingSettings,
) -> Proposal | Rejection:
    """The cheapest way to run on this type that holds the target in the replay, or why there is none."""
    load, name = situation.load, candidate.name
    benchmark = situation.endpoint.benchmarks.get(name)
    if benchmark is not None and (benchmark.latency_ms or 0) > situation.target_ms:
        reason = f"{benchmark.latency_ms:.0f} ms in the benchmark, of at most {situation.target_ms:.0f} ms"
        return Rejection(name, "latency", reason)
    able = capacity(load, candidate, situation.target_ms / 1000, settings, benchmark)
    if able.rps <= 0:
        return Rejection(name, able.limit, _why_none(able, load, situation.target_ms))
    count = instances_needed(situation.demand.design, able, settings)
    most = _most(situation, name, settings)
    if count is None or count > most:
        return Rejection(name, "count", f"takes {count or 'more'} instances, of at most {most}")
    running = cheapest(able, count, most)
    if running is None:
        return Rejection(name, "simulation", f"even {most} instances would have broken the target")
    if not running.has_margin:
        sure = capped(sure, f"it would not hold with {MARGIN:g} times less capacity", settings)
    monthly = running.replay.mean_instances * usd * MONTH_HOURS
    now = situation.usd_today
    return Proposal(
        instance_type=name,
        count=running.count,
        policy=running.policy,
        capacity=able,
        replay=running.replay,
        usd_per_hour=usd,
        monthly_usd=monthly,
        saving=None if now is None else saving(situation.today, running.replay, now, usd, settings),
        confidence=sure,
    )


def _cheapest_that_holds(
    situation: Situation, able: Capacity, count: int, most: int, settings: SizingSettings
) -> Running | None:
    """A policy, with its least capacity raised as far as it takes, or the fixed count that holds; the cheaper."""
    rps, week = situation.observations.rps, situation.observations.minute_of_week
    breaking_rps = able.breaking_rps / (situation.demand.burst or 1.0)  # that of a minute; its bursts come faster
    fixed = max(count, fixed_count(rps, breaking_rps, settings))
    if fixed > most:
        return None
    steady = replay_counts(rps, np.full(len(rps), float(fixed)), breaking_rps)

    def has_margin(replay: Replay) -> bool:
        return replay_counts(rps, replay.serving, breaking_rps / MARGIN).holds(settings)

    policy = target_tracking(situation.demand, able, count, most, settings)
    best: Running | None = None
    low, high, minimum = policy.minimum, fixed + 1, policy.minimum
    while low < high:  # below low it breaks, from high on it holds or was not tried
        raised = raise_minimum(policy, minimum)
        replayed = replay_policy(rps, week, raised, breaking_rps, settings)
        if replayed.holds(settings):
            best, high = Running(count, raised, replayed, has_margin(replayed)), minimum
        else:
            low = minimum + 1
        minimum = (low + high) // 2
    if best is not None and best.replay.mean_instances <= SAME_COST * steady.mean_instances:
        return best
    return Running(fixed, None, steady, has_margin(steady)) if steady.holds(settings) else None


def raise_minimum(policy: Policy, minimum: int) -> Policy:
    """The policy with no less capacity than `minimum` at any time."""
    if minimum <= policy.minimum:
        return policy
    return replace(
        policy,
        minimum=minimum,
        maximum=max(policy.maximum, minimum),
        scheduled=tuple(replace(each, minimum=max(each.minimum, minimum)) for each in policy.scheduled),
        floor=None if policy.floor is None else np.maximum(policy.floor, minimum),
    )


def _most(situation: Situation, name: str, settings: SizingSettings) -> int:
    most = max(settings.max_instances, situation.endpoint.instances, situation.today.most_instances)
    return min(most, situation.endpoint.quotas.get(name, most))


def _why_none(able: Capacity, load: Workload, target_ms: float) -> str:
    if able.limit == "latency":
        return f"service alone takes {load.service.p95_s * 1000:.0f} ms (p95), of at most {target_ms:.0f} ms"
    return f"idling alone uses more of its {able.limit.upper()} than it may"


def _confidence(situation: Situation, candidate: InstanceType, settings: SizingSettings) -> Confidence:
    load, endpoint = situation.load, situation.endpoint
    return confidence(
        days=situation.demand.days,
        requests=situation.demand.requests,
        load_seen=load.load_seen(settings),
        r2=load.r2,
        likeness=likeness(candidate, load.measured_on, is_benchmarked=candidate.name in endpoint.benchmarks),
        rests_on_gpu=load.gpu is not None,
        grows_workers=(candidate.vcpus or 0) > (load.measured_on.vcpus or 0)
        and candidate.name not in endpoint.benchmarks,
        knows_bursts=situation.demand.burst is not None,
        count_gap=count_gap(situation.observations),
        changed=endpoint.changed,
        now=situation.now,
        doubts=(*load.doubts, *situation.doubts),
        settings=settings,
    )
