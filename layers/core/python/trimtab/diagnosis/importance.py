"""How much each input matters to the answers, estimated where nobody said: from a model of the answers on the inputs.

The importance of a column is how much worse the model gets on rows it was not made from when that column is shuffled
(permutation importance: Breiman 2001; Fisher, Rudin and Dominici 2019). Columns that say the same share what they have.
Of many columns only those are looked at that tell most of the answers each by itself; the others count as unimportant.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from math import fsum
from typing import Any

import numpy as np

from trimtab.capture.sample import RowSample, SampleColumn, trim
from trimtab.capture.table import FloatArray, IntArray, TextColumn
from trimtab.diagnosis.stacking import column_of, picked
from trimtab.quality.binned_features import Codes, binned, feature_bins
from trimtab.quality.boosting import boost

FEWEST_ROWS = 300
MOST_ROWS = 3000
LEAST_EXPLAINED = 0.1
"""A model that explains less of the answers' variance on rows it has not seen tells nothing of their inputs."""
TREES = 50
DEPTH = 4
_SHUFFLES = 3
_MOST_CLASSES = 5
_LEARNT = 2 / 3


type WorkOut = Callable[[RowSample], dict[str, Any]]
"""Makes a document of a reference's row sample."""


@dataclass(frozen=True, slots=True)
class Importance:
    """`shares` by column, summing to 1; none where `unknown` says why they cannot be told. `explained`: how much of the
    answers' variance the model explains on `rows` rows that it was not made from. `compared`: how many columns were
    looked at, of how many there are."""

    shares: Mapping[str, float] = field(default_factory=dict)
    explained: float = 0.0
    rows: int = 0
    unknown: str = ""
    compared: tuple[int, int] = (0, 0)


def given_importance(weights: Mapping[str, float]) -> Importance:
    """The importance that settings give, as any weights."""
    total = fsum(weights.values()) or 1.0
    return Importance({name: weight / total for name, weight in weights.items()})


def estimate_importance(sample: RowSample, ignore: Collection[str] = (), *, most: int, seed: int = 0) -> Importance:
    """The importance of a sample's input columns, of no more than the `most` telling of them. Equal samples and seeds
    give equal results."""
    sample = trim(sample, MOST_ROWS)
    inputs = {
        name: column_of(column)
        for name, column in sample.columns.items()
        if name not in sample.outputs and name not in ignore
    }
    if not sample.outputs:
        return Importance(unknown="the row sample has no column that came out of the model")
    if not inputs:
        return Importance(unknown="the row sample has no column that went into the model")
    if sample.rows < FEWEST_ROWS:
        return Importance(unknown=f"the row sample has {sample.rows:,} rows, {FEWEST_ROWS:,} are needed")
    answers = {name: sample.columns[name] for name in sorted(sample.outputs) if name in sample.columns}
    targets = _targets(answers)
    known = np.flatnonzero(np.isfinite(targets).all(axis=0))
    if not len(targets) or len(known) < FEWEST_ROWS:
        return Importance(unknown="too few rows have an answer, or all have the same one")
    random = np.random.default_rng(seed)
    order = random.permutation(known)
    learn, tried = np.split(order, [int(len(order) * _LEARNT)])
    learnt = {name: picked(column, learn) for name, column in inputs.items()}
    bins = {name: feature_bins(column, targets[0, learn]) for name, column in learnt.items()}
    codes, _ = binned(bins, inputs, sample.rows)
    kept = _telling(codes[:, learn], targets[:, learn], most)
    names, codes, compared = [list(bins)[place] for place in kept], codes[kept], (len(kept), len(bins))
    trees = boost(codes[:, learn], targets[:, learn], trees=TREES, depth=DEPTH)
    spread = targets[:, tried].var(axis=1)
    held_out, told = codes[:, tried], targets[:, tried]
    if not (spread > 0).all():
        return Importance(unknown="too few rows have another answer than the rest")

    def lost(of: np.ndarray) -> float:
        return float((((trees.predict(of) - told) ** 2).mean(axis=1) / spread).mean())

    least = lost(held_out)
    if 1 - least < LEAST_EXPLAINED:
        return Importance(
            explained=max(0.0, 1 - least),
            rows=len(tried),
            unknown=f"the inputs explain {100 * max(0.0, 1 - least):.0f} % of the answers only, too little to tell",
            compared=compared,
        )
    worse = {}
    for place, name in enumerate(names):
        shuffled = held_out.copy()
        losses = []
        for _ in range(_SHUFFLES):
            shuffled[place] = random.permutation(shuffled[place])
            losses.append(lost(shuffled))
        worse[name] = max(0.0, fsum(losses) / _SHUFFLES - least)
    total = fsum(worse.values())
    if total <= 0:
        why = "no column alone matters to the answers"
        return Importance(explained=1 - least, rows=len(tried), unknown=why, compared=compared)
    return Importance({name: each / total for name, each in worse.items()}, 1 - least, len(tried), compared=compared)


def importance_once(
    kept: Callable[[Mapping[str, Any], WorkOut], dict[str, Any] | None],
    grid: str,
    ignore: Collection[str],
    *,
    most: int,
) -> Importance:
    """As `estimate_importance`, of the row sample of a reference on this grid. `kept` gives back what was worked out
    for the same sample and circumstances, else has it worked out and keeps it; None when there is no sample."""
    ignored = sorted(ignore)
    document = kept(
        {"grid": grid, "ignore": ignored, "max_columns": most},
        lambda sample: importance_document(estimate_importance(sample, ignored, most=most)),
    )
    return importance_of_document(document) if document else Importance(unknown="the reference has no row sample")


def importance_document(importance: Importance) -> dict[str, Any]:
    """The importances as plain JSON values, the greatest first."""
    ranked = sorted(importance.shares.items(), key=lambda item: (-item[1], item[0]))
    return {
        "shares": dict(ranked),
        "explained": importance.explained,
        "rows": importance.rows,
        "unknown": importance.unknown,
        "compared": list(importance.compared),
    }


def importance_of_document(document: Mapping[str, Any]) -> Importance:
    """The inverse of `importance_document`."""
    looked, inputs = document["compared"]
    return Importance(
        document["shares"], document["explained"], document["rows"], document["unknown"], (looked, inputs)
    )


def _telling(codes: Codes, targets: FloatArray, most: int) -> IntArray:
    """The places of the columns that by their bins' means explain most of the answers' variance, in order of place."""
    if len(codes) <= most:
        return np.arange(len(codes))
    away = targets - targets.mean(axis=1, keepdims=True)
    away /= np.maximum(away.std(axis=1, keepdims=True), np.finfo(float).tiny)
    gains = np.zeros(len(codes))
    for place, each in enumerate(codes):
        rows = np.maximum(np.bincount(each), 1)
        gains[place] = sum(float((np.bincount(each, weights=target) ** 2 / rows).sum()) for target in away)
    return np.sort(np.argsort(-gains, kind="stable")[:most])


def _targets(answers: Mapping[str, SampleColumn]) -> FloatArray:
    """What the model answered as numbers, shape (targets, rows): numbers as they are, common classes as flags."""
    targets: list[FloatArray] = []
    for column in answers.values():
        if not isinstance(column, TextColumn):
            targets.append(column)
            continue
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
        common = np.argsort(-counts, kind="stable")[: min(_MOST_CLASSES, max(1, len(counts) - 1))]
        targets += [np.where(column.codes < 0, np.nan, column.codes == code) for code in common.tolist()]
    varying = [each for each in targets if np.isfinite(each).any() and np.nanstd(each) > 0]
    return np.array(varying) if varying else np.zeros((0, 0))
