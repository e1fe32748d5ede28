"""What a rollout asks to be done. Each names a state to be reached, so that doing it twice is doing it once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class MakeModel:
    """Make a SageMaker model. `document`: CreateModel's other members."""

    name: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MakeConfig:
    """Make an endpoint config. `document`: CreateEndpointConfig's other members."""

    name: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deploy:
    """Deploy an endpoint config; `override` names what variants take from it instead of keeping it. `deployment`: a
    DeploymentConfig."""

    config: str
    override: tuple[str, ...] = ()
    deployment: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Weigh:
    """Give variants these traffic weights."""

    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Resize:
    """Give a variant so many instances."""

    variant: str
    instances: int


@dataclass(frozen=True, slots=True)
class Suspend:
    """Let a variant's scaling be suspended in this way, as Application Auto Scaling's SuspendedState names it."""

    variant: str
    suspended: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Scale:
    """Let a variant be scaled."""

    variant: str
    minimum: int
    maximum: int
    suspended: Mapping[str, bool]
    policies: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Unscale:
    """Let a variant be scaled no more."""

    variant: str


@dataclass(frozen=True, slots=True)
class Smoke:
    """Ask the canary what is to be asked before it gets traffic."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Have an alarm on the evidence of harm, and publish that evidence while SageMaker deploys."""


type Action = MakeModel | MakeConfig | Deploy | Weigh | Resize | Suspend | Scale | Unscale | Smoke | Guard
ENDPOINT_ACTIONS = (Deploy, Weigh, Resize)
"""After one of these the endpoint takes no other order for a while."""
