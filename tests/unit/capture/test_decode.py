"""Every format a capture may have, by hand-written cases."""

import base64
import io
import json
import struct
import zlib
from datetime import UTC, datetime

import numpy as np
import pytest

from trimtab.capture.decode import Unreadable, decode
from trimtab.capture.layout import Layout
from trimtab.capture.table import NumericColumn, Table

HOUR = datetime(2026, 1, 1, 7, tzinfo=UTC)
TIME = "2026-01-01T07:30:00Z"
NAN = "missing"


def side(data, encoding="CSV", content_type="text/csv"):
    return {"observedContentType": content_type, "mode": "INPUT", "data": data, "encoding": encoding}


def as_json(value):
    return side(value if isinstance(value, str) else json.dumps(value), "JSON", "application/json")


def as_base64(data, content_type):
    data = data.encode() if isinstance(data, str) else data
    return side(base64.b64encode(data).decode(), "BASE64", content_type)


def record(sent=None, answered=None, time=TIME):
    captured = {"endpointInput": sent, "endpointOutput": answered}
    return {
        "captureData": {key: value for key, value in captured.items() if value is not None},
        "eventMetadata": {"eventId": "1", "inferenceTime": time},
        "eventVersion": "0",
    }


def run(*records, layout=None, **options):
    lines = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    found = list(decode([b"\n".join(lines)], layout or Layout(), **options))
    tables = [item for item in found if isinstance(item, Table)]
    return tables, [item for item in found if isinstance(item, Unreadable)]


def table_of(*records, layout=None):
    """The only table, of all records."""
    (table,), unreadable = run(*records, layout=layout)
    assert unreadable == []
    assert (table.hour, table.records) == (HOUR, len(records))
    return table


def cells(column):
    if isinstance(column, NumericColumn):
        return [NAN if np.isnan(value) else value for value in column.values.tolist()]
    return [NAN if code < 0 else column.values[code] for code in column.codes.tolist()]


def contents(table):
    assert all(len(column) == table.rows for column in table.columns.values())
    return {name: cells(column) for name, column in table.columns.items()}


def faults_of(unreadable):
    return [(item.line, item.reason, item.records) for item in unreadable]


CSV_INPUTS = [
    pytest.param("1,2.5,x", {"c0": [1], "c1": [2.5], "c2": ["x"]}, id="one row"),
    pytest.param("1,2.5,x\n", {"c0": [1], "c1": [2.5], "c2": ["x"]}, id="trailing newline"),
    pytest.param("1,a\r\n2,b\r\n", {"c0": [1, 2], "c1": ["a", "b"]}, id="windows line ends"),
    pytest.param("1,a\r2,b\r", {"c0": [1, 2], "c1": ["a", "b"]}, id="old mac line ends"),
    pytest.param("\ufeff1,a\n2,b", {"c0": [1, 2], "c1": ["a", "b"]}, id="byte order mark"),
    pytest.param("1,a\n\n2,b\n\n", {"c0": [1, 2], "c1": ["a", "b"]}, id="blank lines"),
    pytest.param(' 1 , a \n2,"b, c"', {"c0": [1, 2], "c1": [" a ", "b, c"]}, id="quotes and spaces"),
    pytest.param('"say ""hi""",1', {"c0": ['say "hi"'], "c1": [1]}, id="doubled quotes"),
    pytest.param('"two\nlines",1', {"c0": ["two\nlines"], "c1": [1]}, id="newline in quotes"),
    pytest.param(",NA,NaN,null, None ,x", {**{f"c{i}": [NAN] for i in range(5)}, "c5": ["x"]}, id="missing values"),
    pytest.param("1\nNA\nx\n2.0", {"c0": ["1", NAN, "x", "2.0"]}, id="numbers among texts stay as they stood"),
    pytest.param("1\ninf\n-1e400", {"c0": ["1", "inf", "-1e400"]}, id="infinities are texts"),
    pytest.param("+1,1.,.5,1e3,1_0", {"c0": [1], "c1": [1], "c2": [0.5], "c3": [1000], "c4": ["1_0"]},
                 id="spellings of numbers"),
    pytest.param("age,town\n3,Ulm\n4,Kiel", {"age": [3, 4], "town": ["Ulm", "Kiel"]}, id="header"),
    pytest.param(",age\n0,3\n1,4", {"c0": [0, 1], "age": [3, 4]}, id="header of pandas with its index"),
    pytest.param("NA,a\n5,b", {"c0": [NAN, 5], "c1": ["a", "b"]}, id="no header but a missing number"),
    pytest.param("a,b\nc,d", {"c0": ["a", "c"], "c1": ["b", "d"]}, id="texts alone have no header"),
    pytest.param("a\0b,1", {"c0": ["a\0b"], "c1": [1]}, id="nul"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), CSV_INPUTS)
