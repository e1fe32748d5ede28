import numpy as np
import pytest

from trimtab.capture.table import TextColumn
from trimtab.quality.keyed_rows import keyed_rows, row_keys
from trimtab.quality.labelled import join_of_labelled
from trimtab.quality.labels import LABEL, PREDICTION, SCORE
from trimtab.quality.settings import QualitySettings
from trimtab.reports.answers import NoAnswersError, answers_of


def joined(truth, said, scores=None):
    """Labelled rows in the order of their keys, whatever that is: columns are compared as multisets."""
    rows = len(truth)
    keys = row_keys([f"request {i:05}" for i in range(rows)], [0] * rows)
    return join_of_labelled(
        keyed_rows(
            keys, 0, {} if scores is None else {SCORE: np.array(scores)}, {LABEL: of(truth), PREDICTION: of(said)}
        )
    )


def of(values):
    known = sorted(set(values))
    return TextColumn(np.array([known.index(value) for value in values], np.int64), tuple(known))


def rows_of(answers):
    return sorted(zip(*(cells.tolist() for cells in answers.columns.values()), strict=True))


def test_two_classes_are_ones_and_zeros_with_the_probability():
    truth, said, scores = ["no", "yes"] * 20, ["yes", "no"] * 20, [0.7, 0.2] * 20
    answers = answers_of(joined(truth, said, scores), QualitySettings())
    assert answers.problem == "binary_classification"
    assert list(answers.columns) == ["target", "prediction", "score"]
    assert rows_of(answers) == [(0, 1, 0.7)] * 20 + [(1, 0, 0.2)] * 20


def test_a_probability_that_is_not_there_for_every_row_is_left_out():
    answers = answers_of(joined(["0", "1"] * 20, ["0", "1"] * 20, [0.5, np.nan] * 20), QualitySettings())
    assert list(answers.columns) == ["target", "prediction"]


def test_several_classes_keep_their_names_made_harmless():
    truth = ["a", "b", "<c>"] * 20
    answers = answers_of(joined(truth, truth), QualitySettings())
    assert answers.problem == "multiclass_classification"
    assert set(answers.columns["target"]) == set(answers.columns["prediction"]) == {"a", "b", "‹c›"}


def test_numbers_are_a_regression():
    truth = [str(i / 10) for i in range(100)]
    answers = answers_of(joined(truth, truth), QualitySettings())
    assert answers.problem == "regression"
    assert rows_of(answers) == [(i / 10, i / 10) for i in range(100)]


def test_answers_are_taken_for_the_kind_of_problem_that_the_reference_has():
    classes = ["1", "2", "3"] * 20
    like = answers_of(joined(classes, classes), QualitySettings())
    assert answers_of(joined(["1", "2"] * 20, ["1", "2"] * 20), QualitySettings(), like).problem == like.problem


@pytest.mark.parametrize(
    ("truth", "why"), [(["0", "1"] * 5, "10 labelled rows are too few"), (["1"] * 50, "all labels are of one class")]
)
def test_what_makes_no_picture_is_refused_with_the_reason(truth, why):
    with pytest.raises(NoAnswersError, match=why):
        answers_of(joined(truth, truth), QualitySettings())
