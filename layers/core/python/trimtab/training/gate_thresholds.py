"""Every threshold of the gates that a new model must pass, with its default."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

type Share = Annotated[float, Field(ge=0, le=1)]
type Positive = Annotated[float, Field(gt=0)]
type Count = Annotated[int, Field(ge=1)]
type GateName = Literal[
    "accuracy",
    "auc",
    "rmse",
    "non_inferiority",
    "slices",
    "calibration",
    "latency",
    "memory",
    "artifact_size",
    "noise",
    "missing",
    "unseen_category",
    "finite",
    "empty",
    "malformed",
    "extreme",
    "unicode",
    "training_rows",
    "label_rate",
    "leakage",
    "training_serving_psi",
]


class GateThresholds(BaseModel):
    """What a new model must show before it is registered as fit to serve."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    policy: Literal["lower_bound", "point"] = Field(
        "lower_bound",
        description="lower_bound: the 95 % bound must reach the threshold; point: the value itself must exceed it.",
    )
    datasets: tuple[str, ...] = Field(
        ("holdout", "newest"), min_length=1, description="Data sets that must each pass, by their names in the file."
    )
    skip: frozenset[GateName] = Field(frozenset(), description="Gates that are not asked for.")
    min_accuracy: Share = Field(0.90, description="Classification: accuracy.")
    min_auc: Share | None = Field(None, description="Binary classification: AUC. Default: not asked for.")
    max_rmse: Positive | None = Field(None, description="Regression: RMSE. Default: not asked for.")
    non_inferiority_margin: Share = Field(0.01, description="So much less accurate than the champion is still as good.")
    max_rmse_ratio: Positive = Field(1.02, description="Regression: RMSE, at most so many times the champion's.")
    min_slice_rows: Count = Field(200, description="Slices with fewer rows are not judged.")
    slice_slack: Share = Field(0.05, description="A slice's accuracy bound may be so much below min_accuracy …")
    max_slice_gap: Share = Field(0.10, description="… and its accuracy so much below that of all rows.")
    max_calibration_error: Share = Field(0.05, description="Classification: expected calibration error.")
    latency_ms: Positive | None = Field(None, description="p95 to keep to. Default: the champion's, and …")
    max_latency_ratio: Positive = Field(1.2, description="… so many times of it.")
    min_requests: Count = Field(500, description="Requests that a latency must rest on.")
    max_memory_share: Share = Field(0.8, description="Of the instance's memory.")
    max_artifact_mb: Positive = Field(5000, description="Size of the model artifact in MB.")
    max_flip_rate: Share = Field(
        0.05, description="Share of predictions that noise, gaps or new categories may change."
    )
    min_perturbed_rows: Count = Field(200, description="Rows that such a share must rest on.")
    min_training_rows_ratio: Share = Field(0.5, description="Training rows, in terms of the champion's.")
    label_rate_sigmas: Positive = Field(3, description="Standard errors that a class's share may be off.")
    max_training_serving_psi: Positive = Field(0.1, description="PSI of training data against serving data.")
