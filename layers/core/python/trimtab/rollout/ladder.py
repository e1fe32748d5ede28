"""The steps of a rollout: from what is wanted and what is seen to what is to be done next.

`next_step` is called again and again with what is seen at that moment. It never relies on an action having been done:
it sees whether it was. So a run that is killed anywhere, or made twice, does no harm.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from trimtab.rollout import ending
from trimtab.rollout.actions import Deploy, Guard, MakeConfig, MakeModel, Resize, Scale, Smoke, Suspend, Weigh
from trimtab.rollout.baking import bake, harm
from trimtab.rollout.capacity import canary_instances, has_weights, traffic_weights
from trimtab.rollout.configuration import canary_config, final_config, model_of_package
from trimtab.rollout.guarded import deployment_config
from trimtab.rollout.judgement import Judgement
from trimtab.rollout.observed import EndpointState, Observed
from trimtab.rollout.request import CANARY
from trimtab.rollout.scaling import canary_policies, without_scale_in
from trimtab.rollout.state import (
    TERMINAL,
    WAY_BACK,
    WITH_CANARY,
    WITH_TRAFFIC,
    Phase,
    Rollout,
    ShareTaken,
    minutes_between,
)
from trimtab.rollout.steps import Step, deployed, held

MOST_SETUP_MINUTES = 120
"""A canary that is not ready for traffic by then is given up."""


def next_step(rollout: Rollout, observed: Observed, judgement: Judgement | None, now: datetime) -> Step:
    """The rollout as it is to be remembered, and what is then to be done. `judgement`: of the traffic up to now, None
    when the canary had none. No action and an unchanged rollout: nothing can be done at this moment."""
    if rollout.phase in TERMINAL:
        return Step(rollout)
    endpoint = observed.endpoint
    if endpoint is None:
        return Step(ending.end(rollout, Phase.FAILED, "the endpoint was deleted", now))
    if rollout.phase not in WAY_BACK and (stopped := _stopped(rollout, observed, endpoint, judgement, now)):
        return Step(stopped)
    if rollout.phase is Phase.BAKING:
        return bake(rollout, observed, endpoint, judgement, now)
    return _TURNS[rollout.phase](rollout, observed, endpoint, now)


def _stopped(
    rollout: Rollout, observed: Observed, endpoint: EndpointState, judgement: Judgement | None, now: datetime
) -> Rollout | None:
    """The rollout when it must not go on, whatever its phase; None when it may."""
    if endpoint.is_broken:
        return ending.give_up(
            rollout, f"the endpoint is {endpoint.status}: {endpoint.failure or 'no reason told'}", now
        )
    if endpoint.is_settled and endpoint.config not in {rollout.before.config, rollout.config, rollout.final}:
        return ending.give_up(rollout, f"somebody else deployed {endpoint.config}", now)
    if endpoint.is_settled and rollout.phase in WITH_CANARY and endpoint.config == rollout.before.config:
        return ending.roll_back(rollout, f"somebody put {endpoint.config} back", now)
    if rollout.phase in WITH_TRAFFIC and (why := harm(rollout, observed, judgement, now)):
        return ending.roll_back(rollout, why, now, evidence=rollout.judgement)
    if rollout.phase in _SETUP and _setup_minutes(rollout, now) > MOST_SETUP_MINUTES:
        why = rollout.held.reason if rollout.held else f"the endpoint is {endpoint.status}"
        return ending.roll_back(rollout, f"not ready for traffic after {MOST_SETUP_MINUTES} minutes: {why}", now)
    return None


def _setup_minutes(rollout: Rollout, now: datetime) -> float:
    """For how long the canary has been made ready for its first traffic; 0 once it has it, and while it is paused."""
    if rollout.ladder or rollout.paused_since:
        return 0.0
    return minutes_between(rollout.started, now) - rollout.paused_minutes


def _prepare(rollout: Rollout, observed: Observed, endpoint: EndpointState, now: datetime) -> Step:
    package = rollout.request.model_package
    if package and not observed.has_model:
        document = model_of_package(package, observed.present_model, rollout.id)
        return Step(rollout, MakeModel(rollout.model, document))
    base, variant, model = rollout.before.document, rollout.variant, rollout.model
    if rollout.request.mode == "guardrail":
        if rollout.final not in observed.configs:
            weight, instances = rollout.before.weight, rollout.before.instances
            document = final_config(base, variant, model, endpoint, rollout.id, weight, instances)
            return Step(rollout, MakeConfig(rollout.final, document))
        return Step(rollout.entered(Phase.UPDATING, now), Guard())
    if rollout.config not in observed.configs:
        return Step(rollout, MakeConfig(rollout.config, canary_config(base, variant, model, endpoint, rollout.id)))
    return Step(rollout.entered(Phase.UPDATING, now))


def _update(rollout: Rollout, _: Observed, endpoint: EndpointState, now: datetime) -> Step:
    is_guarded = rollout.request.mode == "guardrail"
    if is_guarded:
        order = Deploy(rollout.final, (), deployment_config(rollout.request, rollout.alarm))
    else:
        order = Deploy(rollout.config, ("DesiredWeight",))
    done = deployed(rollout, endpoint, order)
    if isinstance(done, Step):
        return done
    if done:
        what = "SageMaker took the new model back" if is_guarded else "the canary could not be deployed"
        return Step(ending.roll_back(rollout, f"{what}: {done}", now))
    if is_guarded:
        why = f"{rollout.model} serves in the place of {rollout.variant}"
        return Step(ending.end(rollout, Phase.PROMOTED, why, now))
    return Step(rollout.entered(Phase.SCALING, now))


def _scale(rollout: Rollout, observed: Observed, _: EndpointState, now: datetime) -> Step:
    before, present = rollout.before.scaling, observed.production_scaling
    if before is None or present is None:
        return Step(rollout.entered(Phase.SMOKE, now))
    wanted = without_scale_in(before.suspended)
    if present.suspended != wanted:
        return Step(rollout, Suspend(rollout.variant, wanted))
    policies, seen = canary_policies(before, rollout.variant, CANARY), observed.canary_scaling
    if policies and (seen is None or len(seen.policies) < len(policies)):
        return Step(rollout, Scale(CANARY, 1, before.maximum, wanted, tuple(policies)))
    return Step(rollout.entered(Phase.SMOKE, now))


def _smoke(rollout: Rollout, observed: Observed, endpoint: EndpointState, now: datetime) -> Step:
    report = observed.smoke
    if report is None:
        return Step(rollout, Smoke()) if endpoint.is_settled else Step(rollout)
    after, evidence = rollout.changed(smoke=report), report.model_dump(mode="json")
    if not report.has_passed:
        why = f"the smoke test failed: {'; '.join(report.failures[:5])}"
        return Step(ending.roll_back(after, why, now, evidence=evidence))
    told = f"{report.golden} golden requests and {report.edge_cases} edge cases were answered as they should be"
    text = "; ".join((told, *report.notes))
    return Step(after.entered(Phase.SIZING, now).noted("smoke_passed", now, text, evidence=evidence))


def _size(rollout: Rollout, observed: Observed, endpoint: EndpointState, now: datetime) -> Step:
    if not endpoint.is_settled:
        return Step(rollout)
    production = max(rollout.before.instances, endpoint.variants[rollout.variant].instances)
    needed, canary = canary_instances(rollout.share, production), endpoint.variants[CANARY]
    if min(canary.instances, canary.current_instances) < needed:
        why = f"waiting for {needed} instances of the canary; {canary.current_instances} serve. {endpoint.failure}"
        return Step(held(rollout, why.strip(), now), Resize(CANARY, needed))
    if rollout.paused_since or observed.frozen_by:
        why = "it is paused" if rollout.paused_since else f"a freeze window holds: {observed.frozen_by}"
        return Step(held(rollout, why, now))
    return Step(rollout.entered(Phase.SHIFTING, now, ladder=rollout.until(now)))


def _shift(rollout: Rollout, _: Observed, endpoint: EndpointState, now: datetime) -> Step:
    if not endpoint.is_settled:
        return Step(rollout)
    wanted = traffic_weights(rollout.before.weight, rollout.share, rollout.variant, CANARY)
    if not has_weights(endpoint, wanted):
        return Step(rollout, Weigh(wanted))
    taken = ShareTaken(step=rollout.step, share=rollout.share, since=now)
    instances = endpoint.variants[CANARY].instances
    text = f"the canary has {rollout.share:.0%} of the traffic and {instances} instances"
    evidence = {"step": rollout.step, "share": rollout.share, "instances": instances, **rollout.judgement}
    after = rollout.entered(Phase.BAKING, now, ladder=(*rollout.ladder, taken))
    return Step(after.noted("step_raised", now, text, evidence=evidence))


_TURNS: Mapping[Phase, Callable[[Rollout, Observed, EndpointState, datetime], Step]] = {
    Phase.PREPARING: _prepare,
    Phase.UPDATING: _update,
    Phase.SCALING: _scale,
    Phase.SMOKE: _smoke,
    Phase.SIZING: _size,
    Phase.SHIFTING: _shift,
    Phase.FINISHING: ending.finish,
    Phase.ROLLING_BACK: ending.take_traffic_back,
    Phase.REMOVING: ending.remove,
    Phase.RESTORING: ending.restore_scaling,
}
_SETUP = frozenset({Phase.PREPARING, Phase.UPDATING, Phase.SCALING, Phase.SMOKE, Phase.SIZING, Phase.SHIFTING})
