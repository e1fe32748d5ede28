"""JSON payloads to rows, one payload at a time: which shapes are known, and what a row is in each.

A payload is one document or several, separated by white space (JSON Lines). In a document rows stand

- under a key such as `instances` or `predictions`, or at the top;
- as a list of objects, of lists or of scalars, as an object of columns (`{"a": [1, 2], "b": [3, 4]}`), as pandas writes
  tables (`split`, `records`, `columns`), or as one object.

Names come from the keys, `a.b` and `a.0` for what is nested. Rows of lists have no names of their own.
"""

import json
from collections.abc import Sequence
from itertools import chain
from math import isfinite
from typing import Any

import jmespath
import msgspec

from trimtab.capture.columns import Cell
from trimtab.capture.envelope import TOO_DEEP, without_surrogates
from trimtab.capture.faults import FaultError, excerpt
from trimtab.capture.measures import measured_text, measured_vector
from trimtab.capture.rows import MOST_POSITIONS, Side
from trimtab.capture.tensors import rows_of_tensors

type Row = tuple[tuple[str, ...] | None, list[Cell]]
"""Names and cells; None for a row of nameless cells."""

_HOLDERS = (
    "instances",
    "predictions",
    "records",
    "outputs",
    "inputs",
    "dataframe_records",
    "dataframe_split",
)
"""Keys whose list or object holds the rows, whatever stands beside them."""
_LONE_HOLDERS = frozenset({"features", "data", "input", "output", "rows", "results", "result", "instance"})
"""Keys that hold the rows, or a row, when nothing stands beside them."""
_OBJECT_HOLDERS = frozenset({"scores", "projections"})
"""Keys that hold rows when these are objects and nothing stands beside: answers of Random Cut Forest and of PCA."""
_ROW_HOLDERS = frozenset({"instances", "predictions", "records", "rows", "results"})
"""Keys under which a list of scalars is rows of one cell. Elsewhere it is one row."""
_ERROR_KEYS = frozenset({"error", "errors", "errormessage", "exception", "traceback"})
_STATUS_KEYS = frozenset({"code", "status", "statuscode", "errorcode", "originalstatuscode"})
TELLING_KEYS = _ERROR_KEYS | {"message", "inputs"}
"""Keys, in lower case, whose values decide what the object is."""
_WHOLE = "input.characters"
"""A column of inputs that are one text."""
_SAID = ("content", "text")
"""Keys of what is said in a message."""
_MOST_DEPTH = 32
_decoder = json.JSONDecoder()


def json_rows(text: str, side: Side, expected: int | None = None) -> list[Row]:
    """Rows of one payload. `expected` says how many there should be, where that is known and shapes are ambiguous.

    Raises FaultError when the payload is not JSON, holds no rows, or is an error message instead of an answer.
    """
    documents = parse_json(text)
    try:
        if side.records:
            documents = [_search(side.records, document) for document in documents]
        each = expected if len(documents) == 1 else 1 if len(documents) == expected else None
        rows = list(chain.from_iterable(_rows(document, side, each) for document in documents))
    except RecursionError as error:
        raise FaultError("too_deep", TOO_DEEP) from error
    if not rows and not _is_of_one(side, expected):
        raise FaultError("no_rows", "the JSON payload has no row")
    return _fitted(rows, expected, side)


def parse_json(text: str) -> list[Any]:
    """The documents in a payload, NaN and infinities allowed. Raises FaultError."""
    text = text.lstrip("\ufeff")
    try:
        return [msgspec.json.decode(text)]
    except (ValueError, RecursionError):
        pass
    try:
        return _parse_documents(text)
    except ValueError as error:
        raise FaultError("not_json", f"{error} in {excerpt(text)}") from error
    except RecursionError as error:
        raise FaultError("too_deep", TOO_DEEP) from error


def _parse_documents(text: str) -> list[Any]:
    documents = []
    position, end = 0, len(text.rstrip())
    while position < end:
        while text[position] in " \t\r\n":
            position += 1
        document, position = _decoder.raw_decode(text, position)
        documents.append(document)
    if "\\u" in text:
        return list(json.loads(without_surrogates(json.dumps(documents, ensure_ascii=False))))
    return documents


