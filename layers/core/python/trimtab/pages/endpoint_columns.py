"""A variant's columns: the score of each over time with its last numbers, and how it is distributed now and then."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trimtab.pages.distribution import distribution, distribution_card
from trimtab.pages.endpoint_charts import column_points
from trimtab.pages.figures import amount_of, probability, psi, share
from trimtab.pages.finding_page import VERDICT_LEVELS
from trimtab.pages.lists import stacked_table
from trimtab.pages.markup import Child, Markup, tag
from trimtab.pages.sources import VariantSources, column_limit, window_profile
from trimtab.pages.status import label
from trimtab.pages.time_chart import Span, spark

MOST_DRAWN = 12
"""So many columns are drawn at once, those that moved most; the others one has to open."""
_HEADS = ("Column", "Verdict", "PSI by window", "PSI", "p", "Missing", "Unseen or out of range", "Why")


def column_table(variant: VariantSources, span: Span | None) -> Markup:
    """Every column of the last window."""
    if variant.window is None:
        return tag("p", "No window has been judged yet.", class_="card empty")
    columns: Mapping[str, Mapping[str, Any]] = variant.window["columns"]
    rows = [_cells(name, column, variant, span) for name, column in columns.items()]
    caption = f"Columns of {variant.name}, those that moved most first. Missing: reference, then window."
    return tag("div", stacked_table(caption, _HEADS, [(row, "") for row in rows]), class_="card")


def distributions(slug: str, variant: VariantSources) -> Iterator[Markup]:
    """A card per column. `slug` makes ids of their parts."""
    profile = window_profile(variant.window, variant.reference)
    if variant.window is None or variant.reference is None or profile is None:
        why = "no window has been judged yet" if variant.window is None else "the last window's counts are not kept"
        yield tag("p", f"Distributions are not known: {why}.", class_="card empty")
        return
    cards = []
    for place, (name, column) in enumerate(variant.window["columns"].items()):
        if name not in profile.columns:
            continue
        verdict = str(column["verdict"])
        note = f"PSI {psi(amount_of(column['psi_adjusted']))}"
        bins = variant.reference.grid.columns[name]
        shares = distribution(bins, variant.reference.profile.columns[name], profile.columns[name])
        level = VERDICT_LEVELS.get(verdict, "unknown")
        cards.append(distribution_card(f"{slug}-{place}", name, shares, level, verdict, note))
    yield tag("div", *cards[:MOST_DRAWN], class_="spread")
    if cards[MOST_DRAWN:]:
        more = f"{len(cards) - MOST_DRAWN} more columns"
        yield tag("details", tag("summary", more), tag("div", *cards[MOST_DRAWN:], class_="spread"))


def _cells(name: str, column: Mapping[str, Any], variant: VariantSources, span: Span | None) -> tuple[Child, ...]:
    verdict = str(column["verdict"])
    score = amount_of(column["psi_adjusted"])
    points = column_points(variant.scores, name)
    words = f"PSI of {name} in {len(points)} windows, last {psi(score)}"
    limit = column_limit(variant.window, name)
    return (
        (name, tag("small", str(column["kind"]))),
        label(VERDICT_LEVELS.get(verdict, "unknown"), verdict),
        spark(points, span, words, limit=limit) if span else "–",
        psi(score),
        probability(amount_of(column["p"])),
        _pair(column.get("missing")),
        share(amount_of(column.get("unseen")) or amount_of(column.get("out_of_range"))),
        str(column.get("reason") or column.get("skipped") or ""),
    )


def _pair(values: Any) -> str:
    if not isinstance(values, Sequence) or len(values) != 2:
        return "–"
    before, now = (share(amount_of(each)) for each in values)
    return now if before == now else f"{before} → {now}"
