"""JSON payloads to rows, a batch at a time.

A batch whose payloads differ in their values alone, which is what one client's requests do, is rewritten as delimited
text and read by Arrow. How it is rewritten is learnt from one payload and checked on all: the text before the first
row, between rows and after the last is the same, keys are the same, and every cell is one whole JSON scalar. All other
batches are read payload by payload (`json_shapes`). Both ways give the same columns, except that the fast one also
takes numbers spelled against the JSON grammar, such as `01`.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import nan
from types import EllipsisType

import numpy as np

from trimtab.capture.alike import RawTexts
from trimtab.capture.columns import Cell, column_of_cells, column_of_distinct, column_of_tokens
from trimtab.capture.delimited import TextPositions, read_delimited
from trimtab.capture.faults import FaultError
from trimtab.capture.formats import Payloads
from trimtab.capture.json_shapes import TELLING_KEYS, Row, json_rows, parse_json, widths_of
from trimtab.capture.rows import Rows, Side, agreed_width, columns_of_rows, wrong_width
from trimtab.capture.slices import ByteArray, count_of, letters_of, lines_of, places_of, taken
from trimtab.capture.table import Column, IntArray, NumericColumn

_FLAT = re.compile(r"[\[{]([^\[\]{}]+)[\]}]")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_PLAIN_PATH = re.compile(r"[\w.]*")
_LITERALS: dict[str, Cell] = {
    "null": None,
    "true": True,
    "false": False,
    "NaN": nan,
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
_MISSING = ("null", " null", "NaN", " NaN")
_LONGEST_NUMBER = 300
_FEW_SHAPES = 64
_FEW_CELLS = 1_000_000
_SPARSE = 4
_RARE = 0.01
_COLON, _LINE_FEED = b":\n"


def read_json(payloads: Payloads, side: Side, texts: TextPositions, expected: Sequence[int] | None = None) -> Rows:
    """Rows of the payloads. `expected` says how many rows each should have, if that is known."""
    if isinstance(payloads, RawTexts):
        rows = _read_raw(payloads, side, texts, expected)
        if rows is not None:
            return rows
        payloads = payloads.texts()
    return _read_regular(payloads, side, texts, expected) or read_json_by_row(payloads, side, expected)


def read_json_by_row(payloads: Sequence[str], side: Side, expected: Sequence[int] | None = None) -> Rows:
    """As `read_json`, without Arrow and for anything at all."""
    faults: dict[int, FaultError] = {}
    payload_rows: list[list[Row]] = []
    for index, payload in enumerate(payloads):
        rows: list[Row] = []
        try:
            rows = json_rows(payload, side, None if expected is None else expected[index])
        except FaultError as fault:
            faults[index] = fault
        payload_rows.append(rows)
    scattered = _scattered_names(payload_rows)
    width = agreed_width(Counter(width for rows in payload_rows for width in widths_of(rows)), side)
    positions = side.positions(width)
    named: list[tuple[tuple[str, ...], list[Cell]]] = []
    counts = []
    for index, rows in enumerate(payload_rows):
        misfit = next((wide for wide in widths_of(rows) if wide != width), None)
        if misfit is not None:
            faults[index] = wrong_width(misfit, width)
        elif scattered and any(not scattered.isdisjoint(names or ()) for names, _ in rows):
            faults[index] = FaultError("too_many_columns", "a row has columns that hardly any other has")
        kept = [] if index in faults else rows
        counts.append(len(kept))
        named += [(positions if names is None else names, cells) for names, cells in kept]
    columns, names = columns_of_rows(named, side, column_of_cells)
    return Rows(columns, names, counts, faults, frozenset() if side.names else _named_payloads(payload_rows, counts))


def _named_payloads(payload_rows: Sequence[Sequence[Row]], counts: Sequence[int]) -> frozenset[int]:
    """The payloads with rows that have names of their own, if others have none."""
    kept = {index: rows for index, rows in enumerate(payload_rows) if counts[index]}
    named = frozenset(index for index, rows in kept.items() if any(names is not None for names, _ in rows))
    return named if len(named) < len(kept) else frozenset()


def _scattered_names(payload_rows: Sequence[Sequence[Row]]) -> frozenset[str]:
    """Names that hardly any row has, when there are so many that a table would be mostly empty: keys that are data."""
    shapes = {names for rows in payload_rows for names, _ in rows if names}
    if len(shapes) <= _FEW_SHAPES:
        return frozenset()
    uses = Counter(name for rows in payload_rows for names, _ in rows for name in names or ())
    rows = sum(map(len, payload_rows))
    if len(uses) * rows <= _SPARSE * uses.total() + _FEW_CELLS:
        return frozenset()
    return frozenset(name for name, count in uses.items() if count < rows * _RARE)


@dataclass(frozen=True)
class _Template:
    """What all payloads of a batch have in common, around and between the rows, and in them.

    `names` of the cells, `keys` what stands before the value of each in a row of the payload it was learnt from (none
    for rows without keys), `texts` which cells were texts there.
    """

    before: str
    between: str
    after: str
    names: tuple[str, ...]
    keys: tuple[str, ...]
    texts: frozenset[int]


def _read_raw(payloads: RawTexts, side: Side, texts: TextPositions, expected: Sequence[int] | None) -> Rows | None:
    """The rows of payloads without line breaks within."""
    if payloads.escaped and not payloads.flat:
        return None
    if not payloads.escaped:
        payloads = payloads.stripped(b" \t\r\n")
    lengths = payloads.ends - payloads.starts
    longest = int(lengths.argmax())
    try:
        template = _learn(payloads.text(longest).strip(), side, None if expected is None else expected[longest])
    except FaultError:
        return None
    if template is None:
        return None
    quote = '\\"' if payloads.escaped else '"'
    return _read_joined(payloads.joined(), lengths, template, side, texts, expected, quote=quote)


def _read_regular(
    payloads: Sequence[str], side: Side, texts: TextPositions, expected: Sequence[int] | None
) -> Rows | None:
    lines = [payload.strip() for payload in payloads]
    longest = max(range(len(lines)), key=lambda index: len(lines[index]))
    try:
        is_pretty = "\n" in lines[longest] and len(parse_json(lines[longest])) == 1
        if is_pretty:
            lines = [line.replace("\n", " ") for line in lines]
        template = _learn(lines[longest], side, None if expected is None else expected[longest])
    except FaultError:
        return None
    if template is None:
        return None
    values = [line.encode() for line in lines]
    lengths = np.array([len(value) for value in values])
    return _read_joined(b"\n".join([*values, b""]), lengths, template, side, texts, expected, quote='"')


def _read_joined(
    joined: bytes,
    lengths: IntArray,
    template: _Template,
    side: Side,
    texts: TextPositions,
    expected: Sequence[int] | None,
    *,
    quote: str,
) -> Rows | None:
    """The rows of payloads if all follow the template. They are given joined, with a line feed behind each, in which
    quotation marks are spelled `quote`; `lengths` are theirs."""
    before, between, after, *keys = (
        text.replace('"', quote).encode()
        for text in (template.before, template.between, template.after, *template.keys)
    )
    ends = np.cumsum(lengths + 1) - 1
    starts = ends - lengths
    counts = [1] * len(lengths)
    if between or count_of(letters_of(joined), _LINE_FEED) > len(lengths):
        payloads = [joined[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        counts = [payload.count(b"\n") + (payload.count(between) if between else 0) + 1 for payload in payloads]
        rows = _rows_on_lines(joined, before, between, after)
        if rows is None:
            return None
        joined, before, after = rows, b"", b""
        ends = places_of(letters_of(joined), _LINE_FEED)
        starts = np.append(0, ends[:-1] + 1)
    if len(ends) != sum(counts) or (expected is not None and counts != expected):
        return None
    constants = [before + keys[0], *keys[1:], after + b"\n"] if keys else [before, after + b"\n"]
    letters = letters_of(joined)
    values = _values(letters, starts, ends, constants)
    if values is None:
        return None
    columns = _read_values(letters, *values, template, quote, side, texts)
    if columns is None:
        return None
    return Rows(columns, frozenset(map(side.column, template.names)), counts)


def _rows_on_lines(text: bytes, before: bytes, between: bytes, after: bytes) -> bytes | None:
    """The rows of payloads that each stand on a line, with nothing around them, a line feed behind each."""
    if not text.startswith(before) or not text.endswith(after + b"\n"):
        return None
    rows = text[len(before) : len(text) - len(after) - 1].replace(after + b"\n" + before, b"\n")
    if between:
        rows = rows.replace(between, b"\n")
    return rows + b"\n"


def _values(
    letters: ByteArray, starts: IntArray, ends: IntArray, constants: Sequence[bytes]
) -> tuple[IntArray, IntArray] | None:
    """Starts and ends of the values in rows, each of shape (rows, values), or None when the constants do not stand
    around them in every row. `starts` and `ends` are the rows', of which the last constant has one byte more."""
    lengths = np.array([len(constant) for constant in constants])
    value_starts = np.empty((len(starts), len(constants) - 1), np.int64)
    value_starts[:, 0] = starts + lengths[0]
    if value_starts.shape[1] > 1:
        in_row = np.cumsum([constant.count(b":") for constant in constants])
        colons = places_of(letters, _COLON)
        if len(colons) != len(starts) * in_row[-1]:
            return None
        last_colons = colons.reshape(len(starts), -1)[:, in_row[1:-1] - 1]
        value_starts[:, 1:] = last_colons + [len(constant) - constant.rindex(b":") for constant in constants[1:-1]]
    value_ends = np.empty_like(value_starts)
    value_ends[:, :-1] = value_starts[:, 1:] - lengths[1:-1]
    value_ends[:, -1] = ends + 1 - lengths[-1]
    try:
        found = taken(
            letters,
            np.column_stack([starts, value_ends]),
            np.column_stack([value_starts, ends + 1]),
        )
    except ValueError:
        return None
    are_there = found.reshape(len(starts), -1) == letters_of(b"".join(constants))
    return (value_starts, value_ends) if are_there.all() else None