def test_reads_csv(data, expected):
    assert contents(table_of(record(side(data)))) == expected
    assert contents(table_of(record(as_base64(data, "text/csv; charset=utf-8")))) == expected


JSON_INPUTS = [
    pytest.param([1, 2.5, "x"], {"c0": [1], "c1": [2.5], "c2": ["x"]}, id="bare list"),
    pytest.param([[1, "a"], [2, None]], {"c0": [1, 2], "c1": ["a", NAN]}, id="list of lists"),
    pytest.param([{"a": 1, "b": "x"}, {"a": None}], {"a": [1, NAN], "b": ["x", NAN]}, id="list of objects"),
    pytest.param({"a": 1, "b": {"c": True, "d": [3, 4]}}, {"a": [1], "b.c": ["true"], "b.d.0": [3], "b.d.1": [4]},
                 id="nested object"),
    pytest.param({"instances": [{"features": [1, 2]}, {"features": [3, 4]}]}, {"c0": [1, 3], "c1": [2, 4]},
                 id="instances of features"),
    pytest.param({"instances": [1.0, 2.0]}, {"c0": [1, 2]}, id="instances that are scalars"),
    pytest.param({"instances": [[1, 2]], "signature_name": "x"}, {"c0": [1], "c1": [2]}, id="instances and more"),
    pytest.param({"inputs": [[1, 2], [3, 4]]}, {"c0": [1, 3], "c1": [2, 4]}, id="inputs"),
    pytest.param({"features": [1, 2]}, {"c0": [1], "c1": [2]}, id="features"),
    pytest.param({"data": [{"a": 1}]}, {"a": [1]}, id="data"),
    pytest.param({"data": 5, "id": 6}, {"data": [5], "id": [6]}, id="a feature named data"),
    pytest.param({"longitude": [1, 2], "latitude": [3, 4]}, {"longitude": [1, 2], "latitude": [3, 4]}, id="columns"),
    pytest.param({"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}, {"a": [1, 3], "b": [2, 4]}, id="pandas split"),
    pytest.param({"dataframe_split": {"columns": ["a"], "index": [0], "data": [[1]]}}, {"a": [1]}, id="mlflow split"),
    pytest.param({"dataframe_records": [{"a": 1}]}, {"a": [1]}, id="mlflow records"),
    pytest.param({"a": {"0": 1, "1": 2}, "b": {"0": 3, "1": 4}}, {"a": [1, 2], "b": [3, 4]}, id="pandas columns"),
    pytest.param('{\n  "instances": [\n    {\n      "a": 1\n    }\n  ]\n}', {"a": [1]}, id="pretty-printed"),
    pytest.param('{"a":1}\n{"a":2}\n', {"a": [1, 2]}, id="JSON Lines"),
    pytest.param('{"features":[1,2]}\n{"features":[3,4]}', {"c0": [1, 3], "c1": [2, 4]}, id="JSON Lines of features"),
    pytest.param('"[{\\"a\\": 1}]"', {"a": [1]}, id="JSON in a JSON string"),
    pytest.param('[{"a": NaN}, {"a": 1}]', {"a": [NAN, 1]}, id="NaN"),
    pytest.param('[{"a": Infinity}, {"a": 1.0}]', {"a": ["Infinity", "1"]}, id="infinity"),
    pytest.param('[{"a": 1e400}, {"a": "x"}]', {"a": ["Infinity", "x"]}, id="number out of range"),
    pytest.param([{"a": 10**30}], {"a": [1e30]}, id="huge integer"),
    pytest.param([{"a": 1}, {"a": "x"}, {"a": False}], {"a": ["1", "x", "false"]}, id="mixed types"),
    pytest.param([{"a": "5"}, {"a": "NA"}], {"a": ["5", NAN]}, id="digits in a string are text"),
    pytest.param('{"a": 1, "a": 2}', {"a": [2]}, id="duplicate key"),
    pytest.param('{"a": "\\ud83d\\ude00 \\ud800"}', {"a": ["😀 \ufffd"]}, id="surrogates"),
    pytest.param({"inputs": "Tell me all", "parameters": {"t": 0.5}},
                 {"input.characters": [11], "input.words": [3], "parameters.t": [0.5]}, id="prompt"),
    pytest.param({"messages": [{"role": "user", "content": "hi"}]},
                 {"messages.length": [1], "messages.characters": [2]}, id="chat"),
    pytest.param([[[1, 2], [3, 4]], [[0, 0], [0, 1]]],
                 {"input.dimensions": [4, 4], "input.norm": [30**0.5, 1]}, id="arrays"),
    pytest.param([[3.0, 4.0] + [0.0] * 2000], {"input.dimensions": [2002], "input.norm": [5]}, id="embedding"),
    pytest.param({"v": [3.0, 4.0] + [0.0] * 2000, "id": 1}, {"v.dimensions": [2002], "v.norm": [5], "id": [1]},
                 id="embedding by name"),
    pytest.param({"inputs": ["good film", "bad"]}, {"input.characters": [9, 3], "input.words": [2, 1]}, id="prompts"),
    pytest.param({"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}]},
                 {"x.0": [1, 3], "x.1": [2, 4]}, id="tensors"),
    pytest.param({}, {}, id="empty object"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), JSON_INPUTS)
def test_reads_json(value, expected):
    sent = as_json(value)
    assert contents(table_of(record(sent))) == expected
    assert contents(table_of(record(as_base64(sent["data"], "application/json")))) == expected
    assert contents(table_of(record(as_base64(sent["data"], "")))) == expected


@pytest.mark.parametrize(
    ("encoding", "content_type", "data"),
    [
        ("CSV", "text/csv", "1,2"),
        ("csv", "Text/CSV; charset=utf-8", "1,2"),
        ("NONE", "", "1,2"),
        ("", "text/csv", "1,2"),
        ("SOMETHING", "application/octet-stream", "1,2"),
        ("JSON", "application/json", "[1,2]"),
        ("JSON", "application/jsonlines", "[1,2]"),
        ("json", "text/html", "[1,2]"),
        ("CSV", "application/x-ndjson", "[1,2]"),
        ("NONE", "application/octet-stream", "[1,2]"),
        ("NONE", "application/vnd.api+json", "[1,2]"),
        ("BASE64", "text/csv", "MSwy"),
        ("base64", "", "MSwy"),
        ("BASE64", "text/html; charset=utf-8", "WzEsMl0="),
        ("BASE64", "application/json", "WzEs\nMl0="),
    ],
)
def test_finds_the_format_by_encoding_then_content_type_then_content(encoding, content_type, data):
    assert contents(table_of(record(side(data, encoding, content_type)))) == {"c0": [1], "c1": [2]}


OUTPUTS = [
    pytest.param(1, side("0.5"), {"prediction": [0.5]}, id="csv"),
    pytest.param(1, side("0.5,0.25\n"), {"prediction_0": [0.5], "prediction_1": [0.25]}, id="csv classes"),
    pytest.param(2, side("0.5\n0.25\n"), {"prediction": [0.5, 0.25]}, id="csv lines"),
    pytest.param(2, side("0.5,0.25"), {"prediction": [0.5, 0.25]}, id="csv, all rows on one line"),
    pytest.param(1, side("0.5\n0.25"), {"prediction_0": [0.5], "prediction_1": [0.25]}, id="csv, one row on all lines"),
    pytest.param(2, side("no\nyes\n"), {"prediction": ["no", "yes"]}, id="csv labels"),
    pytest.param(1, as_json([0.5, 0.25]), {"prediction_0": [0.5], "prediction_1": [0.25]}, id="list for one row"),
    pytest.param(2, as_json([0.5, 0.25]), {"prediction": [0.5, 0.25]}, id="list for two rows"),
    pytest.param(2, as_json([[0.5, 0.25]]), {"prediction": [0.5, 0.25]}, id="list of one list for two rows"),
    pytest.param(1, as_json([[0.5], [0.25]]), {"prediction_0": [0.5], "prediction_1": [0.25]}, id="lists for one row"),
    pytest.param(1, as_json({"predictions": [[0.5, 0.25]]}), {"prediction_0": [0.5], "prediction_1": [0.25]}, id="tf"),
    pytest.param(2, as_json({"predictions": [0.5, 0.25]}), {"prediction": [0.5, 0.25]}, id="scalars"),
    pytest.param(2, as_json({"predictions": [{"score": 1}, {"score": 2}]}), {"score": [1, 2]}, id="objects"),
    pytest.param(2, as_json('{"score":1}\n{"score":2}\n'), {"score": [1, 2]}, id="JSON Lines"),
    pytest.param(2, as_json({"scores": [{"score": 1}, {"score": 2}]}), {"score": [1, 2]}, id="Random Cut Forest"),
    pytest.param(2, as_json({"projections": [{"projection": [1, 2]}, {"projection": [3, 4]}]}),
                 {"projection.0": [1, 3], "projection.1": [2, 4]}, id="PCA"),
    pytest.param(1, as_json({"error": 0.25}), {"error": [0.25]}, id="an error that is a figure"),
    pytest.param(1, side("[0.5, 0.25]"), {"prediction_0": [0.5], "prediction_1": [0.25]}, id="XGBoost's classes"),
    pytest.param(2, side("[0.5, 0.25],[1, 0]"), {"prediction_0": [0.5, 1], "prediction_1": [0.25, 0]},
                 id="XGBoost's classes of two rows"),
    pytest.param(2, side("[0.5, 0.25]\n[1, 0]\n"), {"prediction_0": [0.5, 1], "prediction_1": [0.25, 0]},
                 id="XGBoost's classes on two lines"),
    pytest.param(1, as_base64('{"p": 0.5}', "text/csv"), {"p": [0.5]}, id="JSON said to be CSV"),
    pytest.param(1, side("[1]] [[2]"), {"prediction": ["[1]] [[2]"]}, id="CSV that brackets make two documents"),
    pytest.param(1, side("[x],2"), {"prediction_0": ["[x]"], "prediction_1": [2]}, id="CSV with brackets"),
    pytest.param(1, as_json({"labels": ["a", "b"], "scores": [1, 0]}),
                 {"labels.0": ["a"], "labels.1": ["b"], "scores.0": [1], "scores.1": [0]}, id="columns for one row"),
    pytest.param(1, as_json(0.5), {"prediction": [0.5]}, id="scalar"),
    pytest.param(1, as_json("\"yes\""), {"prediction": ["yes"]}, id="string"),
    pytest.param(1, as_json({"a": 7}), {"output.a": [7]}, id="named as an input"),
    pytest.param(1, as_base64("[0.5]", "text/html; charset=utf-8"), {"prediction": [0.5]}, id="flask's content type"),
    pytest.param(1, as_base64("setosa", "text/html"), {"prediction": ["setosa"]}, id="label without a type"),
    pytest.param(1, side("fine", "NONE", "text/plain"), {"prediction": ["fine"]}, id="label as text"),
    pytest.param(1, side("word " * 100, "NONE", "text/plain"), {"output.characters": [500], "output.words": [100]},
                 id="text"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "answered", "expected"), OUTPUTS)
def test_reads_outputs_by_their_own_format(rows, answered, expected):
    table = table_of(record(as_json([{"a": i} for i in range(rows)]), answered))
    assert contents(table) == {"a": list(range(rows)), **expected}
    assert table.outputs == frozenset(expected)


def test_an_empty_line_before_an_output_is_no_row_of_it():
    alone, among_others = side("\n0.5"), side("0.5", "NONE", "text/csv")  # unlike lines are read another way
    for answers in ([alone, alone], [alone, among_others]):
        table = table_of(*(record(side("1"), answer) for answer in answers), layout=Layout(predictions=("p",)))
        assert contents(table) == {"c0": [1, 1], "p": [0.5, 0.5]}


def test_names_come_from_the_layout():
    layout = Layout(columns=("age", "town"), predictions=("p",))
    table = table_of(
        record(side("3,Ulm"), side("0.5")),
        record(side("age,town\n4,Kiel\n5,Bonn"), side("0.25\n0.75")),
        layout=layout,
    )
    assert contents(table) == {"age": [3, 4, 5], "town": ["Ulm", "Kiel", "Bonn"], "p": [0.5, 0.25, 0.75]}
    assert contents(table_of(record(as_json([[3, "Ulm"]]), as_json([0.5])), layout=layout)) == {
        "age": [3],
        "town": ["Ulm"],
        "p": [0.5],
    }


def test_rows_that_are_named_by_a_header_and_rows_without_names_stand_in_tables_of_their_own():
    """In one table the latter could not take the names of a reference, for one request with a header among many."""
    plain, headed = record(side("3,Ulm"), side("1")), record(side("age,town\n4,Kiel"), side("2"))
    tables, unreadable = run(plain, headed, plain, record(side("7"), side("3")))
    assert [contents(table) for table in tables] == [
        {"age": [4], "town": ["Kiel"], "prediction": [2]},
        {"c0": [3, 3], "c1": ["Ulm", "Ulm"], "prediction": [1, 1]},
    ]
    assert faults_of(unreadable) == [(4, "wrong_columns", 1)]
    tables, _ = run(record(as_json([3, "Ulm"])), record(as_json({"age": 4})), record(as_json([5, "Kiel"])))
    assert [contents(table) for table in tables] == [{"age": [4]}, {"c0": [3, 5], "c1": ["Ulm", "Kiel"]}]


def test_one_column_known_makes_rows_of_a_bare_list():
    layout = Layout(columns=("age",))
    assert contents(table_of(record(as_json([3, 4])), layout=layout)) == {"age": [3, 4]}


def test_jmespath_finds_the_records():
    layout = Layout(records="body.rows[*].x", output_records="answer.scores")
    table = table_of(
        record(as_json({"body": {"rows": [{"x": [1, 2]}, {"x": [3, 4]}]}}), as_json({"answer": {"scores": [5, 6]}})),
        layout=layout,
    )
    assert contents(table) == {"c0": [1, 3], "c1": [2, 4], "prediction": [5, 6]}


@pytest.mark.parametrize("path", ["missing", "[", "to_number(@)", "sort(@)"])
def test_a_path_that_finds_nothing_is_said(path):
    tables, unreadable = run(record(as_json({"a": ["x", 1]})), layout=Layout(records=path))
    assert tables == []
    assert faults_of(unreadable) == [(1, "no_records", 1)]
    assert path in unreadable[0].detail


@pytest.mark.parametrize("plain", [[], [record(side("3,Ulm,x"))] * 3])
def test_a_header_may_name_the_known_columns_in_another_order(plain):
    """It was read as a row, and the cells below it under the wrong names."""
    layout = Layout(columns=("age", "town", "plan"))
    for header in ("town,plan,age", "town, plan, age", '"town","plan","age"'):
        found = contents(table_of(*plain, record(side(f"{header}\nUlm,x,3")), layout=layout))
        count = len(plain) + 1
        assert found == {"age": [3] * count, "town": ["Ulm"] * count, "plan": ["x"] * count}


def test_a_row_of_numbers_is_no_header_of_columns_that_are_called_by_numbers():
    layout = Layout(columns=("0", "1"))
    assert contents(table_of(record(side("0,1\n5,6")), record(side("1,0")), layout=layout)) == {
        "0": [5, 1],
        "1": [6, 0],
    }


def test_only_wanted_columns_are_kept():
    wanted = Layout(keep=frozenset({"b", "output.b"}))
    table = table_of(record(as_json({"a": 1, "b": 2}), as_json({"b": 3, "d": 4})), layout=wanted)
    assert contents(table) == {"b": [2], "output.b": [3]}
    table = table_of(record(side("1,2\n3,4"), side("5\n6")), layout=Layout(keep=frozenset({"c1", "prediction"})))
    assert contents(table) == {"c1": [2, 4], "prediction": [5, 6]}
    table = table_of(record(side("1,2\n3,4")), layout=Layout(keep=frozenset({"z"})))
    assert (table.rows, table.columns) == (2, {})


def test_hints_change_nothing():
    records = [record(side(f"{i},{i % 3},x"), side("0.5")) for i in range(10)]
    plain = contents(table_of(*records))
    hints = Layout(numeric=frozenset({"c2", "c0"}), categorical=frozenset({"c1", "prediction"}))
    assert contents(table_of(*records, layout=hints)) == plain


def test_either_side_may_be_missing():
    assert contents(table_of(record(side("1,2")))) == {"c0": [1], "c1": [2]}
    table = table_of(record(None, side("0.5")))
    assert contents(table) == {"prediction": [0.5]}
    assert table.outputs == {"prediction"}


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        (side("0.5\n0.25\n0.125"), "row_count_differs"),
        (as_json([1, 2, 3]), "row_count_differs"),
        (as_base64("<html><body>502</body></html>", "text/html"), "error_response"),
        (side("<Error/>", "NONE", "application/xml"), "error_response"),
        (as_json({"error": "no model"}), "error_response"),
        (as_json({"code": 500, "message": "no model"}), "error_response"),
        (as_json("{not json"), "output_not_json"),
        (side(""), "output_no_rows"),
        (side("%%%", "BASE64"), "output_bad_base64"),
        (as_base64(b"\xff\xfe", "text/csv"), "output_not_utf8"),
    ],
)
def test_a_lost_output_keeps_the_input(answered, reason):
    sent = side("1,2\n3,4")
    tables, unreadable = run(record(sent, answered), record(sent, side("0.5\n0.25")))
    assert faults_of(unreadable) == [(1, reason, 0)]
    assert sum(table.records for table in tables) == 2
    assert sum(table.rows for table in tables) == 4
    predictions = [contents(table).get("prediction", [NAN] * table.rows) for table in tables]
    assert sorted(str(cell) for cells in predictions for cell in cells) == ["0.25", "0.5", NAN, NAN]


def test_a_quote_that_is_open_at_the_very_end_is_no_empty_cell():
    """Found by fuzzing: Arrow takes the end of the text for the end of the quote."""
    tables, unreadable = run(record(side('"a"')), record(side('"')))
    assert faults_of(unreadable) == [(2, "bad_csv", 1)]
    assert contents(tables[0]) == {"c0": ["a"]}


def test_unreadable_lines_come_in_their_order():
    """Found by fuzzing: a line of a wrong width came before an empty one, wherever they stood."""
    _, unreadable = run(record(side("1,2")), record(side("")), record(side("1")), record(side("")))
    assert [item.line for item in unreadable] == [2, 3, 4]


def test_lines_are_numbered_over_groups_that_are_read_at_once_and_one_by_one():
    alike = record(side("1,2"), side("0.5"))
    for broken in range(1, 7):
        lines = [b"{" if number == broken else alike for number in range(1, 7)]
        _, (unreadable,) = run(*lines, group_bytes=len(json.dumps(alike)))
        assert unreadable.line == broken


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"nonsense", "not_json"),
        (b'{"captureData": {"endpointInput": {"data": "1', "not_json"),
        (b"[" * 100_000, "too_deep"),
        (b'{"captureData": {"endpointInput": {"data": "\xff"}}}', "not_utf8"),
        (b"[]", "not_a_capture"),
        (b"{}", "not_a_capture"),
        (b"null", "not_a_capture"),
        (b'{"groundTruthData": {"data": "1", "encoding": "CSV"}}', "ground_truth"),
        (record(side("1")) | {"eventMetadata": {}}, "no_time"),
        (record(side("1"), time=None), "no_time"),
        (record(side("1"), time="{%s}"), "bad_time"),
        (record(side("1"), time=10**400), "bad_time"),
        (record(side("1"), time=True), "no_time"),
        (record(), "no_payload"),
        (record(side(None)), "no_payload"),
        (record(side("")), "no_rows"),
        (record(as_json([])), "no_rows"),
        (record(as_json("{")), "not_json"),
        (record(as_json('{"a":' * 5000 + "1" + "}" * 5000)), "too_deep"),
        (record(as_json({"a": {"a": {"a": {}}}})), None),
        (record(side("AAA", "BASE64")), "bad_base64"),
        (record(as_base64(b"\xff\xfe", "text/csv")), "not_utf8"),
        (record(as_base64(b"\x93NUMPY\x01\x00\xff\xff", "application/x-npy")), "bad_numpy"),
        (record(side('"1,2')), "bad_csv"),
        (record(None, side("")), "output_no_rows"),
    ],
)
def test_what_cannot_be_read_has_a_reason_and_stops_nothing(line, reason):
    good = record(side("1,2"), side("0.5"))
    tables, unreadable = run(good, line, good)
    if reason is None:
        assert unreadable == []
        return
    assert faults_of(unreadable) == [(2, reason, 1)]
    assert "\n" not in unreadable[0].detail
    assert len(unreadable[0].detail) <= 160
    assert sum(table.records for table in tables) == 2


