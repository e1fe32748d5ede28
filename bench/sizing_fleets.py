"""Fleets for simulated endpoints, as several rules would choose them, and whether they truly hold the target."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from bench.queue_simulation import REQUESTS_A_MINUTE, Array, minute_seconds, windows
from bench.sizing_endpoints import DAY, NOW, Simulated, latency_curve
from trimtab.cost.catalogue import InstanceType
from trimtab.sizing.autoscaling import Policy, instances_needed, target_tracking
from trimtab.sizing.capacity import Capacity
from trimtab.sizing.demand import Demand, demand
from trimtab.sizing.observations import Observations
from trimtab.sizing.proposals import Proposal, raise_minimum
from trimtab.sizing.seed_table import seed_type
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import MONTH_HOURS, fixed_count, replay_counts, replay_policy

CPU_PERCENT = 70.0
MOST = 10
"""The rules that scale on CPU have 2 to 10 instances, as the seed's settings do."""
TARGETS = (0.75, 0.9)
"""Shares of the true capacity that the cheapest fleet's scaling may aim at."""
TRIED_TYPES = 2
MOST_VCPUS = 36
SAFE = 0.85
"""Below this share of the true capacity no minute is simulated: it holds."""
BLOCK, LEAD = 4, 2
"""Minutes that are simulated together, and so many before them that fill the queue."""
BUSIEST, OTHERS = 40, 24
"""Blocks: the busiest that come into question, and so many of the rest, which stand for all of it."""


@dataclass(frozen=True, eq=False)
class Fleet:
    """Instances of a type through the week to come: paid for and serving in each minute."""

    instance_type: InstanceType
    paid: Array
    serving: Array
    usd_per_hour: float

    @property
    def usd_month(self) -> float:
        """What a month of such weeks costs."""
        return float(self.paid.mean()) * self.usd_per_hour * MONTH_HOURS


@dataclass(frozen=True)
class Truth:
    """Shares of the minutes whose p95 was over the target, and of all requests that came in them."""

    minutes: float
    requests: float

    def holds(self, settings: SizingSettings) -> bool:
        """Whether the target was held as the settings promise."""
        return self.minutes <= settings.broken_share and self.requests <= settings.broken_requests_share


def true_capacity(simulated: Simulated, instance_type: InstanceType, slack: float = 1.0) -> float:
    """Requests per second from which p95 on one instance is over the target, by simulation; 0 when it always is."""
    workers, service = simulated.model.workers_on(instance_type), simulated.model.service_on(instance_type)
    seen = latency_curve(simulated.model, instance_type, simulated.peak)
    return seen.load_at(slack * simulated.target_ms / 1000 / service) * workers / service


def proposed(simulated: Simulated, proposal: Proposal, instance_type: InstanceType, settings: SizingSettings) -> Fleet:
    """The fleet of a proposal."""
    if proposal.policy is None:
        return fixed(simulated, instance_type, proposal.count, proposal.usd_per_hour)
    return scaled(simulated, instance_type, proposal.policy, proposal.usd_per_hour, settings)


def by_cpu(simulated: Simulated, instance_type: InstanceType, usd: float, settings: SizingSettings) -> Fleet:
    """Target tracking at 70 % of the CPU, 2 to 10 instances."""
    model = simulated.model
    room = CPU_PERCENT * (instance_type.vcpus or 1) - model.idle_percent
    busy_s = 0.0 if instance_type.gpus else 100 * model.cpu_share * model.service_on(instance_type)
    target = room / busy_s if busy_s else inf
    return scaled(simulated, instance_type, cpu_policy(2, MOST, target, settings), usd, settings)


def by_seed_table(
    simulated: Simulated,
    peak: float,
    catalogue: Mapping[str, InstanceType],
    prices: Mapping[str, float],
    settings: SizingSettings,
) -> Fleet | None:
    """The seed's table, scaled at 70 % of the CPU; None when it has no answer."""
    answer = seed_type(simulated.model.model_gb, peak, catalogue, settings)
    if isinstance(answer, str):
        return None
    return by_cpu(simulated, catalogue[answer.name], prices[answer.name], settings)


