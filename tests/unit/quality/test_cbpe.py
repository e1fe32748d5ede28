"""Estimates of classifiers without labels, against the labels that came after all."""

import csv
import gzip

import numpy as np
import pytest

from trimtab.quality.cbpe import classifier_reference, estimate_classifier
from trimtab.quality.outcomes import BinaryOutcomes, MulticlassOutcomes, metrics_of
from trimtab.quality.settings import QualitySettings

SETTINGS = QualitySettings()
NANNYML = {  # what NannyML estimates for the same windows of 5,000 rows, as published in its tutorial (CBPE, car loan)
    "accuracy": [0.941792, 0.943321, 0.945492, 0.944816, 0.944645, 0.910714, 0.911149, 0.911193, 0.914389, 0.911731],
    "auc": [0.970744, 0.971011, 0.971407, 0.971091, 0.971123, 0.961090, 0.961825, 0.961073, 0.962533, 0.961316],
}


def drawn(random, rows, spread=2.0):
    """Rows of a model with true probabilities that tells them as they are; less spread makes them harder."""
    probability = 1 / (1 + np.exp(-random.normal(0, spread, rows)))
    return BinaryOutcomes(random.random(rows) < probability, probability >= 0.5, probability, np.arange(rows))


def estimated(reference, outcomes, **others):
    return estimate_classifier(reference, outcomes.scores, outcomes.predicted, SETTINGS, **others)


@pytest.fixture(scope="module")
def easy():
    return classifier_reference(drawn(np.random.default_rng(1), 5000), SETTINGS)


def test_a_calibrated_model_passes_the_check(easy):
    assert easy.unknown == ""
    assert easy.checks["accuracy"].p > 0.001
    assert abs(easy.checks["accuracy"].bias) < 0.005


def test_intervals_hold_the_realised_metrics_of_harder_rows(easy):
    """60 windows in which the model is less sure: at 99 % hardly one may miss."""
    random, missed = (
        np.random.default_rng(2),
        dict.fromkeys(("accuracy", "precision", "recall", "f1", "auc", "brier"), 0),
    )
    for _ in range(60):
        window = drawn(random, 500, spread=1.0)
        found, true = estimated(easy, window).metrics, metrics_of(window, 0.99)
        for name in missed:
            missed[name] += not found[name].lower <= true[name].value <= found[name].upper
    assert max(missed.values()) <= 3, missed


def test_intervals_are_no_wider_than_they_must_be(easy):
    metric = estimated(easy, drawn(np.random.default_rng(3), 2000)).metrics["accuracy"]
    alone = 2.576 * np.sqrt(metric.value * (1 - metric.value) / 2000)
    assert 0.8 * alone < metric.value - metric.lower < 2 * alone


def test_counts_stand_for_rows(easy):
    window = drawn(np.random.default_rng(4), 1000)
    rounded = np.round(window.scores, 2)
    values, counts = np.unique(rounded, return_counts=True)
    by_counts = estimate_classifier(easy, values, values >= 0.5, SETTINGS, counts=counts.astype(float))
    by_rows = estimate_classifier(easy, rounded, rounded >= 0.5, SETTINGS)
    assert by_counts.rows == 1000
    assert by_counts.metrics["f1"].value == pytest.approx(by_rows.metrics["f1"].value)


def test_the_same_rows_give_the_same_estimate(easy):
    window = drawn(np.random.default_rng(5), 1000)
    assert estimated(easy, window) == estimated(easy, window)


def test_says_that_few_rows_tell_nothing(easy):
    found = estimated(easy, drawn(np.random.default_rng(6), 100))
    assert (found.metrics, found.unknown) == ({}, "100 of 200 rows with scores")


def test_says_that_scores_are_unlike_those_of_the_reference():
    random = np.random.default_rng(7)
    reference = drawn(random, 5000)
    low = reference.where(reference.scores < 0.6)
    found = estimated(classifier_reference(low, SETTINGS), drawn(random, 1000))
    assert "unlike those of the reference" in found.unknown
    assert found.unsupported > 0.3


