"""A model that answers with what a data set recorded: the row is looked up, and its recorded prediction is the
answer."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from local.dataset import DataSet
from local.payloads import CONTENT_TYPES, Cell, Form, PayloadError, cells, decode, encode, form_of

type Recorded = Callable[[bytes, str, str], tuple[bytes, str]]
"""Body, content type and accepted types of a request → body and content type of the answer; raises PayloadError."""


def recorded(*datasets: DataSet) -> Recorded:
    """A model that looks each row up in the data sets, which have the same columns, and answers with their predictions.

    A row that is in none gets those of the nearest row of the first data set: Euclidean distance over numeric
    features in standard deviations, 1 for each other category, missing cells left aside. Answers are in the first
    form the caller accepts (CSV, JSON, JSON Lines), else in that of the request.
    """
    first = datasets[0]
    features, predictions = first.features, first.predictions
    kinds = [_kind(first.rows[name]) for name in features]
    known: dict[tuple[Cell, ...], tuple[Cell, ...]] = {}
    for dataset in reversed(datasets):
        known |= zip(
            (_typed(row, kinds, features) for row in cells(dataset.rows, features)),
            cells(dataset.rows, predictions),
            strict=True,
        )
    nearest = _nearest(first, kinds)

    def answer(body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        form = form_of(content_type)
        rows = [_typed(row, kinds, features) for row in decode(body, features, form)]
        form = _accepted(accept) or form
        answers = [known.get(row) or nearest(row) for row in rows]
        answer_type = "text/csv; charset=utf-8" if form == "CSV" else CONTENT_TYPES[form]
        return encode(answers, predictions, form, "predictions"), answer_type

    return answer


def _kind(column: pd.Series) -> type:
    if pd.api.types.is_bool_dtype(column):
        return bool
    return float if pd.api.types.is_numeric_dtype(column) else str


def _typed(row: Sequence[Cell], kinds: Sequence[type], features: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(_cell(value, kind, name) for value, kind, name in zip(row, kinds, features, strict=True))


def _cell(value: Cell, kind: type, name: str) -> Cell:
    if value is None or isinstance(value, kind):
        return value
    if kind is float:
        try:
            return float(value)
        except (ValueError, TypeError) as error:
            raise PayloadError(f"{name}: {value!r} is no number") from error
    text = str(value)
    return text.lower() in {"true", "1"} if kind is bool else text


def _accepted(accept: str) -> Form | None:
    for content_type in accept.split(","):
        try:
            return form_of(content_type)
        except PayloadError:
            continue
    return None


def _nearest(dataset: DataSet, kinds: Sequence[type]) -> Callable[[tuple[Cell, ...]], tuple[Cell, ...]]:
    answers = cells(dataset.rows, dataset.predictions)
    columns = [dataset.rows[name].to_numpy() for name in dataset.features]
    scales = [
        (float(np.nanstd(column)) or 1.0) if kind is float else 1.0 for column, kind in zip(columns, kinds, strict=True)
    ]

    def nearest(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        distances = np.zeros(len(answers))
        for value, column, kind, scale in zip(row, columns, kinds, scales, strict=True):
            if isinstance(value, float):
                distances += np.nan_to_num(((column - value) / scale) ** 2)
            elif value is not None:
                distances += (column != value) if kind is not float else 0.0
        return answers[int(distances.argmin())]

    return nearest
