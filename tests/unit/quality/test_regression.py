"""Metrics of regressions against their definitions."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.quality.regression import regression_metrics

VALUES = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), max_size=50)


@given(VALUES)
def test_metrics_lie_between_their_bounds(values):
    truth, predicted = (np.array(column, float) for column in zip(*values, strict=True)) if values else ([], [])
    found = regression_metrics(np.array(truth, float), np.array(predicted, float), np.arange(len(values)), 0.95)
    for name, metric in found.items():
        assert metric.lower is None or metric.lower <= metric.value + 1e-9, name
        assert metric.upper is None or metric.upper >= metric.value - 1e-9, name
    if found:
        assert found["mae"].value <= found["rmse"].value + 1e-9
        assert (found["mae"].lower or 0) >= 0


def test_metrics_by_their_definitions():
    random = np.random.default_rng(1)
    truth = random.normal(size=500)
    errors = random.normal(0.1, 0.5, size=500)
    found = regression_metrics(truth, truth + errors, np.arange(500), 0.95)
    assert found["mae"].value == pytest.approx(np.abs(errors).mean())
    assert found["rmse"].value == pytest.approx(sqrt((errors**2).mean()))
    assert found["bias"].value == pytest.approx(errors.mean())
    assert found["r2"].value == pytest.approx(1 - (errors**2).sum() / ((truth - truth.mean()) ** 2).sum())


def test_intervals_hold_what_they_say():
    random = np.random.default_rng(2)
    true = {"mae": 0.5 * sqrt(2 / np.pi), "rmse": 0.5, "bias": 0.0, "r2": 0.8}
    held = dict.fromkeys(true, 0)
    for _ in range(400):
        truth = random.normal(0, sqrt(5 / 4), size=200)
        found = regression_metrics(truth, truth + random.normal(0, 0.5, 200), np.arange(200), 0.95)
        for name, value in true.items():
            held[name] += found[name].lower <= value <= found[name].upper
    assert {name: count / 400 for name, count in held.items()} == pytest.approx(dict.fromkeys(true, 0.95), abs=0.035)


def test_answers_without_any_error_have_no_bounds():
    found = regression_metrics(np.arange(30.0), np.arange(30.0), np.arange(30), 0.95)
    assert (found["rmse"].value, found["rmse"].lower, found["rmse"].upper) == (0, None, None)
    assert found["r2"].value == 1


def test_labels_of_one_value_have_no_r2():
    assert "r2" not in regression_metrics(np.ones(30), np.arange(30.0), np.arange(30), 0.95)
