"""Columns of training data that are no features but number its rows."""

import re
from collections.abc import Collection
from dataclasses import replace
from math import isclose

from trimtab.capture.sketch import ColumnSketch, Sketch

_FEWEST_RUNNING = 100
_NEVER_A_FEATURE = re.compile(r"|__index_level_\d+__")
_NAMED_WHEN_READ_AGAIN = re.compile(r"Unnamed: \d+(\.\d+)?")


def is_running_number(column: ColumnSketch, rows: int) -> bool:
    """Whether the values are n, n+1, n+2 … in any order, as row ids are, told by their sum and sum of squares."""
    if rows < _FEWEST_RUNNING or column.missing or column.text_cells or column.maximum - column.minimum != rows - 1:
        return False
    first, last = int(column.minimum), int(column.maximum)
    squares = _squares_up_to(last) - _squares_up_to(first - 1)
    return (
        column.minimum == first
        and isclose(column.total, rows * (first + last) / 2, rel_tol=1e-12)
        and isclose(column.squares, squares, rel_tol=1e-12)
    )


def without_index(sketch: Sketch, named: Collection[str] = ()) -> Sketch:
    """The sketch without the index that pandas writes beside the columns unless it is told not to, in CSV under no name
    and in Parquet under one of its own, and calls "Unnamed: 0" when it reads it again. No request has such a column.
    What the settings have `named` stays."""
    kept = {
        name: column
        for name, column in sketch.columns.items()
        if name in named or not _is_index(name, column, sketch.rows)
    }
    return replace(sketch, columns=kept, outputs=sketch.outputs & kept.keys())


def _is_index(name: str, column: ColumnSketch, rows: int) -> bool:
    numbers = int(column.numbers.counts.sum())
    if column.text_cells or column.integral < numbers:
        return False
    if _NEVER_A_FEATURE.fullmatch(name):
        return True
    # a sheet's column without a title is called so too; of an index, drawn from a larger one or not, none comes twice
    are_all_different = not column.missing and (column.numbers.shift > 0 or len(column.numbers.keys) == numbers)
    return bool(_NAMED_WHEN_READ_AGAIN.fullmatch(name)) and (are_all_different or is_running_number(column, rows))


def _squares_up_to(n: int) -> int:
    return n * (n + 1) * (2 * n + 1) // 6
