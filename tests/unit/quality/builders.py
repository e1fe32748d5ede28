"""Answers and labels from plain arrays, as the capture side gives them, and entries of judged windows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from trimtab.capture.table import Column, NumericColumn, TextColumn
from trimtab.drift.verdict import Verdict
from trimtab.quality.entry import Entry
from trimtab.quality.keyed_rows import KeyedRows, keyed_rows, row_keys
from trimtab.quality.labels import LABEL, Join, Roles, answers_of, join

HOUR = 3600


def texts(values: Sequence[str | None]) -> TextColumn:
    known = sorted({value for value in values if value is not None})
    codes = {value: code for code, value in enumerate(known)}
    return TextColumn(np.array([-1 if v is None else codes[v] for v in values], dtype=np.int64), tuple(known))


def numbers(values: Sequence[float] | np.ndarray) -> NumericColumn:
    return NumericColumn(np.asarray(values, dtype=np.float64))


def answers(
    predictions: Column,
    scores: np.ndarray | None = None,
    *,
    segments: Mapping[str, Column] | None = None,
    features: Mapping[str, Column] | None = None,
    rows_per_request: int = 1,
    moment: int = 0,
    prefix: str = "r",
) -> KeyedRows:
    """One answer a second from `moment` on."""
    rows = len(predictions)
    keys = row_keys(
        (f"{prefix}{row // rows_per_request}" for row in range(rows)), (row % rows_per_request for row in range(rows))
    )
    columns: dict[str, Column] = {"prediction": predictions, **(segments or {}), **(features or {})}
    if scores is not None:
        columns["score"] = numbers(scores)
    return answers_of(
        keys,
        moment + np.arange(rows),
        columns,
        Roles("prediction", "score" if scores is not None else None),
        segments=segments or (),
        features=features or (),
    )


def labelled(given: KeyedRows, truth: Mapping[int, str] | Sequence[str], *, collected: int = HOUR, **names) -> Join:
    """Answers made by `answers`, joined with labels for all rows or, of a mapping, for some."""
    per_request, prefix = names.get("rows_per_request", 1), names.get("prefix", "r")
    known = truth if isinstance(truth, Mapping) else dict(enumerate(truth))
    keys = row_keys((f"{prefix}{row // per_request}" for row in known), (row % per_request for row in known))
    return join(given, keyed_rows(keys, collected, texts={LABEL: texts(list(known.values()))}))


def classes(flags: np.ndarray) -> list[str]:
    return np.where(flags, "1", "0").tolist()


def entry(day: int, verdict: Verdict = Verdict.OK, **others) -> Entry:
    """The entry of a window of one day, so many days after 2026-03-02; judged by labels unless it says otherwise."""
    start = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=day)
    return Entry(start, start + timedelta(days=1), 5000, others.pop("basis", "realised"), verdict, **others)


def entries(*verdicts: Verdict) -> tuple[Entry, ...]:
    """One entry a day."""
    return tuple(entry(day, verdict) for day, verdict in enumerate(verdicts))
