"""The payload that asks what endpoints cost, or what a canary earned."""

from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, Field, FiniteFloat, model_validator

from trimtab.cost.outcome_values import Outcomes


class Arm(BaseModel):
    """What the predictions of a variant were worth: of how many it is known, their mean value and its variance."""

    variant: str
    count: Annotated[int, Field(ge=0)]
    mean: FiniteFloat
    variance: Annotated[FiniteFloat, Field(ge=0)]

    @property
    def outcomes(self) -> Outcomes:
        return Outcomes(self.count, self.mean, self.variance)


class OutcomeReport(BaseModel):
    """What predictions were worth from `since` until before `until`, as the business counts it."""

    since: AwareDatetime
    until: AwareDatetime
    canary: Arm
    production: Arm


class Request(BaseModel):
    """The payload. The schedule's own event has none of these fields: every endpoint, until now."""

    endpoint: str | None = None
    until: AwareDatetime | None = None
    outcomes: OutcomeReport | None = None

    @model_validator(mode="after")
    def _outcomes_of_an_endpoint(self) -> Self:
        if self.outcomes and not self.endpoint:
            raise ValueError("outcomes are those of one endpoint: name it")
        return self
