"""CSV payloads to rows.

A batch of payloads is joined and read by Arrow in one go. What Arrow refuses, or could read otherwise than RFC 4180
with the rules below, is read row by row; both ways give the same columns.

Rules. One row per line; empty lines do not count. A header row is known by the known names, in any order; without
names, the first of several rows is one when it has no number where the rows below have nothing but numbers. A payload
with a row of another width than agreed (see `rows.agreed_width`) is unreadable as a whole: its cells cannot be told
apart.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from trimtab.capture.alike import RawTexts
from trimtab.capture.columns import MISSING, column_of_codes, column_of_texts
from trimtab.capture.delimited import TextPositions, read_delimited
from trimtab.capture.faults import FaultError, excerpt
from trimtab.capture.formats import Payloads, each_of
from trimtab.capture.rows import Rows, Side, agreed_width, columns_of_rows, is_vector, vector_columns, wrong_width
from trimtab.capture.slices import count_of, letters_of
from trimtab.capture.table import Column, NumericColumn, TextColumn, number_of

NO_ROWS = "the payload has no row"
_END = "\0end"
_QUOTE_OR_SPACE = '" \t\n\v\f'
_LINE_FEED = ord("\n")
_SAMPLE = 20
_BOM = "\ufeff".encode()


def read_csv(payloads: Payloads, side: Side, texts: TextPositions, expected: Sequence[int] | None = None) -> Rows:
    """Rows of the payloads. `expected` says how many rows each should have, if that is known (see `_fitted`)."""
    if isinstance(payloads, RawTexts) and not side.of_table:
        rows = _read_raw(payloads, side, texts, expected)
        if rows is not None:
            return rows
    payloads = each_of(payloads)
    lines = [payload.strip("\r\n") for payload in payloads]
    joined = "\n".join(lines)
    if "\r" in joined or "\ufeff" in joined:
        lines = [_clean(line) for line in lines]
        joined = "\n".join(lines)
    if expected is not None and ("\n" in joined or expected.count(1) < len(expected)):
        lines = [_fitted(line, count) for line, count in zip(lines, expected, strict=True)]
    elif side.of_table:
        lines = [_apart(line, side) for line in lines]
    return _read_regular(lines, side, texts) or _read_fitting(lines, side, texts) or read_csv_by_row(lines, side)


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
                raise FaultError("no_rows", NO_ROWS)
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
    if is_vector(width, side):
        columns, names = columns_of_rows(named, replace(side, keep=None), column_of_texts)
        return Rows(*_vectors(columns, side), counts, faults)
    columns, names = columns_of_rows(named, side, column_of_texts)
    headed = frozenset(i for i, header in enumerate(headers) if header and counts[i]) if not side.names else frozenset()
    return Rows(columns, names, counts, faults, headed)


def _vectors(columns: Mapping[str, Column], side: Side) -> tuple[dict[str, Column], frozenset[str]]:
    measured = vector_columns(columns, side)
    return {name: column for name, column in measured.items() if side.wants(name)}, frozenset(measured)


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


def _apart(payload: str, side: Side) -> str:
    """One line of values as so many rows, where they are such."""
    is_one_line = not any(mark in payload for mark in '"\n')
    return payload.replace(",", "\n") if is_one_line and side.are_rows(payload.count(",") + 1) else payload


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
        is_header = tuple(first) == side.names or (sorted(first) == sorted(side.names) and _are_words(side.names))
        return tuple(first) if is_header else None
    below = rows[1:]
    if not below or any(number_of(cell) is not None for cell in first):
        return None
    names = [cell or f"c{i}" for i, cell in enumerate(first)]
    is_over_numbers = any(
        first[i] not in MISSING and _are_numbers([row[i] for row in below if i < len(row)]) for i in range(len(first))
    )
    return tuple(names) if is_over_numbers and len(set(names)) == len(names) else None


def _are_words(names: Iterable[str]) -> bool:
    """Whether none could be a value of a column of numbers. Only of such names may a header change the order."""
    return all(number_of(name) is None and name not in MISSING for name in names)


def _are_numbers(cells: Iterable[str]) -> bool:
    present = [cell for cell in cells if cell.strip() not in MISSING]
    return bool(present) and all(number_of(cell) is not None for cell in present)


def _read_raw(payloads: RawTexts, side: Side, texts: TextPositions, expected: Sequence[int] | None) -> Rows | None:
    """The rows when no payload has to be cleaned or fitted."""
    if not payloads.escaped:
        payloads = payloads.stripped(b"\n")
    body = payloads.joined()
    if (not payloads.escaped and b"\r" in body) or (not body.isascii() and _BOM in body):
        return None
    counts = [1] * len(payloads)
    if not (payloads.flat if payloads.escaped else count_of(letters_of(body), _LINE_FEED) == len(payloads)):
        lines, lines_each = payloads.lines()
        body, counts = lines.joined(), lines_each.tolist()
    if expected is not None and counts != expected:
        return None
    if payloads.escaped and b"\\" in body:
        body = body.replace(b'\\"', b'"')
    return _read_joined(body, counts, payloads.texts, payloads.text(0).rstrip("\n"), side, texts)


def _read_regular(lines: Sequence[str], side: Side, texts: TextPositions) -> Rows | None:
    """The rows when all payloads have rows of one width, or None when that is not sure."""
    body = "\n".join([*lines, ""]).encode()
    is_flat = body.count(b"\n") == len(lines)
    counts = [1] * len(lines) if is_flat else [line.count("\n") + 1 for line in lines]
    return _read_joined(body, counts, lambda: lines, lines[0], side, texts)


def _read_joined(
    body: bytes,
    counts: list[int],
    payloads: Callable[[], Sequence[str]],
    first: str,
    side: Side,
    texts: TextPositions,
) -> Rows | None:
    """As `_read_regular`, from the payloads with a line feed behind each, how many rows each has if all is well, and
    the first one. All `payloads` are asked for only when a header cannot be excluded otherwise."""
    rows = sum(counts)
    last = body[body.rfind(b"\n", 0, -1) + 1 :]
    try:
        width = len(side.names) or len(_split(first)[0])
        if b'"' in last:
            _split(last.decode())  # Arrow takes the end of the text for the end of a quote
    except (FaultError, IndexError):
        return None
    names = side.positions(width)
    reads_all = is_vector(width, side)
    wanted = [i for i in range(width) if reads_all or side.wants(names[i])]
    key = (side.label, width)
    if key not in texts:
        texts[key] = _likely_texts(body, names, wanted, side)
    # a column is read even when none is wanted, because Arrow checks the widths
    columns = read_delimited(
        body,
        rows,
        width,
        wanted or [0],
        texts[key],
        column_of_codes,
        missing=MISSING,
        quote='"' if b'"' in body else None,
    )
    if columns is None or _may_have_header(payloads, names, columns, side, is_one_each=rows == len(counts)):
        return None
    by_name = {side.column(names[i]): columns[i] for i in wanted}
    if reads_all:
        return Rows(*_vectors(by_name, side), counts)
    return Rows(by_name, frozenset(map(side.column, names)), counts)


def _read_fitting(lines: Sequence[str], side: Side, texts: TextPositions) -> Rows | None:
    """As `_read_regular`, after setting aside the payloads that have rows of a wrong width or none."""
    faults: dict[int, FaultError] = {}
    widths: list[list[int]] = []
    for index, payload in enumerate(lines):
        try:
            widths.append([len(row) for row in _split(payload)])
        except FaultError as fault:
            faults[index] = fault
            widths.append([])
    agreed = agreed_width(Counter(width for row_widths in widths for width in row_widths), side)
    for index, row_widths in enumerate(widths):
        misfit = next((width for width in row_widths if width != agreed), None)
        if misfit is not None:
            if len(row_widths) > 1 and not side.names and _header(_split(lines[index]), side):
                return None
            faults[index] = wrong_width(misfit, agreed)
        elif not row_widths:
            faults.setdefault(index, FaultError("no_rows", NO_ROWS))
    fitting = [index for index in range(len(lines)) if index not in faults]
    if not faults or not fitting:
        return None
    rows = _read_regular([lines[index] for index in fitting], side, texts)
    if rows is None:
        return None
    counts = [0] * len(lines)
    for index, count in zip(fitting, rows.counts, strict=True):
        counts[index] = count
    return replace(rows, counts=counts, faults=faults)


def _likely_texts(body: bytes, names: Sequence[str], wanted: Iterable[int], side: Side) -> set[int]:
    start = body[:100_000].decode("utf-8", "replace")
    sample = [line.split(",") for line in start.split("\n", _SAMPLE)[:_SAMPLE]]
    return {
        i
        for i in wanted
        if names[i] not in side.numeric
        and (
            names[i] in side.categorical
            or any(i < len(row) and row[i].strip() not in MISSING and number_of(row[i]) is None for row in sample)
        )
    }


def _may_have_header(
    payloads: Callable[[], Sequence[str]],
    names: Sequence[str],
    columns: Mapping[int, Column],
    side: Side,
    *,
    is_one_each: bool,
) -> bool:
    """Whether a header row may be among the rows. It would have made texts of the columns of numbers."""
    if side.names:
        if any(
            isinstance(column, NumericColumn) and number_of(names[i]) is None and names[i] not in MISSING
            for i, column in columns.items()
        ):
            return False
        firsts = side.names if _are_words(side.names) else side.names[:1]
        starts = tuple(name.strip(_QUOTE_OR_SPACE) for name in firsts)
        return any(payload.lstrip(_QUOTE_OR_SPACE).startswith(starts) for payload in payloads())
    if is_one_each:
        return False
    if side.keep is not None:  # not all columns are here
        return not all(_begins_with_numbers(payload) for payload in payloads())
    return any(
        isinstance(column, TextColumn) and any(number_of(value) is not None for value in column.values)
        for column in columns.values()
    )


def _begins_with_numbers(payload: str) -> bool:
    return '"' not in payload and any(number_of(cell) is not None for cell in payload.partition("\n")[0].split(","))
