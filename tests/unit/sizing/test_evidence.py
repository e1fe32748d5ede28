import json
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.sizing.test_application import NOW, change
from trimtab.findings import Finding, Origin
from trimtab.sizing.application import Prediction
from trimtab.sizing.evidence import (
    Sized,
    change_finding,
    plain,
    recommendation_finding,
    trial_finding,
    working_document,
)
from trimtab.sizing.notification import Told
from trimtab.sizing.recommendation import Recommendation, Verdict, recommend
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.verification import Answer, Trial, Verified

ORIGIN = Origin("123456789012", "eu-west-1", "churn", "AllTraffic")


@pytest.fixture(scope="module")
def observed(worked, observe):
    return observe(worked.rps, cpu_percent=worked.cpu)


@pytest.fixture(scope="module")
def sized(observed, endpoint, catalogue, prices, now):
    found = recommend(observed, endpoint, catalogue, prices, SizingSettings(latency_ms=200), now)
    return Sized(endpoint, found, 0.23, None, ("a remark",), "observe", "would", {}, "s3://state/x.json")


def told(found, now):
    return Told(verdict=found.verdict, proposed="", usd_month=None, waiting="", since=now)


def finding(sized, now, state="raised"):
    return recommendation_finding(ORIGIN, sized, told(sized.found, now), state, now)


def test_a_finding_is_json_and_says_it_all_in_its_first_values(sized, now):
    made = finding(sized, now)
    assert Finding.model_validate_json(made.model_dump_json()) == made
    first = {name: made.evidence[name] for name in ("verdict", "now", "proposed", "target_ms")}
    assert first == {
        "verdict": "OVERSIZED", "now": "3 × ml.m5.xlarge", "proposed": made.evidence["top"][0]["words"],
        "target_ms": 200.0,
    }  # fmt: skip
    assert made.evidence["simulation"]["today"]["monthly_usd"] == pytest.approx(503.7)
    low, mid, high = made.evidence["top"][0]["saving_usd_month"]
    assert low <= mid <= high
    assert made.evidence["remarks"] == ["a remark"]


def test_the_same_fact_has_the_same_id_and_another_another(sized, now):
    assert finding(sized, now).id == finding(sized, now).id
    assert finding(sized, now).id != finding(sized, now, "cleared").id


@pytest.mark.parametrize(
    ("found", "title", "severity"),
    [
        (Recommendation(Verdict.IDLE, "r"), "churn is idle: somebody should delete it", "info"),
        (Recommendation(Verdict.UNDERSIZED, "r"), "churn is too small, and nothing can be proposed", "warning"),
        (Recommendation(Verdict.RIGHT_SIZED, "r"), "churn is right-sized", "info"),
        (Recommendation(Verdict.OVERSIZED, "r"), "churn is larger than its traffic needs", "info"),
    ],
)
def test_each_verdict_has_its_words(sized, now, found, title, severity):
    made = finding(replace(sized, found=found), now)
    assert (made.title, made.severity) == (title, severity)


def test_what_is_saved_is_known_or_not(sized):
    assert sized.saving_usd_month > 100
    assert replace(sized, found=Recommendation(Verdict.RIGHT_SIZED, "r")).saving_usd_month == 0
    assert replace(sized, found=Recommendation(Verdict.INSUFFICIENT_DATA, "r")).saving_usd_month is None


def test_the_working_is_json_without_numbers_that_are_none(sized, observed, now):
    unseen = replace(sized.found.demand, hourly_p99=(float("nan"), 1.0))
    odd = replace(sized, found=replace(sized.found, demand=unseen))
    document = working_document(odd, observed, (1.0, 2.0), "bundled", now)
    text = json.dumps(document, allow_nan=False)
    assert json.loads(text) == document
    assert document["demand"]["hourly_p99"] == [None, 1.0]
    assert document["read"]["minutes"] == 14 * 1440
    assert {each["instance_type"] for each in document["rejected"]} & {"ml.g5.xlarge"}


def test_plain_values():
    value = {"a": frozenset({2, 1}), "b": (float("inf"), Verdict.IDLE), "c": None, "d": True}
    assert plain(value) == {"a": [1, 2], "b": [None, "IDLE"], "c": None, "d": True}
    assert type(plain(Verdict.IDLE)) is str
    assert plain(np.float64(1.5)) == 1.5


@pytest.mark.parametrize(
    ("phase", "state", "severity"),
    [
        ("applying", "continued", "info"),
        ("promoted", "continued", "info"),
        ("undoing", "raised", "warning"),
        ("rolled_back", "cleared", "warning"),
        ("failed", "raised", "critical"),
    ],
)
def test_each_phase_of_a_change_has_its_finding(phase, state, severity):
    made = change_finding(ORIGIN, change(phase=phase, why="why", undoes="too slow"), NOW)
    assert (made.state, made.severity) == (state, severity)
    assert made.evidence["before"] == {"instances": 3, "scaling": None}
    assert "churn" in made.title
    assert json.loads(made.model_dump_json())


@pytest.mark.parametrize(
    ("outcome", "state", "severity"),
    [("held", "cleared", "info"), ("superseded", "continued", "info"), ("unverified", "continued", "warning")],
)
def test_the_end_of_a_verification_is_told(outcome, state, severity):
    trial = Trial(started=NOW, change=change(prediction=Prediction(p99_ms=1, slow_share=0)))
    closed = trial.closed(outcome, "because", NOW)
    made = trial_finding(ORIGIN, closed, Verified(Answer.HELD, "because", {"hours": 170}), NOW)
    assert (made.state, made.severity, made.evidence["hours"]) == (state, severity, 170)
