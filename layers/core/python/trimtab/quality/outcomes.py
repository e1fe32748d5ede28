"""What a model said and what was true, as arrays to compute metrics from: one shape for each kind of problem."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.capture.table import FloatArray, IntArray, TextColumn, number_of
from trimtab.quality.classification import binary_metrics, multiclass_metrics
from trimtab.quality.intervals import Flags, Metric
from trimtab.quality.keyed_rows import KeyedRows
from trimtab.quality.labels import PREDICTION, SCORE, Join, numbers_of
from trimtab.quality.regression import regression_metrics
from trimtab.quality.settings import Problem, QualitySettings

_NEGATIVE = frozenset({"0", "-1", "false", "no"})
_MOST_NUMERIC_CLASSES = 20


@dataclass(frozen=True, slots=True, eq=False)
class BinaryOutcomes:
    """Rows of a binary classifier. `scores`: NaN where there is none, None when the model gives no scores."""

    is_positive: Flags
    predicted: Flags
    scores: FloatArray | None
    requests: IntArray

    @property
    def problem(self) -> Problem:
        return "binary_classification"

    def __len__(self) -> int:
        return len(self.requests)

    def where(self, chosen: Flags | IntArray) -> "BinaryOutcomes":
        scores = None if self.scores is None else self.scores[chosen]
        return BinaryOutcomes(self.is_positive[chosen], self.predicted[chosen], scores, self.requests[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class MulticlassOutcomes:
    """Rows of a classifier with `classes` classes, as codes. `confidences`: how sure it was of the class it gave."""

    truth: IntArray
    predicted: IntArray
    classes: int
    confidences: FloatArray | None
    requests: IntArray

    @property
    def problem(self) -> Problem:
        return "multiclass_classification"

    def __len__(self) -> int:
        return len(self.requests)

    def where(self, chosen: Flags | IntArray) -> "MulticlassOutcomes":
        confidences = None if self.confidences is None else self.confidences[chosen]
        return MulticlassOutcomes(
            self.truth[chosen], self.predicted[chosen], self.classes, confidences, self.requests[chosen]
        )


@dataclass(frozen=True, slots=True, eq=False)
class RegressionOutcomes:
    """Rows of a regression."""

    truth: FloatArray
    predicted: FloatArray
    requests: IntArray

    @property
    def problem(self) -> Problem:
        return "regression"

    def __len__(self) -> int:
        return len(self.requests)

    def where(self, chosen: Flags | IntArray) -> "RegressionOutcomes":
        return RegressionOutcomes(self.truth[chosen], self.predicted[chosen], self.requests[chosen])


type Outcomes = BinaryOutcomes | MulticlassOutcomes | RegressionOutcomes


def problem_of(truth: TextColumn) -> Problem:
    """What kind of problem labels are of: two classes or fewer, numbers of which there are many or that are not whole,
    or several classes."""
    if len(truth.values) <= 2:
        return "binary_classification"
    numbers = [number_of(value) for value in truth.values]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return "multiclass_classification"
    is_measured = len(known) > _MOST_NUMERIC_CLASSES or not all(number.is_integer() for number in known)
    return "regression" if is_measured else "multiclass_classification"


def positive_class(truth: TextColumn, settings: QualitySettings) -> str:
    """The positive class: as the settings say, else the last in order of the alphabet. "" when the only class there is
    is a negative one."""
    if settings.positive or not truth.values:
        return settings.positive
    last = max(truth.values)
    return "" if len(truth.values) == 1 and last.casefold() in _NEGATIVE else last


def outcomes_of(
    joined: Join, settings: QualitySettings, *, problem: Problem | None = None, positive: str | None = None
) -> tuple[Outcomes, Flags]:
    """The labelled rows that the model gave an answer for, and which of the labelled rows they are.

    `problem` and `positive`: as the reference had them; by default what the settings or the labels tell.
    """
    kind = problem or settings.problem or problem_of(joined.truth)
    if kind == "regression":
        truth, said = numbers_of(joined.truth), numbers_of(_predictions(joined.rows))
        usable = np.isfinite(truth) & np.isfinite(said)
        return RegressionOutcomes(truth, said, joined.requests).where(usable), usable
    if kind == "multiclass_classification":
        truth_codes, said_codes, classes = _coded(joined.truth, _predictions(joined.rows))
        found = MulticlassOutcomes(truth_codes, said_codes, len(classes), _confidences(joined.rows), joined.requests)
        usable = said_codes >= 0
        return found.where(usable), usable
    wanted = positive_class(joined.truth, settings) if positive is None else positive
    predicted, usable = called_positive(joined.rows, wanted, settings)
    is_positive = _is(joined.truth, wanted)
    scores = joined.rows.numbers.get(SCORE)
    return BinaryOutcomes(is_positive, predicted, scores, joined.requests).where(usable), usable


def called_positive(rows: KeyedRows, positive: str, settings: QualitySettings) -> tuple[Flags, Flags]:
    """Which rows the model called positive, and of which rows that is known. Where it gives a probability and no class,
    those from the setting `cut` on."""
    predictions, scores = _predictions(rows), rows.numbers.get(SCORE)
    if scores is not None and _is_score(predictions, scores):
        return scores >= settings.cut, np.isfinite(scores)
    return _is(predictions, positive), predictions.codes >= 0


def metrics_of(outcomes: Outcomes, confidence: float) -> Mapping[str, Metric]:
    """The metrics of the problem, each with its interval; none of nothing."""
    if not len(outcomes):
        return {}
    match outcomes:
        case BinaryOutcomes():
            return binary_metrics(
                outcomes.is_positive, outcomes.predicted, outcomes.scores, outcomes.requests, confidence
            )
        case MulticlassOutcomes():
            return multiclass_metrics(
                outcomes.truth, outcomes.predicted, outcomes.classes, outcomes.requests, confidence
            )
        case RegressionOutcomes():
            return regression_metrics(outcomes.truth, outcomes.predicted, outcomes.requests, confidence)


def _predictions(rows: KeyedRows) -> TextColumn:
    return rows.texts.get(PREDICTION) or TextColumn(np.full(len(rows), -1, np.int64), ())


def _confidences(rows: KeyedRows) -> FloatArray | None:
    scores = rows.numbers.get(SCORE)
    return None if scores is None or _is_score(_predictions(rows), scores) else scores


def _is_score(predictions: TextColumn, scores: FloatArray) -> bool:
    """Whether the only prediction is a probability: the model gave one column, or no class."""
    known = scores[np.isfinite(scores)]
    if len(known) and (known.min() < 0 or known.max() > 1):
        return False
    return not predictions.values or bool(np.array_equal(numbers_of(predictions), scores, equal_nan=True))


def _is(column: TextColumn, value: str) -> Flags:
    code = column.values.index(value) if value in column.values else len(column.values)
    return np.asarray(column.codes == code)


def _coded(*columns: TextColumn) -> tuple[IntArray, IntArray, Sequence[str]]:
    """Two columns on one vocabulary."""
    classes = sorted({value for column in columns for value in column.values})
    position = {value: code for code, value in enumerate(classes)}
    first, second = (
        np.array([*(position[value] for value in column.values), -1], np.int64)[column.codes] for column in columns
    )
    return first, second, classes
