"""Evaluation files: ours, Model Monitor's, Clarify's; and evaluations of predictions."""

import json

import numpy as np
import pytest
from scipy import stats

from tests.unit.training.builders import dataset, document, evaluation
from trimtab.training.evaluation import EvaluationError, compared_with, evaluation_of, joined, parse_evaluation
from trimtab.training.gate_thresholds import GateThresholds
from trimtab.training.gates import judge_gates
from trimtab.training.model_quality_json import read_evaluation
from trimtab.training.predictions import ClassPredictions, score_classes, score_numbers
from trimtab.training.robustness import UNSEEN, changed_classes, changed_numbers, disturbed

# the shape of the developer guide's sample
BINARY = {
    "version": 0.0,
    "dataset": {"item_count": 4},
    "binary_classification_metrics": {
        "confusion_matrix": {"0": {"0": 1, "1": 2}, "1": {"0": 0, "1": 1}},
        "accuracy": {"value": 0.5, "standard_deviation": "NaN"},
        "auc": {"value": 0.75, "standard_deviation": 0.1},
    },
}


def test_a_file_of_ours_is_read():
    assert parse_evaluation(json.dumps(document())) == evaluation() == read_evaluation(json.dumps(document()).encode())


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("no", "no JSON"),
        ("[]", "list"),
        ("{}", "problem"),
        (json.dumps(document(problem="clustering")), "problem"),
        (json.dumps(document(surprise=1)), "surprise"),
        (json.dumps(document(datasets={"holdout": dataset(correct=5001)})), r"datasets.holdout: correct \(5001\)"),
        (json.dumps(document(datasets={"holdout": dataset(auc={"value": 0.8, "lower": 0.9})})), "datasets.holdout.auc"),
        (json.dumps(document(datasets={"holdout": dataset(accuracy=float("nan"))})), "datasets.holdout.accuracy"),
        (json.dumps(document(robustness={"noise": {"rows": 1, "changed": 2}})), "robustness.noise"),
        (json.dumps(document(datasets={"a": {"correct": 1}})), "correct needs rows"),
        (json.dumps(document(datasets={"a": {"rmse": {"value": 2, "upper": 1}}})), "datasets.a.rmse: upper"),
        (json.dumps(document(datasets={"a": {"slices": {"b": {"rows": 1, "correct": 2}}}})), "slices.b"),
        (json.dumps(document(datasets={"a": {"comparison": {"rows": 1, "only_champion_right": 2}}})), "a.comparison"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_key(text, named):
    for read in (parse_evaluation, read_evaluation):
        with pytest.raises(EvaluationError, match=named):
            read(text)


def test_several_files_about_one_model_are_one_evaluation():
    whole = evaluation()
    rest = {key: value for key, value in document().items() if key not in {"datasets", "model", "champion"}}
    parts = [
        evaluation_of({"problem": whole.problem, "datasets": {"holdout": dataset()}, "champion": "churn-6"}),
        evaluation_of({"problem": whole.problem, "datasets": {"newest": dataset()}, "model": "churn-7"}),
        evaluation_of(rest),
    ]
    assert joined(*parts) == whole
    with pytest.raises(EvaluationError, match="problem"):
        joined(parts[0], evaluation_of({"problem": "regression"}))


def test_model_monitors_classification_is_read_by_its_confusion_matrix():
    [(name, score)] = read_evaluation(json.dumps(BINARY)).datasets.items()
    assert (name, score.rows, score.correct, score.share_correct) == ("newest", 4, 2, 0.5)
    assert score.auc.value == 0.75
    assert score.auc.lower < 0.75
    assert score.not_finite is None


def test_without_a_confusion_matrix_counts_come_from_accuracy_and_bounds_from_the_five_samples():
    metrics = {"accuracy": {"value": 0.92}, "auc": {"value": 0.9, "standard_deviation": 0.01}}
    told = {"dataset": {"item_count": 1000}, "binary_classification_metrics": metrics}
    [score] = read_evaluation(json.dumps(told)).datasets.values()
    assert (score.rows, score.correct) == (1000, 920)
    assert score.auc.lower == pytest.approx(0.9 - stats.t.ppf(0.95, 4) * 2 * 0.01)


def test_several_classes_have_no_auc():
    matrix = {"a": {"a": 5, "b": 1, "c": 0}, "b": {"a": 0, "b": 3, "c": 0}, "c": {"a": 0, "b": 0, "c": 1}}
    [score] = read_evaluation(
        json.dumps({"multiclass_classification_metrics": {"confusion_matrix": matrix}})
    ).datasets.values()
    assert (score.rows, score.correct, score.auc) == (10, 9, None)


def test_model_monitors_regression_gets_a_bound_from_its_five_samples():
    told = {"dataset": {"item_count": 100}, "regression_metrics": {"rmse": {"value": 2.0, "standard_deviation": 0.05}}}
    [score] = read_evaluation(json.dumps(told), "holdout").datasets.values()
    assert score.rmse.upper == pytest.approx(2.0 + stats.t.ppf(0.95, 4) * 2 * 0.05)


@pytest.mark.parametrize(
    ("told", "serving", "expected"), [(None, "arn:p/6", "arn:p/6"), ("churn-6", "arn:p/6", "churn-6"), (None, "", None)]
)
def test_a_version_that_serves_is_no_champion_to_be_left_out(told, serving, expected):
    assert compared_with(evaluation(champion=told), serving).champion == expected


def test_two_times_their_deviation_is_the_standard_error():
    random = np.random.default_rng(7)
    deviations, values = [], []
    for _ in range(300):
        errors = random.normal(0, 1, 500)
        samples = [np.sqrt(np.mean(random.choice(errors, 400, replace=False) ** 2)) for _ in range(5)]
        deviations.append(np.std(samples, ddof=1))
        values.append(np.sqrt(np.mean(errors**2)))
    assert 2 * np.sqrt(np.mean(np.square(deviations))) == pytest.approx(np.std(values), rel=0.15)


@pytest.mark.parametrize("deviation", ["NaN", None])
def test_without_a_deviation_there_is_no_bound_and_no_pass(deviation):
    told = {"regression_metrics": {"rmse": {"value": 2.0, "standard_deviation": deviation}}}
    verdicts = judge_gates(read_evaluation(json.dumps(told)), GateThresholds(max_rmse=5.0))
    assert not [verdict for verdict in verdicts if verdict.gate == "rmse" and verdict.passed]


def test_clarifys_differences_in_accuracy_are_gaps_of_slices():
    told = {
        "post_training_bias_metrics": {
            "label": "Target",
            "facets": {
                "Gender": [
                    {
                        "value_or_threshold": "0",
                        "metrics": [{"name": "AD", "value": -0.11}, {"name": "DI", "value": 1}],
                    },
                    {"value_or_threshold": "1", "metrics": [{"name": "AD", "value": None}]},
                ]
            },
        }
    }
    [score] = read_evaluation(json.dumps(told)).datasets.values()
    assert score.slice_gaps == {"Gender=0": 0.11}


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"post_training_bias_metrics": {}}, "facets"),
        ({"binary_classification_metrics": {"accuracy": {"value": 1.5}}}, "accuracy"),
        ({"multiclass_classification_metrics": {"confusion_matrix": {"a": {"b": "x"}}}}, "confusion_matrix.a.b"),
        ({"regression_metrics": 1}, "none of binary_classification_metrics"),
        ({"regression_metrics": {}, "x": 1}, None),
    ],
)
def test_wrong_reports_are_refused_by_key(told, named):
    if named is None:
        assert read_evaluation(json.dumps(told)).problem == "regression"
        return
    with pytest.raises(EvaluationError, match=named):
        read_evaluation(json.dumps(told))


