"""Every threshold of what is told from row samples."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class MultivariateSettings(BaseModel):
    """When a window's rows count as drifted together, whatever single columns say."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    min_auc: Annotated[float, Field(ge=0.5, lt=1)] = Field(
        0.55, description="WARN when rows can certainly be told from the reference's with a greater area under the ROC."
    )
    min_rows: Annotated[int, Field(ge=100)] = Field(
        200, description="With fewer sampled rows of either: INSUFFICIENT_DATA."
    )
    max_rows: Annotated[int, Field(ge=100, le=10_000)] = Field(1000, description="No more rows of either are used.")
    max_columns: Annotated[int, Field(ge=2, le=1000)] = Field(
        100,
        description="No more columns are looked at: those of the greatest importance, then PSI. Importances: "
        "estimated of no more either, of those that each tell most of the answers.",
    )
