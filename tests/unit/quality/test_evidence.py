"""What is stored and published of a verdict on quality."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np

from tests.unit.quality.builders import answers, classes, labelled, texts
from trimtab.drift.windows import Window
from trimtab.findings import Origin
from trimtab.quality.cause import CauseHint
from trimtab.quality.estimate import Check, Estimate
from trimtab.quality.evidence import quality_document, quality_finding
from trimtab.quality.intervals import Metric
from trimtab.quality.judgement import judge_estimate, judge_realised
from trimtab.quality.performance import realised
from trimtab.quality.settings import QualitySettings

START = datetime(2026, 5, 6, 7, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=2), (), 4000)
ORIGIN = Origin("123456789012", "eu-west-1", "churn", "AllTraffic")
SETTINGS = QualitySettings(positive="1", metrics=("accuracy",))
CAUSE = CauseHint("concept_change", "labels disagree", "accuracy", 0.2, 0.01)


def window(every):
    right = np.arange(4000) % every > 0
    segment = texts(["north", "south"] * 2000)
    return realised(labelled(answers(texts(["1"] * 4000), segments={"region": segment}), classes(right)), SETTINGS)


def document(settings=SETTINGS):
    reference, _ = window(20)
    performance, coverage = window(5)
    judgement = judge_realised(reference, performance, coverage, settings, is_closed=True)
    return quality_document(
        WINDOW, judgement, settings, performance=performance, coverage=coverage, cause=CAUSE, checks={}
    )


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


def test_a_finding_says_what_fell_and_why():
    found = finding("raised")
    assert (found.kind, found.severity, found.detail_type) == ("model_quality", "critical", "Model Quality")
    assert found.title == "churn: accuracy fell from 0.95 to 0.8"
    assert found.reason.endswith("Likely cause: labels disagree")
    assert "thresholds" not in found.evidence
    json.dumps(found.model_dump(mode="json"))


def test_one_fact_has_one_id():
    assert finding("raised").id == finding("raised", now=START + timedelta(days=3)).id
    assert finding("raised").id != finding("cleared").id
    later = {"start": (START + timedelta(hours=2)).isoformat(), "end": WINDOW.end.isoformat(), "rows": 1}
    assert finding("continued").id != finding("continued", window=later).id


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
    reference, _ = window(20)
    estimate = Estimate("binary_classification", 4000, {"accuracy": Metric(0.9, 0.89, 0.91)}, 0.0, "")
    judgement = judge_estimate(reference, estimate, SETTINGS)
    stored = quality_document(WINDOW, judgement, SETTINGS, checks={"accuracy": Check(0.0, 0.001, 0.5)})
    found = quality_finding(ORIGIN, "raised", stored, since=START, now=START)
    assert found.title == "churn: accuracy fell from 0.95 to 0.9 (estimated without labels)"
    assert found.evidence["checks"] == {"accuracy": {"bias": 0.0, "excess": 0.001, "p": 0.5}}
    assert found.evidence["labels"] is None
