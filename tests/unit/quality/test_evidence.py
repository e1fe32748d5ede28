"""What is stored and published of a verdict on quality."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.unit.quality.builders import answers, classes, entry, labelled, texts
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window
from trimtab.findings import Origin
from trimtab.quality.assessment import QualityAssessment
from trimtab.quality.cause import CauseHint
from trimtab.quality.estimate import Check, Estimate
from trimtab.quality.evidence import (
    metrics_to_publish,
    quality_document,
    quality_finding,
    reference_quality_finding,
)
from trimtab.quality.intervals import Metric
from trimtab.quality.judgement import QualityJudgement, judge_estimate, judge_realised
from trimtab.quality.performance import realised
from trimtab.quality.settings import QualitySettings
from trimtab.quality.windows import InputDrift
from trimtab.training.trigger import trigger_of_finding

START = datetime(2026, 5, 6, 7, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=2), (), 4000)
ORIGIN = Origin("123456789012", "eu-west-1", "churn", "AllTraffic")
SETTINGS = QualitySettings(positive="1", metrics=("accuracy",))
DRIFT = InputDrift(frozenset({"age"}), frozenset({"plan"}))
CAUSE = CauseHint("concept_change", "labels disagree", "accuracy", 0.2, 0.01)


def window(every):
    right = np.arange(4000) % every > 0
    segment = texts(["north", "south"] * 2000)
    return realised(labelled(answers(texts(["1"] * 4000), segments={"region": segment}), classes(right)), SETTINGS)


def fallen(settings=SETTINGS):
    """The assessment of a window by its labels, of which one in five answers was wrong, once one in twenty."""
    reference, _ = window(20)
    performance, coverage = window(5)
    judgement = judge_realised(reference, performance, coverage, settings, is_closed=True)
    return QualityAssessment(judgement, None, performance, coverage, cause=CAUSE, contradiction="estimates are wrong")


def estimated():
    """The assessment of a window without labels."""
    reference, _ = window(20)
    estimate = Estimate("binary_classification", 4000, {"accuracy": Metric(0.9, 0.89, 0.91)}, 0.0, "")
    return QualityAssessment(judge_estimate(reference, estimate, SETTINGS), checks={"accuracy": Check(0.0, 0.001, 0.5)})


def document(settings=SETTINGS):
    return quality_document(WINDOW, fallen(settings), settings, source="labels of May", name="a", drift=DRIFT)


def finding(state, now=START + timedelta(days=2), **others):
    return quality_finding(ORIGIN, state, {**document(), **others}, since=START, now=now)


def test_all_evidence_is_plain_json():
    found = json.loads(json.dumps(document(), allow_nan=False))
    assert found["verdict"] == "ALERT"
    assert found["changes"]["accuracy"]["current"]["value"] == 0.8
    assert found["labels"]["share"] == 1
    assert found["segments"]["region"]["north"]["rows"] == 2000
    assert found["cause"]["cause"] == "concept_change"
    assert found["thresholds"]["harmless_drop"] == 0.01
    assert found["reference"] == {"source": "labels of May", "name": "a"}
    assert found["contradiction"] == "estimates are wrong"
    assert (found["moved"], found["faulty"]) == (["age"], ["plan"])


def test_drift_that_is_not_known_is_not_told():
    assert not {"moved", "faulty"} & quality_document(WINDOW, fallen(), SETTINGS, source="", name="").keys()


def test_metrics_are_published_once_by_estimate_and_once_by_labels():
    by_estimate, by_labels = {"EstimatedAccuracy": 0.9}, {"RealisedAccuracy": 0.8, "LabelShare": 1.0}
    assert metrics_to_publish(estimated(), None) == by_estimate
    assert metrics_to_publish(estimated(), entry(0, basis="estimated")) == {}
    assert metrics_to_publish(fallen(), entry(0, basis="estimated")) == by_labels
    assert metrics_to_publish(fallen(), entry(0, basis="realised")) == {}


def test_metrics_of_a_window_that_could_not_be_judged_are_published_when_it_can_be():
    judgement = QualityJudgement("realised", Verdict.INSUFFICIENT_DATA, "too few rows", 10, {})
    assert metrics_to_publish(QualityAssessment(judgement), None) == {}
    found = metrics_to_publish(fallen(), entry(0, Verdict.INSUFFICIENT_DATA))
    assert found.keys() == {"RealisedAccuracy", "LabelShare"}


def test_a_finding_says_what_fell_and_why():
    found = finding("raised")
    assert (found.kind, found.severity, found.detail_type) == ("model_quality", "critical", "Model Quality")
    assert found.title == "churn: accuracy fell from 0.95 to 0.8"
    assert found.reason.endswith("Likely cause: labels disagree")
    assert "thresholds" not in found.evidence
    json.dumps(found.model_dump(mode="json"))


def test_a_finding_names_some_columns_of_many():
    names = [f"column {number}" for number in range(2000)]
    evidence = finding("raised", moved=names, faulty=[]).evidence
    assert (evidence["moved"], evidence["faulty"]) == (names[:20], [])


def test_a_retraining_can_be_thought_of_from_the_finding():
    trigger = trigger_of_finding(finding("raised").model_dump(mode="json"))
    assert (trigger.kind, trigger.state, trigger.variant) == ("model_quality", "raised", "AllTraffic")
    assert trigger.window_end == WINDOW.end.isoformat()
    assert trigger.quality_drop == pytest.approx(0.15)
    assert trigger.reason.endswith("Likely cause: labels disagree")


def test_a_reference_is_said_to_be_one_with_how_good_it_was():
    performance, _ = window(20)
    told = reference_quality_finding(ORIGIN, "labels of May", performance, "the model gives no scores", START)
    assert told.title == "Reference for the quality of churn: 4,000 labelled rows"
    assert "accuracy 0.95" in told.reason
    assert told.reason.endswith("Without labels nothing is estimated: the model gives no scores.")


def test_one_fact_has_one_id():
    assert finding("raised").id == finding("raised", now=START + timedelta(days=3)).id
    assert finding("raised").id != finding("cleared").id
    assert finding("raised").id != finding("raised", looks=2).id
    assert finding("continued").id == finding("continued", now=START + timedelta(days=2, minutes=1)).id
    assert finding("continued").id != finding("continued", now=START + timedelta(days=3)).id


def test_the_headline_tells_the_gravest():
    assert finding("cleared").title == "churn: model quality is as it was again"
    limited = quality_finding(
        ORIGIN, "raised", document(QualitySettings(positive="1", limits={"accuracy": 0.9})), since=START, now=START
    )
    assert limited.title == "churn: accuracy 0.8 is beyond its limit 0.9"
    segment = {"column": "region", "value": "south", "rows": 2000, "metric": "accuracy"}
    assert (
        finding("raised", changes={}, worse_segments=[segment]).title
        == "churn: answers got worse where region is south"
    )


def test_an_estimate_is_told_as_one():
    stored = quality_document(WINDOW, estimated(), SETTINGS, source="labels of May", name="a")
    found = quality_finding(ORIGIN, "raised", stored, since=START, now=START)
    assert found.title == "churn: accuracy fell from 0.95 to 0.9 (estimated without labels)"
    assert found.evidence["checks"] == {"accuracy": {"bias": 0.0, "excess": 0.001, "p": 0.5}}
    assert found.evidence["labels"] is None