def cheapest(
    simulated: Simulated,
    catalogue: Mapping[str, InstanceType],
    prices: Mapping[str, float],
    settings: SizingSettings,
) -> list[Fleet]:
    """Fleets that should hold by their true capacity, the cheapest first, with no reserve: fixed, or scaled at best.

    Who chooses knows the week to come and every type's true speed. At least two instances.
    """
    rps, found, tried = simulated.future, [], []
    for instance_type, able, usd in _able(simulated, catalogue, prices):
        count = max(fixed_count(rps, able, settings), 2)
        found.append(fixed(simulated, instance_type, count, usd))
        tried.append((np.maximum(np.ceil(rps / able), 2).mean() * usd, instance_type, able, count, usd))
    for _, instance_type, able, count, usd in sorted(tried, key=lambda each: each[0])[:TRIED_TYPES]:
        for share in TARGETS:
            policy = cpu_policy(2, 2 * count, share * able, settings)
            found += _least(simulated, instance_type, able, policy, count, usd, settings)
    return sorted(found, key=lambda each: each.usd_month)


def cheapest_with_reserves(
    simulated: Simulated,
    catalogue: Mapping[str, InstanceType],
    prices: Mapping[str, float],
    settings: SizingSettings,
) -> list[Fleet]:
    """The same, by who keeps the reserves that Trimtab is to keep, in the same way: two instances, growth, the loss of
    a zone (then with latency up to `failure_slack` × the target), room to grow while an instance starts.
    """
    to_come = Observations(start=NOW, invocations=simulated.future * 60)
    traffic = demand(to_come, settings)
    assert isinstance(traffic, Demand)
    found, tried = [], []
    for instance_type, able, usd in _able(simulated, catalogue, prices):
        capacity = Capacity(able, true_capacity(simulated, instance_type, settings.failure_slack), able, "truth")
        count = instances_needed(traffic.design, capacity, settings)
        if count is not None:
            found.append(fixed(simulated, instance_type, count, usd))
            ideal = np.maximum(np.ceil(simulated.future / able), 2).mean() * usd
            tried.append((ideal, instance_type, capacity, count, usd))
    for _, instance_type, capacity, count, usd in sorted(tried, key=lambda each: each[0])[:TRIED_TYPES]:
        policy = target_tracking(traffic, capacity, count, 2 * count, settings)
        found += _least(simulated, instance_type, capacity.rps, policy, count, usd, settings)
    return sorted(found, key=lambda each: each.usd_month)


def fixed(simulated: Simulated, instance_type: InstanceType, count: int, usd: float) -> Fleet:
    """A count that never varies."""
    counts = np.full(len(simulated.future), float(count))
    return Fleet(instance_type, counts, counts, usd)


def scaled(
    simulated: Simulated, instance_type: InstanceType, policy: Policy, usd: float, settings: SizingSettings
) -> Fleet:
    """The instances that a policy gives. An instance takes 4 to 7 minutes to serve, which nobody knows before."""
    slow = settings.model_copy(update={"start_minutes": 4 + simulated.number % 4})
    replay = replay_policy(simulated.future, _minute_of_week(simulated), policy, inf, slow)
    return Fleet(instance_type, replay.instances, replay.serving, usd)


def truth(simulated: Simulated, fleet: Fleet, seed: int) -> Truth:
    """How often the fleet's queues are over the target, request by request, in the minutes where that may be.

    Requests go to the instances at random, so each is a queue by itself, and they are alike.
    """
    rates = simulated.future / fleet.serving
    able = true_capacity(simulated, fleet.instance_type)
    blocks, weights = _blocks(rates, able)
    if not len(blocks):
        return Truth(0.0, 0.0)
    over = _share_over(simulated, fleet, rates, blocks, seed) > 0.05
    minutes = blocks[:, None] * BLOCK + np.arange(BLOCK)
    requests = simulated.future[minutes]
    return Truth(
        float((over * weights[:, None]).sum() / len(rates)),
        min(float((over * weights[:, None] * requests).sum() / simulated.future.sum()), 1.0),
    )


def grown(simulated: Simulated, share: float) -> Simulated:
    """The same endpoint with so much more traffic to come."""
    return replace(simulated, rps=np.concatenate([simulated.seen, simulated.future * (1 + share)]))


