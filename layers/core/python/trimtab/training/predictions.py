"""The evaluation of a model from its predictions, and those of the champion, on the same labelled rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trimtab.training.evaluation import Bounded, Comparison, Correct, DatasetScore, EvaluationError
from trimtab.training.metrics import (
    Flags,
    Floats,
    auc,
    auc_lower,
    calibration_error,
    rmse,
    rmse_ratio,
    rmse_upper,
)


@dataclass(frozen=True, slots=True, eq=False)
class ClassPredictions:
    """Classes that a model gave, and how sure it was: of a binary model the probability of `positive`, of others that
    of the class it gave. None where it does not tell."""

    classes: ArrayLike
    confidence: ArrayLike | None = None


def score_classes(
    labels: ArrayLike,
    challenger: ClassPredictions,
    *,
    champion: ClassPredictions | None = None,
    positive: str | None = None,
    slices: Mapping[str, Sequence[bool]] | None = None,
    seed: int = 0,
) -> DatasetScore:
    """The score of a classifier. Classes are compared as texts, 1 and 1.0 being one class; rows without a label (None,
    NaN, "") are left out. `positive`: the class that a binary model's confidence is of. `slices`: which rows are in
    each. Raises EvaluationError."""
    truth = _classes(labels)
    is_labelled = truth != ""
    right = _is_right(truth, challenger, "challenger")[is_labelled]
    confidence, not_finite = _confidence(challenger, len(truth))
    not_finite += int((_classes(challenger.classes) == "").sum())
    area, error = None, None
    if confidence is not None and not not_finite:
        is_event = right if positive is None else truth[is_labelled] == _class(positive)
        error = calibration_error(confidence[is_labelled], is_event)
        if positive is not None:
            area = _area(confidence[is_labelled], is_event, seed)
    comparison = None
    if champion is not None:
        before = _is_right(truth, champion, "champion")[is_labelled]
        comparison = Comparison(
            rows=len(right),
            only_champion_right=int((before & ~right).sum()),
            only_challenger_right=int((right & ~before).sum()),
        )
    return DatasetScore(
        rows=len(right),
        correct=int(right.sum()),
        auc=area,
        calibration_error=error,
        comparison=comparison,
        slices=_slices(slices or {}, right, is_labelled),
        not_finite=not_finite,
    )


def score_numbers(
    labels: ArrayLike, challenger: ArrayLike, *, champion: ArrayLike | None = None, seed: int = 0
) -> DatasetScore:
    """The score of a regression. Rows without a label (NaN) are left out. Raises EvaluationError."""
    truth = _numbers(labels, "labels")
    is_labelled = np.isfinite(truth)
    predicted = _numbers(challenger, "challenger", len(truth))
    not_finite = int((~np.isfinite(predicted)).sum())
    rows = int(is_labelled.sum())
    if not rows or not_finite:
        return DatasetScore(rows=rows, not_finite=not_finite)
    errors = (predicted - truth)[is_labelled]
    comparison = None
    if champion is not None:
        before = (_numbers(champion, "champion", len(truth)) - truth)[is_labelled]
        shared = np.isfinite(before)  # where the champion gives no number it is not compared
        ratio = rmse_ratio(errors[shared], before[shared], seed=seed)
        bounded = None if ratio is None else Bounded(value=ratio[0], upper=ratio[1])
        comparison = Comparison(rows=int(shared.sum()), rmse_ratio=bounded)
    error = Bounded(value=rmse(errors), upper=rmse_upper(errors, seed=seed))
    return DatasetScore(rows=rows, rmse=error, comparison=comparison, not_finite=0)


def _area(scores: Floats, is_positive: Flags, seed: int) -> Bounded | None:
    value = auc(scores, is_positive)
    return None if value is None else Bounded(value=value, lower=auc_lower(scores, is_positive, seed=seed))


def _is_right(truth: NDArray[np.str_], predictions: ClassPredictions, name: str) -> Flags:
    given = _classes(predictions.classes)
    if len(given) != len(truth):
        raise EvaluationError(f"{name} has {len(given)} predictions, there are {len(truth)} labels")
    return np.asarray(given == truth)


def _confidence(predictions: ClassPredictions, rows: int) -> tuple[Floats | None, int]:
    if predictions.confidence is None:
        return None, 0
    confidence = _numbers(predictions.confidence, "confidence", rows)
    finite = np.isfinite(confidence)
    if ((confidence[finite] < 0) | (confidence[finite] > 1)).any():
        raise EvaluationError("confidence has values outside 0 to 1")
    return confidence, int((~finite).sum())


def _slices(slices: Mapping[str, Sequence[bool]], right: Flags, is_labelled: Flags) -> dict[str, Correct]:
    found = {}
    for name, inside in slices.items():
        chosen = np.asarray(inside, dtype=bool)
        if len(chosen) != len(is_labelled):
            raise EvaluationError(f"slice {name} is about {len(chosen)} rows, there are {len(is_labelled)}")
        chosen = chosen[is_labelled]
        found[name] = Correct(rows=int(chosen.sum()), correct=int(right[chosen].sum()))
    return found


def _classes(values: ArrayLike) -> NDArray[np.str_]:
    return np.array([_class(value) for value in np.asarray(values, dtype=object).ravel()], dtype=np.str_)


def _class(value: object) -> str:
    """A class as one text, however it is typed: 1, 1.0, "1" and "1.0" are one; no class is ""."""
    if value is None:
        return ""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value).strip()
    if isfinite(number):
        return str(int(number)) if number.is_integer() else repr(number)
    return ""


def _numbers(values: ArrayLike, name: str, rows: int | None = None) -> Floats:
    try:
        numbers = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"{name}: {error}") from error
    if rows is not None and len(numbers) != rows:
        raise EvaluationError(f"{name} has {len(numbers)} values, there are {rows} labels")
    return numbers