def test_rows_of_a_wrong_width_make_the_record_unreadable():
    records = [
        record(side("1,2,3"), side("0.5")),
        record(side("1,2\n3,4"), side("1\n2")),
        record(side("5,6"), side("3")),
    ]
    (table,), unreadable = run(*records)
    assert contents(table) == {"c0": [1, 3, 5], "c1": [2, 4, 6], "prediction": [1, 2, 3]}
    assert faults_of(unreadable) == [(1, "wrong_columns", 1)]
    assert unreadable[0].hour == HOUR
    (table,), unreadable = run(*records, layout=Layout(columns=("a", "b", "c")))
    assert contents(table) == {"a": [1], "b": [2], "c": [3], "prediction": [0.5]}
    assert [item.line for item in unreadable] == [2, 3]
    _, unreadable = run(record(as_json([[1, 2], [3]])), record(as_json([[1, 2]])))
    assert faults_of(unreadable) == [(1, "wrong_columns", 1)]


def test_the_hour_is_that_of_the_event_and_order_is_kept():
    records = [record(side(str(i)), side("1"), time=f"2026-01-01T0{i % 3}:00:00Z") for i in range(9)]
    tables, _ = run(*records)
    assert [(table.hour.hour, contents(table)["c0"]) for table in tables] == [
        (0, [0, 3, 6]),
        (1, [1, 4, 7]),
        (2, [2, 5, 8]),
    ]


