"""Realised performance of windows of which all, some, or chosen rows have labels."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.quality.builders import HOUR, answers, classes, labelled, numbers, texts
from trimtab.quality.outcomes import problem_of
from trimtab.quality.performance import is_closed, realised
from trimtab.quality.settings import QualitySettings

SETTINGS = QualitySettings()
END = datetime(2026, 5, 6, 7, tzinfo=UTC)


def test_a_label_window_closes_when_labels_are_no_longer_waited_for():
    patient = QualitySettings(label_delay_hours=36)
    assert not is_closed(END, END + timedelta(hours=35), patient)
    assert is_closed(END, END + timedelta(hours=36), patient)


def test_a_model_that_gives_a_probability_is_cut():
    scores = np.array([0.1, 0.4, 0.6, 0.9] * 50)
    joined = labelled(answers(numbers(scores), scores), ["0", "1", "1", "1"] * 50)
    found, coverage = realised(joined, SETTINGS)
    assert found.problem == "binary_classification"
    assert found.metrics["accuracy"].value == 0.75
    assert found.metrics["auc"].value == 1
    assert realised(joined, QualitySettings(cut=0.3))[0].metrics["accuracy"].value == 1
    assert (coverage.answered, coverage.usable, coverage.share) == (200, 200, 1)
    assert coverage.accuracy_between == (0.75, 0.75)


def test_a_model_that_gives_a_class_is_taken_at_its_word():
    scores = np.array([0.6, 0.6, 0.8, 0.8] * 20)
    joined = labelled(answers(texts(["no", "no", "yes", "yes"] * 20), scores), ["no", "no", "yes", "yes"] * 20)
    assert realised(joined, SETTINGS)[0].metrics["accuracy"].value == 1


def test_classes_that_are_no_probabilities_are_not_cut():
    joined = labelled(answers(numbers([1.0, 2.0] * 50), np.array([1.0, 2.0] * 50)), ["1", "2"] * 50)
    assert realised(joined, SETTINGS)[0].metrics["recall"].value == 1


def test_labels_of_the_negative_class_alone_have_no_recall():
    scores = np.full(100, 0.2)
    found, _ = realised(labelled(answers(numbers(scores), scores), ["0"] * 100), SETTINGS)
    assert found.metrics["accuracy"].value == 1
    assert "recall" not in found.metrics


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["0", "1"], "binary_classification"),
        (["cat", "dog", "cow"], "multiclass_classification"),
        (["0", "1", "2"], "multiclass_classification"),
        (["0.5", "1", "2"], "regression"),
        ([str(each) for each in range(30)], "regression"),
        ([], "binary_classification"),
    ],
)
def test_labels_tell_the_problem(labels, problem):
    assert problem_of(texts(labels)) == problem


def test_a_regression_is_measured():
    truth = np.arange(300) / 7
    joined = labelled(answers(numbers(truth + 1)), [repr(each) for each in truth.tolist()])
    found, coverage = realised(joined, SETTINGS)
    assert (found.problem, coverage.accuracy_between) == ("regression", None)
    assert found.metrics["mae"].value == pytest.approx(1)


def test_rows_without_an_answer_are_not_usable():
    joined = labelled(answers(texts(["1", None] * 50)), ["1"] * 100)
    found, coverage = realised(joined, SETTINGS)
    assert (found.rows, coverage.labelled, coverage.usable) == (50, 100, 50)
    assert coverage.accuracy_between == (0.5, 1.0)


def test_quality_is_told_by_segment():
    right = np.arange(400) % 4 > 0
    right[300:] = np.arange(100) % 2 > 0
    segment = texts(["north"] * 300 + ["south"] * 90 + ["west"] * 10)
    joined = labelled(answers(texts(["1"] * 400), segments={"region": segment}), classes(right))
    found = realised(joined, SETTINGS)[0].segments["region"]
    assert list(found) == ["north", "south", "west"]
    assert found["north"].metrics["accuracy"].value == 0.75
    assert found["south"].metrics["accuracy"].value == 0.5
    assert found["south"].share == 0.225
    assert found["west"].metrics == {}


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40), st.sets(st.integers(0, 39)))
def test_missing_labels_never_narrow_what_the_accuracy_may_be(rows, missing):
    """Whatever the missing labels are: the accuracy of all rows stays between the bounds."""
    said, truth = np.array([row[0] for row in rows]), [str(int(row[1])) for row in rows]
    given_answers = answers(texts(classes(said)))
    sure = QualitySettings(positive="1")
    every, _ = realised(labelled(given_answers, truth), sure)
    known = {row: label for row, label in enumerate(truth) if row not in missing}
    _, coverage = realised(labelled(given_answers, known), sure)
    low, high = coverage.accuracy_between
    assert low - 1e-12 <= every.metrics["accuracy"].value <= high + 1e-12
    fewer = dict(list(known.items())[1:])
    less, more = realised(labelled(given_answers, fewer), sure)[1].accuracy_between
    assert less <= low + 1e-12
    assert high <= more + 1e-12


@settings(max_examples=15)
@given(st.integers(2, 12), st.integers(0, 10))
def test_labels_for_a_part_of_the_rows_make_intervals_wider(kept, wrong):
    """Of every 12 rows `kept` have a label, with the same share of wrong answers: the fewer, the wider."""

    def width(per_dozen):
        flags = np.tile(np.arange(10) >= wrong, 12 * per_dozen)
        joined = labelled(answers(texts(["1"] * 1440)), dict(enumerate(classes(flags))))
        accuracy = realised(joined, QualitySettings(positive="1"))[0].metrics["accuracy"]
        return accuracy.upper - accuracy.lower

    assert width(kept) > width(12) or kept == 12


def test_labels_that_come_for_some_predictions_only_are_selective():
    scores = np.linspace(0, 1, 1000)
    given_answers = answers(numbers(scores), scores)
    of_high = dict.fromkeys(range(600, 1000), "1")
    of_any = dict.fromkeys(range(0, 1000, 3), "1")
    assert realised(labelled(given_answers, of_high), SETTINGS)[1].selection > 0.8
    assert realised(labelled(given_answers, of_any), SETTINGS)[1].selection == 0
    assert realised(labelled(given_answers, ["1"] * 1000), SETTINGS)[1].selection == 0


def test_selection_is_seen_by_class_and_by_number_too():
    by_class = answers(texts(["a"] * 300 + ["b"] * 300 + ["c"] * 300))
    assert realised(labelled(by_class, dict.fromkeys(range(400), "a")), SETTINGS)[1].selection > 0.5
    by_number = answers(numbers(np.arange(900) / 7))
    assert realised(labelled(by_number, {row: f"{row}.5" for row in range(400)}), SETTINGS)[1].selection > 0.5


def test_delays_are_told():
    given_answers = answers(texts(["1"] * 100))
    _, coverage = realised(labelled(given_answers, ["1"] * 100, collected=10 * HOUR), SETTINGS)
    assert coverage.delay_hours == pytest.approx((10, 10), abs=0.05)
    assert realised(labelled(given_answers, {}), SETTINGS)[1].delay_hours is None
