"""What is written in Model Monitor's own form, and where."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ModelMonitorSettings(BaseModel):
    """Output in Model Monitor's form of one endpoint. Off unless asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reports: bool = Field(
        False, description="Write statistics.json, constraints.json and constraint_violations.json of every window."
    )
    prefix: str | None = Field(
        None,
        pattern=r"^s3://[^/]+(/.*)?$",
        description="Where reports are written. Default: `model-monitor/` in the state bucket.",
    )
    schedule: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")] = Field(
        "trimtab", description="Stands for the monitoring schedule's name in the reports' keys and the metrics."
    )
    metrics: bool = Field(False, description="Publish Model Monitor's CloudWatch metrics, up to 3 a column. They cost.")
