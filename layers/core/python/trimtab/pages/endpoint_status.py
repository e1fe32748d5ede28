"""The five sides of an endpoint, each with a level, a word and the detail: drift, quality, change, cost, captures."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from trimtab.cost.hours import EndpointHour
from trimtab.cost.predictions import PredictionCost, prediction_cost
from trimtab.drift.hysteresis import AlertState
from trimtab.drift.series import score_of_document
from trimtab.drift.verdict import Verdict
from trimtab.pages.figures import UNKNOWN, amount_of, moment_of, number, share, usd
from trimtab.pages.sources import Document, EndpointSources, VariantSources
from trimtab.pages.status import Level, Status, worst
from trimtab.rollout.state import TERMINAL

DAY = timedelta(days=1)
STALE = timedelta(days=15)
"""A window may take two weeks to fill (max_window_hours); a verdict older than this says nothing of today."""
SILENT = timedelta(hours=26)
"""Captures that old are told besides, whatever the checks say: nobody may have checked."""
RECENT_CHANGE = timedelta(days=7)
_SIDES = ("drift", "quality", "change", "cost", "captures")


def statuses(sources: EndpointSources, now: datetime) -> dict[str, Status]:
    """Every side of an endpoint, by name, in the order in which they are shown."""
    ends = (
        _drift(sources, now),
        _quality(sources),
        _change(sources.change, now),
        _cost(sources),
        _captures(sources, now),
    )
    is_gone = bool((sources.cost or {}).get("ended"))  # nothing more is to be known of it
    gone = Status("none", UNKNOWN)
    return {
        side: gone if is_gone and status.level == "unknown" else status
        for side, status in zip(_SIDES, ends, strict=True)
    }


def last_day(sources: EndpointSources) -> PredictionCost | None:
    """Cost and predictions of the last 24 hours that were counted; None when there are none."""
    return day_before(sources.hours, max(sources.hours) + timedelta(hours=1)) if sources.hours else None


def day_before(hours: Mapping[datetime, EndpointHour], end: datetime) -> PredictionCost | None:
    """Cost and predictions of the 24 hours before a moment; what is not known of any of them is not known of all."""
    within = [hour for start, hour in hours.items() if end - DAY <= start < end]
    return prediction_cost(within) if within else None


def _drift(sources: EndpointSources, now: datetime) -> Status:
    return worst([_variant_drift(each, now) for each in sources.variants] or [Status("unknown", "no verdict yet")])


def _variant_drift(variant: VariantSources, now: datetime) -> Status:
    window = variant.window
    last = score_of_document(window) if window else variant.scores[-1] if variant.scores else None
    if last is None:
        return Status("unknown", "no verdict yet", "no window has been judged")
    since = last.since.isoformat() if last.since else ""
    moved = _moved(window) if window else ""
    if last.state is AlertState.RAISED:  # until a window clears it, however long ago the last one was
        return Status("bad", "drift", moved, since)
    if last.end < now - STALE:
        return Status("unknown", "no recent verdict", f"the last one was {last.verdict}", last.end.isoformat())
    match last.verdict:
        case Verdict.ALERT:
            return Status("warn", "alert window", moved, last.start.isoformat())
        case Verdict.WARN:
            return Status("warn", "warning", moved)
        case Verdict.OK:
            return Status("good", "no drift", f"{last.rows:,} rows")
        case _:
            return Status("unknown", "too little data", f"{last.rows:,} rows")


def _moved(window: Document) -> str:
    columns: Mapping[str, Mapping[str, Any]] = window["columns"]
    moved = [name for name, column in columns.items() if column["verdict"] in ("ALERT", "WARN")]
    named = ", ".join(moved[:2]) + (", …" if len(moved) > 2 else "")
    return f"{len(moved)} of {len(columns)} columns moved" + (f": {named}" if named else "")


def _quality(sources: EndpointSources) -> Status:
    judged = [each.quality for each in sources.variants if each.quality]
    return worst([_variant_quality(each) for each in judged] or [Status("none", "not measured")])


def _variant_quality(entries: Sequence[Document]) -> Status:
    last = entries[-1]
    metrics = last.get("metrics") or {}
    name = next(iter(metric_order(metrics)), "")
    value = amount_of(metrics[name].get("value")) if name else None
    told = f"{name} {number(value)}" + (" (estimated)" if last.get("basis") == "estimated" else "") if name else ""
    words: Mapping[str, tuple[Level, str]] = {
        "ALERT": ("bad", "worse"),
        "WARN": ("warn", "warning"),
        "OK": ("good", "good"),
    }
    if last.get("state") == AlertState.RAISED:
        raised = list(takewhile(lambda entry: entry.get("state") == AlertState.RAISED, reversed(entries)))
        since = str(raised[-1].get("start") or "")
        return Status("bad", "worse", told, since)
    level, word = words.get(str(last.get("verdict")), ("unknown", "not known"))
    return Status(level, word, told)


def metric_order(metrics: Mapping[str, Any]) -> list[str]:
    """Names of metrics, those that say most of a model first."""
    first = ("accuracy", "auc", "f1", "rmse", "mae", "brier")
    return sorted(metrics, key=lambda name: (first.index(name) if name in first else len(first), name))


def _change(change: Document, now: datetime) -> Status:
    """What is being done to the endpoint; what was done counts for a week."""
    if not change:
        return Status("none", "none")
    kind = {"rollout": "canary", "restoration": "rollback", "sizing": "resizing"}.get(str(change.get("kind")), "change")
    phase = str(change.get("phase", ""))
    since = moment_of(change.get("ended")) or moment_of(change.get("phase_since")) or moment_of(change.get("started"))
    at = since.isoformat() if since else ""
    ladder = change.get("ladder") or []
    detail = str(change.get("reason") or change.get("why") or "")[:160]
    if phase not in TERMINAL:
        held = change.get("held") or {}
        served = f" {share(amount_of(ladder[-1].get('share')))}" if ladder else ""
        return Status("warn" if held else "busy", f"{kind}{served}", str(held.get("reason", "")) or phase, at)
    if since is not None and since < now - RECENT_CHANGE:
        return Status("none", "none")
    if phase == "failed":
        return Status("bad", f"{kind} failed", detail, at)
    if phase == "rolled_back":
        return Status("warn", "rolled back", detail, at)
    return Status("good", "promoted" if kind == "canary" else f"{kind} done", detail, at)


def _cost(sources: EndpointSources) -> Status:
    row = sources.cost
    if row is None:
        return Status("none", "not counted")
    if row.get("ended"):
        return Status("none", "deleted", since=str(row["ended"]))
    anomaly = row.get("anomaly") or {}
    day = last_day(sources)
    told = usd(day.usd) + " a day" if day else ""
    if anomaly.get("state") == "raised":
        return Status("bad", "unusual", told, str(anomaly.get("since") or ""))
    if day is None or day.usd is None:
        unpriced = ", ".join(row.get("unpriced") or [])
        return Status("unknown", "not known", f"no price for {unpriced}" if unpriced else "")
    return Status("good", "as usual", told)


def _captures(sources: EndpointSources, now: datetime) -> Status:
    raised = [
        (str(name).partition(":")[0].replace("_", " "), check)
        for health in (sources.health, *(each.health for each in sources.variants))
        for name, check in (health.get("checks") or {}).items()
        if check.get("state") == "raised"
    ]
    if raised:
        name, check = raised[0]
        more = f" and {len(raised) - 1} more" if len(raised) > 1 else ""
        return Status("bad", name, more.strip(), str(check.get("since") or ""))
    seen = [moment for each in sources.variants if (moment := each.captured)]
    if not seen:
        return Status("unknown", "none seen", "no captures are known")
    read = [each.window["coverage"]["share"] for each in sources.variants if each.window]
    coverage = min(read, default=None)
    if max(seen) < now - SILENT:
        return Status("unknown", "none lately", "no capture in the last day", max(seen).isoformat())
    if coverage is None:
        return Status("good", "come in", "no window judged yet")
    return Status("good" if coverage >= 0.99 else "warn", f"{share(coverage)} read", "of the lines of the last window")
