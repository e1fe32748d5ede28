"""Evaluations in Model Monitor's model-quality `statistics.json` and in Clarify's bias reports (`analysis.json`).

Model Monitor's `standard_deviation` is that of the metric in five random samples of 80 % of the rows (developer guide,
"Model quality metrics"), not its standard error. Of samples of a share f without replacement the two are apart by
√(f / (1 − f)) = 2; five samples make it a t-distribution with four degrees of freedom.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from trimtab.training.evaluation import Evaluation, EvaluationError, Problem, evaluation_of
from trimtab.training.metrics import auc_lower_of_counts

_PROBLEMS: Mapping[str, Problem] = {
    "binary_classification_metrics": "binary_classification",
    "multiclass_classification_metrics": "multiclass_classification",
    "regression_metrics": "regression",
}
_STANDARD_ERRORS = 2.0
_T4 = 2.131846786
"""95 % quantile of Student's t with four degrees of freedom."""


def read_evaluation(text: str | bytes, dataset: str = "newest", problem: Problem | None = None) -> Evaluation:
    """The evaluation in a file of version 1, of Model Monitor or of Clarify. The latter two are about one data set,
    which is named here; Clarify does not tell the problem. Raises EvaluationError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"no JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise EvaluationError(f"a mapping of keys is expected, not {type(document).__name__}")
    if any(key in document for key in _PROBLEMS):
        return model_quality(document, dataset)
    if "post_training_bias_metrics" in document:
        return bias_report(document, dataset, problem or "binary_classification")
    return evaluation_of(document)


def model_quality(document: Mapping[str, Any], dataset: str) -> Evaluation:
    """The evaluation in Model Monitor's `statistics.json`. Raises EvaluationError."""
    key = next((each for each in _PROBLEMS if isinstance(document.get(each), Mapping)), None)
    if key is None:
        raise EvaluationError(f"none of {', '.join(_PROBLEMS)} is there")
    metrics = document[key]
    told = document.get("dataset")
    items = told.get("item_count") if isinstance(told, Mapping) else None
    rows = items if isinstance(items, int) and not isinstance(items, bool) and items >= 0 else None
    if key == "regression_metrics":
        score: dict[str, Any] = {"rows": rows, "rmse": _rmse(metrics)}
    else:
        score = _classification(metrics, rows, key)
    return evaluation_of({"problem": _PROBLEMS[key], "datasets": {dataset: score}})


def bias_report(document: Mapping[str, Any], dataset: str, problem: Problem) -> Evaluation:
    """The differences in accuracy (AD) between the facets that Clarify reports on, as gaps of slices.

    Raises EvaluationError.
    """
    told = document.get("post_training_bias_metrics")
    facets = told.get("facets") if isinstance(told, Mapping) else None
    if not isinstance(facets, Mapping):
        raise EvaluationError("post_training_bias_metrics.facets is missing")
    gaps: dict[str, float] = {}
    for name, values in facets.items():
        for each in _mappings(values):
            differences = [_number(m.get("value")) for m in _mappings(each.get("metrics")) if m.get("name") == "AD"]
            gaps |= {f"{name}={each.get('value_or_threshold')}": abs(ad) for ad in differences if ad is not None}
    return evaluation_of({"problem": problem, "datasets": {dataset: {"slice_gaps": gaps}}})


def _classification(metrics: Mapping[str, Any], rows: int | None, path: str) -> dict[str, Any]:
    matrix = _confusion(metrics.get("confusion_matrix"), f"{path}.confusion_matrix")
    accuracy = _value(metrics, "accuracy")
    area = _value(metrics, "auc")
    correct = None
    if matrix:
        rows = sum(sum(row.values()) for row in matrix.values())
        correct = sum(row.get(actual, 0) for actual, row in matrix.items())
    elif rows is not None and accuracy is not None:
        correct = round(accuracy * rows)
    bounded = None
    if area is not None:
        counts = [sum(row.values()) for row in matrix.values()]
        by_counts = auc_lower_of_counts(area, counts[1], counts[0]) if len(counts) == 2 else None
        bounded = {"value": area, "lower": _lower(metrics, "auc") if by_counts is None else by_counts}
    return {"rows": rows, "correct": correct, "accuracy": accuracy, "auc": bounded}


def _rmse(metrics: Mapping[str, Any]) -> dict[str, float | None] | None:
    value, error = _value(metrics, "rmse"), _standard_error(metrics, "rmse")
    if value is None:
        return None
    return {"value": value, "upper": None if error is None else value + _T4 * error}


def _lower(metrics: Mapping[str, Any], name: str) -> float | None:
    value, error = _value(metrics, name), _standard_error(metrics, name)
    return None if value is None or error is None else max(0.0, value - _T4 * error)


def _standard_error(metrics: Mapping[str, Any], name: str) -> float | None:
    entry = metrics.get(name)
    deviation = _number(entry.get("standard_deviation")) if isinstance(entry, Mapping) else None
    return None if deviation is None else deviation * _STANDARD_ERRORS


def _value(metrics: Mapping[str, Any], name: str) -> float | None:
    entry = metrics.get(name)
    return _number(entry.get("value")) if isinstance(entry, Mapping) else None


def _number(value: object) -> float | None:
    """A finite number; Model Monitor writes what it cannot tell as the text "NaN"."""
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    return None


def _confusion(told: object, path: str) -> dict[str, dict[str, int]]:
    """Rows by actual class and predicted class; empty when it is not told."""
    if not isinstance(told, Mapping):
        return {}
    matrix: dict[str, dict[str, int]] = {}
    for actual, row in sorted(told.items()):
        matrix[actual] = {}
        for predicted, count in row.items() if isinstance(row, Mapping) else ():
            number = _number(count)
            if number is None or number < 0:
                raise EvaluationError(f"{path}.{actual}.{predicted} is {count!r}, not a count")
            matrix[actual][predicted] = int(number)
    return matrix


def _mappings(told: object) -> list[Mapping[str, Any]]:
    return [each for each in told if isinstance(each, Mapping)] if isinstance(told, list) else []
