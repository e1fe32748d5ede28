"""The labelled rows that quality is compared with, as they are kept: answers with their labels in one more column."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

import numpy as np

from trimtab.capture.sample import RowSample
from trimtab.capture.table import Column, NumericColumn, TextColumn
from trimtab.quality.answers import kept_features
from trimtab.quality.keyed_rows import KeyedRows, keyed_rows, keys_of_requests, requests_of
from trimtab.quality.labels import LABEL, Join, answers_of, as_texts, roles_of
from trimtab.quality.outcomes import outcomes_of
from trimtab.quality.settings import QualitySettings

MOST_ROWS = 50_000
"""So many rows of a reference are kept: more tell little, and they are learnt from in each run that judges."""


def labelled_rows(joined: Join) -> KeyedRows:
    """The rows that have a label, with it."""
    rows = joined.rows
    return keyed_rows(rows.keys, rows.first, rows.numbers, {**rows.texts, LABEL: joined.truth})


def join_of_labelled(rows: KeyedRows) -> Join:
    """The join that the rows were kept of."""
    texts = {name: column for name, column in rows.texts.items() if name != LABEL}
    answered = KeyedRows(rows.keys, rows.first, rows.last, rows.numbers, texts)
    return Join(
        rows=answered,
        truth=rows.texts.get(LABEL) or TextColumn(np.full(len(rows), -1, np.int64), ()),
        requests=requests_of(rows.keys),
        delays=np.zeros(0),
        answered=answered,
        is_labelled=np.ones(len(rows), np.bool_),
        empty=0,
        unmatched=0,
    )


def usable_rows(rows: KeyedRows, settings: QualitySettings) -> int:
    """How many labelled rows have an answer to compare."""
    return len(outcomes_of(join_of_labelled(rows), settings)[0])


def fewer_rows(rows: KeyedRows, most: int = MOST_ROWS) -> KeyedRows:
    """At most so many of the rows, whole requests, chosen by the requests' hashes: the same however they came."""
    if len(rows) <= most:
        return rows
    requests = requests_of(rows.keys)  # in order of the keys, which is that of the hashes
    last = int(requests[most])
    return rows.where(requests < last)


def labelled_of_sample(
    sample: RowSample,
    settings: QualitySettings,
    *,
    importance: Mapping[str, float] = MappingProxyType({}),
    never: Collection[str] = (),
) -> KeyedRows | None:
    """Labelled rows of a sample of training data that has both a label and what a model answered; None when it has
    not. The label is the column that the settings name, else `label`. `importance`, `never`: as of `kept_features`."""
    name = settings.label or LABEL
    columns: dict[str, Column] = {
        each: column if isinstance(column, TextColumn) else NumericColumn(column)
        for each, column in sample.columns.items()
    }
    label = columns.get(name)
    answered = (sample.outputs | {settings.prediction, settings.score}) & columns.keys() - {name}
    roles = roles_of(sorted(answered), settings)
    if label is None or roles.prediction not in columns:
        return None
    inputs = [each for each in columns if each not in answered and each != name]
    features = kept_features(inputs, settings, importance=importance, never=never)
    count = len(label)
    keys = keys_of_requests((f"reference row {row}" for row in range(count)), np.ones(count, np.int64))
    order = np.argsort(keys, kind="stable")
    answers = answers_of(keys, np.arange(count), columns, roles, segments=settings.segments, features=features)
    truth = as_texts(label)
    rows = keyed_rows(
        answers.keys,
        answers.first,
        answers.numbers,
        {**answers.texts, LABEL: TextColumn(truth.codes[order], truth.values)},
    )
    return rows.where(rows.texts[LABEL].codes >= 0)
