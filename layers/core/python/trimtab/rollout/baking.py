"""A step of the ladder while the canary serves its share: is it harmful, does it stay, does it rise?"""

from datetime import datetime, timedelta
from math import log

import numpy as np

from trimtab.rollout.bounds import lower_count
from trimtab.rollout.capacity import has_weights, traffic_weights
from trimtab.rollout.ending import roll_back
from trimtab.rollout.judgement import Decision, Judgement
from trimtab.rollout.observed import EndpointState, Observed
from trimtab.rollout.request import CANARY
from trimtab.rollout.series import Minute, Series
from trimtab.rollout.state import Phase, Rollout, ShareTaken, minutes_between
from trimtab.rollout.steps import Step, held

MINUTE = timedelta(minutes=1)
MIN_STEP_REQUESTS = 100
"""A step with fewer requests to the canary is extended …"""
MOST_STEP_MINUTES = 30
"""… but not beyond so many minutes, if there were any at all."""
MOST_LN_E_TO_RISE = log(20)
"""Evidence of harm that forbids a greater share, though it does not yet call for rolling back."""
_UNDECIDED = "undecided"
"""The row of the decision table that holds for want of evidence alone; every other hold is a problem."""


def harm(rollout: Rollout, observed: Observed, judgement: Judgement | None, now: datetime) -> str:
    """Why the canary must lose its traffic at once, "" when nothing says so."""
    for alarm in observed.alarms:
        if alarm.variant == CANARY:
            return f"alarm {alarm.name} says that the canary is ill"
        if _serves_alone(rollout) and not alarm.variant:
            return f"alarm {alarm.name} says that the endpoint is ill, and the canary serves it alone"
    if judgement and judgement.decision is Decision.ROLL_BACK:
        return judgement.reason
    if not _serves_alone(rollout) or observed.series is None:
        return ""
    minutes = step_minutes(rollout.ladder[-1], observed.series, rollout.thresholds.publish_delay_minutes, now)
    requests, errors = sum(each.canary.requests for each in minutes), sum(each.canary.errors for each in minutes)
    thresholds = rollout.thresholds
    lowest = float(lower_count(np.array([errors]), thresholds.guardrail_level)[0]) / max(1, requests)
    if errors >= thresholds.min_errors and lowest > thresholds.max_error_rate:
        return (
            f"{errors:,} of {requests:,} requests failed since the canary serves alone, certainly more than "
            f"{lowest:.2%} and allowed are {thresholds.max_error_rate:.2%}"
        )
    return ""


def bake(
    rollout: Rollout, observed: Observed, endpoint: EndpointState, judgement: Judgement | None, now: datetime
) -> Step:
    """The step goes on, or rises, or the rollout finishes, or goes back for want of a decision."""
    taken = rollout.ladder[-1]
    if overdue := _overdue(rollout, judgement, taken, now):
        return Step(roll_back(rollout, overdue, now, evidence=rollout.judgement))
    if why := _standstill(rollout, observed, endpoint):
        return Step(held(rollout, why, now))
    if rollout.promote_by:
        is_done = rollout.is_last_step
        return Step(_finishing(rollout, endpoint, now) if is_done else _at_step(rollout, _last(rollout), now))
    series = observed.series or Series((), taken.since, "the minutes were not read")
    delay = rollout.thresholds.publish_delay_minutes
    length = complete_minutes(taken.since, delay, now)
    if length < rollout.request.bake(rollout.step):
        return Step(rollout.changed(held=None))
    if why := _doubt(rollout, observed, series, judgement):
        return Step(held(rollout, why, now))
    requests = sum(each.canary.requests for each in step_minutes(taken, series, delay, now))
    if requests < MIN_STEP_REQUESTS and length < MOST_STEP_MINUTES:
        return Step(held(rollout, f"the canary got {requests:,} of {MIN_STEP_REQUESTS} requests in this step", now))
    if rollout.is_last_step:
        return Step(_finishing(rollout, endpoint, now))
    if requests == 0:
        return Step(held(rollout, "the canary gets no requests", now))
    if rollout.step + 1 == _last(rollout) and (judgement is None or judgement.decision is not Decision.PROMOTE):
        return Step(held(rollout, judgement.reason if judgement else "there is no judgement", now))
    return Step(_at_step(rollout, rollout.step + 1, now))


