"""What is known of a new model before it may serve: version 1 of the evaluation file.

What a file leaves out is None here, and a gate that needs it is not passed. Counts are of the challenger (the new
model) unless a name says otherwise.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trimtab.validation import faults_of

type Problem = Literal["binary_classification", "multiclass_classification", "regression"]
type Rows = Annotated[int, Field(ge=0)]
type Share = Annotated[float, Field(ge=0, le=1)]
type NotNegative = Annotated[float, Field(ge=0)]


class EvaluationError(ValueError):
    """An evaluation that cannot be read. The message names every key at fault by its path."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class Bounded(_Part):
    """A value with one-sided 95 % bounds, where they are known."""

    value: float
    lower: float | None = None
    upper: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lower is not None and self.lower > self.value:
            raise ValueError(f"lower ({self.lower:g}) must not exceed value ({self.value:g})")
        if self.upper is not None and self.upper < self.value:
            raise ValueError(f"upper ({self.upper:g}) must not be below value ({self.value:g})")
        return self


class Correct(_Part):
    """How many of the rows were answered right."""

    rows: Rows
    correct: Rows

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.correct > self.rows:
            raise ValueError(f"correct ({self.correct}) must not exceed rows ({self.rows})")
        return self


class Comparison(_Part):
    """Challenger and champion on the same rows: where just one of them is right (classification), or the challenger's
    RMSE over the champion's (regression)."""

    rows: Rows
    only_champion_right: Rows | None = None
    only_challenger_right: Rows | None = None
    rmse_ratio: Bounded | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.only_champion_right or 0) + (self.only_challenger_right or 0) > self.rows:
            raise ValueError(f"only one of the two is right more often than there are rows ({self.rows})")
        return self


class DatasetScore(_Part):
    """One labelled data set. `slice_gaps`: accuracy that slices of unknown size lack against the rest. `not_finite`:
    predictions that are none: NaN, infinite, no class."""

    rows: Rows | None = None
    correct: Rows | None = None
    accuracy: Share | None = None
    auc: Bounded | None = None
    rmse: Bounded | None = None
    calibration_error: Share | None = None
    comparison: Comparison | None = None
    slices: Mapping[str, Correct] = {}
    slice_gaps: Mapping[str, float] = {}
    not_finite: Rows | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.correct is not None and self.rows is None:
            raise ValueError("correct needs rows")
        if self.correct is not None and self.rows is not None and self.correct > self.rows:
            raise ValueError(f"correct ({self.correct}) must not exceed rows ({self.rows})")
        return self

    @property
    def share_correct(self) -> float | None:
        """Accuracy, by the counts where they are known."""
        return self.correct / self.rows if self.correct is not None and self.rows else self.accuracy


class Service(_Part):
    """How the model serves: p95 in milliseconds over so many requests of a bench or shadow traffic, the share of the
    instance's memory it takes, the size of its artifact."""

    requests: Rows | None = None
    p95_ms: NotNegative | None = None
    champion_p95_ms: NotNegative | None = None
    memory_share: NotNegative | None = None
    artifact_mb: NotNegative | None = None


class Perturbed(_Part):
    """Rows that were disturbed a little, and how many of the predictions that changed."""

    rows: Rows
    changed: Rows

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.changed > self.rows:
            raise ValueError(f"changed ({self.changed}) must not exceed rows ({self.rows})")
        return self


class EdgeCase(_Part):
    """Odd requests, and how many of them failed: crashed, timed out or got an answer that is not finite. Of empty and
    malformed ones, a refusal (status 4xx) is no failure."""

    sent: Rows
    failed: Rows


class Robustness(_Part):
    """What odd input does: numbers off by 1 % at random (`noise`), 5 % of the cells missing, categories never seen, and
    odd requests. `not_applicable`: what cannot be tried on this model, as new categories without any category."""

    noise: Perturbed | None = None
    missing: Perturbed | None = None
    unseen_category: Perturbed | None = None
    empty: EdgeCase | None = None
    malformed: EdgeCase | None = None
    extreme: EdgeCase | None = None
    unicode: EdgeCase | None = None
    not_applicable: frozenset[
        Literal["noise", "missing", "unseen_category", "empty", "malformed", "extreme", "unicode"]
    ] = frozenset()


class TrainingData(_Part):
    """The data it was trained on. `leaked_rows`: test rows that are also training rows. `max_psi`: the greatest PSI of
    a column, training against serving. Label rates by class."""

    rows: Rows | None = None
    champion_rows: Rows | None = None
    label_rates: Mapping[str, Share] | None = None
    champion_label_rates: Mapping[str, Share] | None = None
    leaked_rows: Rows | None = None
    max_psi: NotNegative | None = None


class Evaluation(_Part):
    """All of it. `champion`: the model that serves now, None when none does (then nothing is compared with it)."""

    version: Literal[1] = 1
    problem: Problem
    model: str = ""
    champion: str | None = None
    datasets: Mapping[str, DatasetScore] = {}
    service: Service = Service()
    robustness: Robustness = Robustness()
    data: TrainingData = TrainingData()


def parse_evaluation(text: str | bytes) -> Evaluation:
    """The evaluation in a file of version 1. Raises EvaluationError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"no JSON: {error}") from error
    return evaluation_of(document)


def evaluation_of(document: Any) -> Evaluation:
    """The evaluation in a document of version 1. Raises EvaluationError."""
    if not isinstance(document, Mapping):
        raise EvaluationError(f"a mapping of keys is expected, not {type(document).__name__}")
    try:
        return Evaluation.model_validate(document)
    except ValidationError as error:
        raise EvaluationError(faults_of(error)) from error


def joined(first: Evaluation, *others: Evaluation) -> Evaluation:
    """One evaluation of several files about one model: a later file adds data sets and parts, and prevails.

    Raises EvaluationError when they are about different problems.
    """
    documents = [first.model_dump(exclude_unset=True), *(each.model_dump(exclude_unset=True) for each in others)]
    merged: dict[str, Any] = {}
    for other, document in zip((first, *others), documents, strict=True):
        if other.problem != first.problem:
            raise EvaluationError(f"problem: {other.problem} in one file, {first.problem} in another")
        merged = _merged(merged, document)
    return Evaluation.model_validate(merged)


def compared_with(evaluation: Evaluation, champion: str) -> Evaluation:
    """The evaluation with the champion that it must be compared with: a version that serves is none to be left out."""
    if evaluation.champion is None and champion:
        return evaluation.model_copy(update={"champion": champion})
    return evaluation


def _merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for key, value in after.items():
        are_mappings = isinstance(before.get(key), Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(before[key], value) if are_mappings else value
    return merged