def _learn(payload: str, side: Side, expected: int | None) -> _Template | None:
    """The template that the payload follows, or None without one. Raises FaultError when the payload cannot be read."""
    flat = list(_FLAT.finditer(payload))
    rows = json_rows(payload, side, expected)
    if len(flat) != len(rows) or not _PLAIN_PATH.fullmatch(side.records):
        return None
    before, after = payload[: flat[0].start(1)], payload[flat[-1].end(1) :]
    gaps = {payload[one.end(1) : other.start(1)] for one, other in pairwise(flat)} - {f"{after}\n{before}"}
    if len(gaps) > 1 or "\n" in "".join([before, after, *gaps, *(row[1] for row in flat)]):
        return None
    parts = [[part.rpartition(":") for part in row[1].split(",")] for row in flat]
    keys = tuple(key.strip() for key, _, _ in parts[0])
    if any(keys) and (not all(keys) or any(key.strip('"').lower() in TELLING_KEYS for key in keys)):
        return None
    # The shape alone may fool: {"a": [1, 2], "b": [3, 4]} has two rows too. So ask which cells land where.
    marks = [[_mark(part[2], f"{i}{j:05}") for j, part in enumerate(row)] for i, row in enumerate(parts, start=1)]
    probe = list(payload)
    for match, row, row_marks in zip(reversed(flat), reversed(parts), reversed(marks), strict=True):
        cells = (f"{key}{colon}{mark}" for (key, colon, _), mark in zip(row, row_marks, strict=True))
        probe[match.start(1) : match.end(1)] = ",".join(cells)
    found = json_rows("".join(probe), side, expected)
    names = found[0][0]
    if any(row_names != names or len(cells) != len(keys) for row_names, cells in found):
        return None
    if [[json.dumps(cell) for cell in cells] for _, cells in found] != marks:
        return None
    if names is None:
        names = side.positions(len(keys))
        if side.names and len(side.names) != len(keys):
            return None
    texts = frozenset(i for i, mark in enumerate(marks[0]) if mark.startswith('"'))
    spelled = tuple(
        f"{',' if j else ''}{key}{colon}{value[: len(value) - len(value.lstrip())]}"
        for j, (key, colon, value) in enumerate(parts[0])
    )
    return _Template(before, gaps.pop() if gaps else "", after, names, spelled if any(keys) else (), texts)


