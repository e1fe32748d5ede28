"""What is kept of captured rows, to join labels with and to estimate from: by request and place in it."""

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from trimtab.capture.free_text import absent
from trimtab.capture.naming import name_columns
from trimtab.capture.reference import Reference
from trimtab.capture.table import Table
from trimtab.quality.keyed_rows import KeyedRows, are_drawn, keys_of_requests
from trimtab.quality.labels import PREDICTION, SCORE, answers_of, roles_of
from trimtab.quality.settings import QualitySettings

MOST_FEATURES = 32
"""So many input columns are kept of a regression's rows, for 8 bytes a cell; the most important ones."""


def answers_to_keep(
    table: Table,
    reference: Reference | None,
    settings: QualitySettings,
    *,
    importance: Mapping[str, float],
    ignore: frozenset[str],
    redact: frozenset[str],
) -> KeyedRows:
    """As `answers_of_table`, with the features that errors are estimated from, under the reference's names; none of
    them is in `ignore`, and no value of a column in `redact` is kept."""
    named = name_columns(table, reference) if reference else table
    inputs = [name for name in named.columns if name not in named.outputs]
    if absent(redact, named.columns):
        inputs = []  # what must not be kept may be there under another name
    features = kept_features(inputs, settings, importance=importance, never=redact | ignore)
    return answers_of_table(named, settings, features, redact)


def answers_of_table(
    table: Table, settings: QualitySettings, features: Collection[str] = (), never: Collection[str] = ()
) -> KeyedRows:
    """The answered rows of a table that was decoded with identities: those of which the request is known and the model
    gave a class, a number or a score. Of a part of the requests only, where the settings say so. `never`: the values of
    these columns are not kept, whatever they are."""
    if table.identities is None:
        raise ValueError("the table does not tell which requests its rows are of")
    identities = table.identities
    keys = keys_of_requests(identities.requests, identities.counts)
    roles = roles_of([name for name in table.columns if name in table.outputs], settings)
    rows = answers_of(
        keys,
        np.repeat(identities.moments, identities.counts),
        {name: column for name, column in table.columns.items() if name not in never},
        roles,
        segments=settings.segments,
        features=features,
    )
    is_answered = np.zeros(len(rows), np.bool_)
    if (said := rows.texts.get(PREDICTION)) is not None:
        is_answered |= said.codes >= 0
    if (scores := rows.numbers.get(SCORE)) is not None:
        is_answered |= np.isfinite(scores)
    if "" in identities.requests:  # nobody can say which row such an answer is
        nobody = keys_of_requests([""], np.array([int(identities.counts.max())]))
        is_answered &= ~np.isin(rows.keys, nobody)
    return rows.where(is_answered & are_drawn(rows.keys, settings.keep_share))


def kept_features(
    inputs: Iterable[str],
    settings: QualitySettings,
    *,
    importance: Mapping[str, float],
    never: Collection[str] = (),
) -> tuple[str, ...]:
    """The input columns that are kept with the answers: of a regression, whose errors are estimated from them, the most
    important ones (else the first ones); of a classifier none, for its scores are enough. `never`: not these."""
    if settings.problem != "regression":
        return ()
    ranked = sorted((name for name in inputs if name not in never), key=lambda name: -importance.get(name, 0.0))
    return tuple(ranked[:MOST_FEATURES])