def test_times_in_the_future_are_unreadable():
    now = datetime(2026, 1, 1, 7, 30, tzinfo=UTC)
    records = [record(side("1"), time=f"2026-01-01T07:{minute}:00Z") for minute in (30, 35, 36)]
    records.append(record(side("1"), time="2027-01-01T07:00:00Z"))
    (table,), unreadable = run(*records, now=now)
    assert table.rows == 2
    assert faults_of(unreadable) == [(3, "future_time", 1), (4, "future_time", 1)]


def test_spellings_of_one_format_share_a_table():
    table = table_of(
        record(side("1"), side("0")),
        record(side("2", "csv", "text/csv; charset=utf-8"), side("0")),
        record(as_base64("3", "text/csv"), side("0")),
        record(side("4"), side("0")),
    )
    assert contents(table)["c0"] == [1, 2, 3, 4]


def test_tolerates_odd_envelopes():
    odd = record(side("1,2"), side("0.5"))
    odd["eventMetadata"] |= {"customAttributes": ["a", "b"], "inferenceId": "x", "inferenceTime": 1767252600}
    odd["captureData"]["endpointOutput"] |= {"data": 0.5, "encoding": None, "observedContentType": None}
    pretty = json.dumps(odd, indent=2).encode()
    tables, unreadable = run(pretty, json.dumps(odd).encode() + b"\r", b"", b"  ", pretty)
    assert unreadable == []
    assert sum(table.records for table in tables) == 3
    assert contents(tables[0]) == {"c0": [1, 1, 1], "c1": [2, 2, 2], "prediction": [0.5, 0.5, 0.5]}