def _mark(token: str, number: str) -> str:
    return f'"{number}"' if token.lstrip().startswith('"') else number


def _read_values(
    letters: ByteArray,
    starts: IntArray,
    ends: IntArray,
    template: _Template,
    quote: str,
    side: Side,
    texts: TextPositions,
) -> dict[str, Column] | None:
    """Columns from rows of values, or of one value that is all of them when the template has no keys."""
    names, rows = template.names, len(starts)
    wanted = [i for i, name in enumerate(names) if side.wants(name)] or [0]
    body = lines_of(letters, starts, ends)
    if any(mark in body for mark in (b"{", b"}", b"[", b"]")) or (quote == '"' and b"\\" in body):
        return None
    width, positions = len(names), wanted
    if template.keys and len(wanted) < width:
        if body.count(b",") != rows * (width - 1):
            return None
        body = lines_of(letters, starts[:, wanted], ends[:, wanted])
        width, positions = len(wanted), list(range(len(wanted)))
    memory = texts.setdefault((f"{side.label} json", len(names)), set())
    memory.update(position for position, i in zip(positions, wanted, strict=True) if i in template.texts)
    column_of = partial(_column, quote=quote)
    columns = read_delimited(body, rows, width, positions, memory, column_of, missing=_MISSING, quote=None)
    if columns is None:
        return None
    if len(names) == 1 and side.label == "input" and not isinstance(columns[0], NumericColumn):
        return None  # a text that stands alone is measured and no column
    return {
        side.column(names[i]): columns[position]
        for position, i in zip(positions, wanted, strict=True)
        if side.wants(names[i])
    }


