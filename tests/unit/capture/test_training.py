import gzip
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trimtab.capture import training
from trimtab.capture.decode import decode
from trimtab.capture.layout import Layout
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


NESTED = {
    "age": [30, 40, 50],
    "home": [{"city": "Ulm", "rooms": 2}, {"city": "Bonn", "rooms": None}, None],
    "scores": [[1.0, 2.0], [3.0, None], [5.0, 6.0]],
}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("t.parquet", parquet(**NESTED)),
        ("t.jsonl", b"".join(json.dumps({k: v[i] for k, v in NESTED.items()}).encode() + b"\n" for i in range(3))),
    ],
)
def test_what_is_nested_becomes_columns_as_in_a_request(name, body):
    found = only(read(body, name))
    requests = [{key: values[i] for key, values in NESTED.items()} for i in range(2)]
    lines = [
        {
            "captureData": {
                "endpointInput": {
                    "observedContentType": "application/json",
                    "data": json.dumps(each),
                    "encoding": "JSON",
                }
            },
            "eventMetadata": {"eventId": "1", "inferenceTime": "2026-11-20T08:00:00Z"},
        }
        for each in requests
    ]
    (live,) = decode(["".join(json.dumps(line) + "\n" for line in lines).encode()], Layout())
    assert {key: values[:2] for key, values in found.items() if key != "home"} == {
        key: cells(column) for key, column in live.columns.items()
    }
    assert found["home.city"] == ["Ulm", "Bonn", None]


def test_long_vectors_are_measured_as_in_a_request():
    vector = [0.0] * 1999 + [3.0]
    found = only(read(parquet(id=["a", "b"], embedding=[vector, vector]), "t.parquet"))
    assert found["embedding.norm"] == [3, 3]
    assert len(found) < 10


def test_rows_that_are_one_list_take_the_names_of_the_settings():
    body = b'{"features": [1, "x"]}\n{"features": [2, "y"]}\n'
    assert only(read(body, "t.jsonl", ("a", "b"))) == {"a": [1, 2], "b": ["x", "y"]}


def test_what_python_writes_for_missing_and_infinite_numbers_is_read():
    (table,) = read(b'\xef\xbb\xbf{"a": NaN, "b": 1}\n{"a": 2, "b": -Infinity}\n', "t.jsonl")
    assert cells(table.columns["a"]) == [None, 2]
    assert (cells(table.columns["b"]), table.columns["b"].invalid) == ([1, None], 1)


def test_tables_of_many_columns_have_fewer_rows(monkeypatch):
    monkeypatch.setattr(training, "_MOST_CELLS", 6)
    tables = read(b'{"a": 1, "b": 2, "c": 3}\n' * 5, "t.jsonl")
    assert [table.rows for table in tables] == [2, 2, 1]


def test_of_parquet_only_what_is_wanted_is_read():
    body = parquet(a=[1], image=[b"\xff"], home=[{"city": "Ulm"}])
    (table,) = training_tables(io.BytesIO(body), "t.parquet", only=frozenset({"a", "home.city"}))
    assert {name: cells(column) for name, column in table.columns.items()} == {"a": [1], "home.city": ["Ulm"]}


def test_a_file_without_header_is_named_by_the_settings():
    assert only(read(b"1,x\n2,y\n", columns=("a", "b"))) == {"a": [1, 2], "b": ["x", "y"]}


def test_a_header_of_numbers_is_one_when_the_settings_name_them():
    body = b"id,2025, 2026\nx,1,2\n"
    assert only(read(body, columns=("2026", "2025"))) == {"id": ["x"], "2025": [1], "2026": [2]}


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
        ("t.csv", b"a,b\n1,2\n3\n", "t.csv, line 3: Expected 2 columns, got 1"),
        ("t.csv", b'\n\na,b\n1,"two\nlines"\n\n1,2,3\n', "t.csv, line 7: Expected 2 columns, got 3"),
        ("t.csv", b"a,b\n" + b"1,2\n" * 2_500_000 + b'1,"2\n",3\n', "line 2500002: Expected 2 columns, got 3"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n3\n", mtime=0), "t.csv.gz, line 3: Expected 2 columns, got 1"),
        ("t.csv", b"a,b\n1,2\n\n1,\xff\xfe\n3\n", "t.csv, line 4: not UTF-8"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16"), "t.csv, line 1: not UTF-8"),
        ("t.csv", b"a;b\n1;2\n", "line 1: a single column 'a;b': cells must be separated by commas, not by semicolons"),
        ("t.csv", b"a;b\n1,5;2,25\n", "not by semicolons"),
        ("t.csv", b"a\tb\n1\t2\n", "not by tabs"),
        ("t.csv.gz", CSV, "t.csv.gz: "),
        ("t.csv.gz", LARGE[: len(LARGE) // 2], "t.csv.gz: "),
        ("t.csv.gz", LARGE[:30] + bytes(20) + LARGE[50:], "t.csv.gz: "),
        ("t.jsonl", b'{"a": 1}\n\n[1]\n', "line 3: an object is expected, not list"),
        ("t.json", b'[{"a": 1}]', "line 1: an object is expected, not list"),
        ("t.jsonl", b'{"a": 1}\n{"a": NaM}', "line 2"),
        ("t.jsonl", b'{"a": 1} {"a": 2}', "line 1"),
        ("t.jsonl", b'{"a": "\xff"}', "line 1"),
        ("t.parquet", b"PAR1", "t.parquet: "),
        ("t.parquet", b"", "t.parquet: "),
        ("t.parquet", parquet(a=[1], b=[b"\xff"]), "t.parquet: column b: Invalid UTF8"),
        ("t.csv.zip", b"x", "must end in .csv"),
        ("t.xlsx", b"x", "must end in .csv"),
        ("train", b"x", "must end in .csv"),
    ],
)
def test_what_cannot_be_read_is_refused_by_file_and_line(name, body, problem):
    with pytest.raises(InvalidReferenceError) as refusal:
        read(body, name)
    assert str(refusal.value).startswith(name)
    assert problem in str(refusal.value)


@pytest.mark.parametrize("body", [b"", b"\n\r\n", b"a,b\n"])
def test_a_file_without_rows_holds_none(body):
    assert sum(table.rows for table in read(body)) == 0
    assert sum(table.rows for table in read(gzip.compress(body, mtime=0), "t.csv.gz")) == 0


def test_one_column_may_hold_what_others_separate_cells_by():
    assert only(read(b"text\na;b\n")) == {"text": ["a;b"]}
    assert only(read(b"size;cm\n1\n2\n")) == {"size;cm": [1, 2]}
    assert only(read(b"a;b\n1;2\n", columns=("a;b",))) == {"a;b": ["1;2"]}


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
