import json
from datetime import UTC, datetime, timedelta

from tests.unit.diagnosis.test_cause import BEFORE, explained, traffic
from trimtab.diagnosis.ranking import by_weight
from trimtab.diagnosis.window import deployment_behind, diagnosis_document
from trimtab.drift.assessment import Assessment
from trimtab.drift.columns import ColumnAssessment
from trimtab.drift.deployments import Deployment
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window

START = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(START, START + HOUR, (), 1_000)


def test_the_document_is_plain_json_with_every_part():
    told = diagnosis_document(explained(BEFORE, traffic(2_000, 1, shift=1.5)), {"verdict": "ALERT", "reason": "moved"})
    json.dumps(told)
    assert told.keys() == {
        "data_quality",
        "faults",
        "faulty",
        "moved",
        "multivariate",
        "importance",
        "ranked",
        "causes",
    }


def test_rows_that_differ_as_a_whole_make_a_quiet_window_a_warning():
    diagnosis = explained(BEFORE, traffic(2_000, 1, shift=1.5))
    told = diagnosis_document(diagnosis, {"verdict": "OK", "reason": "no column drifted"})
    assert told["verdict"] == "WARN"
    assert told["reason"].startswith("no column drifted; but rows can be told")
    quiet = diagnosis_document(explained(BEFORE, traffic(2_000, 1)), {"verdict": "OK", "reason": "no column drifted"})
    assert "verdict" not in quiet


def test_columns_are_worth_a_look_by_importance_then_by_how_far_they_moved_then_by_name():
    def column(verdict, psi):
        return ColumnAssessment("numeric", verdict, (9, 9), (0.0, 0.0), (0.0, 0.0), psi_adjusted=psi)

    columns = {
        "matters": column(Verdict.OK, 0.0),
        "moved": column(Verdict.WARN, 0.3),
        "moved far": column(Verdict.ALERT, 2.0),
        "by chance": column(Verdict.OK, 0.04),
        "as ever": column(Verdict.OK, None),
    }
    assessment = Assessment(Verdict.ALERT, "", (9, 9), columns)
    assert by_weight(assessment, {"matters": 0.1}) == ["matters", "moved far", "moved", "as ever", "by chance"]


def test_the_deployment_behind_an_alert_is_in_its_first_window_or_right_before():
    known = [Deployment(START + offset * HOUR, f"v{offset}") for offset in (-9, -2.5, -0.5, 0.5, 1.5)]
    assert deployment_behind(WINDOW, None, known)["config"] == "v0.5"
    assert deployment_behind(WINDOW, START - 2 * HOUR, known)["config"] == "v-2.5"
    assert deployment_behind(WINDOW, START - 6 * HOUR, known) is None
