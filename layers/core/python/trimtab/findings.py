"""Findings: the events Trimtab puts on its bus. Version 1 of the contract."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SOURCE = "trimtab"
MOST_TITLE = 200

Kind = Literal[
    "drift",
    "data_quality",
    "model_quality",
    "canary",
    "rollback",
    "sizing",
    "cost",
    "retraining",
    "release",
    "self",
    "settings",
]
Severity = Literal["info", "warning", "critical"]
State = Literal["raised", "continued", "cleared"]


class Action(BaseModel):
    """What was done about a finding, in which mode, with which outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    mode: Literal["observe", "propose", "act"]
    outcome: str


class Finding(BaseModel):
    """One fact about one endpoint, as it goes on the bus in `Detail`.

    `id` is the same for the same fact, however often it is found. `evidence` carries the numbers behind `reason`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal["1"] = "1"
    id: str
    account: str
    region: str
    time: datetime
    endpoint: str
    variant: str
    kind: Kind
    severity: Severity
    state: State
    title: str = Field(max_length=MOST_TITLE)
    reason: str
    action: Action | None = None
    evidence: Mapping[str, Any] = {}
    links: Mapping[str, str] = {}

    @property
    def detail_type(self) -> str:
        """The event's `DetailType`: the kind in title case, as `Data Quality`."""
        return self.kind.replace("_", " ").title()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was found: account, region, endpoint and variant ("*" when it is about every variant)."""

    account: str
    region: str
    endpoint: str
    variant: str


def finding_about(
    origin: Origin,
    now: datetime,
    fact: tuple[str, ...],
    *,
    kind: Kind,
    severity: Severity,
    state: State,
    title: str,
    reason: str,
    evidence: Mapping[str, Any],
    action: Action | None = None,
    links: Mapping[str, str] | None = None,
) -> Finding:
    """The finding that something is so at an origin. `fact` tells it from all others there (see `finding_id`)."""
    return Finding(
        id=finding_id(origin.account, origin.region, origin.endpoint, origin.variant, *fact),
        account=origin.account,
        region=origin.region,
        time=now,
        endpoint=origin.endpoint,
        variant=origin.variant,
        kind=kind,
        severity=severity,
        state=state,
        title=title[:MOST_TITLE],
        reason=reason,
        action=action,
        evidence=evidence,
        links=links or {},
    )


def finding_id(*fact: str) -> str:
    """The identity of a fact, from what makes it this fact: endpoint, variant, kind, window or deployment, state."""
    return hashlib.sha256("\x1f".join(fact).encode()).hexdigest()
