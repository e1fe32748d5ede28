"""Answers and labels as keyed rows, and their join by request and place in it.

Labels come late, out of order, again, and for some rows only. Both sides are merged by `keyed_rows.union`, so a join
depends on what has come, not on when and in what order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.capture.ground_truth import Label, Value
from trimtab.capture.table import Column, FloatArray, IntArray, NumericColumn, TextColumn, canonical_text, number_of
from trimtab.quality.intervals import Flags
from trimtab.quality.keyed_rows import KeyedRows, Keys, keyed_rows, places_of, requests_of, row_keys
from trimtab.quality.settings import QualitySettings

LABEL, PREDICTION, SCORE = "label", "prediction", "score"
SEGMENT, FEATURE, CATEGORY = "segment.", "feature.", "category."
"""What the kept columns' names begin with. A feature that is numbers here and texts there is two columns."""
_PREDICTIONS = ("prediction", "predicted_label", "predicted_class", "predicted", "y_pred", "class", "label")
_SCORES = ("score", "probability", "proba", "y_pred_proba", "confidence")


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns hold the class or number that the model gave, and the positive class's probability. A model that
    gives one column gives both in it."""

    prediction: str | None
    score: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """Answers with their labels.

    `rows`: the answers that have one; `truth` their labels, `requests` the number of each row's request, `delays` the
    hours its label took. `answered`: all answers; `is_labelled` says which of them have a label. `empty`: labels for
    answered rows that hold no value; `unmatched`: labels of rows that were not captured.
    """

    rows: KeyedRows
    truth: TextColumn
    requests: IntArray
    delays: FloatArray
    answered: KeyedRows
    is_labelled: Flags
    empty: int
    unmatched: int


def roles_of(outputs: Iterable[str], settings: QualitySettings) -> Roles:
    """The roles of the columns that came out of a model: as the settings say, else by their names."""
    by_name = {name.removeprefix("output.").casefold(): name for name in outputs}
    if len(by_name) == 1 and not (settings.prediction or settings.score):
        sole = next(iter(by_name.values()))
        return Roles(sole, sole)
    prediction = settings.prediction or next((by_name[name] for name in _PREDICTIONS if name in by_name), None)
    score = settings.score or next((by_name[name] for name in _SCORES if name in by_name), None)
    return Roles(prediction or score, score)


def answers_of(
    keys: Keys,
    moments: IntArray | int,
    columns: Mapping[str, Column],
    roles: Roles,
    *,
    segments: Iterable[str] = (),
    features: Iterable[str] = (),
) -> KeyedRows:
    """What of answered rows is kept to join labels with. A column that is not there is missing.

    `columns` as decoded, a cell for each key. Features, for estimates without labels, keep being numbers or texts.
    """
    texts, numbers = {}, {}
    if (prediction := columns.get(roles.prediction or "")) is not None:
        texts[PREDICTION] = as_texts(prediction)
    if isinstance(score := columns.get(roles.score or ""), NumericColumn):
        numbers[SCORE] = score.values
    for name in segments:
        if name in columns:
            texts[SEGMENT + name] = as_texts(columns[name])
    for name in features:
        if isinstance(column := columns.get(name), NumericColumn):
            numbers[FEATURE + name] = column.values
        elif column is not None:
            texts[CATEGORY + name] = column
    return keyed_rows(keys, moments, numbers, texts)


def labels_of(labels: Iterable[Label], collected: int, name: str = "") -> KeyedRows:
    """Labels that were collected at one moment (seconds since 1970). `name`: which value of a record is the label;
    by default its only one, or the one called `label`. Records without it are kept as empty."""
    known = list(labels)
    texts = [_text(_value(label, name)) for label in known]
    codes = {text: code for code, text in enumerate(sorted({text for text in texts if text is not None}))}
    column = TextColumn(np.array([-1 if text is None else codes[text] for text in texts], np.int64), tuple(codes))
    keys = row_keys((label.event_id for label in known), (label.index for label in known))
    return keyed_rows(keys, collected, texts={LABEL: column})


def join(answers: KeyedRows, labels: KeyedRows, *, others: int = 0) -> Join:
    """Each answered row with its label, if it has one. `others`: so many labels of other rows were left out already."""
    places = places_of(answers.keys, labels.keys)
    truth = labels.texts.get(LABEL) or TextColumn(np.full(len(labels), -1, np.int64), ())
    is_matched = places >= 0
    is_labelled = is_matched.copy()
    is_labelled[is_matched] = truth.codes[places[is_matched]] >= 0
    chosen, theirs = answers.where(is_labelled), places[is_labelled]
    return Join(
        rows=chosen,
        truth=TextColumn(truth.codes[theirs], truth.values),
        requests=requests_of(chosen.keys),
        delays=(labels.first[theirs] - chosen.first) / 3600,
        answered=answers,
        is_labelled=is_labelled,
        empty=int(is_matched.sum()) - len(chosen),
        unmatched=others + len(labels) - int(is_matched.sum()),
    )


def segments_of(rows: KeyedRows) -> dict[str, TextColumn]:
    """The columns by whose values quality is told, by their own names."""
    return {name.removeprefix(SEGMENT): column for name, column in rows.texts.items() if name.startswith(SEGMENT)}


def numbers_of(column: TextColumn) -> FloatArray:
    """The numbers that a column's texts spell, NaN for what spells none."""
    spelled = [number_of(text) for text in column.values]
    lookup = np.array([*(np.nan if number is None else number for number in spelled), np.nan])
    return lookup[column.codes]


def _value(label: Label, name: str) -> Value:
    if name:
        return label.values.get(name)
    return next(iter(label.values.values())) if len(label.values) == 1 else label.values.get("label")


def _text(value: Value) -> str | None:
    return None if value is None else canonical_text(value if isinstance(value, str) else repr(value))


def as_texts(column: Column) -> TextColumn:
    """A column's cells, each category in one spelling whichever format it came in."""
    if isinstance(column, TextColumn):
        spelled = [canonical_text(text) for text in column.values]
        position = {text: code for code, text in enumerate(dict.fromkeys(spelled))}
        lookup = np.array([*(position[text] for text in spelled), -1], np.int64)
        return TextColumn(lookup[column.codes], tuple(position))
    distinct, codes = np.unique(column.values, return_inverse=True)
    codes = np.where(np.isnan(column.values), -1, codes)
    return TextColumn(codes.astype(np.int64), tuple(canonical_text(repr(value)) for value in distinct.tolist()))
