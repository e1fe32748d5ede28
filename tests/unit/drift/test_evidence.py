import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from trimtab.capture.grid import Grid, numeric_bins
from trimtab.capture.profile import profile_table
from trimtab.capture.reference import Reference
from trimtab.capture.table import NumericColumn, Table
from trimtab.capture.window import Coverage
from trimtab.drift.assessment import Assessment, assess
from trimtab.drift.evidence import (
    PUBLISHED_COLUMNS,
    drift_finding,
    reference_finding,
    reference_refused_finding,
    settings_finding,
    window_document,
)
from trimtab.drift.history import History, JudgedWindow
from trimtab.drift.hysteresis import AlertState
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window
from trimtab.findings import Origin

START = datetime(2026, 11, 20, 8, tzinfo=UTC)
NOW = START + timedelta(hours=2)
WINDOW = Window(START, START + timedelta(hours=1), (START,), 1200)
RAISED = History(
    cursor=WINDOW.end,
    state=AlertState.RAISED,
    recent=(JudgedWindow(START - timedelta(hours=1), Verdict.ALERT), JudgedWindow(START, Verdict.ALERT)),
    since=START - timedelta(hours=1),
)
COVERAGE = Coverage(objects=3, records=1200, unreadable=Counter(bad_json=4), lost=4)
ORIGIN = Origin("123456789012", "eu-west-1", "churn", "AllTraffic")
LONGEST = Origin("123456789012", "ap-southeast-3", "e" * 63, "v" * 63)
THRESHOLDS = DriftThresholds()
EVENT_LIMIT = 256 * 1024  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html


def table(columns, shift, rows):
    rng = np.random.default_rng(1)
    drawn = {name: NumericColumn(rng.normal(shift * (i % 3 + 1), 1, rows)) for i, name in enumerate(columns)}
    return Table(START, rows, rows, drawn)


def judged(columns=("a", "b", "c"), shift=1.0, window_rows=1200, reference_source="s3://training/train.csv"):
    before = table(columns, 0.0, 1500)
    grid = Grid(
        {name: numeric_bins(*np.unique(column.values, return_counts=True)) for name, column in before.columns.items()}
    )
    reference = Reference(grid, profile_table(before, grid), reference_source, "2026-11-20T00:00:00Z", frozenset({"c"}))
    return reference, assess(reference, profile_table(table(columns, shift, window_rows), grid), THRESHOLDS)


def document_of(reference, assessment, history=RAISED, **how):
    return window_document(WINDOW, assessment, history, reference, THRESHOLDS, COVERAGE, **how)


def strict(text):
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_a_window_is_told_with_all_its_evidence():
    reference, assessment = judged()
    document = document_of(reference, assessment, never_captured={"label", "id"})
    assert document["window"] == {
        "start": "2026-11-20T08:00:00Z",
        "end": "2026-11-20T09:00:00Z",
        "rows": 1200,
        "hours": 1,
    }
    assert document["verdict"] == "ALERT"
    assert (document["state"], document["since"]) == ("raised", "2026-11-20T07:00:00Z")
    assert document["windows_alerting"] == "2 of 2"
    assert document["reference"] == {"source": reference.source, "rows": 1500, "grid": reference.grid.name}
    assert document["coverage"]["unreadable"] == {"bad_json": 4}
    assert document["coverage"]["share"] == pytest.approx(1200 / 1204)
    assert document["never_captured"] == ["id", "label"]
    assert document["dates"] == []
    assert document["thresholds"] == THRESHOLDS.model_dump()
    assert document["columns"]["a"]["mean"] == pytest.approx([0, 1], abs=0.1)


def test_the_columns_that_moved_most_come_first():
    _, assessment = judged()
    columns = {
        "ok": replace(assessment.columns["a"], verdict=Verdict.OK, psi_adjusted=9.0),
        "unknown": replace(assessment.columns["a"], verdict=Verdict.INSUFFICIENT_DATA, psi_adjusted=None),
        "warn": replace(assessment.columns["a"], verdict=Verdict.WARN, psi_adjusted=8.0),
        "small": replace(assessment.columns["a"], verdict=Verdict.ALERT, psi_adjusted=1.0),
        "large": replace(assessment.columns["a"], verdict=Verdict.ALERT, psi_adjusted=2.0),
        "rule": replace(assessment.columns["a"], verdict=Verdict.ALERT, psi_adjusted=None),
    }
    document = document_of(judged()[0], replace(assessment, columns=columns))
    assert list(document["columns"]) == ["large", "small", "rule", "warn", "ok", "unknown"]


