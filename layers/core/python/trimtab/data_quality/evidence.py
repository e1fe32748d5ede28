"""The quality of a window's data as a part of its document, remembered from window to window, and as a finding."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from trimtab.data_quality.fault import DataFault, fault_document
from trimtab.drift.history import History, JudgedWindow
from trimtab.drift.hysteresis import AlertState, next_state
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.findings import Finding, Origin, Severity, State, finding_about

PUBLISHED_FAULTS = 20
"""A finding names so many faults, for an event has a limit; what is stored names all."""
_NAMED = 3
_SEVERITY: Mapping[State, Severity] = {"raised": "warning", "continued": "warning", "cleared": "info"}


def data_quality_document(verdict: Verdict, faults: Sequence[DataFault], faulty: Sequence[str]) -> dict[str, Any]:
    """What a window's document says of its data: the verdict, the `faults`, and the columns that drifted for nothing
    else (`faulty`)."""
    judged = verdict is not Verdict.INSUFFICIENT_DATA
    return {
        "faults": [fault_document(each) for each in faults],
        "faulty": list(faulty),
        "data_quality": {
            "verdict": verdict.value,
            "reason": sentence(faults) if judged else "the window was not judged",
        },
    }


def after_window(history: History, start: datetime, verdict: Verdict, thresholds: DriftThresholds) -> History:
    """The history once the data of the window from `start` on is judged. A window that is judged again replaces what
    was remembered of it."""
    if verdict is Verdict.INSUFFICIENT_DATA:
        return history
    depth = max(thresholds.raise_of, thresholds.clear_after)
    by_start = {each.start: each for each in history.recent} | {start: JudgedWindow(start, verdict)}
    recent = tuple(by_start[each] for each in sorted(by_start))[-depth:]
    state = next_state(history.state, [each.verdict for each in recent], thresholds)
    alerting = [each.start for each in recent[-thresholds.raise_of :] if each.verdict is Verdict.ALERT]
    since = (history.since or alerting[0]) if state is AlertState.RAISED and (history.since or alerting) else None
    return replace(history, recent=recent, state=state, since=since)


def sentence(faults: Sequence[DataFault]) -> str:
    """The faults in one sentence, the gravest first."""
    if not faults:
        return "no fault of the data was found"
    told = "; ".join(f"{each.column}: {each.text}" if each.column else each.text for each in faults[:_NAMED])
    return told + (f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else "")


def data_quality_finding(
    origin: Origin,
    document: Mapping[str, Any],
    state: State,
    now: datetime,
    links: Mapping[str, str],
) -> Finding:
    """The finding that the data of a judged window is at fault, that this lasts, or that it is over. A reminder is one
    fact an hour."""
    faults, told = document["faults"], document["data_quality"]
    where = f"{origin.endpoint}/{origin.variant}"
    columns = sorted({each["column"] for each in faults if each["column"]})
    what = f"{len(columns)} columns" if len(columns) > _NAMED else ", ".join(columns) or "repeated rows"
    return finding_about(
        origin,
        now,
        ("data_faults", document["window"]["start"], state, f"{now:%Y-%m-%dT%H}" if state == "continued" else ""),
        kind="data_quality",
        severity=_SEVERITY[state],
        state=state,
        title={
            "raised": f"Data of {where} is at fault: {what}",
            "continued": f"Data of {where} is still at fault: {what}",
            "cleared": f"Data of {where} is in order again",
        }[state],
        reason=told["reason"],
        evidence={
            "window": document["window"],
            "reference": document["reference"],
            "faults": faults[:PUBLISHED_FAULTS],
            "faults_in_all": len(faults),
            "faulty": document["faulty"][:PUBLISHED_FAULTS],
            **told,
        },
        links=links,
    )