def test_reads_the_merged_record_of_a_batch_transform():
    line = record()
    merged = {"SageMakerOutput": {"score": 0.5}, "features": [1, 2], "SageMakerInferenceId": "x"}
    line["captureData"] = {"batchTransformOutput": as_json(merged)}
    table = table_of(line)
    assert contents(table) == {"c0": [1], "c1": [2], "score": [0.5]}
    assert table.outputs == {"score"}


def png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(header))


JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + b"\0" * 9 + b"\xff\xc0\x00\x11\x08\x00\x20\x00\x40\x03" + b"\0" * 9


@pytest.mark.parametrize(
    ("body", "size"), [(png(640, 480), [640, 480]), (JPEG, [64, 32]), (b"GIF89a\x0a\x00\x14\x00", [10, 20])]
)
@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream"])
def test_measures_images(body, size, content_type):
    table = table_of(record(as_base64(body, content_type), as_json([0.9, 0.1])))
    sizes = {"input.bytes": [len(body)], "input.width": [size[0]], "input.height": [size[1]]}
    assert contents(table) == {**sizes, "prediction_0": [0.9], "prediction_1": [0.1]}


@pytest.mark.parametrize("body", [b"\x89PNG", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00\x00", JPEG[:25], b"\x80\x81\x00"])
def test_measures_broken_images_and_unknown_bytes_by_their_size(body):
    assert contents(table_of(record(as_base64(body, "")))) == {"input.bytes": [len(body)]}


def test_reads_numpy_files():
    def file_of(array):
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=True)
        return as_base64(stream.getvalue(), "application/x-npy")

    assert contents(table_of(record(file_of(np.array([[1, 2], [3, 4]], order="F"))))) == {"c0": [1, 3], "c1": [2, 4]}
    assert contents(table_of(record(file_of(np.array([1.5, np.nan]))))) == {"c0": [1.5], "c1": [NAN]}
    images = contents(table_of(record(file_of(np.ones((3, 2, 2))), as_json([1, 2, 3]))))
    assert images == {"input.dimensions": [4] * 3, "input.norm": [2] * 3, "prediction": [1, 2, 3]}
    _, unreadable = run(record(file_of(np.array([{}, None]))))
    assert faults_of(unreadable) == [(1, "bad_numpy", 1)]


def test_numpy_answers_have_a_row_for_each_row_that_went_in():
    """A scikit-learn model answers a table with a flat array. It was taken for one row."""

    def file_of(array):
        stream = io.BytesIO()
        np.save(stream, array)
        return as_base64(stream.getvalue(), "application/x-npy")

    rows, row = side("1\n2\n3"), side("1")
    for answer in (np.array([0.5, 1, 2]), np.array([[0.5, 1, 2]]), np.array([[0.5], [1], [2]])):
        assert contents(table_of(record(rows, file_of(answer))))["prediction"] == [0.5, 1, 2]
    classes = {"c0": [1], "prediction_0": [0.5], "prediction_1": [0.25]}
    for answer in (np.array([0.5, 0.25]), np.array([[0.5], [0.25]])):
        assert contents(table_of(record(row, file_of(answer)))) == classes
    for answer in (np.array(["no", "yes", "no"]), np.array([b"no", b"yes", b"no"])):
        assert contents(table_of(record(rows, file_of(answer))))["prediction"] == ["no", "yes", "no"]
    beyond_unicode = np.frombuffer(b"\xff" * 4, "<U1")
    for answer in (np.array([b"\xe4"]), np.array([[["no"]]]), beyond_unicode):
        _, unreadable = run(record(row, file_of(answer)))
        assert faults_of(unreadable) == [(1, "output_bad_numpy", 0)]


@pytest.mark.parametrize("found", [[], [{"word": "Ulm"}, {"word": "Kiel"}]])
def test_of_objects_found_in_one_text_or_image_the_number_is_measured(found):
    """As of entities in a text, or the best labels of an image. They were lost, for not being one row."""
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 3, 2)
    for sent in (as_json({"inputs": "from Ulm to Kiel"}), as_base64(png, "image/png")):
        table = table_of(record(sent, as_json(found)))
        assert (table.rows, contents(table)["output.length"]) == (1, [len(found)])


