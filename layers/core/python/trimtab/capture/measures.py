"""What can be compared of payloads that are no table: images, texts, arrays, vectors and other bytes."""

import struct
import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from math import hypot
from tokenize import TokenError

import numpy as np

from trimtab.capture.columns import Cell, column_of_cells
from trimtab.capture.envelope import without_surrogates
from trimtab.capture.faults import FaultError
from trimtab.capture.rows import MOST_POSITIONS, Rows, Side, columns_of_rows

type Measured = tuple[tuple[str, ...], list[Cell]]
"""Names and cells of one row."""


def measured_text(text: str, label: str) -> Measured:
    """`<label>.characters` and `<label>.words`."""
    return (f"{label}.characters", f"{label}.words"), [len(text), len(text.split())]


def measured_vector(numbers: Sequence[float], label: str) -> Measured:
    """`<label>.dimensions` and `<label>.norm`, the Euclidean norm."""
    return (f"{label}.dimensions", f"{label}.norm"), [len(numbers), hypot(*numbers)]


def measured_bytes(body: bytes, label: str) -> Measured:
    """`<label>.bytes`, and `<label>.width` and `<label>.height` in pixels of a PNG, JPEG or GIF image."""
    size = _png_size(body) or _gif_size(body) or _jpeg_size(body)
    if size is None:
        return (f"{label}.bytes",), [len(body)]
    return (f"{label}.bytes", f"{label}.width", f"{label}.height"), [len(body), *size]


def read_texts(payloads: Sequence[str], side: Side) -> Rows:
    """One row per text."""
    return _one_row_each(payloads, side, measured_text)


def read_labels(payloads: Sequence[str], side: Side) -> Rows:
    """One row per text, which is the value of its only column."""
    columns, names = columns_of_rows([(side.positions(1), [text.strip()]) for text in payloads], side, column_of_cells)
    return Rows(columns, names, [1] * len(payloads))


def read_bytes(payloads: Sequence[bytes], side: Side) -> Rows:
    """One row per image or other binary payload."""
    return _one_row_each(payloads, side, measured_bytes)


def _one_row_each[T: (str, bytes)](payloads: Sequence[T], side: Side, measured: Callable[[T, str], Measured]) -> Rows:
    columns, names = columns_of_rows([measured(payload, side.label) for payload in payloads], side, column_of_cells)
    return Rows(columns, names, [1] * len(payloads))


def rows_of_array(body: bytes, side: Side, expected: int | None = None) -> list[Measured]:
    """Rows of a NumPy file: one of a flat array, one per row of a table, one vector per item of anything deeper. Where
    it is known how many are `expected`, a flat array of so many is rows of one cell, and a column for one is its row.

    Raises FaultError when the file is not a whole array of numbers or texts.
    """
    array = _array(body)
    if array.ndim < 2:
        array = array.reshape(-1, 1) if side.are_rows(array.size) else array.reshape(1, -1)
    if array.ndim == 2 and expected is not None and expected != len(array):
        if array.shape == (1, expected):
            array = array.reshape(-1, 1)
        elif expected == 1 == array.shape[1]:
            array = array.reshape(1, -1)
    table = array.reshape(len(array), -1) if array.size else array.reshape(0, 0)
    if not len(table):
        raise FaultError("no_rows", "the array is empty")
    width = table.shape[1]
    if array.ndim == 2 and (width <= MOST_POSITIONS or width == len(side.names)):
        return [(side.positions(width), row) for row in table.tolist()]
    if array.dtype == object:
        raise FaultError("bad_numpy", "the array holds texts, but is no table")
    return [measured_vector(row, side.label) for row in np.nan_to_num(table.astype(np.float64)).tolist()]


def _array(body: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    stream = BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read_header(stream)
        if dtype.kind not in "biufSU":
            raise FaultError("bad_numpy", f"the array holds {dtype}, not numbers or texts")
        count = int(np.prod(shape, dtype=object))
        flat = np.frombuffer(body, dtype, count, offset=stream.tell()) if count else np.empty(0, dtype)
        if dtype.kind in "SU":
            flat = _texts(flat)
        return flat.reshape(shape, order="F" if fortran_order else "C")
    except FaultError:
        raise
    except (ValueError, TypeError, OverflowError, SyntaxError, TokenError, RecursionError, MemoryError) as error:
        raise FaultError("bad_numpy", f"not a whole NumPy file: {type(error).__name__}") from error


def _texts(
    flat: np.ndarray[tuple[int, ...], np.dtype[np.generic]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    """Raises ValueError when there are letters beyond Unicode, which NumPy takes, or bytes beyond ASCII."""
    texts = flat.astype(str)
    if texts.view(np.uint32).max(initial=0) > sys.maxunicode:
        raise ValueError("no text")
    return np.array([without_surrogates(text) for text in texts.tolist()], object)


def _png_size(body: bytes) -> tuple[int, int] | None:
    if not body.startswith(b"\x89PNG\r\n\x1a\n") or len(body) < 24:
        return None
    width, height = struct.unpack(">II", body[16:24])
    return width, height


def _gif_size(body: bytes) -> tuple[int, int] | None:
    if not body.startswith((b"GIF87a", b"GIF89a")) or len(body) < 10:
        return None
    width, height = struct.unpack("<HH", body[6:10])
    return width, height


def _jpeg_size(body: bytes) -> tuple[int, int] | None:
    """From the start-of-frame segment (ITU-T T.81, B.2.2)."""
    if not body.startswith(b"\xff\xd8"):
        return None
    position = 2
    while position + 9 <= len(body) and body[position] == 0xFF:
        marker = body[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", body[position + 5 : position + 9])
            return width, height
        position += 2 + int(struct.unpack(">H", body[position + 2 : position + 4])[0])
    return None
