"""Columns of row samples as the columns that everything else takes."""

from trimtab.capture.profile import texts_of
from trimtab.capture.sample import SampleColumn
from trimtab.capture.table import Column, NumericColumn, TextColumn


def column_of(column: SampleColumn) -> Column:
    """A sample's column as any other column."""
    return column if isinstance(column, TextColumn) else NumericColumn(column)


def as_texts(column: SampleColumn) -> TextColumn:
    """A sample's column as categories, numbers in their canonical spelling."""
    return column if isinstance(column, TextColumn) else texts_of(NumericColumn(column))
