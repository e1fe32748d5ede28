"""Training data as tables: CSV, Parquet or JSON Lines, read in pieces so that memory does not grow with the file."""

import csv
import gzip
import io
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import isfinite, isnan
from threading import Lock
from typing import IO, Any, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from trimtab.capture.columns import MISSING, column_of_codes
from trimtab.capture.csv_faults import SEPARATORS, first_odd_row, other_separator
from trimtab.capture.faults import FaultError
from trimtab.capture.free_text import covers, measure_free_texts, present
from trimtab.capture.json_shapes import json_rows, parse_json
from trimtab.capture.layout import Layout
from trimtab.capture.reference import InvalidReferenceError
from trimtab.capture.rows import Side
from trimtab.capture.table import Column, NumericColumn, Table, number_of
from trimtab.capture.training_parts import training_format

_NO_HOUR = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS_PER_TABLE = 65_536
_NESTED_ROWS = 1024
_MOST_CELLS = 1_000_000
"""A table of a file with very many columns has fewer rows."""


def training_tables(
    file: IO[bytes],
    name: str,
    columns: tuple[str, ...] = (),
    *,
    only: frozenset[str] = frozenset(),
    known: Layout | None = None,
) -> Iterator[Table]:
    """The rows of a seekable file, told by its name's ending: .csv, .csv.gz, .parquet, .jsonl or .json.

    A CSV file's first row names the columns unless it holds a number and not all of `columns`; then `columns` must name
    them, in order. What is nested in Parquet or JSON Lines becomes columns as in a request. Of Parquet only the columns
    in `only` are read, all when none are named. Free text is measured as in a request, of which `known` is the layout.
    Raises InvalidReferenceError that names the file, and the line where there is one.
    """
    for table in _tables(file, name, columns, only):
        yield measure_free_texts(table, known or Layout())


def _tables(file: IO[bytes], name: str, columns: tuple[str, ...], only: frozenset[str]) -> Iterator[Table]:
    form = training_format(name)
    try:
        if form == "CSV":
            yield from _csv_tables(file, name, columns, is_gzip=name.lower().endswith(".gz"))
        elif form == "Parquet":
            yield from _parquet_tables(file, name, columns, only)
        elif form == "JSON Lines":
            yield from _json_tables(file, name, columns)
        else:
            raise InvalidReferenceError(f"{name}: training data must end in .csv, .csv.gz, .parquet, .jsonl or .json")
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise InvalidReferenceError(f"{name}: {error}") from error


def select_columns(table: Table, wanted: frozenset[str], outputs: frozenset[str]) -> Table:
    """The table with only the wanted columns (all when none are named), and those that are outputs named as such."""
    kept = {name: column for name, column in table.columns.items() if not wanted or covers(wanted, name)}
    return replace(table, columns=kept, outputs=frozenset(present(outputs, kept)))


def _csv_tables(file: IO[bytes], name: str, columns: tuple[str, ...], *, is_gzip: bool) -> Iterator[Table]:
    # not read by Arrow, which reads ahead in a thread of its own and would go on doing so when the file is rewound
    head = _plain(file, is_gzip=is_gzip).read(1 << 20).decode("utf-8-sig", "replace")
    rows = (row for row in csv.reader(io.StringIO(head, newline="")) if row)
    try:
        header = next(rows, None)
    except csv.Error as error:
        raise InvalidReferenceError(f"{name}, line 1: {error}") from error
    if header is None:
        return  # Spark's part of no rows has no header either
    titles = [cell.strip() for cell in header]
    is_named = bool(columns) and set(columns) <= set(titles)  # by numbers perhaps, such as years
    if not is_named:
        _refuse_other_separators(header, rows, name)
    if not is_named and any(number_of(cell) is not None for cell in header):
        if len(columns) != len(header):
            raise InvalidReferenceError(
                f"{name}, line 1: {len(header)} cells and no header, and the settings name {len(columns)} columns"
            )
        names, start = list(columns), 0
    else:
        names, start = titles, 1
    twice = sorted({cell for cell in names if names.count(cell) > 1})
    if twice:
        raise InvalidReferenceError(f"{name}, line 1: column {', '.join(map(repr, twice))} stands there twice")
    file.seek(0)
    source = _Source(_plain(file, is_gzip=is_gzip))
    try:
        for batch in _csv_batches(source, names):
            yield _table(batch.slice(start))  # not Arrow's own skipping, which counts lines, blank ones too
            start = 0
    except pa.ArrowInvalid as error:
        source.end()
        file.seek(0)
        odd = first_odd_row(_plain(file, is_gzip=is_gzip), len(names))
        if odd is None:
            raise
        raise InvalidReferenceError(f"{name}, {odd}") from error


def _refuse_other_separators(header: list[str], rows: Iterator[list[str]], name: str) -> None:
    try:
        separator = other_separator(header, next(rows, []))
    except csv.Error:
        return
    if separator:
        raise InvalidReferenceError(
            f"{name}, line 1: a single column {header[0]!r}: cells must be separated by commas, not by "
            f"{SEPARATORS[separator]}"
        )