def _column(codes: IntArray, tokens: list[str], quote: str) -> Column | None:
    texts = _texts(tokens, quote)
    if texts is not None:
        return column_of_distinct(codes, texts)
    cells: list[Cell] = []
    for token in tokens:
        cell = _cell(token.strip().replace(quote, '"'))
        if isinstance(cell, EllipsisType):
            return None
        cells.append(cell)
    return column_of_tokens(codes, cells)


def _texts(tokens: list[str], quote: str) -> list[str] | None:
    """The texts that the distinct tokens are when each is one whole text without spaces around it, else None."""
    between = f"{quote}\n{quote}"
    joined = "\n".join(tokens)
    if not joined.startswith(quote) or not joined.endswith(quote) or joined.count(quote) != 2 * len(tokens):
        return None
    texts = joined[len(quote) : -len(quote)].split(between)
    return texts if len(texts) == len(tokens) and "".join(texts).isprintable() else None


def _cell(token: str) -> Cell | EllipsisType:
    """The JSON scalar that a token is, or `...` when it is none or more."""
    if token in _LITERALS:
        return _LITERALS[token]
    if token.startswith('"'):
        text = token[1:-1]
        return text if len(token) > 1 and token.endswith('"') and '"' not in text and text.isprintable() else ...
    if len(token) < _LONGEST_NUMBER and _NUMBER.fullmatch(token):
        return float(token)
    return ...
