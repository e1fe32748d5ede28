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

from trimtab.capture.alike import ESCAPED_QUOTE, RawTexts
from trimtab.capture.columns import Cell, column_of_cells, column_of_tokens
from trimtab.capture.delimited import TextPositions, read_delimited
from trimtab.capture.faults import FaultError
from trimtab.capture.formats import Payloads
from trimtab.capture.json_shapes import TELLING_KEYS, Row, json_rows, parse_json, widths_of
from trimtab.capture.rows import Rows, Side, agreed_width, columns_of_rows, wrong_width
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
    return Rows(columns, names, counts, faults)


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

    `names` of the cells, `keys` the JSON keys before them as they stand in the payload ("" without any), `texts` which
    cells were texts in the payload it was learnt from.
    """

    before: str
    between: str
    after: str
    names: tuple[str, ...]
    keys: tuple[str, ...]
    texts: frozenset[int]


def _read_raw(payloads: RawTexts, side: Side, texts: TextPositions, expected: Sequence[int] | None) -> Rows | None:
    """The rows of payloads without line breaks within."""
    values = payloads.values
    if payloads.escaped and not payloads.flat:
        return None
    if not payloads.escaped and values[0].endswith((b" ", b"\n", b"\r")):
        values = [value.strip(b" \t\r\n") for value in values]
    body = b"\n".join(values)
    if body.count(b"\n") != len(values) - 1:
        return None
    lengths = [len(value) for value in values]
    longest = lengths.index(max(lengths))
    try:
        template = _learn(payloads.text(values[longest]).strip(), side, None if expected is None else expected[longest])
    except FaultError:
        return None
    if template is None:
        return None
    return _read_joined(body, values, template, side, texts, expected, escaped=payloads.escaped)


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
    return _read_joined(b"\n".join(values), values, template, side, texts, expected, escaped=False)


def _read_joined(
    joined: bytes,
    values: Sequence[bytes],
    template: _Template,
    side: Side,
    texts: TextPositions,
    expected: Sequence[int] | None,
    *,
    escaped: bool,
) -> Rows | None:
    """The rows of payloads, given joined by line feeds and each by itself, if all follow the template. If `escaped`,
    quotation marks are spelled ESCAPED_QUOTE."""
    quote = ESCAPED_QUOTE if escaped else '"'
    before, between, after = (
        text.replace('"', quote).encode() for text in (template.before, template.between, template.after)
    )
    if joined.count(b"\n") == len(values) - 1 and (not between or between not in joined):
        counts = [1] * len(values)
    else:
        counts = [value.count(b"\n") + (value.count(between) if between else 0) + 1 for value in values]
    if expected is not None and counts != list(expected):
        return None
    if not joined.startswith(before) or not joined.endswith(after):
        return None
    body = joined[len(before) : len(joined) - len(after)]
    body = body.replace(after + b"\n" + before, b"\n")
    if between:
        body = body.replace(between, b"\n")
    rows = sum(counts)
    if any(mark in body for mark in (b"{", b"}", b"[", b"]")) or (not escaped and b"\\" in body):
        return None
    colons = np.count_nonzero(np.frombuffer(body, np.uint8) == ord(":"))
    if colons != rows * sum(map(bool, template.keys)):
        return None
    columns = _read_body(body.replace(b":", b","), rows, template, quote, side, texts)
    if columns is None:
        return None
    return Rows(columns, frozenset(map(side.column, template.names)), counts)


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
    return _Template(before, gaps.pop() if gaps else "", after, names, keys, texts)


def _mark(token: str, number: str) -> str:
    return f'"{number}"' if token.lstrip().startswith('"') else number


def _read_body(
    body: bytes, rows: int, template: _Template, quote: str, side: Side, texts: TextPositions
) -> dict[str, Column] | None:
    """Columns from rows of `key,value,…` or, when the template has no keys, `value,…`."""
    step = 2 if any(template.keys) else 1
    values = {step * i + step - 1: name for i, name in enumerate(template.names) if side.wants(name)}
    keys = {place - 1: template.keys[place // 2].replace('"', quote) for place in values} if step == 2 else {}
    memory = texts.setdefault((f"{side.label} json", len(template.names)), set())
    memory.update(step * i + step - 1 for i in template.texts)
    width = step * len(template.names)
    wanted = list(values) or [0]
    column_of = partial(_column, quote=quote)
    columns = read_delimited(body, rows, width, wanted, memory, column_of, fixed=keys, missing=_MISSING, quote=None)
    if columns is None:
        return None
    if width == 1 and side.label == "input" and not all(isinstance(one, NumericColumn) for one in columns.values()):
        return None  # a text that stands alone is measured and no column
    return {side.column(name): columns[position] for position, name in values.items()}


def _column(codes: IntArray, tokens: list[str], quote: str) -> Column | None:
    cells: list[Cell] = []
    for token in tokens:
        cell = _cell(token.strip().replace(quote, '"'))
        if isinstance(cell, EllipsisType):
            return None
        cells.append(cell)
    return column_of_tokens(codes, cells)


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
