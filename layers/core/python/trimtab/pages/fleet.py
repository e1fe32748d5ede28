"""The overview's rows: of each endpoint what the overview shows, short enough that a thousand are read at once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from trimtab.drift.series import Score
from trimtab.pages.endpoint_status import last_day, statuses
from trimtab.pages.kept_finding import KeptFinding
from trimtab.pages.lists import short_finding
from trimtab.pages.sources import Document, EndpointSources, VariantSources, column_limit
from trimtab.pages.status import WORST_FIRST, Status, worst

VERSION = 1
MOST_SCORES = 40
MOST_FINDINGS = 5
type Row = Mapping[str, Any]


def fleet_row(sources: EndpointSources, now: datetime) -> dict[str, Any]:
    """An endpoint's row as plain JSON values; None is not known. `scores`: greatest PSI of a window by its end."""
    day, seen = last_day(sources), [moment for each in sources.variants if (moment := each.captured)]
    worst_variant = max(sources.variants, key=_last_score, default=None)
    scores = worst_variant.scores[-MOST_SCORES:] if worst_variant else ()
    window = worst_variant.window if worst_variant else None
    return {
        "endpoint": sources.name,
        "built": now.isoformat(),
        "sides": {side: status.document() for side, status in statuses(sources, now).items()},
        "scores": [[score.end.isoformat(), greatest(score)] for score in scores],
        "limit": column_limit(window, ""),
        "usd_a_day": day and day.usd,
        "usd_per_thousand_predictions": day and day.usd_per_thousand,
        "seen": max(seen).isoformat() if seen else None,
        "findings": [short_finding(each) for each in sources.findings[:MOST_FINDINGS]],
    }


def greatest(score: Score) -> float | None:
    """The greatest PSI of any column in a window; None when no column had one."""
    return max(score.psi_adjusted.values(), default=None)


def account_row(findings: Sequence[KeptFinding]) -> dict[str, Any]:
    """What is kept of the findings about no endpoint, newest first."""
    return {"findings": [short_finding(each) for each in findings[:MOST_FINDINGS]]}


def with_rows(
    fleet: Document, rows: Mapping[str, Row], account: Row, began: datetime, *, known: Collection[str] | None = None
) -> dict[str, Any]:
    """The fleet's document with these rows, each in the place of an older one. `known`: the endpoints that there are;
    rows of others go, but for those that another run has built since this one `began`. None: none go."""
    merged = {
        name: row
        for name, row in fleet.get("rows", {}).items()
        if known is None or name in known or row["built"] > began.isoformat()
    }
    for name, row in rows.items():
        if name not in merged or merged[name]["built"] <= row["built"]:
            merged[name] = dict(row)
    return {"version": VERSION, "rows": dict(sorted(merged.items())), "account": account}


def status_of(row: Row, side: str) -> Status:
    """One side of an endpoint from its row."""
    return Status(**row["sides"][side])


def worst_first(rows: Mapping[str, Row]) -> list[Row]:
    """The rows, those that need a person first: by how many sides are bad, then warn, and so on, then by name."""
    return sorted(rows.values(), key=_urgency)


def level_of(row: Row) -> Status:
    """The worst side of an endpoint."""
    return worst(Status(**each) for each in row["sides"].values())


def _last_score(variant: VariantSources) -> float:
    return (greatest(variant.scores[-1]) if variant.scores else None) or 0.0


def _urgency(row: Row) -> tuple[tuple[int, ...], str]:
    levels = [each["level"] for each in row["sides"].values()]
    return tuple(-levels.count(level) for level in WORST_FIRST), row["endpoint"]
