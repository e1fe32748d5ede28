"""What a user may say about the quality of the data that a model gets."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from trimtab.data_quality.fault import FaultKind


class DataQualitySettings(BaseModel):
    """Which faults are not looked for, and from when on they count. Missing, unreadable, unseen and out-of-range values
    go by the thresholds of `drift`, which judge them anyway."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    skip: frozenset[FaultKind] = Field(frozenset(), description="Kinds of faults not to look for.")
    level: Annotated[float, Field(gt=0, lt=1)] = Field(0.01, description="Error level of a test over all columns.")
    duplicate_change: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="Fault when certainly so many more of the rows repeat another one than in the reference."
    )
    unit_psi: Annotated[float, Field(gt=0)] = Field(
        1.0, description="A change of units is looked for where a column moved by at least this PSI …"
    )
    unit_fit: Annotated[float, Field(gt=0)] = Field(
        0.1, description="… and found where it is at most this PSI away once converted back."
    )
