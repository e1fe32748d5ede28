"""Training data as tables: CSV, Parquet or JSON Lines, read in pieces so that memory does not grow with the file."""

import csv
import gzip
import io
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO, Any, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from trimtab.capture.columns import MISSING, column_of_codes
from trimtab.capture.reference import InvalidReferenceError
from trimtab.capture.table import Column, NumericColumn, Table, number_of

_NO_HOUR = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS_PER_TABLE = 65_536


def training_tables(file: IO[bytes], name: str, columns: tuple[str, ...] = ()) -> Iterator[Table]:
    """The rows of a seekable file, told by its name's ending: .csv, .csv.gz, .parquet, .jsonl or .json.

    A CSV file's first row names the columns unless it holds a number; then `columns` must name them, in order. Raises
    InvalidReferenceError that names the file, and the line where there is one.
    """
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    try:
        if ".csv" in suffixes[-2:]:
            yield from _csv_tables(file, name, columns, is_gzip=suffixes[-1] == ".gz")
        elif suffixes[-1:] == [".parquet"]:
            for batch in pyarrow.parquet.ParquetFile(file).iter_batches(_ROWS_PER_TABLE):
                yield _table(batch)
        elif suffixes[-1:] in ([".jsonl"], [".json"], [".ndjson"]):
            yield from _json_tables(file, name)
        else:
            raise InvalidReferenceError(f"{name}: training data must end in .csv, .csv.gz, .parquet, .jsonl or .json")
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise InvalidReferenceError(f"{name}: {error}") from error


def select_columns(table: Table, wanted: frozenset[str], outputs: frozenset[str]) -> Table:
    """The table with only the wanted columns (all when none are named), and those that are outputs named as such."""
    kept = {name: column for name, column in table.columns.items() if not wanted or name in wanted}
    return replace(table, columns=kept, outputs=outputs & kept.keys())


def _csv_tables(file: IO[bytes], name: str, columns: tuple[str, ...], *, is_gzip: bool) -> Iterator[Table]:
    # not read by Arrow, which reads ahead in a thread of its own and would go on doing so when the file is rewound
    head = _plain(file, is_gzip=is_gzip).read(1 << 20).decode("utf-8-sig", "replace")
    try:
        header = next((row for row in csv.reader(io.StringIO(head, newline="")) if row), [])
    except csv.Error as error:
        raise InvalidReferenceError(f"{name}, line 1: {error}") from error
    if any(number_of(cell) is not None for cell in header):
        if len(columns) != len(header):
            raise InvalidReferenceError(
                f"{name}, line 1: {len(header)} cells and no header, and the settings name {len(columns)} columns"
            )
        names, start = list(columns), 0
    else:
        names, start = [cell.strip() for cell in header], 1
    twice = sorted({cell for cell in names if names.count(cell) > 1})
    if twice:
        raise InvalidReferenceError(f"{name}, line 1: column {', '.join(map(repr, twice))} stands there twice")
    file.seek(0)
    # every column as text: what a column holds is decided by all of its values, not by those of the first block
    reader = pa.csv.open_csv(
        _plain(file, is_gzip=is_gzip),
        read_options=pa.csv.ReadOptions(column_names=names, block_size=8 << 20),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=sorted(MISSING), strings_can_be_null=True
        ),
    )
    for batch in reader:
        yield _table(batch.slice(start))  # not Arrow's own skipping, which counts lines, blank ones too
        start = 0


def _plain(file: IO[bytes], *, is_gzip: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_gzip else file


def _json_tables(file: IO[bytes], name: str) -> Iterator[Table]:
    cells: dict[str, list[Any]] = defaultdict(list)
    rows = 0
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            record = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise InvalidReferenceError(f"{name}, line {number}: {error}") from error
        if not isinstance(record, dict):
            raise InvalidReferenceError(f"{name}, line {number}: an object is expected, not {type(record).__name__}")
        for key in record:
            if key not in cells:
                cells[key] = [None] * rows
        for key, values in cells.items():
            values.append(record.get(key))
        rows += 1
        if rows == _ROWS_PER_TABLE:
            yield _table_of_cells(cells, rows)
            cells, rows = defaultdict(list), 0
    if rows:
        yield _table_of_cells(cells, rows)


def _table_of_cells(cells: dict[str, list[Any]], rows: int) -> Table:
    texts = {key: [None if value is None else _text(value) for value in values] for key, values in cells.items()}
    return _table(
        pa.RecordBatch.from_pydict({key: pa.array(values, pa.string()) for key, values in texts.items()}), rows
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _table(batch: pa.RecordBatch, rows: int | None = None) -> Table:
    rows = batch.num_rows if rows is None else rows
    return Table(
        hour=_NO_HOUR,
        rows=rows,
        records=rows,
        columns={field.name: _column(batch.column(i)) for i, field in enumerate(batch.schema)},
    )


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
