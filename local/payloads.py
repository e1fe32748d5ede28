"""Request and response bodies of a tabular endpoint: CSV, JSON and JSON Lines, both ways."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Literal

import pandas as pd

type Cell = str | int | float | bool | None
type Form = Literal["CSV", "JSON", "JSONLINES"]

CONTENT_TYPES: dict[Form, str] = {"CSV": "text/csv", "JSON": "application/json", "JSONLINES": "application/jsonlines"}


class PayloadError(ValueError):
    """A body is not what its content type says, or does not fit the columns."""


def form_of(content_type: str) -> Form:
    """The form a content type names, its parameters aside. Raises PayloadError for any other."""
    media_type = content_type.partition(";")[0].strip().lower()
    for form, known in CONTENT_TYPES.items():
        if media_type == known:
            return form
    raise PayloadError(f"unsupported content type {content_type!r}; supported: {', '.join(CONTENT_TYPES.values())}")


def cells(rows: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Cell, ...]]:
    """The cells of `columns`, row by row, as Python values; None where a value is missing."""
    if not columns:
        return [()] * len(rows)
    return list(zip(*(_cells_of(rows[name]) for name in columns), strict=True))


def encode(rows: Sequence[Sequence[Cell]], columns: Sequence[str], form: Form, wrapper: str = "instances") -> bytes:
    """Write rows as a body. CSV: lines without a header, a missing value is an empty field. JSON: one object per row
    under the key `wrapper`. JSON Lines: one object per row. Lines are separated, not ended, by a newline."""
    if form == "CSV":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue()[:-1].encode()
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    if form == "JSON":
        return json.dumps({wrapper: records}, separators=(",", ":"), ensure_ascii=False).encode()
    return "\n".join(json.dumps(record, separators=(",", ":"), ensure_ascii=False) for record in records).encode()


def decode(body: bytes, columns: Sequence[str], form: Form) -> list[list[Cell]]:
    """Read a body into rows, cells in the order of `columns`.

    CSV cells stay text, an empty one is None, a header row that equals `columns` is skipped. JSON may be one row, a
    list of rows, or either under `instances`; a row is an object (a key that is absent is None) or a list of cells.

    Raises PayloadError when the body is malformed, has no rows, or a row has another number of cells than `columns`.
    """
    try:
        text = body.decode()
        rows = _csv_rows(text, columns) if form == "CSV" else _json_rows(text, form)
    except (UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise PayloadError(f"not a {form} body: {error}") from error
    if not rows:
        raise PayloadError(f"no rows in the {form} body")
    return [_row(number, row, columns) for number, row in enumerate(rows)]


def _cells_of(column: pd.Series) -> list[Cell]:
    missing = column.isna()
    values: list[Cell] = column.tolist()
    if not missing.any():
        return values
    return [None if absent else value for value, absent in zip(values, missing.tolist(), strict=True)]


def _csv_rows(text: str, columns: Sequence[str]) -> list[object]:
    rows = [[cell or None for cell in row] for row in csv.reader(io.StringIO(text), strict=True) if row]
    return list(rows[1:] if rows and rows[0] == list(columns) else rows)


def _json_rows(text: str, form: Form) -> list[object]:
    if form == "JSONLINES":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    content = json.loads(text)
    if isinstance(content, dict) and "instances" in content:
        content = content["instances"]
    is_many = isinstance(content, list) and any(isinstance(item, list | dict) for item in content)
    return content if is_many else [content]


def _row(number: int, row: object, columns: Sequence[str]) -> list[Cell]:
    if isinstance(row, dict):
        return [row.get(name) for name in columns]
    if not isinstance(row, list) or len(row) != len(columns):
        size = len(row) if isinstance(row, list) else "no list of"
        raise PayloadError(f"row {number} has {size} cells, expected {len(columns)}: {', '.join(columns)}")
    return row