def test_says_that_a_reference_of_which_calibration_wandered_is_no_good():
    random = np.random.default_rng(8)
    scores = random.random(8000)
    drifting = np.repeat([0.15, -0.15], 4000)
    is_positive = random.random(8000) < np.clip(scores + drifting, 0, 1)
    found = classifier_reference(BinaryOutcomes(is_positive, scores >= 0.5, scores, np.arange(8000)), SETTINGS)
    assert "on the reference itself" in found.unknown
    assert estimated(found, drawn(random, 1000)).metrics == {}


def test_says_that_scores_tell_nothing():
    random = np.random.default_rng(9)
    scores = random.random(3000)
    noise = BinaryOutcomes(random.random(3000) < 0.5, scores >= 0.5, scores, np.arange(3000))
    assert "do not tell" in classifier_reference(noise, SETTINGS).unknown


@pytest.mark.parametrize(
    ("outcomes", "why"),
    [
        (drawn(np.random.default_rng(1), 300), "300 of 1,000"),
        (
            BinaryOutcomes(np.arange(2000) < 10, np.zeros(2000, bool), np.arange(2000) / 2000, np.arange(2000)),
            "10 of 50",
        ),
        (BinaryOutcomes(np.zeros(2000, bool), np.zeros(2000, bool), None, np.arange(2000)), "gives no scores"),
    ],
)
def test_says_what_the_reference_lacks(outcomes, why):
    assert why in classifier_reference(outcomes, SETTINGS).unknown


def test_of_several_classes_the_accuracy_is_estimated():
    random = np.random.default_rng(10)

    def rows(count, low):
        confidence = random.uniform(low, 1, count)
        truth = random.integers(0, 4, count)
        said = np.where(random.random(count) < confidence, truth, (truth + 1) % 4)
        return MulticlassOutcomes(truth, said, 4, confidence, np.arange(count))

    reference = classifier_reference(rows(5000, 0.3), SETTINGS)
    window = rows(2000, 0.3).where(np.arange(2000))
    found = estimate_classifier(reference, window.confidences, np.zeros(2000, bool), SETTINGS)
    true = (window.truth == window.predicted).mean()
    assert set(found.metrics) == {"accuracy"}
    assert found.metrics["accuracy"].lower <= true <= found.metrics["accuracy"].upper


def columns(path):
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_car_loan_is_estimated_as_well_as_by_nannyml(shared):
    folder = shared / "data" / "datasets" / "nannyml"
    before, now, truth = (
        columns(folder / f"synthetic_car_loan_{part}.csv.gz") for part in ("reference", "analysis", "analysis_target")
    )

    def outcomes(rows, labels):
        is_positive = np.array(labels, float) == 1
        scores = np.array(rows["y_pred_proba"], float)
        return BinaryOutcomes(is_positive, np.array(rows["y_pred"]) == "1", scores, np.arange(len(scores)))

    reference = classifier_reference(outcomes(before, before["repaid"]), SETTINGS)
    every = outcomes(now, truth["repaid"])
    ours, theirs = {"accuracy": [], "auc": []}, {"accuracy": [], "auc": []}
    for window in range(10):
        rows = every.where(np.arange(window * 5000, window * 5000 + 5000))
        found, true = estimated(reference, rows).metrics, metrics_of(rows, 0.99)
        for name in ours:
            assert found[name].lower <= true[name].value <= found[name].upper, (window, name)
            assert found[name].value == pytest.approx(NANNYML[name][window], abs=0.001)
            ours[name].append(abs(found[name].value - true[name].value))
            theirs[name].append(abs(NANNYML[name][window] - true[name].value))
    for name in ours:
        assert np.mean(ours[name]) < np.mean(theirs[name]) + 0.0005
