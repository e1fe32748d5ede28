"""The end of a rollout, well or badly: traffic back, canary away, scaling as it was. Each can be repeated."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trimtab.rollout.actions import Deploy, MakeConfig, Suspend, Unscale, Weigh
from trimtab.rollout.capacity import has_weights
from trimtab.rollout.configuration import final_config
from trimtab.rollout.observed import EndpointState, Observed
from trimtab.rollout.request import CANARY
from trimtab.rollout.state import Phase, Rollout
from trimtab.rollout.steps import Step, deployed, held


def roll_back(
    rollout: Rollout, why: str, now: datetime, by: str = "", evidence: Mapping[str, Any] | None = None
) -> Rollout:
    """The rollout on its way back to what was before."""
    after = rollout.entered(Phase.ROLLING_BACK, now, goal=Phase.ROLLED_BACK, reason=why, ladder=rollout.until(now))
    return after.noted("rolling_back", now, why, by, evidence)


def give_up(rollout: Rollout, why: str, now: datetime) -> Rollout:
    """The rollout that leaves the endpoint as it is, for it is not Trimtab's to change; only scaling is put back."""
    return rollout.entered(Phase.RESTORING, now, goal=Phase.FAILED, reason=why)


def end(rollout: Rollout, phase: Phase, why: str, now: datetime) -> Rollout:
    """The rollout in a phase that it does not leave."""
    event = {Phase.PROMOTED: "promoted", Phase.ROLLED_BACK: "rolled_back"}.get(phase, "failed")
    after = rollout.entered(phase, now, goal=phase, reason=why, ladder=rollout.until(now))
    return after.noted(event, now, why, evidence=rollout.judgement)  # type: ignore[arg-type]


def finish(rollout: Rollout, observed: Observed, endpoint: EndpointState, now: datetime) -> Step:
    """The new model in production's own place, and nothing else."""
    if rollout.final not in observed.configs:
        base, weight, instances = rollout.before.document, rollout.before.weight, rollout.final_instances
        document = final_config(base, rollout.variant, rollout.model, endpoint, rollout.id, weight, instances)
        return Step(rollout, MakeConfig(rollout.final, document))
    # UpdateEndpoint fails for a variant that goes away and is a scalable target
    if observed.canary_scaling:
        return Step(rollout, Unscale(CANARY))
    done = deployed(rollout, endpoint, Deploy(rollout.final, ("DesiredWeight", "DesiredInstanceCount")))
    if isinstance(done, Step):
        return Step(held(done.rollout, f"the endpoint is {endpoint.status}", now, "stuck"), done.action)
    if done:
        return Step(roll_back(rollout, f"the new model could not take production's place: {done}", now))
    why = f"{rollout.model} serves in the place of {rollout.variant}"
    return Step(rollout.entered(Phase.RESTORING, now, goal=Phase.PROMOTED, reason=why))


def take_traffic_back(rollout: Rollout, _: Observed, endpoint: EndpointState, now: datetime) -> Step:
    """All of the variant's traffic to production, in one call, as soon as the endpoint takes orders."""
    if endpoint.is_broken:
        why = f"{rollout.reason}; the traffic could not be taken back: the endpoint is {endpoint.status}"
        return Step(give_up(rollout, why, now))
    wanted = {rollout.variant: rollout.before.weight, CANARY: 0.0}
    if CANARY in endpoint.variants and not has_weights(endpoint, wanted):
        late = held(rollout, f"the endpoint is {endpoint.status}, the canary still has traffic", now, "stuck")
        return Step(late, Weigh(wanted)) if endpoint.is_settled else Step(late)
    if not endpoint.is_settled:
        return Step(held(rollout, f"the endpoint is {endpoint.status}", now, "stuck"))
    return Step(rollout.entered(Phase.REMOVING, now))


def remove(rollout: Rollout, observed: Observed, endpoint: EndpointState, now: datetime) -> Step:
    """The endpoint config that served before, in service again."""
    if endpoint.is_broken:
        return Step(give_up(rollout, f"{rollout.reason}; then the endpoint came to be {endpoint.status}", now))
    if observed.canary_scaling:
        return Step(rollout, Unscale(CANARY))
    if endpoint.config != rollout.before.config and rollout.before.config not in observed.configs:
        return Step(rollout, MakeConfig(rollout.before.config, rollout.before.document))
    done = deployed(rollout, endpoint, Deploy(rollout.before.config))
    if isinstance(done, Step):
        return Step(held(done.rollout, f"the endpoint is {endpoint.status}", now, "stuck"), done.action)
    if done:
        why = f"{rollout.reason}; production has its traffic back, but the canary could not be removed: {done}"
        return Step(give_up(rollout, why, now))
    return Step(rollout.entered(Phase.RESTORING, now))


def restore_scaling(rollout: Rollout, observed: Observed, _: EndpointState, now: datetime) -> Step:
    """Scaling as it was found, and then the end."""
    before, present = rollout.before.scaling, observed.production_scaling
    if before and present and present.suspended != before.suspended:
        return Step(rollout, Suspend(rollout.variant, before.suspended))
    if observed.canary_scaling:
        return Step(rollout, Unscale(CANARY))
    return Step(end(rollout, rollout.goal or Phase.FAILED, rollout.reason, now))
