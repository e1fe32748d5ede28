"""A file of predictions beside an evaluation, from which the scores of its data sets are counted here.

CSV with a header: `dataset`, `label`, `prediction`, and where they are known `probability` (binary: of the class that
sorts last, such as 1; multiclass: of the class given), `champion_prediction` (of the version that serves, on the same
row) and `slice_<name>` columns, each of whose values makes a slice.
"""

import csv
import io
from collections.abc import Mapping, Sequence

import numpy as np

from trimtab.training.evaluation import DatasetScore, Evaluation, EvaluationError, Problem
from trimtab.training.predictions import ClassPredictions, score_classes, score_numbers

_NEEDED = ("dataset", "label", "prediction")
_SLICE = "slice_"

type Row = Mapping[str, str]


def predictions_uri(evaluation: str) -> str:
    """Where the predictions beside an evaluation file lie."""
    return f"{evaluation.removesuffix('.json')}.predictions.csv"


def with_predictions(evaluation: Evaluation, text: bytes) -> Evaluation:
    """The evaluation with the data sets of a file of predictions, which prevail. Raises EvaluationError."""
    try:
        rows: Sequence[Row] = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"the predictions are no CSV: {error}") from error
    missing = [name for name in _NEEDED if not rows or name not in rows[0]]
    if missing:
        raise EvaluationError(f"the predictions have no {', '.join(missing)}")
    if any(None in row or None in row.values() for row in rows):
        raise EvaluationError("a row of the predictions has too few cells, or too many")
    names = dict.fromkeys(row["dataset"] for row in rows)
    scores = {name: _score([row for row in rows if row["dataset"] == name], evaluation.problem) for name in names}
    return evaluation.model_copy(update={"datasets": {**evaluation.datasets, **scores}})


def _score(rows: Sequence[Row], problem: Problem) -> DatasetScore:
    labels, predictions = _column(rows, "label"), _column(rows, "prediction")
    before = _column(rows, "champion_prediction")
    has_champion = bool(before) and "" not in before
    if problem == "regression":
        return score_numbers(
            _numbers(labels), _numbers(predictions), champion=_numbers(before) if has_champion else None
        )
    sure = _column(rows, "probability")
    return score_classes(
        labels,
        ClassPredictions(predictions, _numbers(sure) if sure else None),
        champion=ClassPredictions(before) if has_champion else None,
        positive=max(set(labels) - {""}, default=None) if problem == "binary_classification" else None,
        slices=_slices(rows),
    )


def _slices(rows: Sequence[Row]) -> dict[str, list[bool]]:
    return {
        f"{name.removeprefix(_SLICE)}={value}": [row[name] == value for row in rows]
        for name in rows[0]
        if name.startswith(_SLICE)
        for value in sorted({row[name] for row in rows})
    }


def _column(rows: Sequence[Row], name: str) -> list[str]:
    """The cells of a column, none where the file does not have it."""
    return [row[name].strip() for row in rows] if name in rows[0] else []


def _numbers(cells: Sequence[str]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells], dtype=np.float64)
    except ValueError as error:
        raise EvaluationError(f"the predictions: {error}") from error
