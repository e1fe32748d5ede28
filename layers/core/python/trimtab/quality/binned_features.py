"""Columns of any kind as small whole numbers, for trees: quantile bins of numbers, categories ordered by the target."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.table import Column, FloatArray, NumericColumn, TextColumn
from trimtab.quality.intervals import Flags

BINS = 64
"""Codes are 0 for what is missing or was never seen, and 1 to 63."""
_PRIOR_ROWS = 20.0

type Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBins:
    """The bins of one column: `edges` between numbers, or `codes` of categories. `lowest` and `highest` number seen."""

    edges: FloatArray | None
    lowest: float = 0.0
    highest: float = 0.0
    codes: Mapping[str, int] = field(default_factory=dict)


def feature_bins(column: Column, target: FloatArray) -> FeatureBins:
    """Bins made from a column: of numbers with as many rows in each as can be, of categories (the most frequent ones,
    the others together) in the order of the target's mean, drawn to that of all rows where they have few."""
    if isinstance(column, NumericColumn):
        known = column.values[np.isfinite(column.values)]
        if not len(known):
            return FeatureBins(np.zeros(0))
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS)[1:-1]))
        return FeatureBins(edges, float(known.min()), float(known.max()))
    is_known = column.codes >= 0
    codes = column.codes[is_known]
    rows = np.bincount(codes, minlength=len(column.values))
    sums = np.bincount(codes, weights=target[is_known], minlength=len(column.values))
    means = (sums + _PRIOR_ROWS * target.mean()) / (rows + _PRIOR_ROWS)
    most = np.argsort(-rows, kind="stable")
    kept = most[: BINS - 2] if len(most) > BINS - 1 else most
    ordered = kept[np.argsort(means[kept], kind="stable")]
    positions = {column.values[code]: place for place, code in enumerate(ordered.tolist(), 1)}
    return FeatureBins(None, codes={value: positions.get(value, BINS - 1) for value in column.values})


def binned(bins: Mapping[str, FeatureBins], columns: Mapping[str, Column], rows: int) -> tuple[Codes, Flags]:
    """Codes of shape (columns, rows), and which rows have a value outside of what the bins were made from. A column
    that is not there, or is text where numbers were, is missing."""
    codes = np.zeros((len(bins), rows), np.int64)
    is_outside = np.zeros(rows, bool)
    for place, (name, each) in enumerate(bins.items()):
        column = columns.get(name)
        if isinstance(column, NumericColumn) and each.edges is not None:
            known = np.isfinite(column.values)
            codes[place] = np.where(known, np.searchsorted(each.edges, column.values, side="right") + 1, 0)
            is_outside |= known & ((column.values < each.lowest) | (column.values > each.highest))
        elif isinstance(column, TextColumn) and each.edges is None:
            lookup = np.array([*(each.codes.get(value, 0) for value in column.values), 0], np.int64)
            codes[place] = lookup[column.codes]
            is_outside |= (column.codes >= 0) & (codes[place] == 0)
        else:
            is_outside |= True
    return codes, is_outside
