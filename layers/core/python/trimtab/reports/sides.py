"""Two row samples as the two sides of a report: the same columns on both, as plain arrays that fit a data frame.

Evidently stops at a column without any value, miscounts with infinite ones, takes numbers for categories by itself, and
writes what it is given into a page as it is. So everything that it gets goes through here.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.sample import RowSample, SampleColumn, as_texts, trim
from trimtab.capture.table import FloatArray, TextColumn, number_of

MOST_ROWS = 10_000
"""Of each side. Beyond, a report takes longer and shows nothing more."""
MOST_CATEGORIES = 50
OTHERS = "(all others)"

type Cells = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """`numeric` and `categorical`: the columns, by the name a page shows, each with (reference, current): float64 with
    NaN, or objects that are `str` or None. `shown` gives that name by the column's own. `left_out`: why a judged column
    is on neither side. `notes`: what was done to a column's cells. `rows`: (reference, current).
    """

    rows: tuple[int, int]
    numeric: Mapping[str, tuple[Cells, Cells]] = field(default_factory=dict)
    categorical: Mapping[str, tuple[Cells, Cells]] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> Mapping[str, tuple[Cells, Cells]]:
        return {**self.numeric, **self.categorical}


def sides_of(
    reference: RowSample, current: RowSample, judged: Mapping[str, Mapping[str, Any]], most: int = MOST_ROWS
) -> Sides:
    """The sides that two samples make, at most `most` rows each.

    `judged`: the window's columns with their `kind` (numeric or categorical); they alone are shown, in this order.
    """
    reference, current = trim(reference, most), trim(current, most)
    rows = (reference.rows, current.rows)
    numeric: dict[str, tuple[Cells, Cells]] = {}
    categorical: dict[str, tuple[Cells, Cells]] = {}
    shown: dict[str, str] = {}
    left_out: dict[str, str] = {}
    notes: dict[str, str] = {}
    for name, column in judged.items():
        before, after = reference.columns.get(name), current.columns.get(name)
        if before is None or after is None:
            left_out[name] = _why_left_out(before, after, rows)
            continue
        cells: tuple[Cells, Cells]
        if column["kind"] == "numeric":
            (first, lost_first), (second, lost_second) = _numbers(before), _numbers(after)
            if np.isnan(first).all() or np.isnan(second).all():
                left_out[name] = "no cell of a side holds a number"
                continue
            if lost_first + lost_second:
                notes[name] = f"{lost_first + lost_second:,} cells that hold no finite number count as missing"
            cells = first, second
        else:
            cells, folded = _categories(as_texts(before), as_texts(after))
            if folded:
                notes[name] = f"{folded:,} rarer categories are one"
        label = _label(name, shown.values())
        shown[name] = label
        (numeric if column["kind"] == "numeric" else categorical)[label] = cells
    return Sides(rows, numeric, categorical, shown, left_out, notes)


def harmless(text: str) -> str:
    """`text` that cannot become markup: Evidently writes names and values into a script of its page as they are."""
    return text.replace("<", "‹").replace(">", "›")


def _why_left_out(before: SampleColumn | None, after: SampleColumn | None, rows: tuple[int, int]) -> str:
    if not all(rows):
        return "a side has no rows"
    if before is None and after is None:
        return "not among the sampled rows: redacted, or without any value"
    return f"without any value in the {'reference' if before is None else 'current'} rows"


def _numbers(column: SampleColumn) -> tuple[FloatArray, int]:
    """The cells as finite numbers or NaN, and how many were there but are none."""
    if isinstance(column, TextColumn):
        spelled = [number_of(value) for value in column.values]
        lookup = np.array([np.nan if number is None else number for number in spelled] + [np.nan])
        values, there = lookup[column.codes], column.codes >= 0
    else:
        values, there = column, ~np.isnan(column)
    finite = np.isfinite(values)
    return np.where(finite, values, np.nan), int((there & ~finite).sum())


def _categories(before: TextColumn, after: TextColumn) -> tuple[tuple[Cells, Cells], int]:
    """The cells of both sides, with the rarest categories as one where there are many; how many were made one."""
    counts: Counter[str] = Counter()
    for column in (before, after):
        present = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
        counts.update(dict(zip(column.values, present.tolist(), strict=True)))
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    kept = set(ranked) if len(ranked) <= MOST_CATEGORIES else set(ranked[: MOST_CATEGORIES - 1])

    def cells(column: TextColumn) -> Cells:
        texts = [harmless(value) if value in kept else OTHERS for value in column.values]
        lookup = np.array([*texts, None], dtype=object)  # the last one is for code -1
        return lookup[column.codes]

    return (cells(before), cells(after)), len(ranked) - len(kept)


def _label(name: str, taken: Any) -> str:
    label, used = harmless(name), set(taken)
    while label in used:
        label += "’"
    return label
