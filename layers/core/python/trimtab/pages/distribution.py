"""Reference against current, column by column: shares of rows on the bins of the PSI, drawn and as a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from trimtab.capture.grid import Bins, NumericBins, Vocabulary
from trimtab.capture.profile import ColumnProfile
from trimtab.capture.table import IntArray
from trimtab.pages.figures import number, share
from trimtab.pages.lists import plain_table
from trimtab.pages.markup import Markup, tag
from trimtab.pages.status import Level, label

MOST_VALUES = 10
_SLOT, _HEIGHT = 10.0, 100.0


@dataclass(frozen=True, slots=True)
class Bin:
    """A bin and the shares of all cells in it, of the reference and of the window."""

    name: str
    reference: float
    current: float


def distribution(bins: Bins, reference: ColumnProfile, current: ColumnProfile) -> list[Bin]:
    """The bins of one column, what has no number or value among them. Bins that are empty on both sides are left out at
    the ends. None of the window's cells: its shares are 0."""
    counted = _numbers(bins, reference, current) if isinstance(bins, NumericBins) else _values(bins, reference, current)
    rest = [
        ("missing", reference.missing, current.missing),
        ("no number", reference.invalid, current.invalid),
    ]
    everything = [*_trimmed(list(counted)), *(each for each in rest if each[1] or each[2])]
    return [Bin(name, _part(there, reference.cells), _part(here, current.cells)) for name, there, here in everything]


def distribution_card(slug: str, name: str, bins: Sequence[Bin], level: Level, verdict: str, note: str) -> Markup:
    """A card with a column's bins, grey for the reference and coloured for the window, and the same as a table."""
    highest = max((max(each.reference, each.current) for each in bins), default=0.0) or 1.0
    bars = []
    for place, each in enumerate(bins):
        for offset, part, tone in ((0.12, each.reference, "past"), (0.5, each.current, "current")):
            height = round(_HEIGHT * part / highest, 1)
            x = round((place + offset) * _SLOT, 2)
            bars.append(tag("rect", x=x, y=_HEIGHT - height, width=3.8, height=height, class_=f"bar-{tone}"))
    drawing = tag(
        "svg",
        tag("title", f"{name}: reference against current", id=f"{slug}-title"),
        tag("desc", _in_words(bins), id=f"{slug}-desc"),
        *bars,
        tag("path", d=f"M0 {_HEIGHT:g}H{len(bins) * _SLOT:g}", class_="grid-line"),
        viewBox=f"0 0 {max(1, len(bins)) * _SLOT:g} {_HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        aria_labelledby=f"{slug}-title {slug}-desc",
    )
    ends = [tag("span", bins[0].name), tag("span", bins[-1].name)] if bins else []
    return tag(
        "figure",
        tag("figcaption", tag("h3", name), label(level, verdict), tag("span", note, class_="quiet")),
        drawing,
        tag("div", *ends, class_="ends", aria_hidden="true"),
        tag("details", tag("summary", f"Shares of {name}"), _table(name, bins)),
        class_="card",
    )


def _table(name: str, bins: Sequence[Bin]) -> Markup:
    rows = [(each.name, share(each.reference), share(each.current)) for each in bins]
    caption = f"Share of rows of {name} by bin"
    return plain_table(caption, ("Bin", "Reference", "Current"), rows, numeric=frozenset({1, 2}))


def _numbers(bins: NumericBins, reference: ColumnProfile, current: ColumnProfile) -> Iterator[tuple[str, int, int]]:
    is_constant = not len(bins.cuts)
    places = np.arange(len(bins.edges)) if is_constant else bins.cuts
    starts = np.concatenate([[0], places + 1])
    there, here = _sums(reference.counts, starts), _sums(current.counts, starts)
    cuts = [float(each) for each in bins.edges[places]]
    is_discrete = len(cuts) >= len(bins.edges) - 2  # every value of the reference has an edge, and so has its end
    inner = cuts[:-1] if is_discrete else []
    between = [number(each) for each in inner] or [f"{number(low)} to {number(high)}" for low, high in pairwise(cuts)]
    last = f"above {number(cuts[0])}" if is_constant else f"{number(cuts[-1])} or more"
    names = [f"below {number(cuts[0])}", *between, last]
    for name, before, now in zip(names, there, here, strict=True):
        yield name, int(before), int(now)


def _values(bins: Vocabulary, reference: ColumnProfile, current: ColumnProfile) -> Iterator[tuple[str, int, int]]:
    """The values that are most frequent on either side, the rest together, and what the reference never had."""
    known = len(bins.values)
    there, here = reference.counts, current.counts
    weight = there[:known] / max(1, int(there.sum())) + here[:known] / max(1, int(here.sum()))
    shown = sorted(np.argsort(-weight, kind="stable")[:MOST_VALUES].tolist())
    hidden = [place for place in range(known) if place not in set(shown)]
    for place in shown:
        yield bins.values[place], int(there[place]), int(here[place])
    before, now = (int(each[hidden].sum()) + int(each[known]) for each in (there, here))
    if before or now:
        yield "other values", before, now
    if there[known + 1] or here[known + 1]:
        yield "never in the reference", int(there[known + 1]), int(here[known + 1])


def _sums(counts: IntArray, starts: IntArray) -> IntArray:
    return np.add.reduceat(counts, starts)


def _trimmed(bins: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    filled = [place for place, (_, there, here) in enumerate(bins) if there or here]
    return bins[filled[0] : filled[-1] + 1] if filled else []


def _part(count: int, cells: int) -> float:
    return count / cells if cells else 0.0


def _in_words(bins: Sequence[Bin]) -> str:
    if not bins:
        return "No data."
    moved = sorted(bins, key=lambda each: -abs(each.current - each.reference))[:3]
    changes = "; ".join(f"{each.name}: {share(each.reference)} before, {share(each.current)} now" for each in moved)
    return f"Shares of rows in {len(bins)} bins. What changed most: {changes}."
