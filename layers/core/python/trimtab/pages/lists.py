"""Lists and tables that several pages have: findings, facts, and tables one can scroll on a small screen."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trimtab.pages.addresses import finding_page
from trimtab.pages.figures import moment_of, time_tag
from trimtab.pages.kept_finding import KeptFinding
from trimtab.pages.markup import Child, Markup, tag
from trimtab.pages.status import finding_level, label

KINDS: Mapping[str, str] = {"self": "Trimtab", "data_quality": "data quality", "model_quality": "model quality"}


def finding_list(findings: Iterable[Mapping[str, Any]], root: str, *, with_endpoint: bool = False) -> Markup:
    """Findings (`id`, `at`, `kind`, `severity`, `state`, `title`, `endpoint`) with links to their pages."""
    items = [
        tag(
            "li",
            label(finding_level(each["severity"], each["state"]), KINDS.get(each["kind"], each["kind"])),
            tag(
                "span",
                tag("a", each["title"], href=root + finding_page(each["id"])),
                tag("small", f" {each['endpoint']}", class_="quiet")
                if with_endpoint and each["endpoint"] and each["endpoint"] not in each["title"]
                else None,
                class_="title",
            ),
            tag("span", time_tag(moment_of(each["at"])), class_="when"),
        )
        for each in findings
    ]
    return tag("ol", *items, class_="list card") if items else tag("p", "No findings.", class_="card empty")


def short_finding(finding: KeptFinding) -> dict[str, Any]:
    """What a list shows of a finding."""
    return {
        "id": finding.id,
        "endpoint": finding.endpoint,
        "at": finding.about.isoformat(),
        "kind": finding.kind,
        "severity": finding.severity,
        "state": finding.state,
        "title": finding.title,
    }


def fact_list(facts: Iterable[tuple[str, Child]]) -> Markup:
    """Names and what there is to say of each."""
    return tag("dl", *((tag("dt", name), tag("dd", value)) for name, value in facts), class_="facts card")


def plain_table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], *, numeric: frozenset[int] = frozenset()
) -> Markup:
    """A table whose rows begin with their name; the cells at the places `numeric` are flushed right."""

    def kind(place: int) -> str | None:
        return "number" if place in numeric else None

    return scrolled(
        caption,
        tag(
            "table",
            tag("caption", caption),
            tag(
                "thead",
                tag("tr", *(tag("th", head, scope="col", class_=kind(place)) for place, head in enumerate(heads))),
            ),
            tag(
                "tbody",
                *(
                    tag(
                        "tr",
                        *(
                            tag("th", cell, scope="row") if place == 0 else tag("td", cell, class_=kind(place))
                            for place, cell in enumerate(row)
                        ),
                    )
                    for row in rows
                ),
            ),
        ),
    )


def stacked_table(
    caption: str, heads: Sequence[str], rows: Iterable[tuple[Sequence[Child], str]], id_: str | None = None
) -> Markup:
    """A table whose rows, on a phone, are blocks of one line per cell. Each row comes with its class. The roles are
    said because some readers make no table of blocks."""
    return scrolled(
        caption,
        tag(
            "table",
            tag("caption", caption),
            tag(
                "thead",
                tag("tr", *(tag("th", head, scope="col", role="columnheader") for head in heads), role="row"),
                role="rowgroup",
            ),
            tag(
                "tbody",
                *(
                    tag(
                        "tr",
                        tag("th", cells[0], scope="row", role="rowheader"),
                        *(
                            # one child, for in a block each would be a line of its own
                            tag("td", tag("div", cell), data_label=head, role="cell")
                            for head, cell in zip(heads[1:], cells[1:], strict=True)
                        ),
                        class_=class_ or None,
                        role="row",
                    )
                    for cells, class_ in rows
                ),
                role="rowgroup",
            ),
            id=id_,
            class_="stack",
            role="table",
        ),
    )


def scrolled(name: str, table: Markup) -> Markup:
    """A table that scrolls by itself where it is too wide, also with the keyboard."""
    return tag("div", table, class_="scroll", tabindex=0, role="group", aria_label=name)
