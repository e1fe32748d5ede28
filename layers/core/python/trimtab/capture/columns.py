"""From cells to columns: what is missing, what is a number, what is text."""

from collections.abc import Iterable, Sequence
from math import isfinite, isnan, nan

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.table import LARGEST, Column, FloatArray, NumericColumn, TextColumn, canonical_text, number_of

type Cell = str | int | float | bool | None

MISSING = frozenset(
    {"", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "-nan", "NAN", "null", "NULL", "Null", "None", "NaT"}
)
"""Texts that stand for a missing value, spaces around them aside. The same in CSV and in JSON strings."""


def column_of_texts(texts: Iterable[str | None]) -> Column:
    """A column of CSV cells. None is missing too."""
    positions: dict[str | None, int] = {}
    codes = [positions.setdefault(text, len(positions)) for text in texts]
    return column_of_codes(np.array(codes, dtype=np.int64), ["" if text is None else text for text in positions])


def column_of_codes(codes: NDArray[np.int64], values: Sequence[str]) -> Column:
    """A column of dictionary-encoded CSV cells: numeric when every cell that is not missing spells a number."""
    numbers: list[float] = []
    for value in values:
        number = nan if value.strip() in MISSING else number_of(value)
        if number is None:
            break
        numbers.append(number)
    else:
        return NumericColumn(values=np.array(numbers, np.float64)[codes] if numbers else np.full(len(codes), nan))
    return column_of_distinct(codes, values)


def column_of_cells(cells: Sequence[Cell]) -> Column:
    """A column of JSON scalars: numeric when every one that is not missing is a number. Among texts, numbers are
    spelled in their canonical form."""
    if not any(isinstance(cell, str | bool) for cell in cells):
        numbers = numbers_of_cells(cells)
        if numbers is not None:
            return NumericColumn(values=numbers)
    positions: dict[str | None, int] = {}
    codes = [positions.setdefault(_spelled(cell), len(positions)) for cell in cells]
    if all(text is None for text in positions):
        return NumericColumn(values=np.full(len(cells), nan))
    return _text_column(np.array(codes, dtype=np.int64), list(positions))


def column_of_tokens(codes: NDArray[np.int64], cells: Sequence[Cell]) -> Column:
    """A column of dictionary-encoded JSON scalars, `cells` being the distinct ones; as `column_of_cells`."""
    if not any(isinstance(cell, str | bool) for cell in cells):
        numbers = numbers_of_cells(cells)
        if numbers is not None:
            return NumericColumn(values=numbers[codes])
    texts = [_spelled(cell) for cell in cells]
    if all(text is None for text in texts):
        return NumericColumn(values=np.full(len(codes), nan))
    return _text_column(codes, texts)


def numbers_of_cells(cells: Sequence[Cell]) -> FloatArray | None:
    """The numbers, NaN for a missing one, or None when one is beyond LARGEST."""
    try:
        numbers = np.array([nan if cell is None else cell for cell in cells], dtype=np.float64)
    except OverflowError:
        return None
    return None if (np.abs(numbers) > LARGEST).any() else numbers


def _spelled(cell: Cell) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, str):
        return None if cell.strip() in MISSING else cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    try:
        number = float(cell)
    except OverflowError:
        number = float("inf") if cell > 0 else float("-inf")
    if isnan(number):
        return None
    if not isfinite(number):
        return "Infinity" if number > 0 else "-Infinity"
    return canonical_text(repr(number))


def column_of_distinct(codes: NDArray[np.int64], texts: Sequence[str]) -> Column:
    """A column of dictionary-encoded texts, all distinct, of which some may spell a missing value."""
    missing = MISSING.intersection(map(str.strip, texts))
    if not missing:
        return TextColumn(codes=codes, values=tuple(texts))
    present = [None if text.strip() in missing else text for text in texts]
    return _text_column(codes, present) if any(present) else NumericColumn(values=np.full(len(codes), nan))


def _text_column(codes: NDArray[np.int64], texts: Sequence[str | None]) -> TextColumn:
    """Codes and values with equal texts merged and the missing ones taken out. Values stand in order of appearance."""
    positions: dict[str, int] = {}
    lookup = [-1 if text is None else positions.setdefault(text, len(positions)) for text in texts]
    if len(positions) < len(texts):
        codes = np.array(lookup, dtype=np.int64)[codes]
    return TextColumn(codes=codes, values=tuple(positions))


def repeated(column: Column, times: Sequence[int]) -> Column:
    """The column with each cell so many times."""
    if isinstance(column, NumericColumn):
        return NumericColumn(values=np.repeat(column.values, times))
    return TextColumn(codes=np.repeat(column.codes, times), values=column.values)


def moved(column: Column, rows: NDArray[np.bool_], places: NDArray[np.bool_]) -> Column:
    """The column's cells in the marked `rows`, put into the marked `places`; missing values in the other places."""
    if isinstance(column, NumericColumn):
        values = np.full(len(places), nan)
        values[places] = column.values[rows]
        return NumericColumn(values=values)
    codes = np.full(len(places), -1, dtype=np.int64)
    codes[places] = column.codes[rows]
    return TextColumn(codes=codes, values=column.values)