def _search(path: str, document: Any) -> Any:
    try:
        found = jmespath.search(path, document)
    except (jmespath.exceptions.JMESPathError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise FaultError("no_records", f"{path}: {error}") from error
    if found is None:
        raise FaultError("no_records", f"{path} finds nothing in the payload")
    return found


def _rows(document: Any, side: Side, expected: int | None) -> list[Row]:
    value, holder = _unwrapped(document)
    if isinstance(value, dict):
        if side.label == "output" and isinstance(document, dict):
            _refuse_error(value)
        table = _table(value)
        if table is not None and (expected != 1 or len(table) == 1):
            return [_row(row, side) for row in table]
        return [_row(value, side)]
    if isinstance(value, list) and value and not any(isinstance(item, dict | list) for item in value):
        return _scalar_rows(value, side, holder, expected)
    if isinstance(value, list):
        return list(rows_of_tensors(value) or (_row(item, side) for item in value))
    return [_row(value, side)]


def _unwrapped(document: Any) -> tuple[Any, str]:
    """What the holders hold, and the name of the innermost."""
    holder = ""
    for _ in range(_MOST_DEPTH):
        if isinstance(document, str) and document.lstrip().startswith(("{", "[")):
            try:
                document = msgspec.json.decode(document)  # JSON in a JSON string
            except (ValueError, RecursionError):
                break
        if not isinstance(document, dict):
            break
        keys = [key for key in _HOLDERS if isinstance(document.get(key), dict | list)]
        if not keys and len(document) == 1:
            keys = [key for key, value in document.items() if _holds_rows(key, value)]
        if not keys:
            break
        holder = keys[0]
        document = document[holder]
    return document, holder


def _holds_rows(key: str, value: Any) -> bool:
    """Whether this, which stands alone in an object, is the rows."""
    if key in _OBJECT_HOLDERS:
        return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
    return key in _LONE_HOLDERS and isinstance(value, dict | list)


def _refuse_error(answer: dict[str, Any]) -> None:
    # a fraction is no message but a figure, such as the error of a reconstruction
    said = {key.lower(): value for key, value in answer.items() if value and not isinstance(value, float)}
    if said.keys() & _ERROR_KEYS or ("message" in said and said.keys() & _STATUS_KEYS):
        message = next(value for key, value in said.items() if key in _ERROR_KEYS | {"message"})
        raise FaultError("error_response", f"the model answered {excerpt(str(message))}")


def _table(value: dict[str, Any]) -> list[Any] | None:
    """The rows of an object that is a table, or None when it is one row."""
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list):
        names = tuple(map(str, columns))
        if all(isinstance(row, list) and len(row) == len(names) for row in data) and len(set(names)) == len(names):
            return [dict(zip(names, row, strict=True)) for row in data]
    values = list(value.values())
    if not values:
        return None
    if all(
        isinstance(column, list)
        and len(column) == len(values[0])
        and not any(isinstance(cell, dict) for cell in column)
        for column in values
    ):
        return [dict(zip(value, cells, strict=True)) for cells in zip(*values, strict=True)]
    if all(isinstance(column, dict) and column and column.keys() == values[0].keys() for column in values) and all(
        key.isdecimal() for key in values[0]
    ):
        return [{name: column[key] for name, column in value.items()} for key in values[0]]
    return None


def _scalar_rows(value: list[Cell], side: Side, holder: str, expected: int | None) -> list[Row]:
    if holder == "inputs" and side.label == "input" and all(isinstance(cell, str) for cell in value):
        is_one_row = bool(side.names)  # texts, of which each is a request to a language model
    elif expected is None:
        is_lone = len(side.names) != 1 and holder not in _ROW_HOLDERS and not side.are_rows(len(value))
        is_one_row = len(side.names) == len(value) or is_lone
    else:
        is_one_row = expected == 1 or (expected != len(value) and holder not in _ROW_HOLDERS)
    return [_row(value, side)] if is_one_row else [_row(cell, side) for cell in value]