ABSURD = {
    "constant": np.full(1200, 7.0),
    "missing": np.full(1200, np.nan),
    "huge": np.where(np.arange(1200) % 2, 1e150, -1e150),
    "denormal": np.full(1200, 5e-324),
}


@pytest.mark.parametrize("before", ABSURD)
def test_documents_and_findings_are_plain_json(before):
    columns = {f"{before} then {after}": NumericColumn(values) for after, values in ABSURD.items()}
    first = {name: NumericColumn(ABSURD[before]) for name in columns}
    values = ABSURD[before][~np.isnan(ABSURD[before])]
    if not len(values):
        values = np.array([0.0])
    grid = Grid({name: numeric_bins(*np.unique(values, return_counts=True)) for name in columns})
    reference = Reference(grid, profile_table(Table(START, 1200, 1200, first), grid), "x", "2026-11-20T00:00:00Z")
    with np.errstate(all="ignore"):
        assessment = assess(reference, profile_table(Table(START, 1200, 1200, columns), grid), THRESHOLDS)
    document = document_of(reference, assessment)
    assert strict(json.dumps(document)) == document
    finding = drift_finding(ORIGIN, document, "raised", NOW, {})
    assert strict(finding.model_dump_json())["evidence"]["columns"] == document["columns"]


def test_a_window_that_was_not_judged_is_a_document_too():
    reference, _ = judged()
    unjudged = Assessment(Verdict.INSUFFICIENT_DATA, "412 of 500 rows", (1500, 412), {})
    document = document_of(reference, unjudged, History(cursor=WINDOW.end))
    assert strict(json.dumps(document)) == document
    assert (document["verdict"], document["columns"], document["since"]) == ("INSUFFICIENT_DATA", {}, None)


def size_of(finding):
    """As EventBridge counts an entry: time, source, detail type, detail."""
    return 14 + len(b"trimtab") + len(finding.detail_type.encode()) + len(finding.model_dump_json().encode())


@pytest.mark.parametrize("letter", ["n", "ø", "\U0001f600"])
def test_findings_about_many_columns_fit_into_an_event(letter):
    names = [f"{i:03d}{letter * 125}" for i in range(500)]
    reference, assessment = judged(names, reference_source="s3://" + "k" * 1024)
    document = document_of(reference, assessment, never_captured=names)
    assert len(document["columns"]) == len(document["never_captured"]) == 500
    assert len(document["drifted"]) == 500
    finding = drift_finding(LONGEST, document, "raised", NOW, {"verdict": "s3://" + "k" * 1024})
    assert list(finding.evidence["columns"]) == list(document["columns"])[:PUBLISHED_COLUMNS]
    assert finding.evidence["drifted"] == document["drifted"][:PUBLISHED_COLUMNS]
    assert finding.title.endswith("500 of 500 columns moved")
    assert size_of(finding) <= EVENT_LIMIT / 4
    told = reference_finding(LONGEST, replace(reference, outputs=frozenset(names)), "Why.", NOW)
    assert told.evidence["columns_in_all"] == 500
    assert size_of(told) <= EVENT_LIMIT / 4


def test_what_the_past_says_of_many_columns_is_cut_to_what_is_published():
    names = [f"x{i:03d}" for i in range(100)]
    by_name = dict.fromkeys(names, 0.25)
    reference, assessment = judged(names)
    document = document_of(reference, assessment) | {
        "calibration": by_name,
        "seasonal": {"weeks": 2, "explains": names, "columns": by_name},
        "trend": {"ewma": {"mean": 0.1, "columns": by_name}, "change_point": None},
        "previous": {"rows": 1000, "psi_adjusted": by_name, "sudden": names},
        "deployment": {"at": "2026-11-20T08:00:00Z", "config": "config-2"},
        "profile": {"rows": 1200},
        "packs": ["profiles/a"],
        "history_before": {},
    }
    first, by_first = names[:PUBLISHED_COLUMNS], dict.fromkeys(names[:PUBLISHED_COLUMNS], 0.25)
    told = drift_finding(ORIGIN, document, "raised", NOW, {}).evidence
    assert told["calibration"] == by_first
    assert told["seasonal"] == {"weeks": 2, "explains": first, "columns": by_first}
    assert told["trend"] == {"ewma": {"mean": 0.1, "columns": by_first}, "change_point": None}
    assert told["previous"] == {"rows": 1000, "psi_adjusted": by_first, "sudden": first}
    assert told["deployment"] == document["deployment"]
    assert document.keys() - told.keys() == {"profile", "packs", "history_before"}


