import csv
import gzip
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trimtab.capture.batch_transform import IDS, MOST_BYTES, data_objects, read_data_object
from trimtab.capture.faults import FaultError, Unreadable
from trimtab.capture.layout import Layout
from trimtab.capture.table import NumericColumn
from trimtab.capture.variants import BATCH_INPUT, BATCH_OUTPUT

FIVE = datetime(2023, 1, 19, 5, tzinfo=UTC)
START = "2023-01-19T05:41:00Z"


def read(content, name, variant=BATCH_INPUT, layout=None, **options):
    chunks = [content.encode() if isinstance(content, str) else content]
    found = list(read_data_object(chunks, name, variant, FIVE, layout or Layout(), **options))
    unreadable = [item for item in found if isinstance(item, Unreadable)]
    return [item for item in found if not isinstance(item, Unreadable)], unreadable


def cells(table):
    return {
        name: column.values.tolist()
        if isinstance(column, NumericColumn)
        else [None if code < 0 else column.values[code] for code in column.codes]
        for name, column in table.columns.items()
    }


def whole(content, name, variant=BATCH_INPUT, layout=None):
    """The one table of a file that is read whole."""
    ([table], unreadable) = read(content, name, variant, layout)
    assert unreadable == []
    assert table.hour == FIVE
    return table


def test_a_manifest_names_its_objects():
    manifest = b'[{"prefix": "s3://data/jobs/1/"}, "a.csv", "b/c.csv", "a.csv"]'
    assert data_objects(manifest) == [("data", "jobs/1/a.csv"), ("data", "jobs/1/b/c.csv")]


def test_the_prefix_may_be_the_object_itself():
    assert data_objects(b'[{"prefix": "s3://data/jobs/test.jsonl"}, ""]') == [("data", "jobs/test.jsonl")]


def test_a_manifest_without_entries_names_nothing():
    assert data_objects(b'[{"prefix": "s3://data/jobs/"}]') == []


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"junk",
        b"[]",
        b"{}",
        b"3",
        b'["a.csv"]',
        b'[{"prefix": 3}, "a.csv"]',
        b'[{"prefix": "jobs/"}, "a.csv"]',
        b'[{"prefix": "s3://data/"}, {"not": "a name"}]',
        b'[{"prefix": "s3://data/"}, ""]',
        b'[{"prefix": "s3://"}, ""]',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_what_is_no_manifest_is_refused(manifest):
    with pytest.raises(FaultError) as refused:
        data_objects(manifest)
    assert refused.value.reason == "bad_manifest"


def test_real_manifests_name_one_object_each(shared):
    manifests = json.loads((shared / "data/capture/batch_transform_capture_manifests.json").read_text())
    assert len(manifests) == 6
    for entry in manifests:
        [(bucket, key)] = data_objects(json.dumps(entry["manifest"]).encode())
        assert bucket.startswith("sagemaker-us-west-2-")
        assert key.endswith((".json", ".jsonl", ".csv", ".out"))


def test_csv_without_a_header_is_named_by_position_or_settings():
    content = "1,x\n2,y\n\n3,\n"
    assert cells(whole(content, "a.csv"))["c0"] == [1, 2, 3]
    table = whole(content, "a.csv", layout=Layout(columns=("n", "t")))
    assert cells(table) == {"n": [1, 2, 3], "t": ["x", "y", None]}
    assert (table.rows, table.records, table.outputs) == (3, 3, frozenset())


@pytest.mark.parametrize("layout", [Layout(), Layout(columns=("n", "t"))])
def test_a_header_is_no_row(layout):
    assert cells(whole("n,t\n1,x\n2,y\n", "a.csv", layout=layout)) == {"n": [1, 2], "t": ["x", "y"]}


def test_a_file_of_a_header_alone_has_no_rows():
    assert read("n,t\n", "a.csv", layout=Layout(columns=("n", "t"))) == ([], [])


def test_a_row_of_another_width_is_told_by_its_line_in_the_file():
    tables, unreadable = read("n,t\n1,x\n\n2\n3,z\n", "a.csv")
    assert [cells(table) for table in tables] == [{"n": [1, 3], "t": ["x", "z"]}]
    assert [(item.line, item.reason, item.records, item.hour) for item in unreadable] == [(4, "wrong_columns", 1, FIVE)]


