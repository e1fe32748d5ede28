"""How an endpoint's last good configuration is put back when an alarm says that it is ill (see docs/settings.md)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class RollbackSettings(BaseModel):
    """Settings of one endpoint's restoration."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mode: Literal["observe", "propose", "act"] = Field(
        "observe",
        description="observe: only say what would be put back; propose: wait for an approval; act: put it back.",
    )
    good_minutes: Annotated[int, Field(ge=0, le=7 * 24 * 60)] = Field(
        30, description="An endpoint config is known to be good when it served so long without an alarm."
    )
    max_age_hours: Annotated[float, Field(gt=0, le=24 * 90)] = Field(
        24, description="Only a deployment that is younger is rolled back."
    )
    max_error_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.05, description="An endpoint config with a greater share of errors is not good; other endpoints are ill."
    )
