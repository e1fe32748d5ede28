"""What a user may say about prices, and every threshold of the cost judgement (see docs/settings.md)."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Usd = Annotated[float, Field(gt=0)]


class PriceSettings(BaseModel):
    """What the account pays where that is not the list price. Prices are in US dollars."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    overrides: Mapping[str, Usd] = Field(
        default_factory=dict,
        description="Prices you pay, by name as ml.m5.xlarge (an hour) or by component and name as "
        "ServerlessInf/Mem-2GB (a second), AsyncInf/ml.m5.xlarge. No discount is taken off them.",
    )
    discount: Annotated[float, Field(ge=0, le=1)] = Field(0, description="Share taken off list prices.")
    cache_hours: Annotated[float, Field(gt=0)] = Field(
        24, description="So long a price that was read is not read again."
    )
    # List prices of us-east-1 according to third parties; they are in no bundled table and differ by region.
    storage_usd_per_gb_month: Usd = Field(0.14, description="Price of a GB-month of the volumes of instances.")
    data_usd_per_gb: Usd = Field(0.016, description="Price of a GB of requests or answers.")
    billed_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, description="A finding when a month's bill of an endpoint differs from its computed cost by this share."
    )


class CostSettings(BaseModel):
    """When the cost of one endpoint is an anomaly: it is compared with the same hour of the week in earlier weeks."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    baseline_weeks: Annotated[int, Field(ge=1, le=12)] = Field(4, description="Weeks that an hour is compared with.")
    min_weeks: Annotated[int, Field(ge=1, le=12)] = Field(2, description="With fewer known weeks: INSUFFICIENT_DATA.")
    min_usd_per_hour: Usd = Field(0.05, description="A smaller excess, in dollars an hour, is never an anomaly.")
    min_change: Annotated[float, Field(gt=0)] = Field(0.25, description="ALERT when an hour costs this share more.")
    min_unit_change: Annotated[float, Field(gt=0)] = Field(
        0.5, description="ALERT when a prediction costs this share more."
    )
    min_invocations: Annotated[float, Field(gt=0)] = Field(
        100, description="The price of a prediction is judged in hours that usually have at least so many."
    )
    deviations: Annotated[float, Field(gt=0)] = Field(
        4, description="An excess must be so many robust standard deviations of the past weeks' differences."
    )
    raise_hours: Annotated[int, Field(ge=1, le=24)] = Field(3, description="Raise after so many such hours in a row.")
    clear_hours: Annotated[int, Field(ge=1, le=24)] = Field(3, description="Clear after so many other hours in a row.")

    outcomes: str | None = Field(
        None,
        pattern=r"^s3://[^/]+/.+",
        description="Where files with the outcomes of predictions lie, to tell what a canary earned.",
    )
    outcome_days: Annotated[float, Field(ge=0, le=10)] = Field(
        3, description="So long after a day its outcomes are waited for."
    )

    @model_validator(mode="after")
    def _consistent(self) -> "CostSettings":
        if self.min_weeks > self.baseline_weeks:
            raise ValueError(f"min_weeks ({self.min_weeks}) must not exceed baseline_weeks ({self.baseline_weeks})")
        return self
