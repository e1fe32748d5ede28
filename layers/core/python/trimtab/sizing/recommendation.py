"""The whole answer for one endpoint: what it needs, what would fit, what would have happened, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from trimtab.sizing import advice as advise
from trimtab.sizing.advice import Advice
from trimtab.sizing.candidates import Rejection
from trimtab.sizing.capacity import Capacity, Workload, capacity, workload
from trimtab.sizing.demand import Demand, demand
from trimtab.sizing.endpoint import Endpoint, InstanceType
from trimtab.sizing.observations import Observations
from trimtab.sizing.proposals import Proposal, Situation, find_proposals
from trimtab.sizing.saving import why_not_worth_it
from trimtab.sizing.seed_table import seed_type
from trimtab.sizing.service import ENOUGH_REQUESTS, slow_hours, typical_p95_ms
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import Replay, replay_counts

CONTRADICTED = 0.5


class Verdict(StrEnum):
    """What an endpoint is. INSUFFICIENT_DATA is neither good nor bad news."""

    RIGHT_SIZED = "RIGHT_SIZED"
    OVERSIZED = "OVERSIZED"
    UNDERSIZED = "UNDERSIZED"
    IDLE = "IDLE"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True, eq=False)
class Recommendation:
    """The verdict with its reason, and all behind it; None and empty for what could not be told.

    `proposal`: what should be done, if anything; `top`: the cheapest three that hold the target, whether or not they
    are worth a change; `rejected`: the other types with their reasons; `today`: the replay of what there is now.
    """

    verdict: Verdict
    reason: str
    target_ms: float | None = None
    demand: Demand | None = None
    workload: Workload | None = None
    capacity_today: Capacity | None = None
    today: Replay | None = None
    proposal: Proposal | None = None
    top: tuple[Proposal, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    advice: tuple[Advice, ...] = ()


def recommend(
    observations: Observations,
    endpoint: Endpoint,
    catalogue: Mapping[str, InstanceType],
    usd_per_hour: Mapping[str, float | None],
    settings: SizingSettings,
    now: datetime,
    *,
    weekly_means: Sequence[float] = (),
    serverless_usd_per_second: Mapping[int, float | None] | None = None,
) -> Recommendation:
    """Size one variant of an endpoint.

    `usd_per_hour`: of one hosting instance by type in the endpoint's region, None or absent where not known;
    `weekly_means`: requests per second of whole weeks, oldest first; `serverless_usd_per_second`: by GB of memory.
    """
    observations = observations.since(endpoint.changed)
    today = catalogue.get(endpoint.instance_type)
    if endpoint.kind != "real_time":
        return _unjudged(f"{endpoint.kind} endpoints are not sized by the instances of a variant")
    if idle := advise.idle(observations, endpoint, today.vcpus if today else None, now, settings):
        if idle.answer == "yes":
            return Recommendation(Verdict.IDLE, idle.reason, advice=(idle,))
        return _unjudged(f"{idle.reason}, but {'; '.join(idle.obstacles)}", idle)
    if observations.problem:
        return _unjudged(observations.problem)
    if today is None:
        return _unjudged(f"{endpoint.instance_type or 'what it runs on'} is no type of the catalogue")
    if today.accelerator and not today.gpus and today.name not in endpoint.benchmarks:
        # CPUUtilization tells nothing of them, and no other metric does
        return _unjudged(f"how busy the accelerators of {today.name} are is not measured: benchmark it first")
    traffic = demand(observations, settings, weekly_means=weekly_means)
    if isinstance(traffic, str):
        return _unjudged(traffic)
    counts = observations.instance_counts(endpoint.instances)
    load = workload(observations, today, counts, settings, model_gb=endpoint.model_gb)
    if isinstance(load, str):
        return _unjudged(load)
    target_ms = settings.latency_ms or _usual_latency(observations, settings)
    if target_ms is None:
        return _unjudged("no latency_ms is set, and p95 of ModelLatency is not known")
    able = capacity(load, today, target_ms / 1000, settings, endpoint.benchmarks.get(today.name))
    usd_today = usd_per_hour.get(today.name)
    situation = Situation(
        observations=observations,
        endpoint=endpoint,
        demand=traffic,
        load=load,
        target_ms=target_ms,
        today=replay_counts(observations.rps, counts, able.breaking_rps),
        usd_today=usd_today,
        now=now,
        doubts=_doubts(observations, target_ms, settings),
    )
    if settings.policy == "seed_table":
        answer = seed_type(endpoint.model_gb, traffic.peak, catalogue, settings)
        if isinstance(answer, str):
            return _unjudged(answer)
        catalogue = {answer.name: answer}
    top, rejected = find_proposals(situation, catalogue, usd_per_hour, settings)
    verdict, reason, proposal = _decide(situation, top, rejected, settings)
    return Recommendation(
        verdict=verdict,
        reason=reason,
        target_ms=target_ms,
        demand=traffic,
        workload=load,
        capacity_today=able,
        today=situation.today,
        proposal=proposal,
        top=top,
        rejected=rejected,
        advice=_advice(situation, today, proposal, serverless_usd_per_second or {}, settings),
    )


def _unjudged(reason: str, *advice: Advice) -> Recommendation:
    return Recommendation(Verdict.INSUFFICIENT_DATA, reason, advice=advice)


def _usual_latency(observations: Observations, settings: SizingSettings) -> float | None:
    typical = typical_p95_ms(observations)
    return None if typical is None else typical * settings.latency_slack


def _doubts(observations: Observations, target_ms: float, settings: SizingSettings) -> tuple[str, ...]:
    """Hours over the target that hardly any traffic came in: something else than load makes them slow."""
    slow = slow_hours(observations, target_ms)
    if slow <= settings.unexplained_share:
        return ()
    return (f"latency is over {target_ms:.0f} ms in {slow:.1%} of the hours of average load or less",)


def _decide(
    situation: Situation, top: tuple[Proposal, ...], rejected: tuple[Rejection, ...], settings: SizingSettings
) -> tuple[Verdict, str, Proposal | None]:
    today, now_type = situation.today, situation.load.measured_on.name
    trusted = [each for each in top if each.confidence.value >= settings.min_confidence]
    measured = _measured_share(situation)
    if not today.holds(settings) and (measured > settings.unexplained_share or not _is_contradicted(situation)):
        share = measured or today.broken_share
        broken = f"{now_type} breaks {situation.target_ms:.0f} ms in {share:.2%} of minutes"
        if trusted:
            return Verdict.UNDERSIZED, f"{broken}; {_described(trusted[0])} would have held it", trusted[0]
        why = _why_low(top[0]) if top else _why_none(rejected, now_type)
        return Verdict.UNDERSIZED, f"{broken}; nothing is proposed: {why}", None
    if not top:
        return Verdict.INSUFFICIENT_DATA, f"no type can be proposed: {_why_none(rejected, now_type)}", None
    usd_month = today.monthly_usd(situation.usd_today)
    if usd_month is None:
        return Verdict.INSUFFICIENT_DATA, f"the price of {now_type} here is not known, so no saving can be told", None
    changed = situation.endpoint.changed
    days_since_change = None if changed is None else (situation.now - changed) / timedelta(days=1)
    why_not = ""
    for each in top:
        assert each.saving is not None
        against = why_not_worth_it(each.saving, usd_month, each.confidence.value, days_since_change, settings)
        if against is None:
            saved = f"saves {each.saving.mid:,.2f} of {usd_month:,.2f} USD a month"
            return Verdict.OVERSIZED, f"{_described(each)} holds {situation.target_ms:.0f} ms and {saved}", each
        why_not = why_not or f"{_described(each)} {against}"
    best = top[0]
    assert best.saving is not None
    if best.saving.mid >= max(settings.min_saving_share * usd_month, settings.min_saving_usd):
        is_low = best.confidence.value < settings.min_confidence
        verdict = Verdict.INSUFFICIENT_DATA if is_low else Verdict.OVERSIZED
        return verdict, f"nothing is proposed: {why_not}" + (f" ({_why_low(best)})" if is_low else ""), None
    return Verdict.RIGHT_SIZED, why_not, None


def _measured_share(situation: Situation) -> float:
    """Share of the minutes with enough requests whose p95 was measured over the target; 0 when it was not measured."""
    p95, requests = situation.observations.latency_p95_ms, situation.observations.invocations
    if p95 is None:
        return 0.0
    compared = (requests >= ENOUGH_REQUESTS) & np.isfinite(p95)
    return float(np.mean(p95[compared] > situation.target_ms)) if compared.any() else 0.0


def _is_contradicted(situation: Situation) -> bool:
    """Whether latency was measured within the target in most of the minutes that the queue should have broken it in."""
    p95, requests = situation.observations.latency_p95_ms, situation.observations.invocations
    if p95 is None:
        return False
    compared = situation.today.broken & (requests >= ENOUGH_REQUESTS) & np.isfinite(p95)
    return bool(compared.any()) and float(np.mean(p95[compared] > situation.target_ms)) < CONTRADICTED


def _described(proposal: Proposal) -> str:
    if proposal.policy is None or proposal.policy.minimum == proposal.policy.maximum:
        return f"{proposal.count} × {proposal.instance_type}"
    return f"{proposal.policy.minimum} to {proposal.policy.maximum} × {proposal.instance_type}"


def _why_low(proposal: Proposal) -> str:
    return f"confidence {proposal.confidence.value:.2f}, {'; '.join(proposal.confidence.reasons)}"


def _why_none(rejected: tuple[Rejection, ...], now_type: str) -> str:
    reason = next((each.reason for each in rejected if each.instance_type == now_type), "the catalogue is empty")
    return f"{now_type}: {reason}"


def _advice(
    situation: Situation,
    today: InstanceType,
    proposal: Proposal | None,
    serverless_usd_per_second: Mapping[int, float | None],
    settings: SizingSettings,
) -> tuple[Advice, ...]:
    endpoint, load, traffic, observations = (
        situation.endpoint, situation.load, situation.demand, situation.observations,
    )  # fmt: skip
    replayed, usd = (proposal.replay, proposal.usd_per_hour) if proposal else (situation.today, situation.usd_today)
    count = proposal.count if proposal else endpoint.instances
    given = (
        advise.routing(endpoint, load, traffic, count),
        advise.availability(endpoint),
        advise.bursts(traffic),
        advise.gpu(endpoint, today, observations.gpu_percent, settings),
        advise.serverless(
            endpoint, load, traffic, observations, serverless_usd_per_second, replayed.monthly_usd(usd), settings
        ),
        advise.asynchronous(endpoint, traffic, settings),
        advise.scale_to_zero(endpoint, traffic),
        advise.multi_model(endpoint, load, traffic, settings),
        advise.savings_plan(replayed, usd),
    )
    return tuple(each for each in given if each is not None)
