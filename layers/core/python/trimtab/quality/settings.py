"""What a user may say about the quality of a model's answers, and every threshold of its judgement."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

type Problem = Literal["binary_classification", "multiclass_classification", "regression"]
type Share = Annotated[float, Field(ge=0, le=1)]

HIGHER_IS_BETTER = frozenset({"accuracy", "precision", "recall", "specificity", "f1", "macro_f1", "auc", "r2"})
ERRORS = frozenset({"mae", "rmse"})
"""Metrics in the unit of the label: what is harmless is a share of the reference's."""
_METRICS = HIGHER_IS_BETTER | ERRORS | {"brier"}
DEFAULT_METRICS: Mapping[Problem, tuple[str, ...]] = {
    "binary_classification": ("accuracy", "auc"),
    "multiclass_classification": ("accuracy", "macro_f1"),
    "regression": ("mae", "rmse"),
}


class QualitySettings(BaseModel):
    """How the quality of one endpoint's answers is measured and judged."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    problem: Problem | None = Field(None, description="Default: told from the labels.")
    labels: str = Field(
        "",
        pattern=r"^(s3://[^/]+/.*)?$",
        description="Where ground truth is uploaded, as s3://bucket/prefix/, above its yyyy/mm/dd/hh folders. "
        "Default: any folder named like the endpoint.",
    )
    label: str = Field("", description="Name of the label in a ground-truth record that has several values.")
    prediction: str = Field("", description="Output column with the class or number. Default: from the names.")
    score: str = Field("", description="Output column with the positive class's probability. Default: from the names.")
    positive: str = Field("", description="The positive class. Default: the last of the two in order of the alphabet.")
    cut: Share = Field(0.5, description="From this probability on a row counts as positive, where no class is given.")
    segments: tuple[str, ...] = Field((), description="Input columns by whose values quality is also told.")
    keep_share: Annotated[float, Field(gt=0, le=1)] = Field(
        1, description="Share of the requests of which answers and labels are kept, drawn by the request's id."
    )
    window_rows: Annotated[int, Field(ge=200)] = Field(
        5000, description="The windows of drift are joined until they have so many rows …"
    )
    max_window_hours: Annotated[int, Field(ge=1, le=24 * 90)] = Field(
        168, description="… or are so long, and then judged with what they have."
    )
    label_delay_hours: Annotated[float, Field(ge=0, le=24 * 365)] = Field(
        24, description="How long labels are waited for: a window's label window closes so long after it ends."
    )
    min_labels: Annotated[int, Field(ge=20)] = Field(200, description="With fewer labelled rows: INSUFFICIENT_DATA.")
    min_label_share: Share = Field(
        0.05, description="With a smaller share of rows labelled: INSUFFICIENT_DATA. Lower it if you label a sample."
    )
    min_segment_rows: Annotated[int, Field(ge=20)] = Field(50, description="Smaller segments are not judged.")
    metrics: tuple[str, ...] = Field(
        (), description="Metrics that are judged. Default: accuracy and auc, accuracy and macro_f1, or mae and rmse."
    )
    harmless_drop: Share = Field(0.01, description="ALERT when a share or area certainly fell by more than this.")
    harmless_increase: Annotated[float, Field(ge=0)] = Field(
        0.05, description="ALERT when MAE or RMSE certainly grew by more than this share."
    )
    limits: Mapping[str, float] = Field(
        default_factory=dict, description="ALERT when a metric is certainly beyond its limit, such as accuracy: 0.9."
    )
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.99, description="Of every interval, two-sided.")
    segment_fdr: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.05, description="False-discovery rate over segments for a WARN."
    )
    selection: Share = Field(
        0.1,
        description="Labels are selective when whether a row has one depends on its prediction by a Cramér's V above "
        "this: then at most WARN. 1 switches this off.",
    )
    max_estimate_bias: Share = Field(
        0.02, description="Estimates of shares and areas that are off by more on the reference itself are not used."
    )
    max_error_bias: Share = Field(
        0.05, description="Estimates of MAE and RMSE that are off by a greater share on the reference are not used."
    )
    max_unsupported: Share = Field(
        0.05, description="Nothing is estimated when more rows than this share are unlike any of the reference."
    )
    min_reference_labels: Annotated[int, Field(ge=100)] = Field(
        1000, description="Nothing is estimated from a reference with fewer labelled rows."
    )

    raise_after: Annotated[int, Field(ge=1)] = Field(1, description="Raise after so many ALERT windows of …")
    raise_of: Annotated[int, Field(ge=1, le=24)] = Field(1, description="… the last so many.")
    clear_after: Annotated[int, Field(ge=1, le=24)] = Field(2, description="Clear after so many windows without ALERT.")

    @model_validator(mode="after")
    def _consistent(self) -> "QualitySettings":
        if self.raise_after > self.raise_of:
            raise ValueError(f"raise_after ({self.raise_after}) must not exceed raise_of ({self.raise_of})")
        return self

    @model_validator(mode="after")
    def _known_metrics(self) -> "QualitySettings":
        for key, names in (("metrics", self.metrics), ("limits", tuple(self.limits))):
            if unknown := sorted(set(names) - _METRICS):
                raise ValueError(f"{key}: {', '.join(unknown)} is no metric; there are {', '.join(sorted(_METRICS))}")
        return self

    def judged_metrics(self, problem: Problem) -> tuple[str, ...]:
        """The metrics that decide, the gravest first."""
        return self.metrics or DEFAULT_METRICS[problem]
