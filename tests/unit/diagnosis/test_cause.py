from dataclasses import replace

import numpy as np
import pytest

from tests.unit.data_quality.builders import generator, sample_of
from tests.unit.drift.builders import numbers, reference_of, texts, window_of
from trimtab.data_quality.settings import DataQualitySettings
from trimtab.diagnosis.importance import estimate_importance
from trimtab.diagnosis.settings import MultivariateSettings
from trimtab.diagnosis.window import diagnose
from trimtab.drift.assessment import assess
from trimtab.drift.thresholds import DriftThresholds

OUTPUTS = frozenset({"score"})
CONCEPT = {
    "basis": "realised",
    "verdict": "ALERT",
    "reason": "accuracy is 0.8, it was 0.9",
    "cause": {"cause": "concept_change", "text": "labels disagree", "metric": "accuracy"},
}


def traffic(rows, seed, german=0.3, shift=0.0, scale=1.0, answers=0.0):
    """Rows of two countries that differ in `x` and so in `score`, `noise` being alike in both."""
    random = generator(seed)
    is_german = random.random(rows) < german
    x = random.normal(size=rows) + 2 * is_german + shift
    score = 1 / (1 + np.exp(-x)) * (1 - answers)
    return {
        "country": texts(np.where(is_german, "de", "fr").tolist()),
        "x": numbers(x * scale),
        "noise": numbers(random.normal(size=rows)),
        "score": numbers(score),
    }


def explained(before, after, *, season=False, sampled=True, **known):
    thresholds, reference = DriftThresholds(), reference_of(before, OUTPUTS)
    window = window_of(after, reference)
    assessment = assess(reference, window, thresholds)
    if season:
        assessment = replace(assessment, drifted=(), seasonal=assessment.drifted)
    samples = (sample_of(before, 1, outputs=("score",)), sample_of(after, 2, 1_000, outputs=("score",)))
    return diagnose(
        reference,
        window,
        assessment,
        samples if sampled else (None, None),
        estimate_importance(samples[0], most=100),
        thresholds,
        DataQualitySettings(),
        MultivariateSettings(),
        **known,
    )


def kinds(diagnosis):
    return [each.kind for each in diagnosis.causes]


BEFORE = traffic(10_000, 0)


def test_nothing_that_moved_needs_no_cause():
    assert kinds(explained(BEFORE, traffic(2_000, 1))) == []


def test_another_mix_of_segments_explains_what_it_brings_with_it():
    found = explained(BEFORE, traffic(2_000, 1, german=0.7))
    assert kinds(found) == ["traffic_mix"]
    assert found.causes[0].evidence["column"] == "country"
    assert set(found.causes[0].evidence["explained"]) == {"x", "score"}


def test_a_mix_that_does_not_explain_everything_is_no_cause():
    assert kinds(explained(BEFORE, traffic(2_000, 1, german=0.7, shift=1.5)))[0] == "covariate_shift"


def test_inputs_that_moved_are_a_covariate_shift_ranked_by_what_they_do():
    found = explained(BEFORE, traffic(2_000, 1, shift=1.5) | {"noise": numbers(generator(2).normal(3, 1, 2_000))})
    assert kinds(found) == ["covariate_shift"]
    assert [each.name for each in found.ranked if each.name != "score"] == ["x", "noise"]  # noise moved further
    x, noise = (next(each for each in found.ranked if each.name == name) for name in ("x", "noise"))
    assert noise.psi > x.psi
    assert x.prediction_shift > 0.5 > noise.prediction_shift


def test_a_mere_fault_of_the_data_comes_first():
    found = explained(BEFORE, traffic(2_000, 1, scale=1_000), deployment={"at": "now", "config": "v2"})
    assert kinds(found) == ["data_fault", "deployment"]
    assert (found.faulty, found.moved) == (("x",), ())
    assert "nothing else drifted" in found.causes[0].text


def test_a_fault_beside_a_drift_explains_its_part_only():
    after = traffic(2_000, 1, shift=1.5) | {"noise": numbers(generator(2).normal(size=2_000) * 1_000)}
    found = explained(BEFORE, after)
    assert kinds(found) == ["data_fault", "covariate_shift"]
    assert (found.faulty, set(found.moved)) == (("noise",), {"x", "score"})


def test_a_deployment_at_that_time_comes_before_the_world():
    found = explained(BEFORE, traffic(2_000, 1, shift=1.5), deployment={"at": "2026-11-20T08:00:00Z", "config": "v2"})
    assert kinds(found) == ["deployment", "covariate_shift"]
    assert "v2" in found.causes[0].text


def test_answers_that_moved_alone_are_a_deployments_or_nobodys():
    after = traffic(2_000, 1, answers=0.4)
    assert kinds(explained(BEFORE, after)) == ["unknown"]
    assert kinds(explained(BEFORE, after, deployment={"at": "now", "config": "v2"})) == ["deployment"]


def test_what_the_season_explains_is_seasonal():
    assert kinds(explained(BEFORE, traffic(2_000, 1, shift=1.5), season=True)) == ["seasonal"]


def test_labels_that_disagree_while_no_input_moved_are_a_changed_concept():
    assert kinds(explained(BEFORE, traffic(2_000, 1), quality=CONCEPT)) == ["concept_change"]
    assert kinds(explained(BEFORE, traffic(2_000, 1, answers=0.4), quality=CONCEPT)) == ["concept_change"]
    assert kinds(explained(BEFORE, traffic(2_000, 1, shift=1.5), quality=CONCEPT)) == [
        "covariate_shift",
        "concept_change",
    ]


@pytest.mark.parametrize("changed", [{"verdict": "OK"}, {"basis": "estimated"}])
def test_without_labels_that_disagree_no_concept_changed(changed):
    assert kinds(explained(BEFORE, traffic(2_000, 1), quality=CONCEPT | changed)) == []


def test_a_correlation_that_broke_is_told_though_no_column_moved():
    shuffled = traffic(2_000, 1) | {"country": texts(generator(9).choice(["fr"] * 7 + ["de"] * 3, 2_000).tolist())}
    found = explained(BEFORE, shuffled)
    assert found.moved == ()
    assert kinds(found) == ["covariate_shift"]
    assert "together" in found.causes[0].text


def test_without_row_samples_causes_are_told_from_counts():
    found = explained(BEFORE, traffic(2_000, 1, shift=1.5), sampled=False)
    assert kinds(found) == ["covariate_shift"]
    assert found.separation is None