def test_one_long_answer_does_not_make_texts_of_labels():
    label, message = as_base64("spam", "text/plain"), as_base64("what went wrong " * 10, "text/plain")
    table = table_of(*[record(side("1"), label)] * 20, record(side("1"), message))
    assert contents(table)["prediction"][:20] == ["spam"] * 20


PARQUET = as_base64(b"PAR1\x15\x04\xff\xfePAR1", "application/x-parquet")


def test_a_request_that_is_not_read_has_the_rows_of_its_answer():
    """Their scores were lost, for one row went in and several came out; of CSV the columns were as many as rows."""
    scores = as_json({"predictions": [{"score": 1}, {"score": 2}]})
    layout = Layout(identities=True)
    table = table_of(record(PARQUET, scores), record(PARQUET, as_json({"predictions": [{"score": 3}]})), layout=layout)
    assert contents(table) == {"input.bytes": [12] * 3, "score": [1, 2, 3]}
    assert (table.counts.tolist(), table.identities.counts.tolist()) == ([2, 1], [2, 1])
    answers = [side("1,2,3"), side("4\n5\n"), side("6"), as_json([7, 8]), as_json([9])]
    found = [contents(table)["prediction"] for table in run(*(record(PARQUET, each) for each in answers))[0]]
    assert found == [[1, 2, 3, 4, 5, 6], [7, 8, 9]]


