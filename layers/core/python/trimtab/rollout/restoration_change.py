"""A restoration in progress: the endpoint's change item of kind `restoration`, and its next step.

Phases: `waiting` (the endpoint is being updated; the alarm is decided on when it is not any more) → `restoring` (the
good configuration is being put back) → `rolled_back`, or `failed` (with why: it could not be, or was not to be).
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from trimtab.rollout.alarm_event import AlarmChange
from trimtab.rollout.observed import IN_SERVICE
from trimtab.rollout.restoration import BUSY
from trimtab.rollout.state import TERMINAL, Phase

KIND: Literal["restoration"] = "restoration"
WAITING, RESTORING = "waiting", "restoring"
ROLLED_BACK, FAILED = Phase.ROLLED_BACK.value, Phase.FAILED.value
MOST_ATTEMPTS = 3
LATE = timedelta(minutes=15)
"""A restoration that could not begin for so long is told."""
SETTLING = timedelta(seconds=30)
"""So long after UpdateEndpoint, DescribeEndpoint may still show what was before."""


class Order(StrEnum):
    """DECIDE: decide on the alarm now. UPDATE: put the good configuration back. WAIT: look again later. END: it is
    over."""

    DECIDE = "decide"
    UPDATE = "update"
    WAIT = "wait"
    END = "end"


class Restoration(BaseModel):
    """What is being done about an alarm. `bad`, `good`: configurations. `since`: when `bad` was deployed.

    `attempts`: how often UpdateEndpoint was to be called; `called`: when it was last taken, None while it is not known
    to be. `failure_before`: why an earlier update had failed. `before`: the endpoint as it was. `why`: how it ended.
    `was_told_late`: people know that it waits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["restoration"] = KIND
    id: str
    endpoint: str
    alarm: AlarmChange
    bad: str
    good: str
    mode: Literal["observe", "propose", "act"]
    by: str
    reason: str
    phase: str
    started: AwareDatetime
    attempts: int = 0
    called: AwareDatetime | None = None
    failure_before: str = ""
    before: Mapping[str, Any] | None = None
    ended: AwareDatetime | None = None
    was_told_late: bool = False
    why: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it is done, one way or another."""
        return self.phase in TERMINAL

    def is_late(self, now: datetime) -> bool:
        """Whether it waits for so long that people should know, and do not."""
        return not self.is_over and self.called is None and not self.was_told_late and now - self.started > LATE

    def changed(self, **values: Any) -> "Restoration":
        """The restoration with other values."""
        return self.model_copy(update=values)

    def document(self) -> dict[str, Any]:
        """The restoration as plain JSON values: the change item's content."""
        return self.model_dump(mode="json")


def restoration_id(endpoint: str, bad: str, alarm: AlarmChange) -> str:
    """What tells this restoration from all others: the same for an alarm that is told twice."""
    fact = "\x1f".join((endpoint, bad, alarm.name, alarm.since.isoformat()))
    return hashlib.sha256(fact.encode()).hexdigest()[:12]


def next_order(restoration: Restoration, *, status: str, config: str, failure: str, now: datetime) -> Order:
    """What is to be done next, given the endpoint as it is seen: its status, configuration and reason of failure.

    UpdateEndpoint can fail without an error: the endpoint is in service again with what it had, and a reason. An
    attempt that was killed before it could be noted is told from that by `called` and the reason that was there before.
    """
    if restoration.is_over:
        return Order.END
    if status in BUSY:
        return Order.WAIT
    if restoration.phase == WAITING:
        return Order.DECIDE
    if status != IN_SERVICE or config != restoration.bad:
        return Order.END
    fell_back = bool(failure) and failure != restoration.failure_before
    if restoration.called is None and not fell_back:
        return Order.UPDATE
    if restoration.called and not failure and now - restoration.called < SETTLING:
        return Order.WAIT
    return Order.UPDATE if restoration.attempts < MOST_ATTEMPTS else Order.END


def intended(restoration: Restoration, failure: str, before: Mapping[str, Any]) -> Restoration:
    """The restoration as it is written before UpdateEndpoint is called."""
    if restoration.phase == RESTORING and restoration.called is None and restoration.attempts:
        return restoration  # the attempt that was killed is made again
    return restoration.changed(
        phase=RESTORING,
        attempts=restoration.attempts + 1,
        called=None,
        failure_before=failure,
        before=restoration.before or before,
    )


def noticed(restoration: Restoration, pending: str, now: datetime) -> Restoration:
    """The restoration once the endpoint shows that what it called for is being deployed (`pending`); a run that was
    killed after its call could not note that."""
    is_ours = restoration.phase == RESTORING and restoration.attempts > 0 and pending == restoration.good
    return restoration.changed(called=now) if is_ours and restoration.called is None else restoration


def ended(restoration: Restoration, *, status: str, config: str, failure: str, now: datetime) -> Restoration:
    """The restoration as it ended, when `next_order` said END."""
    if status == IN_SERVICE and config == restoration.good:
        phase, why = ROLLED_BACK, f"{restoration.good} serves again."
    elif status == IN_SERVICE and config != restoration.bad:
        phase, why = FAILED, f"{config} was deployed meanwhile; the endpoint was left with it."
    elif status == IN_SERVICE:
        why = failure or "SageMaker gives no reason"
        phase, why = FAILED, f"UpdateEndpoint fell back to {config} {restoration.attempts} times: {why}"
    else:
        phase, why = FAILED, f"The endpoint is {status}: {failure or 'SageMaker gives no reason'}"
    return restoration.changed(phase=phase, ended=now, why=why)


def restoration_of(document: Mapping[str, Any]) -> Restoration:
    """The restoration in a change item. Raises pydantic's ValidationError."""
    return Restoration.model_validate(document)
