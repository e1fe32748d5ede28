"""What is remembered of the retrainings of an endpoint: every start with how it went, and what waits for an approval.

It is one document that is replaced whole; whoever read an older one than is stored writes nothing.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from trimtab.training.drift_helped import Outcome
from trimtab.training.guards import Attempt, AttemptState, GuardVerdict, StartAction, StartDecision
from trimtab.training.start import training_job_name
from trimtab.training.trigger import Trigger

RETRAININGS = "retraining"
"""The partition of the state table that remembers each endpoint's retrainings."""
MOST_ATTEMPTS = 50
"""So many are remembered: at three a week, for longer than any event is told again."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class AttemptRecord(_Document):
    """One start of a training and what came of it.

    `target`: name of the pipeline, or of the training job. `request`: arguments of the call that starts it. `arn`: of
    the execution or job, "" until the call has answered. `cost_usd`: estimated, and once it has ended what it was.
    `ended` and `status`: of the training. `parent`: ARN of the version that served. `record` and `package`: the version
    that came of it. `outcome`: whether that helped. `waits_since`: since when the account has no room for it.
    """

    token: str
    at: AwareDatetime
    state: AttemptState
    kind: Literal["pipeline", "training_job"]
    target: str
    request: Mapping[str, Any]
    trigger: Trigger
    reason: str
    verdicts: tuple[GuardVerdict, ...] = ()
    by: str = ""
    arn: str = ""
    is_on_demand: bool = False
    instance_type: str = ""
    instances: int = 1
    usd_per_hour: float | None = None
    cost_usd: float | None = None
    training_seconds: float | None = None
    billable_seconds: float | None = None
    data_version: str = ""
    parent: str = ""
    evaluation: str
    ended: AwareDatetime | None = None
    status: str = ""
    failure: str = ""
    record: int | None = None
    package: str = ""
    released: AwareDatetime | None = None
    outcome: Outcome | None = None
    waits_since: AwareDatetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether its training, or the registration of what it made, is still to be followed."""
        return self.state == "started"

    @property
    def decision(self) -> StartDecision:
        """The decision that it rests on."""
        return StartDecision(StartAction.START, self.token, self.reason, self.verdicts)

    def changed(self, **values: Any) -> "AttemptRecord":
        """The attempt with other values."""
        return self.model_copy(update=values)


class Proposal(_Document):
    """A start that waits for an approval."""

    token: str
    at: AwareDatetime
    trigger: Trigger


class Retrainings(_Document):
    """The memory of one endpoint: attempts, oldest first, and the newest proposal."""

    attempts: tuple[AttemptRecord, ...] = ()
    proposal: Proposal | None = None

    def document(self) -> dict[str, Any]:
        """The memory as plain JSON values."""
        return self.model_dump(mode="json")

    def attempt(self, token: str) -> AttemptRecord | None:
        """The attempt of a token."""
        return next((each for each in self.attempts if each.token == token), None)

    @property
    def intended(self) -> AttemptRecord | None:
        """The start that is written down and may not have been called for."""
        return next((each for each in self.attempts if each.state == "intended"), None)

    def due(self, told: Collection[str] | None) -> AttemptRecord | None:
        """The attempt to look at, of which there is one at a time: the open one whose job or execution (ARN) was told
        of; where nothing was told (None) any open one, or one whose start may not have been called for."""

        def is_due(attempt: AttemptRecord) -> bool:
            if told is None:
                return attempt.is_open or attempt.state == "intended"
            return attempt.is_open and attempt.arn in told

        return next(filter(is_due, self.attempts), None)

    def with_attempt(self, attempt: AttemptRecord) -> "Retrainings":
        """The memory with an attempt in the place of what was known of it, or as the newest; a proposal of its token is
        settled by it."""
        is_known = self.attempt(attempt.token) is not None
        attempts = [attempt if each.token == attempt.token else each for each in self.attempts]
        kept = attempts if is_known else [*attempts, attempt][-MOST_ATTEMPTS:]
        proposal = None if self.proposal and self.proposal.token == attempt.token else self.proposal
        return Retrainings(attempts=tuple(kept), proposal=proposal)

    def with_proposal(self, proposal: Proposal | None) -> "Retrainings":
        """The memory with another proposal."""
        return self.model_copy(update={"proposal": proposal})

    def for_guards(self) -> tuple[Attempt, ...]:
        """The attempts as the guards look at them."""
        return tuple(Attempt(each.token, each.at, each.state) for each in self.attempts)

    def spent_usd(self, now: datetime) -> float | None:
        """What the trainings of this calendar month (UTC) cost, or will; None when one's cost is not known."""
        month = [each.cost_usd for each in self.attempts if (each.at.year, each.at.month) == (now.year, now.month)]
        return None if None in month else sum(cost for cost in month if cost is not None)

    def training_seconds(self) -> list[float]:
        """How long past trainings that succeeded took."""
        return [each.training_seconds for each in self.attempts if each.training_seconds and each.record]

    def billable_seconds(self) -> list[float]:
        """What was billed of past trainings."""
        return [each.billable_seconds for each in self.attempts if each.billable_seconds]

    def outcomes(self) -> tuple[Outcome, ...]:
        """Whether the retrainings that were judged helped, oldest first."""
        return tuple(each.outcome for each in self.attempts if each.outcome is not None)

    def last_release(self) -> datetime | None:
        """When a version of an attempt was last seen to serve."""
        return max((each.released for each in self.attempts if each.released), default=None)


def retrainings_of(document: Mapping[str, Any]) -> Retrainings:
    """The memory in a document, empty of an empty one. Raises pydantic's ValidationError."""
    return Retrainings.model_validate(document)


def on_demand(attempt: AttemptRecord) -> AttemptRecord:
    """The attempt once more, on demand: the same start, to be called again under another job name."""
    name = training_job_name(attempt.trigger.endpoint, attempt.token, on_demand=True)
    limits = {k: v for k, v in attempt.request["StoppingCondition"].items() if k != "MaxWaitTimeInSeconds"}
    request = attempt.request | {  # type: ignore[operator]
        "TrainingJobName": name, "EnableManagedSpotTraining": False, "StoppingCondition": limits,
    }  # fmt: skip
    return attempt.changed(
        state="intended",
        target=name,
        request=request,
        arn="",
        is_on_demand=True,
        ended=None,
        status="",
        waits_since=None,
    )
