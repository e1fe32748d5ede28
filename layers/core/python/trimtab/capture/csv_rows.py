"""CSV payloads to rows.

A batch of payloads is joined and read by Arrow in one go. What Arrow refuses, or could read otherwise than RFC 4180 with
the rules below, is read row by row; both ways give the same columns.

Rules. One row per line; empty lines do not count. A header row is known by the known names; without names, the first of
several rows is one when it has no number where the rows below have nothing but numbers. A payload with a row of another
width than agreed (see `rows.agreed_width`) is unreadable as a whole: its cells cannot be told apart.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from trimtab.capture.columns import MISSING, column_of_codes, column_of_texts
from trimtab.capture.faults import FaultError, excerpt
from trimtab.capture.rows import Rows, Side, agreed_width, wrong_width
from trimtab.capture.table import Column, NumericColumn, TextColumn, number_of

type TextPositions = dict[tuple[str, int], set[int]]
"""By side and width, which cells of a row have turned out to be texts: Arrow need not try them as numbers again."""

_END = "\0end"
_CONVERSION = re.compile(r"In CSV column #(\d+)")
_SAMPLE = 20
_MOST_RETRIES = 4


def read_csv(payloads: Sequence[str], side: Side, texts: TextPositions, expected: Sequence[int] | None = None) -> Rows:
    """Rows of the payloads. `expected` says how many rows each should have, if that is known (see `_fitted`)."""
    lines = [payload.rstrip("\r\n") for payload in payloads]
    joined = "\n".join(lines)
    if "\r" in joined or "\ufeff" in joined:
        lines = [_clean(line) for line in lines]
        joined = "\n".join(lines)
    if expected is not None and ("\n" in joined or any(count != 1 for count in expected)):
        lines = [_fitted(line, count) for line, count in zip(lines, expected, strict=True)]
    return _read_regular(lines, side, texts) or _read_without_misfits(lines, side, texts) or read_csv_by_row(lines, side)


def read_csv_by_row(lines: Sequence[str], side: Side) -> Rows:
    """As `read_csv`, without Arrow and for anything at all. Line ends are plain."""
    faults: dict[int, FaultError] = {}
    payload_rows: list[list[list[str]]] = []
    headers: list[tuple[str, ...] | None] = []
    for index, payload in enumerate(lines):
        rows: list[list[str]] = []
        header = None
        try:
            rows = _split(payload)
            header = _header(rows, side)
            rows = rows[1:] if header else rows
            if not rows:
                raise FaultError("no_rows", "the CSV payload has no row")
        except FaultError as fault:
            faults[index] = fault
        payload_rows.append(rows)
        headers.append(header)
    width = agreed_width(Counter(len(row) for rows in payload_rows for row in rows), side)
    named: list[tuple[tuple[str, ...], list[str]]] = []
    counts = []
    for index, (rows, header) in enumerate(zip(payload_rows, headers, strict=True)):
        agreed = len(header) if header else width
        misfit = next((len(row) for row in rows if len(row) != agreed), None)
        if misfit is not None:
            faults[index] = wrong_width(misfit, agreed)
        kept = [] if index in faults else rows
        counts.append(len(kept))
        named += [(header or side.positions(width), row) for row in kept]
    return Rows(*_columns(named, side), counts, faults)


def _clean(payload: str) -> str:
    return payload.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff").strip("\n")


def _fitted(payload: str, rows: int) -> str:
    """Some models answer n rows with one line of n values, and others one row with n lines of one value."""
    if '"' in payload:
        return payload
    if rows > 1 and "\n" not in payload and payload.count(",") == rows - 1:
        return payload.replace(",", "\n")
    if rows == 1 and "\n" in payload and "," not in payload:
        return payload.replace("\n", ",")
    return payload


def _split(payload: str) -> list[list[str]]:
    lines = payload.split("\n")
    if '"' not in payload:
        return [line.split(",") for line in lines if line]
    try:
        rows = [row for row in csv.reader([line + "\n" for line in lines] + [_END]) if row]
    except csv.Error as error:
        raise FaultError("bad_csv", str(error)) from error
    if rows.pop() != [_END]:
        raise FaultError("bad_csv", f"a quote is not closed in {excerpt(payload)}")
    return rows


def _header(rows: Sequence[Sequence[str]], side: Side) -> tuple[str, ...] | None:
    """The names in the first row, if it is a header."""
    if not rows:
        return None
    first = [cell.strip() for cell in rows[0]]
    if side.names:
        return side.names if tuple(first) == side.names else None
    below = rows[1:]
    if not below or any(number_of(cell) is not None for cell in first):
        return None
    names = [cell or f"c{i}" for i, cell in enumerate(first)]
    is_over_numbers = any(
        first[i] not in MISSING and _are_numbers([row[i] for row in below if i < len(row)]) for i in range(len(first))
    )
    return tuple(names) if is_over_numbers and len(set(names)) == len(names) else None


def _are_numbers(cells: Iterable[str]) -> bool:
    present = [cell for cell in cells if cell.strip() not in MISSING]
    return bool(present) and all(number_of(cell) is not None for cell in present)


def _columns(
    rows: Sequence[tuple[tuple[str, ...], list[str]]], side: Side
) -> tuple[dict[str, Column], list[int]]:
    raise NotImplementedError
