"""A finding's page: what is so, why, the evidence, what was done, and where to look next."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from trimtab.pages.addresses import endpoint_page, target
from trimtab.pages.evidence_tables import evidence_sections, heading, value_text
from trimtab.pages.figures import amount_of, probability, psi, share, time_tag
from trimtab.pages.frame import page
from trimtab.pages.kept_finding import KeptFinding
from trimtab.pages.lists import KINDS, fact_list, stacked_table
from trimtab.pages.markup import Child, Markup, joined, tag
from trimtab.pages.status import Level, finding_level, label

VERDICT_LEVELS: Mapping[str, Level] = {"ALERT": "bad", "WARN": "warn", "OK": "good"}
_BOOKKEEPING = frozenset({"version", "thresholds", "profile", "packs", "history_before", "reason"})
_ROOT = "../"


def finding_page(finding: KeptFinding, state_bucket: str, built: datetime) -> str:
    """The page. It tells everything about the finding without any other page."""
    where = "/".join(part for part in (finding.endpoint, finding.variant.replace("*", "")) if part) or "Trimtab itself"
    path = [("Fleet", "index.html")]
    if finding.endpoint:
        path.append((finding.endpoint, endpoint_page(finding.endpoint)))
    content = [
        tag("h1", finding.title),
        tag(
            "p",
            label(finding_level(finding.severity, finding.state), f"{finding.severity or 'severity not known'}"),
            f" {KINDS.get(finding.kind, finding.kind)}, {finding.state or 'state not known'}, {where}, ",
            time_tag(finding.about),
            class_="lead",
        ),
        tag("p", finding.reason.strip() or "No reason is given.", class_="reason card"),
        *_causes(finding.evidence.get("causes")),
        *_columns(finding.evidence.get("columns")),
        *evidence_sections({key: each for key, each in finding.evidence.items() if key not in _SHOWN_APART}),
        tag("h2", "What was done"),
        _action(finding.action),
        tag("h2", "Look further"),
        _links(finding, state_bucket),
        tag("h2", "This finding"),
        fact_list(
            (
                ("Endpoint", where),
                ("Found", time_tag(finding.time)),
                ("Account", ", ".join(part for part in (finding.account, finding.region) if part) or "–"),
                ("Id", tag("code", finding.id)),
            )
        ),
        *_thresholds(finding.evidence.get("thresholds")),
    ]
    return page(finding.title, content, built=built, root=_ROOT, path=path)


_SHOWN_APART = _BOOKKEEPING | {"columns", "causes"}


def _causes(causes: Any) -> Iterator[Markup]:
    """The most likely causes, the likeliest first."""
    if not isinstance(causes, Sequence) or isinstance(causes, str):
        return
    told = [each for each in causes if isinstance(each, Mapping)]
    if told:
        items = [
            tag("li", tag("strong", heading(str(each.get("kind", "unknown")))), f": {each.get('text', '')}")
            for each in told
        ]
        yield tag("section", tag("h2", "Likely causes"), tag("ol", *items))


def _columns(columns: Any) -> Iterator[Markup]:
    """What each column says, those that moved most first."""
    if not isinstance(columns, Mapping) or not all(isinstance(each, Mapping) for each in columns.values()):
        return
    rows = [column_cells(name, column) for name, column in columns.items()]
    if rows:
        table = stacked_table("Columns, those that moved most first", COLUMN_HEADS, [(row, "") for row in rows])
        yield tag("section", tag("h2", "Columns"), tag("div", table, class_="card"))


COLUMN_HEADS = ("Column", "Verdict", "PSI", "p", "Missing before", "Missing now", "Why")


def column_cells(name: str, column: Mapping[str, Any]) -> tuple[Child, ...]:
    """A column's row of a table with COLUMN_HEADS, from its part of a window's document."""
    verdict = str(column.get("verdict", ""))
    missing = column.get("missing")
    before, now = missing if isinstance(missing, Sequence) and len(missing) == 2 else (None, None)
    return (
        name,
        label(VERDICT_LEVELS.get(verdict, "unknown"), verdict or "not judged"),
        psi(amount_of(column.get("psi_adjusted"))),
        probability(amount_of(column.get("p"))),
        share(amount_of(before)),
        share(amount_of(now)),
        str(column.get("reason") or column.get("skipped") or ""),
    )


def _action(action: Mapping[str, Any]) -> Markup:
    if not action:
        return tag("p", "Nothing: this finding only tells.", class_="card empty")
    return fact_list((heading(key), value_text(action[key])) for key in ("name", "mode", "outcome") if key in action)


def _links(finding: KeptFinding, state_bucket: str) -> Markup:
    facts: list[tuple[str, Child]] = [
        (heading(name), target(address, state_bucket, _ROOT)) for name, address in finding.links.items()
    ]
    if finding.endpoint:
        facts.insert(0, ("Endpoint", tag("a", finding.endpoint, href=_ROOT + endpoint_page(finding.endpoint))))
    return fact_list(facts) if facts else tag("p", "No links.", class_="card empty")


def _thresholds(thresholds: Any) -> Iterator[Markup]:
    if isinstance(thresholds, Mapping) and thresholds:
        facts = fact_list((heading(key), value_text(each)) for key, each in thresholds.items())
        yield tag("details", tag("summary", "Thresholds that were in force"), joined(facts), class_="card")