def _row(item: Any, side: Side) -> Row:
    if isinstance(item, dict):
        while len(item) == 1:
            ((key, inner),) = item.items()
            if key not in _LONE_HOLDERS or not isinstance(inner, dict | list):
                break
            if isinstance(inner, list):
                return _row(inner, side)
            item = inner
        return _object_row(item, side)
    if isinstance(item, list):
        if any(isinstance(cell, dict | list) for cell in item):
            return _measured_list(item, side.label)
        if len(item) > MOST_POSITIONS and len(item) != len(side.names):
            return _measured_list(item, side.label)
        return None, item
    if isinstance(item, str) and side.label == "input" and not side.names:
        return measured_text(item, side.label)
    return None, [item]


def _object_row(item: dict[str, Any], side: Side) -> Row:
    names: list[str] = []
    cells: list[Cell] = []
    prompt = item.get("inputs")
    if isinstance(prompt, str) and side.label == "input" and "inputs" not in side.names:
        measured, sizes = measured_text(prompt, side.label)
        names += measured
        cells += sizes
        item = {key: value for key, value in item.items() if key != "inputs"}
    _flatten(item, "", names, cells, _MOST_DEPTH)
    if len(set(names)) < len(names):  # {"a.b": 1, "a": {"b": 2}}
        merged = dict(zip(names, cells, strict=True))
        return tuple(merged), list(merged.values())
    return tuple(names), cells


def _flatten(value: dict[str, Any], prefix: str, names: list[str], cells: list[Cell], depth: int) -> None:
    if not depth:
        raise FaultError("too_deep", f"the JSON is nested more than {_MOST_DEPTH} deep")
    for key, inner in value.items():
        name = prefix + key
        if isinstance(inner, dict):
            _flatten(inner, f"{name}.", names, cells, depth - 1)
        elif isinstance(inner, list):
            is_flat = not any(isinstance(cell, dict | list) for cell in inner)
            if is_flat and len(inner) <= MOST_POSITIONS:
                names += [f"{name}.{i}" for i in range(len(inner))]
                cells += inner
            else:
                measured, sizes = _measured_list(inner, name)
                names += measured or ()
                cells += sizes
        else:
            names.append(name)
            cells.append(inner)


def _measured_list(items: list[Any], label: str) -> Row:
    """A vector's dimensions and norm, of arrays too; of a list of anything else its length, and of messages, such as a
    chat holds, how many characters are said in them."""
    numbers: list[float] = []
    pending = [items]
    while pending:
        for item in pending.pop():
            if isinstance(item, list):
                pending.append(item)
            elif isinstance(item, dict | str | bool):
                said = _said(items)
                names = (f"{label}.length",) if said is None else (f"{label}.length", f"{label}.characters")
                return names, [len(items)] if said is None else [len(items), said]
            elif item is not None:
                numbers.append(_finite(item))
    return measured_vector(numbers, label)


def _said(items: list[Any]) -> int | None:
    """How many characters the contents of messages have together; None when the items are none. They are the answers of
    one request, or the turns before it: `{"role": "user", "content": "…"}`, in `message` or not, or in parts."""
    found: list[str] = []
    pending: list[Any] = [items]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif isinstance(item, dict):
            found += [value for key in _SAID if isinstance(value := item.get(key), str)]
            pending += [value for key in ("message", *_SAID) if isinstance(value := item.get(key), dict | list)]
    return sum(map(len, found)) if found else None


def _finite(number: float) -> float:
    try:
        return float(number) if isfinite(number) else 0.0
    except OverflowError:
        return 0.0


def _fitted(rows: list[Row], expected: int | None, side: Side) -> list[Row]:
    """Some models answer n rows with one row of n values, and others one row with n rows of one value. Of what is found
    in one text or image, as objects, there may be any number: of such an answer the length is measured."""
    if expected is None or len(rows) == expected:
        return rows
    if any(names is not None for names, _ in rows) or not rows:
        return [((f"{side.label}.length",), [len(rows)])] if _is_of_one(side, expected) else rows
    if len(rows) == 1 and len(rows[0][1]) == expected:
        return [(None, [cell]) for cell in rows[0][1]]
    if expected == 1 and all(len(cells) == 1 for _, cells in rows):
        return [(None, [cells[0] for _, cells in rows])]
    return rows


def _is_of_one(side: Side, expected: int | None) -> bool:
    return expected == 1 and (side.of_one or _WHOLE in side.taken)


def widths_of(rows: Sequence[Row]) -> list[int]:
    """How many cells the nameless rows have."""
    return [len(cells) for names, cells in rows if names is None]