class _Source:
    """A file for Arrow, which reads ahead in a thread of its own: once ended, the file's place is ours again."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lock = Lock()
        self._is_at_end = False

    def read(self, size: int = -1) -> bytes:
        with self._lock:
            return b"" if self._is_at_end else self._file.read(size)

    def end(self) -> None:
        with self._lock:
            self._is_at_end = True

    def close(self) -> None:
        """Arrow closes what it has read; the file is its owner's to close."""


def _csv_batches(source: _Source, names: list[str]) -> pa.csv.CSVStreamingReader:
    # every column as text: what a column holds is decided by all of its values, not by those of the first block
    return pa.csv.open_csv(
        source,
        read_options=pa.csv.ReadOptions(column_names=names, block_size=8 << 20),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=sorted(MISSING), strings_can_be_null=True
        ),
    )


def _plain(file: IO[bytes], *, is_gzip: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_gzip else file


def _parquet_tables(file: IO[bytes], name: str, columns: tuple[str, ...], only: frozenset[str]) -> Iterator[Table]:
    parquet = pyarrow.parquet.ParquetFile(file)
    fields = [
        field
        for field in parquet.schema_arrow
        if not only or field.name in only or any(each.startswith(f"{field.name}.") for each in only)
    ]
    is_nested = any(pa.types.is_nested(field.type) for field in fields)
    chosen = [field.name for field in fields] if only else None
    for batch in parquet.iter_batches(_NESTED_ROWS if is_nested else _ROWS_PER_TABLE, columns=chosen):
        if is_nested:
            yield from _tables_of_records(
                record for row in batch.to_pylist() for record in _flat(msgspec.json.encode(row), name, columns)
            )
        else:
            yield _table(batch)


def _json_tables(file: IO[bytes], name: str, columns: tuple[str, ...]) -> Iterator[Table]:
    return _tables_of_records(
        record
        for number, line in enumerate(file, 1)
        if line.strip()
        for record in _records(line, f"{name}, line {number}", columns)
    )


def _records(line: bytes, where: str, columns: tuple[str, ...]) -> Sequence[Mapping[str, Any]]:
    """What one line holds. Raises InvalidReferenceError."""
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _flat(line, where, columns)  # it may be NaN, which is no JSON, and common
    if isinstance(record, dict) and not any(isinstance(value, dict | list) for value in record.values()):
        return [record]
    return _flat(line, where, columns)


def _flat(text: bytes, where: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """The records of a JSON object, read as that of a request would be: what is nested in it becomes columns. Cells
    without a name take `columns`. Raises InvalidReferenceError."""
    side = Side("input", columns)
    try:
        decoded = text.decode("utf-8-sig")
        first, *others = parse_json(decoded)
        if others or not isinstance(first, dict):
            raise InvalidReferenceError(f"{where}: an object is expected, not {type(first).__name__}")
        rows = json_rows(decoded, side, 1)
    except (FaultError, UnicodeDecodeError) as error:
        raise InvalidReferenceError(f"{where}: {error}") from error
    return [
        dict(zip(side.positions(len(cells)) if names is None else names, cells, strict=True)) for names, cells in rows
    ]


def _tables_of_records(records: Iterable[Mapping[str, Any]]) -> Iterator[Table]:
    cells: dict[str, list[Any]] = defaultdict(list)
    rows = 0
    for record in records:
        for key in record:
            if key not in cells:
                cells[key] = [None] * rows
        for key, values in cells.items():
            values.append(record.get(key))
        rows += 1
        if rows == _ROWS_PER_TABLE or rows * len(cells) >= _MOST_CELLS:
            yield _table_of_cells(cells, rows)
            cells, rows = defaultdict(list), 0
    if rows:
        yield _table_of_cells(cells, rows)


def _table_of_cells(cells: dict[str, list[Any]], rows: int) -> Table:
    texts = {key: [_text(value) for value in values] for key, values in cells.items()}
    return _table(
        pa.RecordBatch.from_pydict({key: pa.array(values, pa.string()) for key, values in texts.items()}), rows
    )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and not isfinite(value):
        return None if isnan(value) else str(value)
    return msgspec.json.encode(value).decode()


def _table(batch: pa.RecordBatch, rows: int | None = None) -> Table:
    rows = batch.num_rows if rows is None else rows
    return Table(
        hour=_NO_HOUR,
        rows=rows,
        records=rows,
        columns={field.name: _named_column(field.name, batch.column(i)) for i, field in enumerate(batch.schema)},
    )


def _named_column(name: str, array: pa.Array) -> Column:
    try:
        return _column(array)
    except pa.ArrowException as error:
        raise pa.ArrowInvalid(f"column {name}: {error}") from error


def _column(array: pa.Array) -> Column:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_floating(array.type) or pa.types.is_integer(array.type) or pa.types.is_decimal(array.type):
        return _numbers(array)
    if not pa.types.is_boolean(array.type):
        try:
            return _numbers(pc.cast(array, pa.float64()))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass  # some cell is no number
    # as live captures are read: what a column of them holds, its reference holds too
    encoded = pc.fill_null(pc.cast(array, pa.string()), "").dictionary_encode()
    return column_of_codes(encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist())


def _numbers(array: pa.Array) -> NumericColumn:
    # not "safe": whole numbers beyond 2^53, such as nanoseconds, lose digits that no bin would show
    values = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
    infinite = np.isinf(values)
    return NumericColumn(values=np.where(infinite, np.nan, values), invalid=int(infinite.sum()))
