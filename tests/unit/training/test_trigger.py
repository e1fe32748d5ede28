from datetime import UTC, datetime

import pytest

from trimtab.training.trigger import NotATriggerError, trigger_of_finding, trigger_of_request


def column(**changed):
    return {
        "kind": "numeric",
        "verdict": "ALERT",
        "psi_adjusted": 0.3,
        "missing": [0.0, 0.0],
        "invalid": [0.0, 0.0],
        "unseen": None,
        "mean": [50.0, 60.0],
        **changed,
    }


def finding(columns, **changed):
    return {
        "version": "1",
        "id": "f" * 64,
        "endpoint": "churn",
        "variant": "AllTraffic",
        "kind": "drift",
        "severity": "critical",
        "state": "raised",
        "reason": "age moved",
        "evidence": {
            "window": {"start": "2026-11-20T06:00:00Z", "end": "2026-11-20T08:00:00Z"},
            "columns": columns,
            "thresholds": {"psi": 0.1, "missing_change": 0.05, "invalid_share": 0.01, "unseen_share": 0.01},
        },
        "links": {"report": "s3://state/reports/churn/drift.html"},
        **changed,
    }


@pytest.mark.parametrize(
    ("changed", "is_fault"),
    [
        ({}, False),
        ({"psi_adjusted": 0.05, "missing": [0.0, 0.2]}, True),
        ({"psi_adjusted": 0.05, "missing": [0.3, 0.0]}, True),
        ({"psi_adjusted": 0.05, "invalid": [0.0, 0.1]}, True),
        ({"psi_adjusted": 0.3, "missing": [0.0, 0.2]}, False),  # it also moved
        ({"psi_adjusted": None, "unseen": 0.2, "kind": "categorical", "mean": None}, False),
        ({"psi_adjusted": 4.0, "mean": [50.0, 50_000.0]}, True),  # grams for kilograms
        ({"psi_adjusted": 4.0, "mean": [50.0, 0.499]}, True),
        ({"psi_adjusted": 4.0, "mean": [50.0, 127.0]}, True),  # centimetres for inches
        ({"psi_adjusted": 4.0, "mean": [50.0, 150.0]}, False),
        ({"psi_adjusted": 0.3, "mean": [1.0, 10.0]}, False),  # most of it did not move
        ({"psi_adjusted": 4.0, "mean": [0.0, 10.0]}, False),
    ],
)
def test_gaps_unreadable_cells_and_other_units_are_faults_of_the_data(changed, is_fault):
    found = trigger_of_finding(finding({"age": column(**changed), "plan": column(verdict="OK")}))
    assert (found.faulty, found.moved) == ((("age",), ()) if is_fault else ((), ("age",)))


def test_a_finding_names_its_window_and_report():
    found = trigger_of_finding(finding({}))
    assert (found.window_end, found.report) == ("2026-11-20T08:00:00Z", "s3://state/reports/churn/drift.html")
    assert datetime.fromisoformat(found.window_end) == datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_lost_quality_carries_its_size():
    told = finding({}, kind="model_quality", evidence={"drop": 0.03, "window": {"end": "w"}})
    assert trigger_of_finding(told).quality_drop == 0.03
    assert trigger_of_finding(finding({}, evidence={"drop": "NaN"})).quality_drop is None


def test_a_finding_without_a_window_is_told_apart_by_its_id():
    assert trigger_of_finding(finding({}, evidence={})).window_end == "f" * 64


@pytest.mark.parametrize("key", ["endpoint", "kind", "state"])
def test_an_incomplete_finding_is_refused_by_name(key):
    with pytest.raises(NotATriggerError, match=key):
        trigger_of_finding({name: value for name, value in finding({}).items() if name != key})


def test_a_person_may_ask():
    found = trigger_of_request({"endpoint": "churn", "id": "42", "by": "anna", "reason": "new prices"})
    assert (found.kind, found.window_end) == ("request", "42")
    assert "anna" in found.reason
    assert "new prices" in found.reason
    with pytest.raises(NotATriggerError, match="id"):
        trigger_of_request({"endpoint": "churn"})


@pytest.mark.parametrize(
    ("evidence", "drop"),
    [
        ({"drop": 0.04}, 0.04),
        ({"changes": {"accuracy": {"reference": {"value": 0.91}, "current": {"value": 0.87}}}}, 0.04),
        ({"changes": {"mae": {"reference": {"value": 2.0}, "current": {"value": 2.5}}}}, 0.5),
        ({"changes": {"auc": {"reference": {"value": 0.9}, "current": {"value": 0.8}}}}, None),
        ({"changes": {"accuracy": {"reference": None}}}, None),
        ({"drop": float("nan")}, None),
        ({}, None),
    ],
)
def test_the_loss_of_quality_is_read_as_it_is_told(evidence, drop):
    detail = {"endpoint": "churn", "kind": "model_quality", "state": "raised", "evidence": evidence}
    assert trigger_of_finding(detail).quality_drop == (drop if drop is None else pytest.approx(drop))


def test_a_finding_that_tells_faults_from_drift_is_believed():
    columns = {"age": column(), "price": column(psi_adjusted=4.0)}
    told = finding(columns)
    told["evidence"] |= {"moved": ["age"], "faulty": ["price"]}
    found = trigger_of_finding(told)
    assert (found.moved, found.faulty) == (("age",), ("price",))
