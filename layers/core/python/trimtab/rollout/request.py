"""The small document that starts a rollout."""

import hashlib
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from trimtab.validation import faults_of

CANARY = "Canary"
"""The name of the variant that serves the new model while it is on trial."""
_MOST_NAME = 63
_NAME = r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$"
type Percent = Annotated[float, Field(gt=0, le=100)]
type Minutes = Annotated[float, Field(ge=0, le=24 * 60)]


class RequestError(ValueError):
    """A document that starts nothing. The message names every key at fault by its path."""


class Limits(BaseModel):
    """What a rollout must keep to. None: what the endpoint's settings say, or no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    max_error_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    latency_ms: Annotated[float, Field(gt=0)] | None = None
    max_prediction_difference: Annotated[float, Field(ge=0)] | None = None
    max_hours: Annotated[float, Field(gt=0, le=7 * 24)] | None = None
    max_instances: Annotated[int, Field(ge=1)] = 20


class RolloutRequest(BaseModel):
    """A rollout as it is asked for.

    `steps`: the canary's share of the variant's traffic in percent, the last one 100. `bake_minutes`: one number for
    all steps or one for each. `variant` may be left out where the endpoint has only one. `id` tells a rollout from an
    earlier one that was asked for in the same words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    endpoint: Annotated[str, Field(pattern=_NAME)]
    model: Annotated[str, Field(pattern=_NAME)] | None = None
    model_package: Annotated[str, Field(min_length=1)] | None = None
    steps: Annotated[tuple[Percent, ...], Field(min_length=1, max_length=20)] = (10, 25, 50, 100)
    bake_minutes: Minutes | tuple[Minutes, ...] = 5
    margin: Annotated[float, Field(ge=1)] | None = None
    limits: Limits = Limits()
    mode: Literal["weights", "guardrail"] = "weights"
    variant: Annotated[str, Field(pattern=_NAME)] | None = None
    by: str = ""
    reason: str = ""
    id: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @field_validator("steps")
    @classmethod
    def _rise_to_all(cls, steps: tuple[float, ...]) -> tuple[float, ...]:
        if steps[-1] != 100:
            raise ValueError("the last step must be 100")
        if any(later <= earlier for earlier, later in pairwise(steps)):
            raise ValueError("each step must be greater than the one before")
        return steps

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if (self.model is None) == (self.model_package is None):
            raise ValueError("name either model or model_package")
        if isinstance(self.bake_minutes, tuple) and len(self.bake_minutes) != len(self.steps):
            raise ValueError(f"bake_minutes: {len(self.bake_minutes)} values for {len(self.steps)} steps")
        if self.variant == CANARY:
            raise ValueError(f"variant: {CANARY} is the name of the trial itself")
        return self

    def share(self, step: int) -> float:
        """The canary's share of the traffic in a step, 0 to 1."""
        return self.steps[step] / 100

    def bake(self, step: int) -> float:
        """How many minutes a step lasts at least."""
        return self.bake_minutes[step] if isinstance(self.bake_minutes, tuple) else self.bake_minutes


def parse_request(document: Mapping[str, Any]) -> RolloutRequest:
    """The request in a document. Raises RequestError."""
    try:
        return RolloutRequest.model_validate(document)
    except ValidationError as error:
        raise RequestError(faults_of(error)) from error


def rollout_id(request: RolloutRequest, event: str = "") -> str:
    """What tells this rollout from all others: the same for the same document, and for an `event` told twice."""
    token = request.id or event or request.model_dump_json()
    fact = "\x1f".join((request.endpoint, request.model or request.model_package or "", token))
    return hashlib.sha256(fact.encode()).hexdigest()[:12]


def resource_name(endpoint: str, rollout: str, suffix: str = "") -> str:
    """The name of something made for a rollout, within what SageMaker allows: `churn-1f2e3d4c5b6a-final`."""
    ending = "-".join(part for part in (rollout, suffix) if part)
    return f"{endpoint[: _MOST_NAME - 1 - len(ending)].rstrip('-')}-{ending}"
