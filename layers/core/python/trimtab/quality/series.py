"""The entries of a variant's judged windows, in order of time, and the document that they are kept in.

A window's entry is replaced when it is judged again: an estimate by what labels say, and that when more labels came.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from trimtab.drift.hysteresis import AlertRule
from trimtab.drift.verdict import Verdict
from trimtab.quality.alert import alerts
from trimtab.quality.entry import Entry, kept_for
from trimtab.quality.intervals import Metric
from trimtab.quality.settings import QualitySettings


def contradiction_before(entries: Iterable[Entry], start: datetime) -> str:
    """What the labels of the latest window that has any, of those before `start`, say against estimates; "" nothing."""
    told = [entry.contradiction for entry in entries if entry.start < start and entry.contradiction is not None]
    return told[-1] if told else ""


def with_entry(entries: Iterable[Entry], entry: Entry, settings: QualitySettings) -> tuple[Entry, ...]:
    """The entries in order of time with this one in its place, without those that are too old to be kept."""
    others = {each.start: each for each in entries} | {entry.start: entry}
    latest = max(others)
    return tuple(others[start] for start in sorted(others) if start > latest - kept_for(settings))


def series_document(entries: Sequence[Entry], rule: AlertRule) -> dict[str, Any]:
    """The entries, each with the state of the alert after it, as plain JSON values."""
    return {
        "version": 1,
        "entries": [
            {
                "start": entry.start.isoformat(),
                "end": entry.end.isoformat(),
                "rows": entry.rows,
                "basis": entry.basis,
                "verdict": entry.verdict.value,
                "state": alert.state.value,
                "metrics": {
                    name: {"value": metric.value, "lower": metric.lower, "upper": metric.upper}
                    for name, metric in entry.metrics.items()
                },
                "labels_share": entry.labels_share,
                "cause": entry.cause,
                "looks": entry.looks,
                "reference": entry.reference,
                "contradiction": entry.contradiction,
                "withheld": entry.withheld,
            }
            for entry, alert in zip(entries, alerts(entries, rule), strict=True)
        ],
    }


def series_of_document(document: Mapping[str, Any] | None) -> tuple[Entry, ...]:
    """The inverse of `series_document`; None gives no entries."""
    return tuple(
        Entry(
            start=datetime.fromisoformat(each["start"]),
            end=datetime.fromisoformat(each["end"]),
            rows=each["rows"],
            basis=each["basis"],
            verdict=Verdict(each["verdict"]),
            metrics={name: Metric(**metric) for name, metric in each["metrics"].items()},
            labels_share=each["labels_share"],
            looks=each["looks"],
            reference=each["reference"],
            contradiction=each["contradiction"],
            withheld=each["withheld"],
            cause=each["cause"],
        )
        for each in (document or {}).get("entries", [])
    )
