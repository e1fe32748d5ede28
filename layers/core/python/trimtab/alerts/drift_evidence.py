"""Evidence of a drift finding, read for people: the facts about the window and the columns that moved most."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from trimtab.alerts.text import one_line, utc_minute

MAX_COLUMNS = 10
# How many columns a message shows when none of them moved.
FEW_COLUMNS = 3

_SEVEREST_FIRST = {"ALERT": 0, "WARN": 1}


class _Evidence(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class DriftWindow(_Evidence):
    """The judged window: event times and rows."""

    start: AwareDatetime
    end: AwareDatetime
    rows: int


class DriftReference(_Evidence):
    """What the window was compared with."""

    source: str = ""
    rows: int | None = None


class DriftColumn(_Evidence):
    """The verdict on one column."""

    psi: float | None = None
    verdict: str = ""
    reason: str = ""


class DriftLimits(_Evidence):
    """The thresholds that the columns' PSI is shown against."""

    psi: float | None = None


class DriftEvidence(_Evidence):
    """What detect_drift gives as evidence, as far as a message tells it; everything else is ignored."""

    window: DriftWindow
    verdict: str
    reference: DriftReference = DriftReference()
    since: AwareDatetime | None = None
    columns: Mapping[str, DriftColumn] = {}
    thresholds: DriftLimits = DriftLimits()
    windows_alerting: str = ""


@dataclass(frozen=True)
class MovedColumns:
    """The columns to show, worst first: the cells column, PSI, threshold and verdict as text, and in `reasons` why.

    `moved` says whether they moved or are merely the largest; `more` counts moved columns that are not shown.
    """

    rows: tuple[tuple[str, str, str, str], ...]
    reasons: tuple[str, ...]
    moved: bool
    more: int


def read_drift_evidence(evidence: Mapping[str, Any]) -> DriftEvidence | None:
    """`evidence` when it has the shape that detect_drift gives, else None."""
    try:
        return DriftEvidence.model_validate(evidence)
    except ValidationError:
        return None


def drift_facts(evidence: DriftEvidence) -> tuple[tuple[str, str], ...]:
    """What there is to know about the window, as label and text."""
    verdict = evidence.verdict
    if evidence.windows_alerting:
        verdict += f" ({evidence.windows_alerting} windows alert)"
    rows = f"{evidence.window.rows:,}"
    if evidence.reference.rows is not None:
        rows += f" against {evidence.reference.rows:,} of the reference"
    facts = [("Verdict", verdict), ("Window", _span(evidence.window.start, evidence.window.end))]
    if evidence.since is not None:
        facts.append(("Since", utc_minute(evidence.since)))
    facts.append(("Rows", rows))
    if evidence.reference.source:
        facts.append(("Reference", evidence.reference.source))
    return tuple((label, one_line(text, 300)) for label, text in facts)


def moved_columns(evidence: DriftEvidence) -> MovedColumns | None:
    """The columns to show, by verdict and then by PSI; None without columns."""
    worst_first = sorted(
        evidence.columns.items(),
        key=lambda item: (_SEVEREST_FIRST.get(item[1].verdict, 2), -_or_zero(item[1].psi), item[0]),
    )
    if not worst_first:
        return None
    moved = [item for item in worst_first if item[1].verdict in _SEVEREST_FIRST]
    shown = moved[:MAX_COLUMNS] or worst_first[:FEW_COLUMNS]
    limit = evidence.thresholds.psi
    threshold = "-" if limit is None else f"{limit:.3g}"
    return MovedColumns(
        rows=tuple(
            (one_line(name, 32), _number(column.psi), threshold, one_line(column.verdict, 20)) for name, column in shown
        ),
        reasons=tuple(one_line(column.reason, 400) for _, column in shown),
        moved=bool(moved),
        more=max(0, len(moved) - MAX_COLUMNS),
    )


def _or_zero(psi: float | None) -> float:
    return psi if psi is not None and not math.isnan(psi) else 0.0


def _number(psi: float | None) -> str:
    if psi is None:
        return "-"
    return f"{psi:.3f}" if abs(psi) < 1e6 else f"{psi:.2g}"


def _span(start: datetime, end: datetime) -> str:
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    ending = f"{last:%H:%M} UTC" if first.date() == last.date() else utc_minute(last)
    hours = (last - first).total_seconds() / 3600
    return f"{first:%Y-%m-%d %H:%M} to {ending} ({hours:g} h)"
