"""Labelled answers as the columns of a report on a model's quality."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.capture.table import TextColumn
from trimtab.quality.intervals import Flags
from trimtab.quality.labels import PREDICTION as ANSWER
from trimtab.quality.labels import Join
from trimtab.quality.outcomes import BinaryOutcomes, MulticlassOutcomes, RegressionOutcomes, outcomes_of
from trimtab.quality.settings import Problem, QualitySettings
from trimtab.reports.sides import MOST_ROWS, Cells, harmless

TARGET, PREDICTION, SCORE = "target", "prediction", "score"
LEAST_ROWS = 30
"""Fewer labelled rows make no picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The columns `target` and `prediction`, and `score` where a classifier of two classes gives the positive one's
    probability for every row. Of two classes the positive one is 1, of several each is a text."""

    problem: Problem
    columns: Mapping[str, Cells]

    def __len__(self) -> int:
        return len(self.columns[TARGET])


class NoAnswersError(ValueError):
    """The labelled rows make no report; the message says why."""


def answers_of(
    joined: Join, settings: QualitySettings, like: Answers | None = None, positive: str | None = None
) -> Answers:
    """The first `MOST_ROWS` labelled answers; of the kind of problem that `like` has, if given.

    Raises NoAnswersError when they are too few, or all of one class, which Evidently stops at.
    """
    problem = None if like is None else like.problem
    outcomes, usable = outcomes_of(joined, settings, problem=problem, positive=positive)
    if len(outcomes) < LEAST_ROWS:
        raise NoAnswersError(f"{len(outcomes):,} labelled rows are too few")
    columns: dict[str, Cells]
    match outcomes:
        case BinaryOutcomes():
            columns = {TARGET: outcomes.is_positive.astype(np.int64), PREDICTION: outcomes.predicted.astype(np.int64)}
            if outcomes.scores is not None and np.isfinite(outcomes.scores).all():
                columns[SCORE] = outcomes.scores
        case MulticlassOutcomes():
            columns = {TARGET: _texts(joined.truth, usable), PREDICTION: _texts(joined.rows.texts[ANSWER], usable)}
        case RegressionOutcomes():
            columns = {TARGET: outcomes.truth, PREDICTION: outcomes.predicted}
    columns = {name: cells[:MOST_ROWS] for name, cells in columns.items()}
    if outcomes.problem != "regression" and len(set(columns[TARGET].tolist())) < 2:
        raise NoAnswersError("all labels are of one class")
    return Answers(outcomes.problem, columns)


def _texts(column: TextColumn, usable: Flags) -> Cells:
    lookup = np.array([*map(harmless, column.values), None], dtype=object)
    return lookup[column.codes[usable]]
