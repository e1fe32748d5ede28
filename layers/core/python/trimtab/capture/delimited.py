"""Delimited text to columns, by Arrow: the fast half of both the CSV and the JSON reader."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from trimtab.capture.slices import letters_of, lines_of, places_of
from trimtab.capture.table import LARGEST, Column, IntArray, NumericColumn

type TextPositions = dict[tuple[str, int], set[int]]
"""By kind of payload and width, which cells of a row have turned out to be no numbers, so as not to try them again."""

_CONVERSION = re.compile(r"In CSV column #(\d+)")
_MOST_RETRIES = 4
_NARROW = 2
"""When so many times as many cells as are wanted stand in a row, the others are cut out before Arrow splits it."""
_COMMA, _LINE_FEED = b",\n"


def read_delimited(
    body: bytes,
    rows: int,
    width: int,
    wanted: Sequence[int],
    texts: set[int],
    column_of: Callable[[IntArray, list[str]], Column | None],
    *,
    missing: Collection[str],
    quote: str | None,
) -> dict[int, Column] | None:
    """The wanted columns by position, or None when the UTF-8 text has not just so many `rows` of `width` cells, a line
    feed behind each.

    Numbers are read as such; cells at the positions in `texts`, which learns, are dictionary-encoded and given to
    `column_of` as codes and distinct values; when that gives None, so does this. `wanted` is in order.
    """
    # here and not above: the import takes 0.2 s, and only a process that decodes needs it
    import pyarrow as arrow
    import pyarrow.csv as arrow_csv

    positions: Sequence[int] = range(width)
    if _NARROW * len(wanted) < width and quote is None:
        narrow = _narrowed(body, rows, width, wanted)
        if narrow is None:
            return None
        body, positions = narrow, wanted
    buffer = arrow.py_buffer(body)
    number, text = arrow.float64(), arrow.dictionary(arrow.int32(), arrow.string())
    for attempt in range(_MOST_RETRIES + 1):
        if attempt == _MOST_RETRIES:
            texts.update(wanted)
        types = {str(i): text if i in texts else number for i in wanted}
        try:
            table = arrow_csv.read_csv(
                buffer,
                arrow_csv.ReadOptions(
                    use_threads=False, block_size=buffer.size + 1, column_names=[str(i) for i in positions]
                ),
                arrow_csv.ParseOptions(quote_char=quote or False),
                arrow_csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=sorted(missing),
                    strings_can_be_null=False,
                    check_utf8=False,
                ),
            )
        except arrow.ArrowInvalid as error:
            conversion = _CONVERSION.match(str(error))
            if conversion is None or attempt == _MOST_RETRIES:
                return None
            texts.add(positions[int(conversion[1])])
            continue
        if table.num_rows != rows:
            return None
        numbers = {i: _numbers(table.column(str(i)).chunk(0)) for i in wanted if i not in texts}
        not_finite = {i for i, column in numbers.items() if column is None}
        if not_finite:
            texts |= not_finite
            continue
        columns: dict[int, Column] = {}
        for i in wanted:
            cells = table.column(str(i)).chunk(0)
            column = numbers[i] if i in numbers else column_of(_codes(cells), cells.dictionary.to_pylist())
            if column is None:
                return None
            columns[i] = column
        return columns
    return None


def _narrowed(body: bytes, rows: int, width: int, wanted: Sequence[int]) -> bytes | None:
    """The text with the wanted columns alone, or None when it has not just so many rows and cells."""
    letters = letters_of(body)
    ends = places_of(letters, _COMMA, _LINE_FEED)
    if len(ends) != rows * width or b"\r" in body:
        return None
    is_end_of_row = (letters[ends] == _LINE_FEED).reshape(rows, width)
    if is_end_of_row[:, :-1].any() or not is_end_of_row[:, -1].all():
        return None
    ends = ends.reshape(rows, width)
    starts = np.empty_like(ends)
    starts.reshape(-1)[0] = 0
    starts.reshape(-1)[1:] = ends.reshape(-1)[:-1] + 1
    return lines_of(letters, starts[:, wanted], ends[:, wanted])


def _codes(cells: Any) -> IntArray:
    codes: IntArray = cells.indices.to_numpy().astype(np.int64)
    return codes


def _numbers(cells: Any) -> NumericColumn | None:
    """None when Arrow has read what is no number here: one beyond LARGEST, or a NaN that is not among the missing."""
    values = cells.to_numpy(zero_copy_only=False)
    if np.count_nonzero(np.abs(values) <= LARGEST) + cells.null_count < len(values):
        return None
    return NumericColumn(values=values)
