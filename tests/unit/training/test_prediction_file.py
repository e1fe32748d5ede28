import csv
import io
import random

import pytest

from tests.unit.training.builders import evaluation
from trimtab.training.evaluation import EvaluationError
from trimtab.training.prediction_file import predictions_uri, with_predictions


def file(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def rows(count=500, **changed):
    chance = random.Random(6)
    for i in range(count):
        label = chance.randrange(2)
        right, before = chance.random() < 0.9, chance.random() < 0.8
        yield {
            "dataset": "newest" if i % 5 else "holdout",
            "label": label,
            "prediction": label if right else 1 - label,
            "probability": 0.9 if (label if right else 1 - label) else 0.1,
            "champion_prediction": label if before else 1 - label,
            "slice_region": "eu" if i % 2 else "us",
        } | changed


def test_the_scores_are_those_that_counting_by_hand_gives():
    listed = list(rows())
    score = with_predictions(evaluation(), file(listed)).datasets["newest"]
    mine = [row for row in listed if row["dataset"] == "newest"]
    right = [row["prediction"] == row["label"] for row in mine]
    before = [row["champion_prediction"] == row["label"] for row in mine]
    assert (score.rows, score.correct) == (400, sum(right))
    assert score.comparison.only_champion_right == sum(b and not r for b, r in zip(before, right, strict=True))
    assert score.comparison.only_challenger_right == sum(r and not b for b, r in zip(before, right, strict=True))
    assert score.slices["region=eu"].rows + score.slices["region=us"].rows == 400
    assert score.auc.value > 0.8
    assert score.calibration_error < 0.05


def test_other_data_sets_stay_and_the_file_prevails():
    after = with_predictions(evaluation(), file(list(rows(dataset="newest"))))
    assert after.datasets["holdout"] == evaluation().datasets["holdout"]
    assert after.datasets["newest"].rows == 500


def test_a_champion_that_does_not_answer_every_row_is_not_compared():
    listed = list(rows())
    listed[1]["champion_prediction"] = ""
    assert with_predictions(evaluation(), file(listed)).datasets["newest"].comparison is None


def test_regression_is_scored_by_its_errors():
    listed = [
        {"dataset": "newest", "label": i, "prediction": i + (-1) ** i, "champion_prediction": i + 2 * (-1) ** i}
        for i in range(300)
    ]
    score = with_predictions(evaluation(problem="regression"), file(listed)).datasets["newest"]
    assert score.rmse.value == pytest.approx(1)
    assert score.comparison.rmse_ratio.value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "no dataset, label, prediction"),
        (b"dataset,label\nnewest,1\n", "no prediction"),
        (b"dataset,label,prediction\nnewest,1\n", "too few cells"),
        (b"dataset,label,prediction\nnewest,1,1,1\n", "too many"),
        (b"dataset,label,prediction,probability\nnewest,1,1,sure\n", "could not convert"),
        (b"\xff\xfe", "no CSV"),
    ],
)
def test_what_cannot_be_read_is_refused(text, fault):
    with pytest.raises(EvaluationError, match=fault):
        with_predictions(evaluation(), text)


def test_it_lies_beside_the_evaluation():
    assert predictions_uri("s3://b/e/1.json") == "s3://b/e/1.predictions.csv"