def test_real_reports_are_read(shared):
    folder = shared / "data" / "model_monitor"
    [score] = read_evaluation(
        (folder / "sdk-modelcard" / "model_monitor_model_quality_binary_classification.json").read_text()
    ).datasets.values()
    assert (score.rows, score.correct) == (4, 2)
    [score] = read_evaluation(
        (folder / "sdk-modelcard" / "model_monitor_model_quality_regression.json").read_text()
    ).datasets.values()
    assert (score.rows, round(score.rmse.value, 4)) == (627, 2.2429)
    [score] = read_evaluation(
        (folder / "sdk-pipeline" / "quality_check_step" / "model_quality" / "statistics.json").read_text()
    ).datasets.values()
    assert score.rmse.upper is None
    [score] = read_evaluation((folder / "sdk-modelcard" / "clarify_bias.json").read_text()).datasets.values()
    assert score.slice_gaps.keys() == {"Gender=0", "Gender=1"}


LABELS = [1, 0, 1, 0, None, 1]


def test_predictions_are_scored_against_the_champion_on_the_same_rows():
    challenger = ClassPredictions(["1", "0", "1.0", "1", "0", "0"], [0.9, 0.1, 0.8, 0.6, 0.2, 0.4])
    champion = ClassPredictions([1, 1, 0, 0, 1, 1])
    score = score_classes(
        LABELS, challenger, champion=champion, positive="1", slices={"a": [True, True, False, False, True, False]}
    )
    assert (score.rows, score.correct, score.not_finite) == (5, 3, 0)
    assert (score.comparison.only_champion_right, score.comparison.only_challenger_right) == (2, 2)
    assert (score.slices["a"].rows, score.slices["a"].correct) == (2, 2)
    assert score.auc.value == pytest.approx(5 / 6)  # 0.9 and 0.8 beat 0.1 and 0.6; 0.4 beats 0.1
    assert score.calibration_error == pytest.approx((0.1 + 0.1 + 0.2 + 0.6 + 0.6) / 5)


