"""Every threshold of the drift decision, with the default and where it comes from (see docs/drift.md)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Level = Annotated[float, Field(gt=0, lt=1)]


class DriftThresholds(BaseModel):
    """Thresholds of one endpoint's drift decision."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    policy: Literal["minimum_effect", "drift_share"] = Field(
        "minimum_effect",
        description="minimum_effect: critical and important columns decide; drift_share: a share of drifted columns.",
    )
    drift_share: Share = Field(0.5, description="With policy drift_share: ALERT when this share of columns drifted.")
    psi: Annotated[float, Field(gt=0)] = Field(0.1, description="PSI that is still harmless: ALERT tests PSI > this.")
    warn_psi: Annotated[float, Field(ge=0)] = Field(0.05, description="WARN needs at least this bias-corrected PSI.")
    alert_fdr: Level = Field(0.05, description="False-discovery rate over columns for ALERT (Benjamini-Hochberg).")
    warn_fdr: Level = Field(0.01, description="False-discovery rate over columns for WARN.")
    warn_rows: Annotated[int, Field(ge=1)] = Field(500, description="Fewer rows: INSUFFICIENT_DATA.")
    alert_rows: Annotated[int, Field(ge=1)] = Field(1000, description="Fewer rows: at most WARN; windows wait for it.")
    unseen_share: Share = Field(0.01, description="ALERT when certainly more have categories never seen.")
    range_share: Share = Field(0.01, description="WARN when certainly more than this share is out of range.")
    missing_change: Share = Field(0.05, description="ALERT when the missing share certainly moved by this.")
    rule_level: Level = Field(0.01, description="Error level of the unseen, range, invalid and missing rules.")
    invalid_share: Share = Field(0.01, description="ALERT when certainly more are no numbers.")
    critical_importance: Share = Field(0.05, description="Columns of at least this importance alert alone.")
    importance_share: Share = Field(0.1, description="ALERT when columns of this much importance together drifted.")
    seasonal_weeks: Annotated[int, Field(ge=0, le=4)] = Field(
        2, description="Drift that the same hours of so many past weeks had too is only seasonal; 0: not asked."
    )
    calibration_days: Annotated[int, Field(ge=0, le=90)] = Field(
        30, description="After so many clean days a column's own wobble may raise its threshold; 0: never."
    )
    raise_after: Annotated[int, Field(ge=1)] = Field(2, description="Raise after so many ALERT windows of …")
    raise_of: Annotated[int, Field(ge=1, le=24)] = Field(3, description="… the last so many.")
    clear_after: Annotated[int, Field(ge=1, le=24)] = Field(2, description="Clear after so many windows without ALERT.")

    @model_validator(mode="after")
    def _consistent(self) -> "DriftThresholds":
        if self.raise_after > self.raise_of:
            raise ValueError(f"raise_after ({self.raise_after}) must not exceed raise_of ({self.raise_of})")
        if self.warn_rows > self.alert_rows:
            raise ValueError(f"warn_rows ({self.warn_rows}) must not exceed alert_rows ({self.alert_rows})")
        if self.warn_psi > self.psi:
            raise ValueError(f"warn_psi ({self.warn_psi}) must not exceed psi ({self.psi})")
        return self
