"""Lines of a group that are not all alike, sorted: which can be read together, and which the decoder has to read.

One odd line, or a group on both sides of an hour, should not make all others slow. Only what is likely is told here,
from the places of quotation marks; `read_alike` proves it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.alike import is_utf8, learn
from trimtab.capture.records import begins_document, may_begin_document
from trimtab.capture.slices import ByteArray, blocks, letters_of, places_of, taken
from trimtab.capture.table import IntArray

_BEFORE_MINUTES = len("2026-01-01T07")
_QUOTE, _BACKSLASH, _LINE_FEED = b'"\\\n'
_MOST_BEGINNINGS = 16


@dataclass(frozen=True, slots=True)
class Sorted:
    """Lines that are likely to be alike, all of an hour together, and odd ones by themselves; with each where it stands
    among the lines, from 0."""

    alike: list[tuple[IntArray, bytes]]
    odd: list[tuple[int, bytes]]


def sorted_by_hour(data: bytes | bytearray) -> Sorted | None:
    """The lines sorted, or None when most are odd, or when a document on several lines is among them."""
    letters = letters_of(data if data.endswith(b"\n") else data + b"\n")
    ends = places_of(letters, _LINE_FEED) + 1
    starts = np.append(0, ends[:-1])
    for model in (0, len(starts) // 2):
        hours = _hours(letters, starts, ends, model)
        is_odd = hours == b""
        if 2 * np.count_nonzero(is_odd) > len(starts):
            continue
        odd = [(index, bytes(data[starts[index] : ends[index]])) for index in np.flatnonzero(is_odd).tolist()]
        beginnings = [index for index, line in odd if may_begin_document(line)]
        if len(beginnings) > _MOST_BEGINNINGS or any(begins_document(data[starts[index] :]) for index in beginnings):
            return None
        indices = [np.flatnonzero(hours == hour) for hour in np.unique(hours[~is_odd])]
        return Sorted([(each, taken(letters, starts[each], ends[each]).tobytes()) for each in indices], odd)
    return None


def _hours(letters: ByteArray, starts: IntArray, ends: IntArray, model: int) -> NDArray[np.bytes_]:
    """Date and hour of each line as spelled, b"" for one that is not like the model, a line too."""
    hours = np.zeros(len(starts), f"S{_BEFORE_MINUTES}")
    skeleton = learn(letters[starts[model] : ends[model]].tobytes())
    if skeleton is None:
        return hours
    quotes = places_of(letters, _QUOTE)
    quotes = quotes[letters[quotes - 1] != _BACKSLASH]
    first_quotes = np.searchsorted(quotes, starts)
    per_line = np.diff(first_quotes, append=len(quotes))
    likely = np.flatnonzero((per_line == per_line[model]) & ~_are_odd(letters, ends))
    # the strings that vary are between the same quotation marks as in the model
    lengths = np.array([len(constant) for constant in skeleton.constants])
    openings = np.array(skeleton.starts[:-1]) + lengths[:-1] - 1 + starts[model]
    columns = np.searchsorted(quotes, openings) - first_quotes[model]
    string_starts = quotes[first_quotes[likely, None] + columns] + 1
    string_ends = quotes[first_quotes[likely, None] + columns + 1] - [
        2 * constant.startswith(b"\\n") for constant in skeleton.constants[1:]
    ]
    constant_starts = np.column_stack([starts[likely], string_ends])
    constant_ends = np.column_stack([string_starts, ends[likely]])
    fits = (constant_ends - constant_starts == lengths).all(axis=1) & (string_starts <= string_ends).all(axis=1)
    found = taken(letters, constant_starts[fits], constant_ends[fits]).reshape(-1, lengths.sum())
    fits[fits] = (found == letters_of(b"".join(skeleton.constants))).all(axis=1)
    time = skeleton.places[-1]
    fits &= string_ends[:, time] - string_starts[:, time] >= _BEFORE_MINUTES
    spelled = letters[string_starts[fits, time][:, None] + np.arange(_BEFORE_MINUTES)]
    hours[likely[fits]] = spelled.view(hours.dtype)[:, 0]
    return hours


def _are_odd(letters: ByteArray, ends: IntArray) -> NDArray[np.bool_]:
    """Which lines have control characters, escapes other than of quotation marks and line feeds, or are not UTF-8."""
    controls = np.empty(0, np.int64)
    if sum(int(np.count_nonzero(part < ord(" "))) for part in blocks(letters)) > len(ends):
        controls = np.flatnonzero((letters < ord(" ")) & (letters != _LINE_FEED))
    escapes = places_of(letters, _BACKSLASH)
    behind = letters[escapes + 1]
    escapes = escapes[(behind != _QUOTE) & (behind != ord("n"))]
    are_odd = np.zeros(len(ends), np.bool_)
    are_odd[np.searchsorted(ends, np.concatenate([controls, escapes]), side="right")] = True
    if not is_utf8(letters.tobytes()):
        for index in np.unique(np.searchsorted(ends, np.flatnonzero(letters > 0x7F), side="right")):
            are_odd[index] |= not is_utf8(letters[ends[index - 1] if index else 0 : ends[index]].tobytes())
    return are_odd
