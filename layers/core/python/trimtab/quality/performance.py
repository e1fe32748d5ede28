"""Realised performance: the quality of a window's answers once its labels are in, in all and by segment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from trimtab.capture.table import IntArray, TextColumn
from trimtab.drift.chi_square import chi_square_sf
from trimtab.quality.intervals import Metric
from trimtab.quality.keyed_rows import KeyedRows
from trimtab.quality.labels import PREDICTION, SCORE, Join, numbers_of, segments_of
from trimtab.quality.outcomes import BinaryOutcomes, MulticlassOutcomes, Outcomes, metrics_of, outcomes_of
from trimtab.quality.settings import Problem, QualitySettings

MOST_SEGMENTS = 20
"""So many values of a segment column are told apart, the most frequent ones."""
_CERTAINLY = 0.001
_BINS = 10


@dataclass(frozen=True, slots=True)
class SegmentPerformance:
    """The rows of one segment, the share of all labelled rows they are, and their metrics."""

    rows: int
    share: float
    metrics: Mapping[str, Metric]


@dataclass(frozen=True, slots=True)
class Performance:
    """The metrics of labelled rows. `segments` by column and value; those with few rows have none."""

    problem: Problem
    rows: int
    metrics: Mapping[str, Metric]
    segments: Mapping[str, Mapping[str, SegmentPerformance]]


@dataclass(frozen=True, slots=True)
class LabelCoverage:
    """How far labels cover the answered rows.

    `usable`: labelled rows with an answer to compare. `empty`, `unmatched` as in `Join`. `selection`: Cramér's V
    between having a label and the prediction, 0 where chance explains it. `delay_hours`: by which half, and nine in
    ten, of the labels had come; None without any. `accuracy_between`: the accuracy of all rows whatever the missing
    labels are, for classifiers.
    """

    answered: int
    labelled: int
    usable: int
    empty: int
    unmatched: int
    selection: float
    delay_hours: tuple[float, float] | None
    accuracy_between: tuple[float, float] | None

    @property
    def share(self) -> float:
        """The share of answered rows that have a usable label; 0 of none."""
        return self.usable / self.answered if self.answered else 0.0


def is_closed(window_end: datetime, now: datetime, settings: QualitySettings) -> bool:
    """Whether the labels of a window are no longer waited for. What comes later changes them, not this."""
    return now >= window_end + timedelta(hours=settings.label_delay_hours)


def realised(
    joined: Join, settings: QualitySettings, *, problem: Problem | None = None, positive: str | None = None
) -> tuple[Performance, LabelCoverage]:
    """The performance on a window's labelled rows, and how far these cover it.

    `problem` and `positive`: as the reference had them; by default what the settings or the labels tell."""
    outcomes, usable = outcomes_of(joined, settings, problem=problem, positive=positive)
    segments = segments_of(joined.rows.where(usable))
    performance = Performance(
        outcomes.problem,
        len(outcomes),
        metrics_of(outcomes, settings.confidence),
        {name: _by_segment(outcomes, column, settings) for name, column in segments.items()},
    )
    delays = np.quantile(joined.delays, [0.5, 0.9]).tolist() if len(joined.delays) else None
    coverage = LabelCoverage(
        answered=len(joined.answered),
        labelled=len(joined.rows),
        usable=len(outcomes),
        empty=joined.empty,
        unmatched=joined.unmatched,
        selection=_selection(joined),
        delay_hours=None if delays is None else (delays[0], delays[1]),
        accuracy_between=_accuracy_between(outcomes, len(joined.answered)),
    )
    return performance, coverage


def _by_segment(outcomes: Outcomes, column: TextColumn, settings: QualitySettings) -> Mapping[str, SegmentPerformance]:
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    found = {}
    for code in np.argsort(-counts, kind="stable")[:MOST_SEGMENTS].tolist():
        inside, rows = column.codes == code, int(counts[code])
        metrics = metrics_of(outcomes.where(inside), settings.confidence) if rows >= settings.min_segment_rows else {}
        found[column.values[code]] = SegmentPerformance(rows, rows / len(outcomes), metrics)
    return found


def _accuracy_between(outcomes: Outcomes, answered: int) -> tuple[float, float] | None:
    """Manski's bounds (1989): every missing label against the model, and every one for it."""
    match outcomes:
        case BinaryOutcomes():
            right = int((outcomes.is_positive == outcomes.predicted).sum())
        case MulticlassOutcomes():
            right = int((outcomes.truth == outcomes.predicted).sum())
        case _:
            return None
    return (right / answered, (right + answered - len(outcomes)) / answered) if answered else None


def _selection(joined: Join) -> float:
    """Cramér's V of the table of bins of the prediction by having a label; 0 where chi-square finds nothing."""
    bins = _bins(joined.answered)
    known = bins >= 0
    if not known.any():
        return 0.0
    _, compact = np.unique(bins[known], return_inverse=True)
    labelled = np.bincount(compact, weights=joined.is_labelled[known])
    every = np.bincount(compact).astype(np.float64)
    rate = float(labelled.sum() / every.sum())
    if rate in (0.0, 1.0) or len(every) < 2:
        return 0.0
    statistic = float(((labelled - rate * every) ** 2 / (every * rate * (1 - rate))).sum())
    is_chance = chi_square_sf(statistic, len(every) - 1) >= _CERTAINLY
    return 0.0 if is_chance else float(np.sqrt(statistic / every.sum()))


def _bins(rows: KeyedRows) -> IntArray:
    column, scores = rows.texts.get(PREDICTION), rows.numbers.get(SCORE)
    if scores is None and column is not None and len(column.values) > _BINS:
        scores = numbers_of(column)
    if scores is not None and np.isfinite(scores).any():
        edges = np.unique(np.nanquantile(scores, np.linspace(0, 1, _BINS + 1)[1:-1]))
        return np.where(np.isfinite(scores), np.searchsorted(edges, scores, side="right"), -1)
    if column is None:
        return np.full(len(rows), -1, np.int64)
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    ranks = np.empty(len(counts) + 1, np.int64)
    ranks[-1] = -1
    ranks[np.argsort(-counts, kind="stable")] = np.minimum(np.arange(len(counts)), _BINS - 1)
    return ranks[column.codes]
