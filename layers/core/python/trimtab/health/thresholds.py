"""Every threshold of capture health for one endpoint, with its default (see docs/settings.md)."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from trimtab.drift.thresholds import Level, Share


class HealthThresholds(BaseModel):
    """Thresholds of one endpoint's capture health."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    silent_minutes: Annotated[int, Field(ge=15, le=7 * 24 * 60)] = Field(
        120, description="Alert when requests so long ago, and all since, left no capture."
    )
    captured_share: Share = Field(
        0.9, description="Alert when certainly a smaller share of the requests to be captured was."
    )
    decode_share: Share = Field(0.95, description="Alert when certainly a smaller share of the lines can be read.")
    hours: Annotated[int, Field(ge=1, le=24)] = Field(3, description="How many of the last complete hours are judged.")
    schema_rows: Annotated[int, Field(ge=1)] = Field(
        500, description="Rows it takes to learn the payload's columns, and to miss one of them."
    )
    level: Level = Field(0.01, description="Error level of “certainly” here.")
    disk_percent: Annotated[float, Field(gt=0, le=100)] = Field(
        75, description="Disk use from which SageMaker may stop capturing."
    )
