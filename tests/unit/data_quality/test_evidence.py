import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.data_quality.evidence import after_window, data_quality_document, data_quality_finding
from trimtab.data_quality.fault import KINDS, DataFault, FaultKind, Interval
from trimtab.drift.history import History
from trimtab.drift.hysteresis import AlertState, state_after
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.findings import Origin

THRESHOLDS = DriftThresholds()
START = datetime(2026, 11, 20, tzinfo=UTC)
FAULT = DataFault("unit", "income", "another unit", "mean", Interval(1.0, 0.9, 1.1), 1.0)


def hours(verdicts):
    return [(START + timedelta(hours=hour), verdict) for hour, verdict in enumerate(verdicts)]


def history_of(windows):
    history = History()
    for start, verdict in windows:
        history = after_window(history, start, verdict, THRESHOLDS)
    return history


@given(st.lists(st.sampled_from(Verdict), max_size=12))
def test_data_is_at_fault_as_an_endpoint_drifts(verdicts):
    assert history_of(hours(verdicts)).state is state_after(verdicts, THRESHOLDS)


def test_an_alert_knows_since_when():
    history = history_of(hours([Verdict.OK, Verdict.ALERT, Verdict.OK, Verdict.ALERT, Verdict.ALERT]))
    assert (history.state, history.since) == (AlertState.RAISED, START + timedelta(hours=1))
    assert history_of(hours([Verdict.ALERT, Verdict.ALERT, Verdict.OK, Verdict.OK])).since is None


def test_a_window_that_is_judged_again_counts_once():
    windows = hours([Verdict.ALERT, Verdict.OK])
    assert history_of([*windows, windows[0], windows[0]]) == history_of(windows)


def document(faults=(FAULT,)):
    return {
        "window": {"start": "2026-11-20T00:00:00Z", "end": "2026-11-20T01:00:00Z", "rows": 1000, "hours": 1},
        "reference": {"source": "s3://train", "rows": 10_000, "grid": "g"},
        **data_quality_document(Verdict.ALERT if faults else Verdict.OK, faults, ("income",)),
    }


@pytest.mark.parametrize("state", ["raised", "continued", "cleared"])
def test_the_finding_is_one_fact_and_says_what_is_wrong(state):
    told = document(() if state == "cleared" else (FAULT,))
    finding = data_quality_finding(Origin("1", "eu-west-1", "churn", "AllTraffic"), told, state, START, {})
    again = data_quality_finding(Origin("1", "eu-west-1", "churn", "AllTraffic"), told, state, START, {})
    assert (finding.detail_type, finding.state, finding.id) == ("Data Quality", state, again.id)
    assert ("income" in finding.title) == (state != "cleared")
    json.dumps(finding.model_dump(mode="json"))


def test_every_kind_is_described():
    assert set(KINDS) == set(FaultKind.__value__.__args__)
