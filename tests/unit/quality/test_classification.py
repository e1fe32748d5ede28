"""Metrics of classifiers against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.quality.classification import binary_metrics, multiclass_metrics

ROWS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0, float("nan")])), max_size=60
)


def arrays(rows):
    truth, predicted, scores = (np.array(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    return np.array(truth, bool), np.array(predicted, bool), np.array(scores, float)


@given(ROWS, st.integers(1, 4))
def test_metrics_lie_between_their_bounds_and_these_between_0_and_1(rows, per_request):
    truth, predicted, scores = arrays(rows)
    for name, metric in binary_metrics(truth, predicted, scores, np.arange(len(rows)) // per_request, 0.95).items():
        lower = 0 if metric.lower is None else metric.lower
        upper = 1 if metric.upper is None else metric.upper
        assert 0 <= lower <= metric.value + 1e-12, name
        assert metric.value - 1e-12 <= upper <= 1, name


def test_metrics_of_a_small_confusion_matrix():
    """TP 6, FP 2, FN 3, TN 9."""
    truth = np.repeat([True, False, True, False], [6, 2, 3, 9])
    predicted = np.repeat([True, True, False, False], [6, 2, 3, 9])
    found = binary_metrics(truth, predicted, None, np.arange(20), 0.95)
    values = {name: metric.value for name, metric in found.items()}
    expected = {"accuracy": 15 / 20, "precision": 6 / 8, "recall": 6 / 9, "specificity": 9 / 11, "f1": 12 / 17}
    assert values == pytest.approx(expected)


def test_what_has_no_rows_is_left_out():
    found = binary_metrics(np.zeros(30, bool), np.zeros(30, bool), None, np.arange(30), 0.95)
    assert set(found) == {"accuracy", "specificity"}


def test_the_interval_of_f1_holds_what_it_says():
    random, held = np.random.default_rng(5), 0
    for _ in range(400):
        truth = random.random(300) < 0.2
        predicted = np.where(random.random(300) < 0.85, truth, ~truth)
        f1 = binary_metrics(truth, predicted, None, np.arange(300), 0.95)["f1"]
        held += f1.lower <= 2 * 0.17 / (2 * 0.17 + 0.12 + 0.03) <= f1.upper
    assert held / 400 == pytest.approx(0.95, abs=0.03)


def test_scores_that_are_no_probabilities_have_no_brier_score():
    truth = np.arange(40) % 2 == 0
    found = binary_metrics(truth, truth, np.arange(40.0), np.arange(40), 0.95)
    assert "auc" in found
    assert "brier" not in found


def test_macro_f1_is_the_mean_over_classes():
    truth = np.array([0] * 50 + [1] * 30 + [2] * 20)
    predicted = truth.copy()
    predicted[:10], predicted[50:56] = 1, 2
    found = multiclass_metrics(truth, predicted, 4, np.arange(100), 0.95)
    f1 = [2 * 40 / (50 + 40), 2 * 24 / (30 + 34), 2 * 20 / (20 + 26)]
    assert found["macro_f1"].value == pytest.approx(np.mean(f1))
    assert found["accuracy"].value == pytest.approx(0.84)
    assert found["macro_f1"].lower < found["macro_f1"].value < found["macro_f1"].upper


def test_macro_f1_of_rows_that_are_all_right_is_not_certain():
    found = multiclass_metrics(np.arange(60) % 3, np.arange(60) % 3, 3, np.arange(60), 0.95)["macro_f1"]
    assert found.upper == 1
    assert found.lower == pytest.approx(0.94, abs=0.01)


def test_too_many_classes_leave_only_accuracy():
    codes = np.arange(300) % 150
    assert set(multiclass_metrics(codes, codes, 150, np.arange(300), 0.95)) == {"accuracy"}
