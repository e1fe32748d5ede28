import gzip
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trimtab.capture import training
from trimtab.capture.reference import InvalidReferenceError
from trimtab.capture.sketch import merge_sketches, sketch_table
from trimtab.capture.table import NumericColumn, TextColumn
from trimtab.capture.training import select_columns, training_tables


def read(body, name="s3://b/train.csv", columns=()):
    return list(training_tables(io.BytesIO(body), name, columns))


def cells(column):
    if isinstance(column, NumericColumn):
        return [None if np.isnan(value) else value for value in column.values]
    return [None if code < 0 else column.values[code] for code in column.codes]


def only(tables):
    (table,) = tables
    return {name: cells(column) for name, column in table.columns.items()}


def parquet(**columns):
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


CSV = b'age,plan,score\n30,gold,0.5\n,"a, b",NA\n1e2,,-0.25\n'
EXPECTED = {"age": [30, None, 100], "plan": ["gold", "a, b", None], "score": [0.5, None, -0.25]}
JSON_LINES = b"".join(
    json.dumps({name: EXPECTED[name][i] for name in EXPECTED if EXPECTED[name][i] is not None}).encode() + b"\n"
    for i in range(3)
)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("t.csv", CSV),
        ("T.CSV", CSV.replace(b"\n", b"\r\n")),
        ("t.csv", b"\xef\xbb\xbf" + CSV),
        ("t.csv.gz", gzip.compress(CSV, mtime=0)),
        ("t.jsonl", JSON_LINES),
        ("t.ndjson", b"\n" + JSON_LINES.replace(b"\n", b"\n\n")),
        ("part-0.of.9.parquet", parquet(**EXPECTED)),
    ],
)
def test_every_format_gives_the_same_cells(name, body):
    assert only(read(body, name)) == EXPECTED


def test_what_is_missing_in_captures_is_missing_in_training_data():
    spellings = ["", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "NaT", " NA "]
    rows = "".join(f"{spelling},x\n" for spelling in spellings)
    assert set(only(read(f"v,w\n{rows}7,x\n".encode()))["v"]) == {None, 7}
    assert set(only(read(f"v,w\n{rows}red,x\n".encode()))["v"]) == {None, "red"}
    lines = "".join(json.dumps({"v": spelling}) + "\n" for spelling in [*spellings, "red"])
    assert set(only(read(lines.encode(), "t.jsonl"))["v"]) == {None, "red"}


def test_spaces_around_numbers_do_not_matter():
    assert only(read(b"a,b\n 5,1\n6 ,2\n"))["a"] == [5, 6]


def test_a_column_that_is_numeric_only_in_part_of_the_file_is_one_column(monkeypatch):
    monkeypatch.setattr(training, "_ROWS_PER_TABLE", 2)
    lines = [{"v": 1}, {"v": 2}, {"v": "x"}, {"w": True, "v": 3}, {"v": 1}]
    tables = read("\n".join(map(json.dumps, lines)).encode(), "t.jsonl")
    assert [type(table.columns["v"]) for table in tables] == [NumericColumn, TextColumn, NumericColumn]
    sketch = merge_sketches(map(sketch_table, tables))
    assert (sketch.rows, sketch.columns["v"].text_cells, sketch.columns["v"].total) == (5, 1, 7)
    assert sketch.columns["w"].missing == 4
    assert sketch.columns["w"].texts == {"true": 1}


def test_whole_numbers_beyond_two_to_the_53rd_are_numbers():
    nanoseconds = 1_790_000_000_123_456_789
    assert only(read(parquet(t=[nanoseconds, None]), "t.parquet"))["t"] == [float(nanoseconds), None]
    assert only(read(f"t,u\n{nanoseconds},1\n".encode()))["t"] == [float(nanoseconds)]


def test_infinite_numbers_are_invalid_and_not_missing():
    (table,) = read(parquet(v=[1.0, float("inf"), float("-inf"), None]), "t.parquet")
    assert table.columns["v"].invalid == 2
    assert cells(table.columns["v"]) == [1, None, None, None]


