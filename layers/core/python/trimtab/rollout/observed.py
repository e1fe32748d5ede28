"""What is seen of an endpoint at one moment, as far as a rollout needs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.rollout.scaling import ScalableTarget
from trimtab.rollout.series import Series
from trimtab.rollout.smoke import SmokeReport

IN_SERVICE = "InService"
BROKEN = frozenset({"Failed", "UpdateRollbackFailed", "OutOfService", "Deleting"})
"""What Trimtab cannot repair: somebody has to look."""


@dataclass(frozen=True, slots=True)
class VariantState:
    """A production variant's traffic weight and instances: what it is to have and what it has."""

    name: str
    weight: float
    current_weight: float
    instances: int
    current_instances: int


@dataclass(frozen=True, slots=True)
class EndpointState:
    """An endpoint as DescribeEndpoint shows it. `failure`: why the last update failed, "" otherwise. `pending`: the
    endpoint config that is being deployed, "" without. `tags` of the endpoint."""

    name: str
    status: str
    config: str
    failure: str
    variants: Mapping[str, VariantState]
    pending: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        """Whether it serves and takes orders."""
        return self.status == IN_SERVICE and not self.pending

    @property
    def is_broken(self) -> bool:
        """Whether it is in a state that it will not leave by itself and Trimtab cannot change."""
        return self.status in BROKEN


@dataclass(frozen=True, slots=True)
class RaisedAlarm:
    """A CloudWatch alarm in ALARM that looks at a variant of the endpoint ("" when at the endpoint as a whole)."""

    name: str
    variant: str


@dataclass(frozen=True, slots=True)
class Observed:
    """All that is seen for one step of a rollout; what its phase does not need is left out.

    `endpoint` None: it does not exist (any more). `has_model`: whether the new model exists. `configs`: which
    endpoint configs exist, of those it needs.
    `present_model`: the model in production as DescribeModel shows it.
    `production_scaling`, `canary_scaling`: their scalable targets. `smoke`: the outcome of the smoke test just made.
    `frozen_by`: the freeze window that holds, "" without.
    """

    endpoint: EndpointState | None
    has_model: bool = False
    configs: frozenset[str] = frozenset()
    present_model: Mapping[str, Any] = field(default_factory=dict)
    production_scaling: ScalableTarget | None = None
    canary_scaling: ScalableTarget | None = None
    alarms: tuple[RaisedAlarm, ...] = ()
    series: Series | None = None
    smoke: SmokeReport | None = None
    frozen_by: str = ""
