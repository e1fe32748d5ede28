"""How one endpoint's rollouts are judged and tried out, unless a rollout's own document says otherwise."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from trimtab.rollout.thresholds import CanaryThresholds


class SmokeSettings(BaseModel):
    """What a canary is asked before it gets traffic."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payloads: str | None = Field(
        None,
        pattern=r"^s3://[^/]+/.+",
        description="A capture file whose requests are golden. Default: the newest of the variant.",
    )
    requests: Annotated[int, Field(ge=0, le=200)] = Field(20, description="At most so many golden requests.")
    edge_cases: bool = Field(True, description="Also send empty, malformed, extreme and unicode payloads, to both.")
    seconds: Annotated[int, Field(ge=1, le=240)] = Field(120, description="Time for all of them. What is left is left.")


class RolloutSettings(BaseModel):
    """The rollouts of one endpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error_metric: Literal["InvocationModelErrors", "Invocation5XXErrors"] = Field(
        "InvocationModelErrors", description="What counts as an error."
    )
    thresholds: CanaryThresholds = CanaryThresholds()
    smoke: SmokeSettings = SmokeSettings()
