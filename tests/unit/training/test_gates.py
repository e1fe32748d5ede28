"""Every gate on each side of its edge. Numbers of the specification are marked so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.unit.training.builders import dataset, document, evaluation
from trimtab.training.evaluation import evaluation_of
from trimtab.training.gate_thresholds import GateName, GateThresholds
from trimtab.training.gates import all_passed, judge_gates, why_not
from trimtab.training.verdicts import GateOutcome, verdicts_document

THRESHOLDS = GateThresholds()
PASSED, FAILED, INSUFFICIENT = GateOutcome.PASSED, GateOutcome.FAILED, GateOutcome.INSUFFICIENT_DATA


def judged(gate, changed, thresholds=THRESHOLDS):
    """The verdict of a gate on the newest data set, or on none, of an evaluation that differs so."""
    verdicts = judge_gates(evaluation_of(changed), thresholds)
    [verdict] = [each for each in verdicts if each.gate == gate and each.dataset in {"newest", ""}]
    return verdict


def with_dataset(**changed):
    return document(datasets={"holdout": dataset(), "newest": dataset(**changed)})


def with_part(part, **changed):
    return document(**{part: {**document()[part], **changed}})


def test_a_good_model_passes_every_gate():
    verdicts = judge_gates(evaluation(), THRESHOLDS)
    assert why_not(verdicts) == ()
    assert all_passed(verdicts)
    asked = set(GateName.__value__.__args__) - {"auc", "rmse"}
    assert {verdict.gate for verdict in verdicts} == asked
    assert {verdict.dataset for verdict in verdicts} == {"holdout", "newest", ""}


@pytest.mark.parametrize(  # specification D.3
    ("correct", "rows", "bound", "outcome"),
    [
        (905, 1000, 0.8886371214662044, FAILED),
        (912, 1000, 0.8961307483252479, FAILED),
        (918, 1000, 0.9025758047585347, PASSED),
        (4560, 5000, 0.9051852660071961, PASSED),
        (182, 200, 0.8710152945124994, FAILED),
    ],
)
def test_accuracy_must_be_proven(correct, rows, bound, outcome):
    changed = with_dataset(rows=rows, correct=correct, slices={})
    verdict = judged("accuracy", changed)
    assert verdict.outcome is outcome
    assert verdict.interval[0] == pytest.approx(bound, abs=1e-4)
    assert verdict.value == pytest.approx(correct / rows)
    assert verdict.threshold == 0.9
    assert judged("accuracy", changed, GateThresholds(policy="point")).outcome is PASSED


@pytest.mark.parametrize(("correct", "outcome"), [(900, FAILED), (901, PASSED)])
def test_the_seeds_rule_is_more_than_ninety_percent(correct, outcome):
    changed = with_dataset(rows=1000, correct=correct, slices={})
    assert judged("accuracy", changed, GateThresholds(policy="point")).outcome is outcome


@pytest.mark.parametrize(  # specification D.3
    ("b", "c", "n", "outcome"), [(40, 30, 1000, FAILED), (40, 30, 5000, PASSED), (120, 140, 5000, PASSED)]
)
def test_a_challenger_must_not_be_inferior(b, c, n, outcome):
    comparison = {"rows": n, "only_champion_right": b, "only_challenger_right": c}
    assert judged("non_inferiority", with_dataset(comparison=comparison)).outcome is outcome


REGRESSION = {"rows": 1000, "rmse": {"value": 2.0, "upper": 2.1}, "not_finite": 0}


@pytest.mark.parametrize(
    ("gate", "changed", "thresholds", "outcome"),
    [
        ("auc", with_dataset(auc={"value": 0.9, "lower": 0.85}), {"min_auc": 0.85}, PASSED),
        ("auc", with_dataset(auc={"value": 0.9, "lower": 0.849}), {"min_auc": 0.85}, FAILED),
        ("auc", with_dataset(auc={"value": 0.9}), {"min_auc": 0.85}, INSUFFICIENT),
        ("auc", with_dataset(auc={"value": 0.9}), {"min_auc": 0.85, "policy": "point"}, PASSED),
        ("auc", with_dataset(), {"min_auc": 0.85}, INSUFFICIENT),
        ("calibration", with_dataset(calibration_error=0.05), {}, PASSED),
        ("calibration", with_dataset(calibration_error=0.051), {}, FAILED),
        ("calibration", with_dataset(calibration_error=None), {}, INSUFFICIENT),
        ("finite", with_dataset(not_finite=0), {}, PASSED),
        ("finite", with_dataset(not_finite=1), {}, FAILED),
        ("finite", with_dataset(not_finite=None), {}, INSUFFICIENT),
        ("accuracy", with_dataset(correct=None, accuracy=0.95), {}, INSUFFICIENT),
        ("accuracy", with_dataset(correct=None, accuracy=0.95), {"policy": "point"}, PASSED),
        ("accuracy", with_dataset(rows=None, correct=None), {}, INSUFFICIENT),
        ("accuracy", with_dataset(rows=0, correct=0, slices={}), {}, INSUFFICIENT),
        ("non_inferiority", with_dataset(comparison=None), {}, INSUFFICIENT),
        ("non_inferiority", with_dataset(comparison={"rows": 0}), {}, INSUFFICIENT),
        # 863/1000 has the lower bound 0.8440, 870/1000 has 0.8514
        ("slices", with_dataset(slices={"a": {"rows": 1000, "correct": 870}}), {}, PASSED),
        ("slices", with_dataset(slices={"a": {"rows": 1000, "correct": 863}}), {}, FAILED),
        ("slices", with_dataset(slices={"a": {"rows": 199, "correct": 0}}), {}, INSUFFICIENT),
        ("slices", with_dataset(slices={}), {}, INSUFFICIENT),
        ("slices", with_dataset(slices={"a": {"rows": 5000, "correct": 4600}}, slice_gaps={"b": 0.1}), {}, PASSED),
        ("slices", with_dataset(slices={"a": {"rows": 5000, "correct": 4600}}, slice_gaps={"b": 0.11}), {}, FAILED),
        ("slices", with_dataset(slices={}, slice_gaps={"b": 0.01}), {}, INSUFFICIENT),
        ("latency", with_part("service", p95_ms=45.6), {}, PASSED),
        ("latency", with_part("service", p95_ms=45.7), {}, FAILED),
        ("latency", with_part("service", p95_ms=45.7), {"latency_ms": 45.7}, PASSED),
        ("latency", with_part("service", p95_ms=None), {}, INSUFFICIENT),
        ("latency", with_part("service", requests=500), {}, PASSED),
        ("latency", with_part("service", requests=499), {}, INSUFFICIENT),
        ("latency", with_part("service", champion_p95_ms=None), {}, INSUFFICIENT),
        ("memory", with_part("service", memory_share=0.8), {}, PASSED),
        ("memory", with_part("service", memory_share=0.81), {}, FAILED),
        ("memory", with_part("service", memory_share=None), {}, INSUFFICIENT),
        ("artifact_size", with_part("service", artifact_mb=5000), {}, PASSED),
        ("artifact_size", with_part("service", artifact_mb=5001), {}, FAILED),
        ("artifact_size", with_part("service", artifact_mb=None), {}, INSUFFICIENT),
        *[
            (gate, with_part("robustness", **{gate: {"rows": rows, "changed": changed}}), {}, outcome)
            for gate in ("noise", "missing", "unseen_category")
            for rows, changed, outcome in [(1000, 50, PASSED), (1000, 51, FAILED), (199, 0, INSUFFICIENT)]
        ],
        *[
            (gate, with_part("robustness", **{gate: told}), {}, outcome)
            for gate in ("empty", "malformed", "extreme", "unicode")
            for told, outcome in [
                ({"sent": 3, "failed": 0}, PASSED),
                ({"sent": 3, "failed": 1}, FAILED),
                ({"sent": 0, "failed": 0}, INSUFFICIENT),
                (None, INSUFFICIENT),
            ]
        ],
        ("training_rows", with_part("data", rows=25_000), {}, PASSED),
        ("training_rows", with_part("data", rows=24_999), {}, FAILED),
        ("training_rows", with_part("data", rows=None), {}, INSUFFICIENT),
        ("label_rate", with_part("data", label_rates={"0": 0.8089, "1": 0.1911}), {}, PASSED),
        ("label_rate", with_part("data", label_rates={"0": 0.809, "1": 0.191}), {}, FAILED),
        ("label_rate", with_part("data", label_rates={"0": 0.79, "1": 0.2, "new": 0.01}), {}, FAILED),
        ("label_rate", with_part("data", champion_label_rates=None), {}, INSUFFICIENT),
        ("leakage", with_part("data", leaked_rows=1), {}, FAILED),
        ("leakage", with_part("data", leaked_rows=None), {}, INSUFFICIENT),
        ("training_serving_psi", with_part("data", max_psi=0.0999), {}, PASSED),
        ("training_serving_psi", with_part("data", max_psi=0.1), {}, FAILED),
        ("training_serving_psi", with_part("data", max_psi=None), {}, INSUFFICIENT),
    ],
)
def test_each_gate_on_each_side_of_its_edge(gate, changed, thresholds, outcome):
    verdict = judged(gate, changed, GateThresholds(**thresholds))
    assert verdict.outcome is outcome, verdict.reason
    assert verdict.reason


@pytest.mark.parametrize(
    ("gate", "changed", "thresholds", "outcome"),
    [
        ("rmse", {}, {"max_rmse": 2.1}, PASSED),
        ("rmse", {}, {"max_rmse": 2.09}, FAILED),
        ("rmse", {}, {"max_rmse": 2.09, "policy": "point"}, PASSED),
        ("rmse", {"rmse": {"value": 2.0}}, {"max_rmse": 3}, INSUFFICIENT),
        ("rmse", {"rmse": None}, {"max_rmse": 3}, INSUFFICIENT),
        ("non_inferiority", {"comparison": {"rows": 9, "rmse_ratio": {"value": 1, "upper": 1.02}}}, {}, PASSED),
        ("non_inferiority", {"comparison": {"rows": 9, "rmse_ratio": {"value": 1, "upper": 1.021}}}, {}, FAILED),
        ("non_inferiority", {}, {}, INSUFFICIENT),
    ],
)
def test_gates_of_regressions(gate, changed, thresholds, outcome):
    told = document(problem="regression", datasets={"holdout": REGRESSION, "newest": {**REGRESSION, **changed}})
    assert judged(gate, told, GateThresholds(**thresholds)).outcome is outcome


def test_label_rates_are_compared_as_two_proportions():
    changed = with_part("data", label_rates={"0": 0.81, "1": 0.19}, champion_label_rates={"0": 0.8, "1": 0.2})
    found = judged("label_rate", changed).value
    table = [[0.81 * 40_000, 0.19 * 40_000], [0.8 * 50_000, 0.2 * 50_000]]
    assert found**2 == pytest.approx(stats.chi2_contingency(table, correction=False).statistic)


def test_a_data_set_that_is_missing_is_no_pass():
    verdicts = judge_gates(evaluation(datasets={"holdout": dataset()}), THRESHOLDS)
    missing = [verdict for verdict in verdicts if verdict.dataset == "newest"]
    assert {verdict.outcome for verdict in missing} == {INSUFFICIENT}
    assert not all_passed(verdicts)
    assert all("newest" in reason for reason in why_not(verdicts))


def test_a_bad_data_set_that_nobody_asked_for_is_judged_too():
    told = document(datasets={**document()["datasets"], "drifted": dataset(correct=3000, slices={})})
    assert any(verdict.dataset == "drifted" for verdict in judge_gates(evaluation_of(told), THRESHOLDS))
    assert not all_passed(judge_gates(evaluation_of(told), THRESHOLDS))


def test_nothing_known_passes_nothing():
    verdicts = judge_gates(evaluation_of({"problem": "binary_classification", "champion": "c"}), THRESHOLDS)
    assert verdicts
    assert {verdict.outcome for verdict in verdicts} == {INSUFFICIENT}
    assert not all_passed([])


def test_a_first_model_is_compared_with_none():
    verdicts = judge_gates(evaluation(champion=None), THRESHOLDS)
    assert all_passed(verdicts)
    assert not {"non_inferiority", "training_rows", "label_rate"} & {verdict.gate for verdict in verdicts}


def test_gates_can_be_switched_off_and_declared_not_applicable():
    some = GateThresholds(skip=frozenset({"calibration", "noise"}))
    assert not {"calibration", "noise"} & {verdict.gate for verdict in judge_gates(evaluation(), some)}
    unknown = {"unseen_category": None, "unicode": None}
    told = with_part("robustness", **unknown, not_applicable=list(unknown))
    assert all_passed(judge_gates(evaluation_of(told), THRESHOLDS))


def test_every_slice_that_fails_is_named():
    slices = {
        "a": {"rows": 1000, "correct": 850},
        "b": {"rows": 1000, "correct": 860},
        "c": {"rows": 1000, "correct": 950},
    }
    verdict = judged("slices", with_dataset(slices=slices))
    assert verdict.value == 0.85
    assert "a: " in verdict.reason
    assert "b: " in verdict.reason
    assert "c: " not in verdict.reason


def test_a_slice_far_below_the_rest_fails_though_it_is_good_enough():
    slices = {"a": {"rows": 100_000, "correct": 88_500}}
    verdict = judged("slices", with_dataset(rows=10_000, correct=9_990, slices=slices))
    assert verdict.outcome is FAILED
    assert verdict.metric == "accuracy that a slice lacks"


def test_verdicts_are_plain_json_values():
    [first, *_] = verdicts_document(judge_gates(evaluation(), THRESHOLDS))
    assert first.keys() == {
        "gate", "dataset", "metric", "value", "ci", "threshold", "outcome", "passed", "reason",
    }  # fmt: skip


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.integers(0, 100))
def test_more_right_answers_never_turn_a_pass_into_a_fail(counts, more):
    rows, correct = counts
    worse = judged("accuracy", with_dataset(rows=rows, correct=correct, slices={}))
    better = judged("accuracy", with_dataset(rows=rows, correct=min(rows, correct + more), slices={}))
    assert better.passed or not worse.passed
    assert worse.interval[0] <= worse.value + 1e-12