def step_minutes(taken: ShareTaken, series: Series, delay: int, now: datetime) -> list[Minute]:
    """The minutes of a series that lie in a step and are complete."""
    first, last = whole_minute(taken.since), now - delay * MINUTE
    return [each for each in series.minutes if first <= each.at <= last]


def complete_minutes(since: datetime, delay: int, now: datetime) -> int:
    """How many whole minutes since then have all their metrics by now."""
    return max(0, (now - delay * MINUTE - whole_minute(since)) // MINUTE + 1)


def whole_minute(moment: datetime) -> datetime:
    """The start of the first whole minute from then on."""
    start = moment.replace(second=0, microsecond=0)
    return start if start == moment else start + MINUTE


def promotion_looks(rollout: Rollout) -> tuple[int, ...]:
    """Minutes since the first traffic at which the evidence may promote besides the planned ones: the end of the last
    step that leaves production traffic."""
    shared = [taken for taken in rollout.ladder if taken.step == _last(rollout) - 1]
    if not shared:
        return ()
    before = (whole_minute(shared[0].since) - whole_minute(rollout.ladder[0].since)) // MINUTE
    return (max(before + round(rollout.request.bake(shared[0].step)), rollout.thresholds.first_minutes),)


def _serves_alone(rollout: Rollout) -> bool:
    """Whether production has no traffic left to compare the canary with."""
    return bool(rollout.ladder) and rollout.ladder[-1].share == 1 and rollout.phase is Phase.BAKING


def _last(rollout: Rollout) -> int:
    return len(rollout.request.steps) - 1


def _overdue(rollout: Rollout, judgement: Judgement | None, taken: ShareTaken, now: datetime) -> str:
    """Why the time for a decision is over, "" while it is not."""
    if rollout.paused_since:
        return ""
    if not rollout.is_last_step:
        is_over = judgement is not None and judgement.decision is Decision.INCONCLUSIVE
        return f"no decision was possible in time: {judgement.reason}" if is_over and judgement else ""
    if minutes_between(taken.since, now) > rollout.most_minutes(now):
        return f"the last step could not be ended in time: {rollout.held.reason if rollout.held else 'no reason known'}"
    return ""


def _standstill(rollout: Rollout, observed: Observed, endpoint: EndpointState) -> str:
    """Why nothing may rise whatever the evidence, "" when it may."""
    if not endpoint.is_settled:
        return f"the endpoint is {endpoint.status}"
    if not has_weights(endpoint, traffic_weights(rollout.before.weight, rollout.share, rollout.variant, CANARY)):
        return "somebody changed the traffic weights"
    if rollout.paused_since:
        return "it is paused"
    return f"a freeze window holds: {observed.frozen_by}" if observed.frozen_by else ""


def _doubt(rollout: Rollout, observed: Observed, series: Series, judgement: Judgement | None) -> str:
    """Why the evidence does not let the share rise, "" when it does."""
    if series.problem:
        return series.problem
    if observed.alarms:
        return f"alarm {observed.alarms[0].name} says that the endpoint is ill"
    if rollout.is_last_step:
        return ""
    if judgement is None:
        return "there is no judgement"
    if judgement.decision is Decision.HOLD and judgement.rule != _UNDECIDED:
        return judgement.reason
    strongest = max(judgement.evidence.ln_e_harm, judgement.evidence.ln_e_harm_slow or 0.0)
    return f"some evidence of harm (ln E = {strongest:.2f})" if strongest >= MOST_LN_E_TO_RISE else ""


def _at_step(rollout: Rollout, step: int, now: datetime) -> Rollout:
    return rollout.entered(Phase.SIZING, now, step=step)


def _finishing(rollout: Rollout, endpoint: EndpointState, now: datetime) -> Rollout:
    instances = max(endpoint.variants[rollout.variant].instances, endpoint.variants[CANARY].instances)
    after = rollout.entered(Phase.FINISHING, now, final_instances=instances)
    return after.noted("finishing", now, f"the canary takes {rollout.variant}'s place, with {instances} instances")
