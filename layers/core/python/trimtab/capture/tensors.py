"""Named tensors in JSON, as the Open Inference Protocol (version 2) has them: Triton, MLServer, KServe.

`{"inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}]}` is two rows of three
cells, `x.0`, `x.1` and `x.2`. `data` stands flat, in row-major order, or nested as the shape says.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

from trimtab.capture.columns import Cell
from trimtab.capture.measures import Measured, measured_vector
from trimtab.capture.rows import MOST_POSITIONS

_KEYS = {"name", "shape", "datatype", "data"}


def rows_of_tensors(items: list[Any]) -> list[Measured] | None:
    """A row for each position along the first axis, which is as long in all tensors; None when the items are no
    tensors, or not whole ones."""
    if not items or not all(isinstance(item, dict) and item.keys() >= _KEYS for item in items):
        return None
    shapes = [item["shape"] for item in items]
    if not all(_is_shape(shape) for shape in shapes) or len({shape[0] for shape in shapes}) > 1:
        return None
    tensors = [list(_flat(item["data"])) for item in items]
    if any(len(cells) != prod(shape) for cells, shape in zip(tensors, shapes, strict=True)):
        return None
    count = shapes[0][0]
    rows: list[Measured] = [((), []) for _ in range(count)]
    for item, cells in zip(items, tensors, strict=True):
        width = len(cells) // count
        for i, (names, values) in enumerate(rows):
            more, measured = _named(str(item["name"]), cells[i * width : (i + 1) * width])
            rows[i] = ((*names, *more), values + measured)
    return rows if all(len(set(names)) == len(names) for names, _ in rows) else None


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and bool(shape) and all(type(size) is int and size > 0 for size in shape)


def _flat(data: Any) -> Iterator[Cell]:
    """The scalars; anything else is handed out as None, so that the number of cells stays what it is."""
    if isinstance(data, list):
        for item in data:
            yield from _flat(item)
    else:
        yield None if isinstance(data, dict) else data


def _named(name: str, cells: list[Cell]) -> Measured:
    if len(cells) == 1:
        return (name,), cells
    if len(cells) <= MOST_POSITIONS:
        return tuple(f"{name}.{i}" for i in range(len(cells))), cells
    return measured_vector([_number(cell) for cell in cells], name)


def _number(cell: Cell) -> float:
    """As it counts for a norm, to which what is missing, infinite or a text adds nothing."""
    try:
        number = float(cell) if isinstance(cell, int | float) else 0.0
    except OverflowError:
        return 0.0
    return number if abs(number) < float("inf") else 0.0