def test_classes_may_be_texts():
    assert score_classes(["yes", "no", ""], ClassPredictions(["yes", " yes", "no"])).correct == 1


def test_answers_that_are_none_are_wrong_and_counted():
    score = score_classes([1, 1, 1], ClassPredictions([1, None, float("nan")], [0.9, 0.5, float("nan")]))
    assert (score.correct, score.not_finite, score.calibration_error) == (1, 3, None)


def test_numbers_are_scored_against_the_champion_on_the_same_rows():
    random = np.random.default_rng(5)
    truth = random.normal(0, 5, 1000)
    new, old = truth + random.normal(0, 1, 1000), truth + random.normal(0, 2, 1000)
    score = score_numbers(np.append(truth, np.nan), np.append(new, 0.0), champion=np.append(old, 0.0))
    assert score.rows == 1000
    assert score.rmse.value == pytest.approx(1, abs=0.1)
    assert score.rmse.value <= score.rmse.upper < 1.1
    assert score.comparison.rmse_ratio.value == pytest.approx(0.5, abs=0.05)
    assert score.comparison.rmse_ratio.upper < 0.6


def test_a_regression_that_answers_infinity_has_no_error_to_show():
    score = score_numbers([1.0, 2.0], [1.0, float("inf")])
    assert (score.rmse, score.not_finite) == (None, 1)


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda: score_classes([1], ClassPredictions([1, 0])), "challenger has 2 predictions"),
        (lambda: score_classes([1], ClassPredictions([1]), champion=ClassPredictions([])), "champion has 0"),
        (lambda: score_classes([1], ClassPredictions([1], [1.5])), "outside 0 to 1"),
        (lambda: score_classes([1], ClassPredictions([1]), slices={"eu": []}), "slice eu"),
        (lambda: score_numbers([1.0], [1.0, 2.0]), "challenger has 2 values"),
        (lambda: score_numbers(["a"], [1.0]), "labels"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(made, named):
    with pytest.raises(EvaluationError, match=named):
        made()


ROWS = [{"age": 40 + n % 7, "plan": "basic" if n % 2 else "plus", "zip": 8000, "vip": True} for n in range(500)]


def test_noise_moves_numbers_by_one_percent_and_nothing_else():
    noisy = disturbed(ROWS, "noise", categorical={"zip"}, seed=1)
    assert noisy == disturbed(ROWS, "noise", categorical={"zip"}, seed=1)
    assert all((a["plan"], a["zip"], a["vip"]) == (b["plan"], 8000, True) for a, b in zip(noisy, ROWS, strict=True))
    ratios = np.array([a["age"] / b["age"] for a, b in zip(noisy, ROWS, strict=True)])
    assert 0.0095 < np.abs(ratios - 1).max() <= 0.01


def test_five_percent_of_the_cells_go_missing():
    cells = [value for row in disturbed(ROWS, "missing", seed=1) for value in row.values()]
    assert stats.binomtest(cells.count(None), len(cells), 0.05).pvalue > 0.001


def test_one_category_of_each_row_was_never_seen():
    rows = disturbed(ROWS, "unseen_category", categorical={"zip"}, seed=1)
    assert all(list(row.values()).count(UNSEEN) == 1 for row in rows)
    assert {name for row in rows for name, value in row.items() if value == UNSEEN} == {"plan", "zip"}
    assert disturbed([{"age": 4}], "unseen_category") == [{"age": 4}]


def test_changed_predictions_are_counted():
    assert changed_classes([1, 0, 1], [1, 1, 1]).changed == 1
    before = [0.0, 10.0]  # standard deviation 5
    assert changed_numbers(before, [0.49, 10.0]).changed == 0
    assert changed_numbers(before, [0.51, float("nan")]).changed == 2
    with pytest.raises(EvaluationError, match="1 predictions before"):
        changed_classes([1], [])