@pytest.mark.parametrize("state", ["raised", "continued", "cleared"])
def test_titles_fit_whatever_the_names(state):
    reference, assessment = judged()
    finding = drift_finding(LONGEST, document_of(reference, assessment), state, NOW, {})
    assert f"{LONGEST.endpoint}/{LONGEST.variant}" in finding.title
    others = [
        reference_finding(LONGEST, reference, "Why.", NOW),
        reference_refused_finding(LONGEST, "s3://x/y", "no", NOW),
        settings_finding(LONGEST, "drift.psi: no", "/trimtab/endpoints/x", "1", NOW),
        settings_finding(LONGEST, "", "/trimtab/endpoints/x", "1", NOW),
    ]
    assert all(len(each.title) <= 200 and LONGEST.endpoint in each.title for each in [finding, *others])


@pytest.mark.parametrize(("state", "severity"), [("raised", "critical"), ("continued", "warning"), ("cleared", "info")])
def test_how_grave_an_alert_is_depends_on_its_state(state, severity):
    finding = drift_finding(ORIGIN, document_of(*judged()), state, NOW, {"verdict": "s3://b/k"})
    assert (finding.state, finding.severity, finding.kind) == (state, severity, "drift")
    assert finding.links == {"verdict": "s3://b/k"}
    assert finding.reason.startswith("3 of 3 columns moved")


def ids(state, *moments, origin=ORIGIN, window=WINDOW):
    reference, assessment = judged()
    document = window_document(window, assessment, RAISED, reference, THRESHOLDS, COVERAGE)
    return [drift_finding(origin, document, state, moment, {}).id for moment in moments]


def test_a_change_is_one_fact_however_often_it_is_found():
    assert len({*ids("raised", NOW, NOW + timedelta(days=3))}) == 1
    later = Window(WINDOW.end, WINDOW.end + timedelta(hours=1), (WINDOW.end,), 1200)
    different = [
        *ids("raised", NOW),
        *ids("cleared", NOW),
        *ids("raised", NOW, window=later),
        *ids("raised", NOW, origin=replace(ORIGIN, variant="Canary")),
        *ids("raised", NOW, origin=replace(ORIGIN, account="999999999999")),
    ]
    assert len({*different}) == len(different)


def test_every_reminder_is_a_fact_of_its_own():
    reminders = ids("continued", *(NOW + timedelta(hours=6 * i) for i in range(4)))
    assert len({*reminders}) == 4
    assert len({*ids("continued", NOW, NOW + timedelta(minutes=20))}) == 1


def test_a_reference_is_told_once():
    reference, _ = judged()
    told = reference_finding(ORIGIN, reference, "A new one.", NOW)
    assert told.id == reference_finding(ORIGIN, reference, "Why.", NOW + timedelta(days=1)).id
    assert told.id != reference_finding(ORIGIN, replace(reference, created="2026-11-21T00:00:00Z"), "", NOW).id
    assert told.reason == "A new one. It comes from s3://training/train.csv."
    assert told.evidence["columns"] == ["a", "b", "c"]
    assert told.evidence["outputs"] == ["c"]


def test_training_data_that_cannot_be_used_is_told():
    told = reference_refused_finding(ORIGIN, "s3://t/t.csv", "s3://t/t.csv, line 3: 2 cells", NOW)
    assert (told.kind, told.severity, told.state) == ("settings", "warning", "raised")
    assert told.reason.startswith("s3://t/t.csv, line 3: 2 cells. ")


def test_settings_that_cannot_be_used_are_told_and_that_they_can_be_again():
    raised = settings_finding(ORIGIN, "drift.psi: no number", "/trimtab/endpoints/churn", "1", NOW)
    cleared = settings_finding(ORIGIN, "", "/trimtab/endpoints/churn", "1", NOW)
    assert (raised.state, raised.severity) == ("raised", "warning")
    assert "drift.psi: no number" in raised.reason
    assert "last good settings" in raised.reason
    assert (cleared.state, cleared.severity) == ("cleared", "info")
    assert raised.id != cleared.id
