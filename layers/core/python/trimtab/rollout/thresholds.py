"""Every threshold of the canary decision, with its default (see docs/canary.md). All are settings of the endpoint."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trimtab.drift.thresholds import Level, Share

Minutes = Annotated[int, Field(ge=0, le=7 * 24 * 60)]
Ratio = Annotated[float, Field(ge=1, lt=30)]
Count = Annotated[int, Field(ge=1)]


class CanaryThresholds(BaseModel):
    """Thresholds of one endpoint's canary decision."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    policy: Literal["sequential", "ratio"] = Field(
        "sequential",
        description="sequential: the statistics of docs/canary.md; ratio: compare the two error rates once.",
    )
    margin: Ratio = Field(1.1, description="A canary with at most so many times production's error rate is no worse.")
    unacceptable: Ratio = Field(2.0, description="To promote, so high a relative risk must be ruled out …")
    absolute_difference: Share = Field(0.005, description="… or an error rate that is higher by so much.")
    slow_margin: Ratio = Field(1.25, description="The margin for the share of slow requests.")
    max_error_rate: Share = Field(0.05, description="Above this error rate weaker evidence of harm is enough …")
    broken_error_rate: Share = Field(0.5, description="… and above this one also in the first minutes.")
    first_minutes: Count = Field(5, description="Minutes before evidence alone may roll back or promote.")
    warm_up_minutes: Minutes = Field(5, description="First minutes in which slow requests do not count.")
    min_errors: Count = Field(3, description="Errors of the canary without which nothing rolls back.")
    min_requests: Count = Field(300, description="Requests to the canary without which nothing promotes.")
    looks: tuple[tuple[Count, Level], ...] = Field(
        ((60, 0.02), (120, 0.01), (240, 0.01)),
        min_length=1,
        description="Minutes at which the exact test looks, and the error level it spends there.",
    )
    latest_minutes: Count = Field(240, description="When a decision is due.")
    at_deadline: Literal["roll_back", "promote"] = Field(
        "roll_back", description="What becomes of a canary that is undecided then; promote asks for no sign of harm."
    )
    deadline_relative_risk: Ratio = Field(3.0, description="… so high a relative risk must be ruled out to promote it.")
    alarm_level: Level = Field(0.01, description="Error level of rolling back between the looks.")
    guardrail_level: Level = Field(
        0.05, description="The same above max_error_rate. Such evidence also stops promotion."
    )
    promotion_level: Level = Field(0.05, description="Error level of ruling out the unacceptable.")
    dispersion_prior: Annotated[float, Field(ge=1)] = Field(
        2.0, description="Over-dispersion supposed before any data …"
    )
    dispersion_weight: Annotated[float, Field(gt=1)] = Field(
        10.0, description="… and how many minutes of data that weighs."
    )
    share_z: Annotated[float, Field(gt=0)] = Field(
        5.0, description="Hold when the canary's share is so many deviations …"
    )
    share_tolerance: Share = Field(0.02, description="… and by this part of it off what the weights say.")
    idle_minutes: Count = Field(10, description="Hold when the canary got nothing for so long …")
    idle_requests: Count = Field(20, description="… and should have got so many.")
    idle_rollback_minutes: Count = Field(20, description="Roll back when it got nothing for so long …")
    idle_rollback_requests: Count = Field(200, description="… and should have got so many.")
    publish_delay_minutes: Minutes = Field(3, description="After so long a minute's metrics are taken for complete.")

    @model_validator(mode="after")
    def _consistent(self) -> "CanaryThresholds":
        minutes = [minute for minute, _ in self.looks]
        if sorted(set(minutes)) != minutes:
            raise ValueError(f"looks must be in order of time, each minute once: {minutes}")
        if minutes[-1] > self.latest_minutes:
            raise ValueError(f"the last look ({minutes[-1]}) must not be after latest_minutes ({self.latest_minutes})")
        if self.unacceptable <= max(self.margin, self.slow_margin):
            raise ValueError(f"unacceptable ({self.unacceptable}) must be above margin and slow_margin")
        return self