def _able(
    simulated: Simulated, catalogue: Mapping[str, InstanceType], prices: Mapping[str, float]
) -> Iterator[tuple[InstanceType, float, float]]:
    """The types that truly hold the model, with their true capacity and price."""
    for name, usd in prices.items():
        instance_type = catalogue[name]
        if instance_type.accelerator or instance_type.architecture != "x86_64" or instance_type.is_burstable:
            continue
        if (instance_type.vcpus or 0) > MOST_VCPUS or simulated.model.memory_on(instance_type) > (
            instance_type.memory_gib or 0
        ):
            continue
        if able := true_capacity(simulated, instance_type):
            yield instance_type, able, usd


def _least(
    simulated: Simulated,
    instance_type: InstanceType,
    able: float,
    policy: Policy,
    count: int,
    usd: float,
    settings: SizingSettings,
) -> list[Fleet]:
    """The policy with the least minimum that holds by the true capacity; nothing when a fixed count is as good."""
    low, high, best = policy.minimum, count, None
    while low < high:
        minimum = (low + high) // 2
        fleet = scaled(simulated, instance_type, raise_minimum(policy, minimum), usd, settings)
        if replay_counts(simulated.future, fleet.serving, able).holds(settings):
            best, high = fleet, minimum
        else:
            low = minimum + 1
    return [best] if best else []


def cpu_policy(minimum: int, maximum: int, target_rps: float, settings: SizingSettings) -> Policy:
    return Policy(
        minimum=minimum,
        maximum=maximum,
        metric="CPUUtilization",
        target_value=CPU_PERCENT,
        target_rps=target_rps,
        scale_in_cooldown_s=settings.scale_in_cooldown_s,
        scale_out_cooldown_s=settings.scale_out_cooldown_s,
    )


def _minute_of_week(simulated: Simulated) -> NDArray[np.int64]:
    return np.arange(len(simulated.seen), len(simulated.rps)) % (7 * DAY)


def _blocks(rates: Array, able: float) -> tuple[NDArray[np.int64], Array]:
    """Blocks with a minute that may be over the target, and how many blocks each stands for."""
    highest = rates.reshape(-1, BLOCK).max(axis=1)
    before = np.concatenate([[0.0], highest[:-1]])  # a queue may still be long from the block before
    doubtful = np.flatnonzero((highest >= SAFE * able) | (before >= able))
    doubtful = doubtful[np.argsort(-highest[doubtful], kind="stable")]
    rest = doubtful[BUSIEST:]
    chosen = rest[:: max(ceil(len(rest) / OTHERS), 1)]
    weights = np.concatenate(
        [np.ones(min(len(doubtful), BUSIEST)), np.full(len(chosen), len(rest) / max(len(chosen), 1))]
    )
    return np.concatenate([doubtful[:BUSIEST], chosen]), weights


def _share_over(simulated: Simulated, fleet: Fleet, rates: Array, blocks: NDArray[np.int64], seed: int) -> Array:
    """Share of the requests over the target, shape (blocks, BLOCK)."""
    model, length = simulated.model, LEAD + BLOCK
    minutes = np.maximum(blocks[:, None] * BLOCK + np.arange(-LEAD, BLOCK), 0)
    through = rates[minutes]
    highest = through.max(axis=1)
    times = int(np.clip(np.ceil(REQUESTS_A_MINUTE / (60 * max(float(np.median(highest)), 1e-9))), 1, 16))
    lanes = np.repeat(through, times, axis=0)
    minute_s = np.repeat(minute_seconds(highest), times)
    workers = np.full(len(lanes), model.workers_on(fleet.instance_type))
    service = np.full(len(lanes), model.service_on(fleet.instance_type))
    rng = np.random.default_rng([seed, simulated.number, 2])
    latency, minute = windows(lanes, workers, service, model.shape, simulated.peak, minute_s, rng)
    which = minute + np.repeat(np.arange(len(blocks)) * (length + 1), times)
    size = len(blocks) * (length + 1)
    asked = np.bincount(which.ravel(), minlength=size).reshape(-1, length + 1)
    slow = np.bincount(which.ravel(), latency.ravel() > simulated.target_ms / 1000, size).reshape(-1, length + 1)
    share: Array = (slow / np.maximum(asked, 1))[:, LEAD:length]
    return share
