"""The score series of a variant: one short entry per judged window, the last 90 days.

From it come seasons, calibrated thresholds, trends and the pages' time lines. It can be made anew from the windows that
are stored, so losing it, or one write of it, loses nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trimtab.drift.hysteresis import AlertState
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import iso

KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Score:
    """What is kept of one window.

    `state` of the alert after it, and `since` when that stands. `coverage`: the share of lines that were read. `grid`:
    the name of the reference's. `psi_adjusted` by column, to three digits; columns without PSI are left out.
    `drifted`: the columns that alerted; `seasonal`: those that would have, had their drift not been seasonal; `weeks`:
    of how many past weeks the same hours were known. `deployment`: the endpoint config whose deployment began in the
    window or since the one before, "" without.
    """

    start: datetime
    end: datetime
    rows: int
    verdict: Verdict
    state: AlertState
    coverage: float
    grid: str
    psi_adjusted: Mapping[str, float]
    since: datetime | None = None
    drifted: tuple[str, ...] = ()
    seasonal: tuple[str, ...] = ()
    weeks: int = 0
    deployment: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert, from its first alerting window to the end of the last window in which it stood."""

    start: datetime
    end: datetime


def with_score(series: Sequence[Score], score: Score) -> tuple[Score, ...]:
    """The series with a window in it, in the place of what it had of that window, and without what is too old. Twice is
    once, and the order in which windows come does not matter."""
    by_start = {each.start: each for each in series} | {score.start: score}
    oldest = max(each.end for each in by_start.values()) - KEPT
    return tuple(by_start[start] for start in sorted(by_start) if start >= oldest)


def before(series: Sequence[Score], moment: datetime, grid: str) -> tuple[Score, ...]:
    """The windows that had ended by a moment and were judged on this grid: scores on another do not compare."""
    return tuple(each for each in series if each.end <= moment and each.grid == grid)


def windows_to_enter(
    series: Sequence[Score], stored: Mapping[datetime, datetime], written: datetime | None
) -> list[datetime]:
    """The starts of stored windows that are not in the series, or were stored since the series was last written (None:
    never). `stored`: when each window was stored, by its start."""
    known = {each.start for each in series}
    return sorted(start for start, at in stored.items() if start not in known or written is None or at >= written)


def alerts_of(series: Sequence[Score]) -> tuple[Alert, ...]:
    """The alerts that were raised, in order."""
    ends: dict[datetime, datetime] = {}
    for each in series:
        if each.since is not None:
            ends[each.since] = each.end
    return tuple(Alert(start, ends[start]) for start in sorted(ends))


def score_of_document(document: Mapping[str, Any]) -> Score:
    """The entry of a window from its stored document."""
    window = document["window"]
    seasonal, deployment = document.get("seasonal"), document.get("deployment")
    return Score(
        start=_moment(window["start"]),
        end=_moment(window["end"]),
        rows=window["rows"],
        verdict=Verdict(document["verdict"]),
        state=AlertState(document["state"]),
        coverage=document["coverage"]["share"],
        grid=document["reference"]["grid"],
        psi_adjusted={
            name: float(f"{column['psi_adjusted']:.3g}")
            for name, column in sorted(document["columns"].items())
            if column["psi_adjusted"] is not None
        },
        since=_moment(document["since"]) if document["since"] else None,
        drifted=tuple(document["drifted"]),
        seasonal=tuple(seasonal["explains"]) if seasonal else (),
        weeks=seasonal["weeks"] if seasonal else 0,
        deployment=deployment["config"] if deployment else "",
    )


def series_document(series: Sequence[Score]) -> dict[str, Any]:
    """The series as plain JSON values: what is empty is left out of an entry."""
    return {"version": 1, "windows": [_entry(each) for each in series]}


def series_from_document(document: Mapping[str, Any]) -> tuple[Score, ...]:
    """The inverse of `series_document`; an empty document is an empty series."""
    return tuple(
        Score(
            start=_moment(entry["start"]),
            end=_moment(entry["end"]),
            rows=entry["rows"],
            verdict=Verdict(entry["verdict"]),
            state=AlertState(entry["state"]),
            coverage=entry["coverage"],
            grid=entry["grid"],
            psi_adjusted=entry["psi_adjusted"],
            since=_moment(entry["since"]) if "since" in entry else None,
            drifted=tuple(entry.get("drifted", ())),
            seasonal=tuple(entry.get("seasonal", ())),
            weeks=entry.get("weeks", 0),
            deployment=entry.get("deployment", ""),
        )
        for entry in document.get("windows", ())
    )


def _entry(score: Score) -> dict[str, Any]:
    entry = {
        "start": iso(score.start),
        "end": iso(score.end),
        "rows": score.rows,
        "verdict": score.verdict.value,
        "state": score.state.value,
        "coverage": score.coverage,
        "grid": score.grid,
        "psi_adjusted": dict(score.psi_adjusted),
    }
    optional = {
        "since": score.since and iso(score.since),
        "drifted": list(score.drifted),
        "seasonal": list(score.seasonal),
        "weeks": score.weeks,
        "deployment": score.deployment,
    }
    return entry | {name: value for name, value in optional.items() if value}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
