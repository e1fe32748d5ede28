"""One step of a rollout, and what the steps of several phases have in common."""

from dataclasses import dataclass
from datetime import datetime

from trimtab.rollout.actions import Action, Deploy
from trimtab.rollout.observed import EndpointState
from trimtab.rollout.state import Attempt, Event, Hold, Rollout, minutes_between

TOLD_AFTER_MINUTES = 15
"""People hear of a rollout that does not go on after so long."""
_MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """The rollout as it is to be remembered, and what is then to be done."""

    rollout: Rollout
    action: Action | None = None


def held(rollout: Rollout, why: str, now: datetime, event: Event = "held") -> Rollout:
    """The rollout with the reason why it does not go on; an entry in its history once that lasts."""
    since = rollout.held.since if rollout.held else now
    was_told = rollout.held.was_told if rollout.held else False
    tells = not was_told and minutes_between(since, now) >= TOLD_AFTER_MINUTES
    after = rollout.changed(held=Hold(reason=why, since=since, was_told=was_told or tells))
    if not tells:
        return after
    text = f"{rollout.phase.value} for {minutes_between(since, now):.0f} minutes: {why}"
    return after.noted(event, now, text, evidence=rollout.judgement)


def deployed(rollout: Rollout, endpoint: EndpointState, order: Deploy) -> Step | str:
    """The step that brings an endpoint config into service; once it is settled, "" or why SageMaker went back.

    UpdateEndpoint answers at once and may fail minutes later, with the endpoint in service on the config it had before.
    """
    attempt = rollout.attempt if rollout.attempt and rollout.attempt.config == order.config else None
    if not endpoint.is_settled:
        return Step(rollout)
    if attempt and endpoint.failure not in {"", attempt.failure}:
        return endpoint.failure
    if endpoint.config == order.config:
        return ""
    if attempt and attempt.count == _MOST_ATTEMPTS:
        return (
            endpoint.failure or attempt.refusal or f"the endpoint still serves {endpoint.config} and does not say why"
        )
    count, failure = (attempt.count + 1, attempt.failure) if attempt else (1, endpoint.failure)
    intent = Attempt(config=order.config, count=count, failure=failure)
    return Step(rollout.changed(attempt=intent), order)


def refused(rollout: Rollout, why: str, *, may_pass: bool) -> Rollout:
    """The rollout after SageMaker did not take the order to deploy. A refusal that may pass is no failed attempt."""
    attempt = rollout.attempt
    if attempt is None:
        return rollout
    count = attempt.count - 1 if may_pass else attempt.count
    return rollout.changed(attempt=attempt.model_copy(update={"count": count, "refusal": why}))
