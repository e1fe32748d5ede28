"""The overview: every endpoint on one page, those that need a person first."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from trimtab.pages.addresses import endpoint_page
from trimtab.pages.figures import UNKNOWN, moment_of, psi, time_tag, usd
from trimtab.pages.fleet import Row, level_of, status_of, worst_first
from trimtab.pages.frame import page
from trimtab.pages.lists import finding_list, stacked_table
from trimtab.pages.markup import Child, Markup, tag
from trimtab.pages.sources import Document
from trimtab.pages.status import Status, pill
from trimtab.pages.time_chart import Point, Span, spark

TITLE = "Fleet"
MOST_FINDINGS = 12
_HEADS = ("Endpoint", "Drift", "PSI by window", "Model quality", "Change", "Cost a day", "Captures", "Last seen")


def overview_page(fleet: Document, built: datetime) -> str:
    """The page of the whole fleet's document."""
    rows = worst_first(fleet["rows"])
    findings = sorted(
        [each for row in (*rows, fleet["account"]) for each in row["findings"]],
        key=lambda each: (each["at"], each["id"]),
        reverse=True,
    )
    content = [
        tag("h1", "Fleet"),
        tag("p", _in_one_sentence(rows), class_="lead"),
        _tiles(rows),
        _table(rows),
        tag("h2", "Latest findings"),
        finding_list(findings[:MOST_FINDINGS], "", with_endpoint=True),
    ]
    return page("Trimtab: fleet", content, built=built, root="")


def _in_one_sentence(rows: Sequence[Row]) -> str:
    if not rows:
        return "No endpoint has been seen yet. Switch data capture on, and the first captures will show here."
    bad = [row["endpoint"] for row in rows if level_of(row).level == "bad"]
    if bad:
        named = ", ".join(bad[:3]) + f" and {len(bad) - 3} more" if len(bad) > 3 else " and ".join(bad)
        return f"{named} {'needs' if len(bad) == 1 else 'need'} somebody's attention."
    unknown = sum(level_of(row).level == "unknown" for row in rows)
    return "Nothing is raised." + (f" Of {unknown} of {len(rows)} endpoints something is not known." if unknown else "")


def _tiles(rows: Sequence[Row]) -> Markup:
    levels = [level_of(row).level for row in rows]
    drifting = sum(status_of(row, "drift").level == "bad" for row in rows)
    moving = sum(status_of(row, "change").level in ("busy", "warn") for row in rows)
    known = [row["usd_a_day"] for row in rows if row["usd_a_day"] is not None]
    missing = len(rows) - len(known)
    tiles = [
        ("Endpoints", f"{len(rows):,}", f"{levels.count('good'):,} without anything to report"),
        ("Need attention", f"{levels.count('bad'):,}", f"{levels.count('warn'):,} more with a warning"),
        ("Drift", f"{drifting:,}", "alerts that stand"),
        ("Changes", f"{moving:,}", "under way, held or taken back"),
        (
            "Cost a day",
            usd(sum(known)) if known else UNKNOWN,
            f"without {missing:,} whose cost is not known"
            if known and missing
            else "the last 24 hours that are counted",
        ),
    ]
    return tag("ul", *(tag("li", *tile(*each), class_="tile card") for each in tiles), class_="tiles", role="list")


def tile(name: str, value: Child, detail: Child) -> tuple[Markup, ...]:
    """What stands in a tile."""
    return tag("h2", name), tag("span", value, class_="big"), tag("p", detail)


def _table(rows: Sequence[Row]) -> Markup:
    heading = tag(
        "div",
        tag("h2", "Endpoints"),
        tag("span", f"{len(rows)} endpoint{'' if len(rows) == 1 else 's'}", id="count", class_="quiet", role="status"),
        tag("label", "Filter ", tag("input", type="search", id="filter", autocomplete="off"), hidden=True),
        class_="filter",
    )
    span = _span(rows)
    caption = "Worst first. Each side of an endpoint has a word for how it is; PSI is the greatest of its columns."
    table = stacked_table(caption, _HEADS, [(_cells(row, span), level_of(row).level) for row in rows], "fleet")
    return tag("section", heading, tag("div", table, class_="card"))


def _cells(row: Row, span: Span | None) -> tuple[Child, ...]:
    return (
        tag("a", row["endpoint"], href=endpoint_page(row["endpoint"])),
        _side(status_of(row, "drift")),
        _scores(row, span),
        _side(status_of(row, "quality")),
        _side(status_of(row, "change")),
        _cost(row),
        _side(status_of(row, "captures")),
        time_tag(moment_of(row["seen"])),
    )


def _cost(row: Row) -> list[Child]:
    status, thousand = status_of(row, "cost"), row["usd_per_thousand_predictions"]
    return [
        f"{usd(row['usd_a_day'])} " if row["usd_a_day"] is not None else None,
        pill(status) if status.level != "good" else None,
        tag("small", status.detail) if status.level == "unknown" and status.detail else None,
        tag("small", f"{usd(thousand)} per 1,000") if thousand is not None else None,
    ]


def _side(status: Status) -> list[Markup]:
    since = moment_of(status.since)
    detail = [status.detail] if status.detail else []
    small: list[Child] = [
        *detail,
        " · since " if detail and since else "since " if since else "",
        time_tag(since) if since else "",
    ]
    return [pill(status), *([tag("small", *small)] if detail or since else [])]


def _scores(row: Row, span: Span | None) -> Child:
    points = points_of(row["scores"])
    last = points[-1].value if points else None
    if span is None or last is None:
        return UNKNOWN
    words = f"Greatest PSI of {len(points)} windows, last {psi(last)}"
    return spark(points, span, words, limit=row["limit"]), tag("small", f"last {psi(last)}")


def points_of(scores: Iterable[Sequence[Any]]) -> list[Point]:
    """The points of a row's scores."""
    return [Point(at, value) for moment, value in scores if (at := moment_of(moment)) is not None]


def _span(rows: Sequence[Mapping[str, Any]]) -> Span | None:
    moments = [point.at for row in rows for point in points_of(row["scores"])]
    return Span(min(moments), max(moments)) if moments else None
