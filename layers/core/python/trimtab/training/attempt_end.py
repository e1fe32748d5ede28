"""What the end of a training means for its attempt: what is remembered, what it cost, and what follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from trimtab.training.attempts import AttemptRecord, on_demand
from trimtab.training.job_changes import JobChange
from trimtab.training.settings import SpotSettings
from trimtab.training.spot import AfterStop, Saving, after_stop, spot_saving

_OUTCOMES: Mapping[AfterStop, str] = {
    "retry_on_demand": "it is tried again on demand",
    "alert": "nothing is registered; somebody has to look",
    "nothing": "it is evaluated",
}


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """`attempt`: as it is to be remembered; `outcome`: what follows, for people."""

    attempt: AttemptRecord
    saving: Saving
    outcome: str

    @property
    def is_tried_again(self) -> bool:
        """Whether the attempt is to be started once more."""
        return self.attempt.state == "intended"


def attempt_end(attempt: AttemptRecord, change: JobChange, settings: SpotSettings, now: datetime) -> AttemptEnd:
    """What the end of its training means for an attempt. What succeeded stays open until it is registered or refused;
    what was on demand is not tried again."""
    saving = saving_of(attempt, change)
    was_spot = bool(attempt.request.get("EnableManagedSpotTraining"))
    follows = after_stop(
        change.status, change.secondary, attempt.trigger.severity, was_spot=was_spot, settings=settings
    )
    if follows == "retry_on_demand":
        return AttemptEnd(on_demand(attempt), saving, _OUTCOMES[follows])
    ended = attempt.changed(
        state="started" if change.has_succeeded else "failed",
        ended=change.ended or now,
        status=change.status,
        failure=change.failure,
        training_seconds=change.training_seconds,
        billable_seconds=change.billable_seconds,
        cost_usd=attempt.cost_usd if saving.cost_usd is None else saving.cost_usd,
    )
    return AttemptEnd(ended, saving, _OUTCOMES[follows])


def saving_of(attempt: AttemptRecord, change: JobChange) -> Saving:
    """What a training cost and what spot saved; in dollars where it ran on what the attempt's price is of."""
    is_priced = change.instance_type in {"", attempt.instance_type}
    price = attempt.usd_per_hour if is_priced else None
    instances = change.instance_count or attempt.instances
    return spot_saving(change.training_seconds, change.billable_seconds, instances, price)
