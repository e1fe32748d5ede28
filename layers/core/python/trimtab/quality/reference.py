"""The labelled rows that quality is compared with, and what estimates without labels have learnt from them."""

from dataclasses import dataclass

import numpy as np

from trimtab.quality.cbpe import ClassifierReference, classifier_reference, estimate_classifier
from trimtab.quality.dle import RegressionReference, estimate_regression, features_of, regression_reference, taken
from trimtab.quality.estimate import Estimate
from trimtab.quality.keyed_rows import KeyedRows
from trimtab.quality.labels import SCORE, Join
from trimtab.quality.outcomes import RegressionOutcomes, called_positive, outcomes_of, positive_class
from trimtab.quality.performance import Performance, realised
from trimtab.quality.settings import QualitySettings


@dataclass(frozen=True, slots=True, eq=False)
class QualityReference:
    """How good the answers were, and what is known to tell how good others are. `positive`: the positive class."""

    performance: Performance
    positive: str
    learned: ClassifierReference | RegressionReference


def reference_of(joined: Join, settings: QualitySettings) -> QualityReference:
    """The reference from rows with labels. Making it takes some seconds for a regression, less for a classifier; equal
    rows give an equal one."""
    positive = positive_class(joined.truth, settings)
    performance, _ = realised(joined, settings, positive=positive)
    outcomes, usable = outcomes_of(joined, settings, positive=positive)
    rows = joined.rows.where(usable)
    in_time = np.argsort(rows.first, kind="stable")
    if isinstance(outcomes, RegressionOutcomes):
        columns = {name: taken(column, in_time) for name, column in features_of(rows).items()}
        errors = (outcomes.predicted - outcomes.truth)[in_time]
        return QualityReference(performance, positive, regression_reference(columns, errors, settings))
    return QualityReference(performance, positive, classifier_reference(outcomes.where(in_time), settings))


def estimate(reference: QualityReference, answers: KeyedRows, settings: QualitySettings) -> Estimate:
    """What the quality of answers will turn out to be, told without their labels."""
    learned = reference.learned
    if isinstance(learned, RegressionReference):
        return estimate_regression(learned, features_of(answers), len(answers), settings)
    scores = answers.numbers.get(SCORE, np.full(len(answers), np.nan))
    predicted, is_known = called_positive(answers, reference.positive, settings)
    return estimate_classifier(learned, np.where(is_known, scores, np.nan), predicted, settings)
