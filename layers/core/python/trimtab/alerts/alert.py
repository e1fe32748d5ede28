"""An alert: what a person is told about one finding, before any channel gives it its form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.alerts.drift_evidence import MovedColumns, drift_facts, moved_columns, read_drift_evidence
from trimtab.alerts.text import clean, one_line, shorten, utc_minute
from trimtab.findings import Finding

MAX_SCALARS = 12
MAX_LINKS = 4
MAX_RAW = 30_000

_KIND_NAMES = {"self": "Trimtab health"}
_STATE_WORDS = {"raised": "", "continued": "continues", "cleared": "cleared"}


@dataclass(frozen=True)
class Alert:
    """What a person is told. All text is clean and of bounded length; only `reason` and `raw` may have several lines.

    `heading` says in one line what, where and how much. `unread` names what of the finding could not be understood, and
    `raw` holds what is passed on as it was received.
    """

    id: str
    account: str
    region: str
    endpoint: str
    variant: str
    kind: str
    severity: str
    state: str
    heading: str
    reason: str
    facts: tuple[tuple[str, str], ...] = ()
    columns: MovedColumns | None = None
    next_steps: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    unread: str = ""
    raw: str = ""


def alert_of(finding: Finding, unread: str = "", raw: str = "") -> Alert:
    """The alert for a finding; evidence of a shape not known is told as its top-level values."""
    evidence = read_drift_evidence(finding.evidence) if finding.kind == "drift" else None
    return Alert(
        id=finding.id,
        account=one_line(finding.account, 40),
        region=one_line(finding.region, 40),
        endpoint=one_line(finding.endpoint, 80),
        variant=one_line(finding.variant, 80),
        kind=finding.kind,
        severity=finding.severity,
        state=finding.state,
        heading=one_line(_heading(finding), 300),
        reason=shorten(clean(finding.reason).strip(), 4000),
        facts=(
            *_place(finding),
            *(drift_facts(evidence) if evidence else _scalars(finding.evidence)),
            *_action(finding),
        ),
        columns=moved_columns(evidence) if evidence else None,
        next_steps=_next_steps(finding),
        links=tuple(
            (one_line(name, 40), one_line(target, 2000))
            for name, target in list(finding.links.items())[:MAX_LINKS]
            if target.strip()
        ),
        unread=one_line(unread, 400),
        raw=shorten(clean(raw), MAX_RAW),
    )


def _heading(finding: Finding) -> str:
    """The title, where it does not name the endpoint preceded by what it is about."""
    if finding.endpoint and finding.endpoint in finding.title:
        return finding.title
    name = _KIND_NAMES.get(finding.kind, finding.kind.replace("_", " ").capitalize())
    # Drift is raised; a cost, a release or a setting is not.
    alarming = finding.kind == "drift" and finding.severity != "info" and finding.state == "raised"
    state = "raised" if alarming else _STATE_WORDS[finding.state]
    where = "/".join(part for part in (finding.endpoint, finding.variant) if part)
    about = " ".join(part for part in (name, state, f"on {where}" if where else "") if part)
    return f"{about}: {finding.title}" if finding.title.strip() else about


def _place(finding: Finding) -> tuple[tuple[str, str], ...]:
    endpoint = f"{finding.endpoint}, variant {finding.variant}" if finding.variant else finding.endpoint
    return (
        *((("Endpoint", one_line(endpoint, 160)),) if finding.endpoint else ()),
        ("Account", one_line(", ".join(part for part in (finding.account, finding.region) if part), 100) or "-"),
        ("Found", utc_minute(finding.time)),
    )


def _action(finding: Finding) -> tuple[tuple[str, str], ...]:
    if finding.action is None:
        return ()
    action = finding.action
    return (("Action", one_line(f"{action.name} ({action.mode}): {action.outcome}", 300)),)


def _scalars(evidence: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    facts = [
        (one_line(name.replace("_", " ").capitalize(), 40), one_line(_scalar(value), 300) or "-")
        for name, value in evidence.items()
        if isinstance(value, (bool, int, float, str)) and name.strip()
    ]
    more = len(facts) - MAX_SCALARS
    return (*facts[:MAX_SCALARS], *([("And", f"{more} more values in the finding")] if more > 0 else []))


def _scalar(value: bool | int | float | str) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case str():
            return value


def _next_steps(finding: Finding) -> tuple[str, ...]:
    if finding.state == "cleared":
        return ("Nothing to do now. What the model served in the meantime may deserve a second look.",)
    match finding.kind:
        case "drift" if finding.severity != "info":
            return (
                "Look at these columns where the data comes from: a changed unit, a new category, a failed join or "
                "missing values are repaired there, not by retraining.",
                "If the world itself changed, measure the model on recent labelled rows before you retrain.",
                "If the model serves the new data well, make a recent window the reference.",
            )
        case "data_quality":
            return (
                "Have what is named above mended where the data comes from; the alert then clears by itself.",
                "Do not retrain on data of this time, and look again at what was decided by it.",
            )
        case "settings" if finding.severity != "info":
            return ("Correct the setting named above. Until then the last good settings stay in force.",)
        case _:
            return ()