def test_a_quoted_cell_may_have_line_ends():
    assert cells(whole('1,"a\n\nb ""c"""\n2,d\n', "a.csv")) == {"c0": [1, 2], "c1": ['a\n\nb "c"', "d"]}


def test_a_quote_that_is_never_closed_costs_its_line():
    content = '1,"a\n' + "".join(f"{i},b\n" for i in range(2000))
    tables, unreadable = read(content, "a.csv")
    assert sum(table.rows for table in tables) == 2000
    assert [(item.line, item.reason) for item in unreadable] == [(1, "bad_csv")]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-99, 99), st.text('ab ,"\n', min_size=1, max_size=6)), min_size=1, max_size=60),
    st.integers(10, 400),
)
def test_any_csv_is_read_as_the_standard_library_reads_it(rows, group_bytes):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    tables, unreadable = read(file.getvalue(), "a.csv", layout=Layout(columns=("n", "t")), group_bytes=group_bytes)
    assert unreadable == []
    assert [value for table in tables for value in cells(table)["n"]] == [number for number, _ in rows]
    texts = [value if isinstance(value, str) else "" for table in tables for value in cells(table)["t"]]
    assert texts == [text if text.strip() else "" for _, text in rows]
    assert sum(table.records for table in tables) == len(rows)


def test_answers_are_outputs():
    table = whole("0.5\n0.25\n", "a.csv.out", BATCH_OUTPUT)
    assert (cells(table), table.outputs) == ({"prediction": [0.5, 0.25]}, {"prediction"})
    named = whole("0,0.5\n1,0.25\n", "a.csv.out", BATCH_OUTPUT, Layout(predictions=("label", "score")))
    assert (cells(named), named.outputs) == ({"label": [0, 1], "score": [0.5, 0.25]}, {"label", "score"})


def test_texts_are_answers_too():
    assert cells(whole("SETOSA\nVIRGINICA\n", "a.csv.out", BATCH_OUTPUT)) == {"prediction": ["SETOSA", "VIRGINICA"]}


@pytest.mark.parametrize("predictions", [(), ("prediction",)])
def test_the_id_and_the_start_after_a_csv_answer_are_left_out(predictions):
    content = f"0.5,3f1b-a,{START}\n0.25,3f1b-b,{START}\n"
    table = whole(content, "a.csv.out", BATCH_OUTPUT, Layout(predictions=predictions))
    assert (cells(table), table.outputs) == ({"prediction": [0.5, 0.25]}, {"prediction"})


def test_cells_that_only_look_like_an_id_and_a_start_stay():
    different = whole(f"0.5,a,{START}\n0.2,b,2023-01-20T05:41:00Z\n", "a.csv.out", BATCH_OUTPUT)
    same_id = whole(f"0.5,a,{START}\n0.2,a,{START}\n", "a.csv.out", BATCH_OUTPUT)
    of_input = whole(f"0.5,a,{START}\n0.2,b,{START}\n", "a.csv")
    assert [len(table.columns) for table in (different, same_id, of_input)] == [3, 3, 3]


@pytest.mark.parametrize("ids", [False, True])
def test_joined_csv_holds_the_input_and_the_answer(ids):
    ends = [f",3f1b-{i},{START}" if ids else "" for i in range(2)]
    layout = Layout(columns=("n", "t"), predictions=("score",))
    table = whole(f"1,x,0.5{ends[0]}\n2,y,0.25{ends[1]}\n", "a.csv.out", BATCH_OUTPUT, layout)
    assert (cells(table), table.outputs) == ({"n": [1, 2], "t": ["x", "y"], "score": [0.5, 0.25]}, {"score"})


def json_lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_json_lines_are_read():
    table = whole(json_lines({"n": 1, "t": "x"}, {"n": 2, "t": "y"}), "a.jsonl")
    assert (cells(table), table.records) == ({"n": [1, 2], "t": ["x", "y"]}, 2)
    assert cells(whole(json_lines({"features": [1, 2]}, {"features": [3, 4]}), "a.jsonl")) == {
        "c0": [1, 3],
        "c1": [2, 4],
    }


def test_the_id_and_the_start_in_a_json_answer_are_left_out():
    ids = dict(zip(IDS, ("3f1b", START), strict=True))
    table = whole(json_lines({"score": 0.5} | ids, {"score": 0.25} | ids), "a.jsonl.out", BATCH_OUTPUT)
    assert (cells(table), table.outputs) == ({"score": [0.5, 0.25]}, {"score"})


