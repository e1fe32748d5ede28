import json
from dataclasses import replace

import pytest

from tests.unit.training.builders import NOW, evaluation, package, situation, trigger
from trimtab.findings import Origin
from trimtab.training.drift_helped import judge_same_rows
from trimtab.training.evidence import ended_finding, gates_finding, help_finding, release_finding, start_finding
from trimtab.training.gate_thresholds import GateThresholds
from trimtab.training.gates import judge_gates
from trimtab.training.guards import decide_start
from trimtab.training.job_changes import JobChange, log_link
from trimtab.training.release import Deployed, decide_release
from trimtab.training.settings import GuardSettings
from trimtab.training.spot import spot_saving

ORIGIN = Origin("123456789012", "eu-west-1", "churn", "AllTraffic")


def started(found):
    return start_finding(ORIGIN, trigger(), decide_start(found, "t" * 64, GuardSettings()), "act", "arn", NOW)


def test_a_refusal_shows_every_guard_with_its_numbers():
    finding = started(situation(new_rows=10, running=("p/1",)))
    assert (finding.kind, finding.severity, finding.evidence["refused"]) == (
        "retraining",
        "warning",
        ["few_labels", "busy"],
    )
    assert "10 labelled rows are new" in finding.reason
    assert [guard["guard"] for guard in finding.evidence["guards"]][:2] == ["cause", "labels"]
    json.loads(finding.model_dump_json())


def test_the_same_refusal_is_the_same_finding_and_another_is_not():
    found = situation(new_rows=10)
    assert started(found).id == started(found).id
    assert started(found).id != started(situation(running=("p/1",))).id != started(situation()).id


JOB = JobChange(
    "training_job", "arn:job", "churn-1", "Stopped", NOW, secondary="MaxWaitTimeExceeded", training_seconds=500
)


def test_a_stopped_training_is_no_silent_end():
    links = {"log": log_link("eu-west-1", "churn-1")}
    finding = ended_finding(ORIGIN, JOB, None, "retried on demand", links, NOW)
    assert (finding.severity, finding.state) == ("critical", "raised")
    assert "MaxWaitTimeExceeded" in finding.reason
    assert finding.links == links


def test_a_finished_training_tells_what_spot_saved():
    done = replace(JOB, status="Completed", secondary="Completed", billable_seconds=100.0)
    finding = ended_finding(ORIGIN, done, spot_saving(500, 100, 2, 0.23), "gated", {}, NOW)
    assert (finding.severity, finding.state) == ("info", "cleared")
    assert "spot saved 80 %" in finding.reason
    assert finding.evidence["cost_usd"] == pytest.approx(0.0128, abs=1e-4)


def test_gates_are_told_with_their_reasons():
    passed = gates_finding(ORIGIN, "churn-7", judge_gates(evaluation(), GateThresholds()), {}, NOW)
    assert passed.severity == "info"
    refused = gates_finding(ORIGIN, "churn-7", judge_gates(evaluation(datasets={}), GateThresholds()), {}, NOW)
    assert refused.severity == "warning"
    assert "accuracy on newest" in refused.reason
    assert gates_finding(ORIGIN, "churn-7", (), {}, NOW).reason == "no gate was judged"
    assert passed.id != refused.id


def test_a_release_names_version_and_champion():
    decision = decide_release(package(6), package(6), Deployed("churn", package(5)), {}, [], endpoint="churn")
    finding = release_finding(ORIGIN, decision, "act", "rollout started", NOW)
    assert finding.detail_type == "Release"
    assert (finding.evidence["version"], finding.evidence["champion"]) == (6, package(5).arn)


def test_in_vain_is_said_and_stops():
    finding = help_finding(ORIGIN, package(6).arn, judge_same_rows(30, 31, 1000), 2, True, NOW)
    assert finding.severity == "critical"
    assert "2 in a row did not help" in finding.reason
    assert help_finding(ORIGIN, "a", judge_same_rows(0, 100, 1000), 0, False, NOW).state == "cleared"
