"""A judged window as a document to keep, and as a finding to publish."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from typing import Any

from trimtab.capture.reference import Reference
from trimtab.capture.window import Coverage
from trimtab.drift.assessment import Assessment
from trimtab.drift.columns import ColumnAssessment
from trimtab.drift.history import History
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window, iso
from trimtab.findings import Finding, Origin, Severity, State, finding_about

PUBLISHED_COLUMNS = 20
"""A finding names so many columns, those that moved most, for an event has a limit; what is stored names all."""
BOOKKEEPING = ("packs", "history_before", "profile")
"""What a stored window keeps for judging it again, and nobody needs to be told."""

_BY_COLUMN = (
    ("columns",),
    ("drifted",),
    ("never_captured",),
    ("dates",),
    ("calibration",),
    ("seasonal", "explains"),
    ("seasonal", "columns"),
    ("trend", "ewma", "columns"),
    ("previous", "psi_adjusted"),
    ("previous", "sudden"),
    ("faults",),
    ("faulty",),
    ("moved",),
    ("importance", "shares"),
    ("ranked",),
)
_SEVERITY: Mapping[State, Severity] = {"raised": "critical", "continued": "warning", "cleared": "info"}
_RANK = {Verdict.ALERT: 0, Verdict.WARN: 1, Verdict.OK: 2, Verdict.INSUFFICIENT_DATA: 3}


def window_document(
    window: Window,
    assessment: Assessment,
    history: History,
    reference: Reference,
    thresholds: DriftThresholds,
    coverage: Coverage,
    *,
    never_captured: Iterable[str] = (),
) -> dict[str, Any]:
    """All evidence of a window's verdict as plain JSON values, `history` being the one after it. The columns that moved
    most come first. `never_captured`: columns of the reference that no capture ever had, such as the label."""
    ranked = sorted(
        assessment.columns.items(),
        key=lambda item: (_RANK[item[1].verdict], -(item[1].psi_adjusted or 0.0), item[0]),
    )
    return {
        "version": 1,
        "window": {
            "start": iso(window.start),
            "end": iso(window.end),
            "rows": window.rows,
            "hours": len(window.hours),
        },
        "verdict": assessment.verdict.value,
        "reason": assessment.reason,
        "state": history.state.value,
        "since": history.since and iso(history.since),
        "windows_alerting": history.windows_alerting(thresholds),
        "reference": {"source": reference.source, "rows": reference.profile.rows, "grid": reference.grid.name},
        "coverage": {
            "objects": coverage.objects,
            "records": coverage.records,
            "unreadable": dict(coverage.unreadable),
            "lost": coverage.lost,
            "share": coverage.share,
        },
        "never_captured": sorted(never_captured),
        "dates": list(assessment.dates),
        "drifted": list(assessment.drifted),
        "drifted_importance": assessment.drifted_importance,
        "drifted_share": assessment.drifted_share,
        "columns": {name: column_document(column) for name, column in ranked},
        "thresholds": thresholds.model_dump(),
    }


def window_of_document(document: Mapping[str, Any]) -> Window:
    """The window that a stored document is about. Which of its hours have rows is not kept."""
    window = document["window"]
    start, end = datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"])
    return Window(start, end, (), window["rows"])


def column_document(column: ColumnAssessment) -> dict[str, Any]:
    """One column's numbers as plain JSON values; pairs are [reference, current]. `rows_effective` only where rows count
    as fewer, because those of one request are alike."""
    return {
        "kind": column.kind,
        "verdict": column.verdict.value,
        "reason": "; ".join(each.text for each in column.reasons),
        "rows": list(column.rows),
        **({"rows_effective": list(column.rows_effective)} if column.rows_effective else {}),
        "psi": column.psi,
        "psi_adjusted": column.psi_adjusted,
        "psi_bins": column.psi_bins,
        "p": column.p,
        "p_any": column.p_any,
        "ks": column.ks,
        "wasserstein": column.wasserstein,
        "jensen_shannon": column.jensen_shannon,
        "missing": list(column.missing),
        "invalid": list(column.invalid),
        "unseen": column.unseen,
        "out_of_range": column.out_of_range,
        "mean": column.mean and list(column.mean),
        "skipped": column.skipped,
    }


def drift_score(document: Mapping[str, Any]) -> float | None:
    """How far a window moved: the greatest PSI of its columns, without chance. None: no column has one."""
    scores = [column.get("psi_adjusted") for column in document["columns"].values()]
    return max((score for score in scores if score is not None), default=None)


def drift_finding(
    origin: Origin, document: Mapping[str, Any], state: State, now: datetime, links: Mapping[str, str]
) -> Finding:
    """The finding that a window's document gives. A raised or cleared alert is the same fact however often it is found
    for this window; a reminder is one fact an hour, which is as often as reminders can be asked for."""
    columns = document["columns"]
    moved = [name for name, column in columns.items() if column["verdict"] in {"ALERT", "WARN"}]
    start = document["window"]["start"]
    reminder_of = f"{now:%Y-%m-%dT%H}" if state == "continued" else ""
    return finding_about(
        origin,
        now,
        ("drift", start, state, reminder_of),
        kind="drift",
        severity=_SEVERITY[state],
        state=state,
        title=_title(origin, state, moved, len(columns)),
        reason=document["reason"] if state == "cleared" else _with_cause(document),
        evidence=reduce(_shortened, _BY_COLUMN, {key: document[key] for key in document if key not in BOOKKEEPING}),
        links=links,
    )


def reference_finding(origin: Origin, reference: Reference, why: str, now: datetime) -> Finding:
    """Says what live data is compared with from now on."""
    return finding_about(
        origin,
        now,
        ("reference", reference.source, reference.created),
        kind="settings",
        severity="info",
        state="raised",
        title=f"Reference of {origin.endpoint}: {reference.profile.rows:,} rows",
        reason=f"{why} It comes from {reference.source}.",
        evidence={
            "source": reference.source,
            "rows": reference.profile.rows,
            "columns": list(reference.grid.columns)[:PUBLISHED_COLUMNS],
            "columns_in_all": len(reference.grid.columns),
            "outputs": sorted(reference.outputs)[:PUBLISHED_COLUMNS],
        },
    )


def reference_refused_finding(origin: Origin, source: str, problem: str, now: datetime) -> Finding:
    """Says that no reference can be made of the training data that the settings name."""
    return finding_about(
        origin,
        now,
        ("reference-refused", source, problem),
        kind="settings",
        severity="warning",
        state="raised",
        title=f"No reference for {origin.endpoint}: its training data cannot be used",
        reason=f"{problem}. Until that is mended the endpoint is not judged.",
        evidence={"source": source, "problem": problem},
    )


def settings_finding(origin: Origin, problem: str, parameter: str, occasion: str, now: datetime) -> Finding:
    """Says that an endpoint's settings cannot be used, or, without a problem, that they can be again. `occasion` tells
    one time that this is so from another."""
    state: State = "raised" if problem else "cleared"
    kept = "The endpoint keeps its last good settings."
    return finding_about(
        origin,
        now,
        ("settings", problem, occasion),
        kind="settings",
        severity="warning" if problem else "info",
        state=state,
        title=f"Settings of {origin.endpoint} {'cannot be used' if problem else 'are in use again'}",
        reason=f"Parameter {parameter}: {problem}. {kept}" if problem else f"Parameter {parameter} was mended.",
        evidence={"parameter": parameter, "problem": problem},
    )


def _with_cause(document: Mapping[str, Any]) -> str:
    """Why a window drifted, with the likeliest cause where one is known."""
    reason, causes = document["reason"], document.get("causes")
    if not causes:
        return str(reason)
    return f"{reason}. Likely cause, {causes[0]['kind'].replace('_', ' ')}: {causes[0]['text']}"


def _shortened(part: Any, path: tuple[str, ...]) -> Any:
    """A document with the list or mapping of columns at a path, if it has one, cut to what is published."""
    if not path:
        first = list(part)[:PUBLISHED_COLUMNS]
        return {name: part[name] for name in first} if isinstance(part, Mapping) else first
    if not part or path[0] not in part:
        return part
    return {**part, path[0]: _shortened(part[path[0]], path[1:])}


def _title(origin: Origin, state: State, moved: list[str], columns: int) -> str:
    where = f"{origin.endpoint}/{origin.variant}"
    return {
        "raised": f"Drift on {where}: {len(moved)} of {columns} columns moved",
        "continued": f"Drift on {where} lasts: {len(moved)} of {columns} columns moved",
        "cleared": f"Drift on {where} is over",
    }[state]