def test_types_of_parquet_that_are_neither_numbers_nor_texts():
    body = parquet(
        flag=[True, False, None],
        kind=pa.array(["a", None, "a"]).dictionary_encode(),
        price=pa.array([None, 1, 2], pa.decimal128(9, 2)),
        none=pa.nulls(3),
        half=pa.array([1, 2, 3], pa.float16()),
    )
    assert only(read(body, "t.parquet")) == {
        "flag": ["true", "false", None],
        "kind": ["a", None, "a"],
        "price": [None, 1, 2],
        "none": [None, None, None],
        "half": [1, 2, 3],
    }


def test_a_file_without_header_is_named_by_the_settings():
    assert only(read(b"1,x\n2,y\n", columns=("a", "b"))) == {"a": [1, 2], "b": ["x", "y"]}


def test_quoted_cells_may_hold_line_ends():
    assert only(read(b'a,"b\nc"\n1,"two\nlines"\n2,x\n')) == {"a": [1, 2], "b\nc": ["two\nlines", "x"]}
    tables = read(b"a,b\n" + b'1,"a\nb\nc\nd\ne\nf\ng\nh\ni"\n' * 400_000)  # blocks end within quotes
    assert len(tables) > 1
    assert {cell for table in tables for cell in table.columns["a"].values} == {1}


def test_blank_lines_before_the_header_do_not_matter():
    assert only(read(b"\n\na,b\n1,2\n")) == {"a": [1], "b": [2]}


LARGE = gzip.compress(b"a,b\n" + b"1,2\n" * 9000, mtime=0)


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        ("t.csv", b"1,2\n3,4\n", "line 1: 2 cells and no header"),
        ("t.csv", b"a, a,b\n1,2,3\n", "line 1: column 'a' stands there twice"),
        ("t.csv", b"a,b\n1,2\n3\n", "Expected 2 columns, got 1"),
        ("t.csv", b"a,b\n1,\xff\xfe\n", "t.csv: "),
        ("t.csv", b"", "Empty CSV"),
        ("t.csv.gz", CSV, "t.csv.gz: "),
        ("t.csv.gz", LARGE[: len(LARGE) // 2], "t.csv.gz: "),
        ("t.csv.gz", LARGE[:30] + bytes(20) + LARGE[50:], "t.csv.gz: "),
        ("t.jsonl", b'{"a": 1}\n\n[1]\n', "line 3: an object is expected, not list"),
        ("t.json", b'[{"a": 1}]', "line 1: an object is expected, not list"),
        ("t.jsonl", b'{"a": 1}\n{"a": NaN}', "line 2"),
        ("t.parquet", b"PAR1", "t.parquet: "),
        ("t.parquet", b"", "t.parquet: "),
        ("t.parquet", parquet(a=[[1], [2]]), "t.parquet: "),
        ("t.xlsx", b"x", "must end in .csv"),
        ("train", b"x", "must end in .csv"),
    ],
)
def test_what_cannot_be_read_is_refused_by_file_and_line(name, body, problem):
    with pytest.raises(InvalidReferenceError) as refusal:
        read(body, name)
    assert str(refusal.value).startswith(name)
    assert problem in str(refusal.value)


def test_only_the_wanted_columns_are_kept():
    (table,) = read(CSV)
    kept = select_columns(table, frozenset({"age", "score", "other"}), frozenset({"score", "other"}))
    assert list(kept.columns) == ["age", "score"]
    assert kept.outputs == {"score"}
    assert list(select_columns(table, frozenset(), frozenset()).columns) == ["age", "plan", "score"]


def test_a_large_gzip_file_is_read_whole_every_time():
    body = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (i, i % 7) for i in range(200_000)))
    for _ in range(5):
        tables = training_tables(io.BytesIO(body), "s3://b/train.csv.gz")
        assert sum(table.rows for table in tables) == 200_000