def test_joined_json_holds_the_input_and_the_answer():
    ids = dict(zip(IDS, ("3f1b", START), strict=True))
    records = [{"SageMakerOutput": {"score": i / 2}, "features": [i, i + 1]} | ids for i in range(2)]
    table = whole(json_lines(*records), "a.jsonl.out", BATCH_OUTPUT)
    assert (cells(table), table.outputs) == ({"c0": [0, 1], "c1": [1, 2], "score": [0, 0.5]}, {"score"})


def test_an_answer_alone_under_its_key_is_read():
    records = [{"SageMakerOutput": i / 2, IDS[0]: "3f1b", IDS[1]: START} for i in range(2)]
    table = whole(json_lines(*records), "a.jsonl.out", BATCH_OUTPUT)
    assert (cells(table), table.outputs) == ({"prediction": [0, 0.5]}, {"prediction"})


@pytest.mark.parametrize("indent", [None, 1])
def test_one_json_document_is_one_record_of_many_rows(indent):
    document = {"instances": [{"features": [1, 2]}, {"features": [3, 4]}]}
    table = whole(json.dumps(document, indent=indent), "a.json")
    assert (cells(table), table.rows, table.records) == ({"c0": [1, 3], "c1": [2, 4]}, 2, 1)
    answers = {"predictions": [{"score": 0.5}, {"score": 0.25}]}
    assert cells(whole(json.dumps(answers, indent=indent), "a.json.out", BATCH_OUTPUT)) == {"score": [0.5, 0.25]}


def test_a_broken_line_of_json_costs_itself():
    tables, unreadable = read("broken\n" + json_lines({"n": 1}, {"n": 2}), "a.jsonl")
    assert [cells(table) for table in tables] == [{"n": [1, 2]}]
    assert [(item.line, item.reason) for item in unreadable] == [(1, "not_json")]


def test_without_a_telling_ending_the_content_tells():
    assert cells(whole("1,2\n3,4\n", "part-00000")) == {"c0": [1, 3], "c1": [2, 4]}
    assert cells(whole(json_lines({"n": 1}), "part-00000.out", BATCH_OUTPUT)) == {"n": [1]}
    assert "input.characters" in whole("some words\nmore words\n", "part-00000").columns


def test_an_image_is_measured_whole():
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x20\0\0\0\x10"
    table = whole(header + b"\n \n\xff\n\n" * 20, "a.png")
    assert table.rows == 1
    assert cells(table)["input.width"] == [32]
    assert cells(table)["input.bytes"] == [len(header) + 120]


def test_a_file_too_large_for_one_record_says_so():
    tables, unreadable = read(b"\xff\n" * (MOST_BYTES // 2 + 1), "a.bin")
    assert tables == []
    assert [item.reason for item in unreadable] == ["file_too_large"]


def test_gzip_is_read_and_broken_gzip_told():
    content = gzip.compress(b"1,x\n2,y\n" * 1000)
    assert sum(table.rows for table in read(content, "a.csv.gz")[0]) == 2000
    _, unreadable = read(content[:-20], "a.csv.gz")
    assert "bad_gzip" in {item.reason for item in unreadable}


def test_what_is_no_text_costs_its_line():
    tables, unreadable = read(b"0.5\n\xff\xfe\n0.25\n", "a.csv.out", BATCH_OUTPUT)
    assert [cells(table) for table in tables] == [{"prediction": [0.5, 0.25]}]
    assert [(item.line, item.reason) for item in unreadable] == [(2, "output_not_utf8")]


@settings(deadline=None, max_examples=150)
@given(
    st.binary(max_size=200) | st.text(max_size=200).map(str.encode),
    st.sampled_from(["a.csv", "a.jsonl.out", "a.json", "a.txt", "a", "a.csv.gz", ".out"]),
    st.sampled_from([BATCH_INPUT, BATCH_OUTPUT]),
)
@example(b'"', "a.csv", BATCH_INPUT)
@example(b"a\rb", "a.csv", BATCH_OUTPUT)
@example(b'{"SageMakerOutput": []}', "a.jsonl.out", BATCH_OUTPUT)
def test_no_content_raises(content, name, variant):
    read(content, name, variant)
    read(content, name, variant, Layout(columns=("n", "t"), predictions=("p",)))