def test_known_names_say_that_the_answer_to_a_table_that_is_not_read_is_one_row():
    for layout in (Layout(predictions=("no", "yes")), Layout(numeric=frozenset({"prediction_0", "prediction_1"}))):
        for answer in (side("0.9,0.1"), as_json([0.9, 0.1])):
            assert table_of(record(PARQUET, answer), layout=layout).rows == 1


def test_a_request_that_is_not_read_and_has_no_answer_is_one_row():
    tables, unreadable = run(record(PARQUET, as_json([1, 2])), record(PARQUET, as_json({"error": "busy"})))
    assert [contents(table) for table in tables] == [{"input.bytes": [12] * 3, "prediction": [1, 2, NAN]}]
    assert faults_of(unreadable) == [(2, "error_response", 0)]
    assert contents(table_of(record(PARQUET))) == {"input.bytes": [12]}


def test_numbers_in_csv_that_are_said_to_be_json_are_read():
    answer = side("0.5\n0.25", "JSON", "application/json")
    table = table_of(record(side("1,2\n3,4", "JSON", "application/json"), answer))
    assert contents(table) == {"c0": [1, 3], "c1": [2, 4], "prediction": [0.5, 0.25]}
    _, unreadable = run(record(side("1,x", "JSON", "application/json")))
    assert faults_of(unreadable) == [(1, "not_json", 1)]


