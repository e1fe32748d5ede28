"""Metrics of a binary classifier from counts by score: of labels that are known, expected or drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.capture.table import FloatArray, IntArray
from trimtab.quality.intervals import Flags

MOST_SCORES = 1000
"""More scores than this are brought together by rank, which changes an AUC by less than 0.001."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreGroups:
    """Rows by score, ascending, and by whether they were called positive.

    `rows`: how many are in each group; `firsts`: the first group of each score.
    """

    scores: FloatArray
    predicted: Flags
    rows: FloatArray
    firsts: IntArray


def grouped(scores: FloatArray, predicted: Flags, counts: FloatArray) -> tuple[ScoreGroups, IntArray]:
    """The groups, and which group each row is in. `counts`: how many rows each row stands for."""
    distinct, ranks = np.unique(scores, return_inverse=True)
    if len(distinct) > MOST_SCORES:
        weights = np.bincount(ranks, weights=counts)
        middles = (np.cumsum(weights) - weights / 2) / weights.sum()
        _, merged = np.unique((middles * MOST_SCORES).astype(np.int64), return_inverse=True)
        distinct = np.bincount(merged, weights=weights * distinct) / np.bincount(merged, weights=weights)
        ranks = merged[ranks]
    codes, group = np.unique(ranks * 2 + predicted, return_inverse=True)
    _, firsts = np.unique(codes // 2, return_index=True)
    rows = np.bincount(group, weights=counts)
    return ScoreGroups(distinct[codes // 2], codes % 2 == 1, rows, firsts), group


def metrics_of_counts(groups: ScoreGroups, positives: FloatArray) -> Mapping[str, FloatArray]:
    """The metrics for each draw, given how many rows of each group are positive: shape (draws, groups). NaN where a
    metric is not defined."""
    rows, called = groups.rows, groups.predicted
    total, all_positives = rows.sum(), positives.sum(axis=1)
    true_positives = positives[:, called].sum(axis=1)
    said = rows[called].sum()
    true_negatives = total - all_positives - (said - true_positives)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = positives * (1 - groups.scores) ** 2 + (rows - positives) * groups.scores**2
        return {
            "accuracy": (true_positives + true_negatives) / total,
            "precision": true_positives / said,
            "recall": true_positives / all_positives,
            "specificity": true_negatives / (total - all_positives),
            "f1": 2 * true_positives / (said + all_positives),
            "auc": _areas(groups, positives),
            **({"brier": errors.sum(axis=1) / total} if _are_probabilities(groups.scores) else {}),
        }


def _areas(groups: ScoreGroups, positives: FloatArray) -> FloatArray:
    of_score = np.add.reduceat(positives, groups.firsts, axis=1)
    negatives = np.add.reduceat(groups.rows, groups.firsts) - of_score
    below = np.cumsum(negatives, axis=1) - negatives / 2
    return np.asarray((of_score * below).sum(axis=1) / (of_score.sum(axis=1) * negatives.sum(axis=1)))


def _are_probabilities(scores: FloatArray) -> bool:
    return bool(scores.min(initial=0.0) >= 0 and scores.max(initial=1.0) <= 1)
