import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.findings import Finding, Kind, finding_id

FACT = ("123456789012", "eu-west-1", "churn", "AllTraffic", "drift", "2026-11-20T08:00:00Z", "raised")


def finding(**changes):
    return Finding.model_validate(
        {
            "id": finding_id(*FACT),
            "account": "123456789012",
            "region": "eu-west-1",
            "time": "2026-11-20T09:00:00Z",
            "endpoint": "churn",
            "variant": "AllTraffic",
            "kind": "drift",
            "severity": "critical",
            "state": "raised",
            "title": "Drift on churn",
            "reason": "3 of 10 columns moved",
        }
        | changes
    )


@pytest.mark.parametrize(
    ("kind", "detail_type"),
    [
        ("drift", "Drift"),
        ("data_quality", "Data Quality"),
        ("model_quality", "Model Quality"),
        ("canary", "Canary"),
        ("rollback", "Rollback"),
        ("sizing", "Sizing"),
        ("cost", "Cost"),
        ("retraining", "Retraining"),
        ("release", "Release"),
        ("self", "Self"),
        ("settings", "Settings"),
    ],
)
def test_the_detail_type_is_the_kind_in_title_case(kind, detail_type):
    assert finding(kind=kind).detail_type == detail_type


def test_there_are_eleven_kinds():
    assert len(get_args(Kind)) == 11


def test_an_id_stays_the_same_from_release_to_release():
    # from `printf 'a\\037b' | sha256sum`: receivers keep ids for weeks
    assert finding_id("a", "b") == "f04cdced9736a69da6103f08a4daaf8c485dd481217d218a1b4993c8c3968e13"


FACTS = st.lists(st.text(st.characters(exclude_characters="\x1f", codec="utf-8"), max_size=2), min_size=1, max_size=3)


@given(FACTS, FACTS)
def test_only_the_same_fact_has_the_same_id(one, other):
    assert (finding_id(*one) == finding_id(*other)) is (one == other)


def test_the_detail_is_the_contract():
    action = {"name": "start_retraining", "mode": "observe", "outcome": "none"}
    detail = json.loads(finding(action=action, evidence={"psi": 0.3}, links={"report": "s3://b/k"}).model_dump_json())
    assert detail == {
        "version": "1",
        "id": finding_id(*FACT),
        "account": "123456789012",
        "region": "eu-west-1",
        "time": "2026-11-20T09:00:00Z",
        "endpoint": "churn",
        "variant": "AllTraffic",
        "kind": "drift",
        "severity": "critical",
        "state": "raised",
        "title": "Drift on churn",
        "reason": "3 of 10 columns moved",
        "action": action,
        "evidence": {"psi": 0.3},
        "links": {"report": "s3://b/k"},
    }
    assert Finding.model_validate(detail).model_dump(mode="json") == detail


def test_numbers_that_json_has_not_become_null():
    text = finding(evidence={"a": {"b": float("nan"), "c": [float("inf")]}}).model_dump_json()
    assert json.loads(text)["evidence"] == {"a": {"b": None, "c": [None]}}


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "gossip"},
        {"severity": "fatal"},
        {"state": "new"},
        {"title": "x" * 201},
        {"version": "2"},
        {"surprise": 1},
        {"action": {"name": "x", "mode": "force", "outcome": ""}},
    ],
)
def test_what_the_contract_has_not_is_refused(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        finding(**changes)
