"""Columns of row samples as all other columns are, below each other, and some of their rows."""

import numpy as np

from trimtab.capture.sample import SampleColumn, as_texts
from trimtab.capture.table import Column, IntArray, NumericColumn, TextColumn


def column_of(column: SampleColumn) -> Column:
    """A sample's column as any other column."""
    return column if isinstance(column, TextColumn) else NumericColumn(column)


def stacked(above: SampleColumn, below: SampleColumn) -> Column:
    """Two pieces of a column below each other; as texts where one of them is text."""
    if not isinstance(above, TextColumn) and not isinstance(below, TextColumn):
        return NumericColumn(np.concatenate([above, below]))
    first, second = as_texts(above), as_texts(below)
    values = tuple(sorted({*first.values, *second.values}))
    place = {value: code for code, value in enumerate(values)}
    codes = [np.array([*(place[value] for value in each.values), -1], np.int64)[each.codes] for each in (first, second)]
    return TextColumn(np.concatenate(codes), values)


def picked(column: Column, rows: IntArray) -> Column:
    """The cells of some rows."""
    if isinstance(column, TextColumn):
        return TextColumn(column.codes[rows], column.values)
    return NumericColumn(column.values[rows])
