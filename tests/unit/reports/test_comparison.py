import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from trimtab.drift.distances import jensen_shannon
from trimtab.reports.comparison import Score, compare, methods_of, psi_limit, scores_of
from trimtab.reports.sides import Sides

SIDES = Sides((10_000, 500), shown={"x": "x"}, left_out={"y": "redacted"})


def column(verdict="OK", **numbers):
    return {
        "kind": "numeric",
        "verdict": verdict,
        "reason": "",
        "rows": [20_000, 8_000],
        "psi_adjusted": 0.02,
        "wasserstein": 0.05,
        "jensen_shannon": 0.06,
    } | numbers


def document(**columns):
    return {"columns": columns, "thresholds": {"psi": 0.1}}


def score(value, is_drifted, method="wasserstein"):
    return {"x": Score(method, value, 0.1, is_drifted)}


@pytest.mark.parametrize(
    ("judged", "theirs", "why"),
    [
        (column(), score(0.04, False), ""),
        (column("ALERT", psi_adjusted=0.7, wasserstein=0.9), score(0.92, True), ""),
        (column("WARN", psi_adjusted=0.06), score(0.05, False), ""),
        (column(), score(0.13, True), "The sample: on all 8,000 values Evidently's own distance is 0.050, below"),
        (column("WARN", psi_adjusted=0.09, wasserstein=0.2), score(0.2, True), "it is 0.090. It is told as a warning."),
        (column("INSUFFICIENT_DATA", rows=[20_000, 90]), score(0.2, True), "Too few values to judge by: 90."),
        (
            column("ALERT", psi_adjusted=0.01, reason="missing values went from 0 % to 40 %"),
            score(0.02, False),
            "Another rule: missing values went from 0 % to 40 %.",
        ),
        (
            column("ALERT", psi_adjusted=None, reason="gone", wasserstein=None),
            score(0.02, False),
            "Another rule: gone.",
        ),
        (column("ALERT", psi_adjusted=0.3, wasserstein=0.12), score(0.08, False), "The sample: on all 8,000 values"),
        (
            column("ALERT", psi_adjusted=0.3, wasserstein=0.05),
            score(0.05, False),
            "The test: PSI 0.300 is more than 0.1",
        ),
    ],
)
def test_where_the_outcomes_differ_it_is_said_why(judged, theirs, why):
    (compared,) = compare(document(x=judged), SIDES, theirs)
    assert compared.is_different == bool(why)
    assert why in compared.why
    assert bool(compared.why) == bool(why)


def test_a_column_that_evidently_does_not_have_is_told_with_the_reason():
    (compared,) = compare(document(y=column("ALERT")), SIDES, {})
    assert (compared.theirs, compared.why, compared.is_different) == (None, "redacted", False)


def test_our_distance_is_on_the_scale_of_evidentlys():
    before, after = np.array([50, 30, 20]), np.array([20, 30, 50])
    judged = column(jensen_shannon=jensen_shannon(before, after))
    (compared,) = compare(document(x=judged), SIDES, score(0.2, True, "jensenshannon"))
    assert compared.distance == pytest.approx(jensenshannon(before, after))


def test_a_calibrated_threshold_goes_before_the_setting():
    calibrated = document() | {"calibration": {"x": 0.25}}
    assert psi_limit("x", calibrated) == 0.25
    assert psi_limit("y", calibrated) == psi_limit("x", document()) == 0.1


def test_numbers_with_few_values_are_compared_as_categories_are():
    many, few = np.arange(100.0), np.array([1.0, 2.0, np.nan] * 30)
    texts = np.array(["a", None], dtype=object)
    sides = Sides((100, 100), {"many": (many, many), "few": (few, few)}, {"c": (texts, texts)})
    assert methods_of(sides) == {"many": "wasserstein", "few": "jensenshannon", "c": "jensenshannon"}


def test_the_verdict_is_the_tests_not_the_size_of_the_score():
    def drift(name, method, value):
        config = {"type": "evidently:metric_v2:ValueDrift", "column": name, "method": method, "threshold": 0.05}
        return {"config": config, "value": value}

    def test(name, status, kind="drift"):
        return {"id": kind, "metric_config": {"params": {"column": name}}, "status": status}

    results = {
        "metrics": [
            {"config": {"type": "evidently:metric_v2:DriftedColumnsCount"}, "value": {"count": 1}},
            drift("p", "ks", 0.9),
            drift("q", "ks", 0.001),
        ],
        "tests": [test("p", "SUCCESS"), test("q", "FAIL"), test("p", "FAIL", kind="eq")],
    }
    assert scores_of(results) == {"p": Score("ks", 0.9, 0.05, False), "q": Score("ks", 0.001, 0.05, True)}