def test_tensors_behind_a_header_in_json_are_bytes():
    body = b'{"inputs": []}\x00\xff\xfe'
    sent = as_base64(body, "application/vnd.sagemaker-triton.binary+json;json-header-size=14")
    assert contents(table_of(record(sent))) == {"input.bytes": [len(body)]}


def test_measures_texts():
    texts = as_json({"instances": ["good film", "bad"]})
    assert contents(table_of(record(texts, as_json(["pos", "neg"])))) == {
        "input.characters": [9, 3],
        "input.words": [2, 1],
        "prediction": ["pos", "neg"],
    }
    sent = side("Is this a question?", "NONE", "text/plain")
    assert contents(table_of(record(sent))) == {"input.characters": [19], "input.words": [4]}


def test_wide_csv_without_names_is_a_vector():
    row = ",".join(["3", "4"] + ["0"] * 1500)
    assert contents(table_of(record(side(row)))) == {"input.dimensions": [1502], "input.norm": [5]}
    names = tuple(f"x{i}" for i in range(1502))
    assert contents(table_of(record(side(row)), layout=Layout(columns=names)))["x1"] == [4]


def test_keys_that_are_data_do_not_blow_up_the_table():
    records = [record(as_json({"a": i, f"user-{i}": 1})) for i in range(2000)]
    tables, unreadable = run(record(as_json({"a": 5})), *records)
    assert [table.rows for table in tables] == [1]
    assert len(unreadable) == 2000
    assert {item.reason for item in unreadable} == {"too_many_columns"}


def test_a_table_says_how_many_rows_each_request_has_unless_all_have_one():
    one, two, three = (record(side("\n".join(["1,2"] * rows)), side("\n".join(["0"] * rows))) for rows in (1, 2, 3))
    assert table_of(one, one).counts is None
    assert table_of(two, one, three).counts.tolist() == [2, 1, 3]
    two_and_one = record(as_json({"instances": [[1, 2], [3, 4]]})), record(as_json([[5, 6]]))
    assert table_of(*two_and_one).counts.tolist() == [2, 1]
    (table,), unreadable = run(three, record(side("1,2\n3")), one)
    assert (table.counts[table.counts > 0].tolist(), len(unreadable)) == ([3, 1], 1)
    assert table_of(record(None, side("1\n2")), record(None, side("3"))).counts.tolist() == [2, 1]
