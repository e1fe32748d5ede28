import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.captures import line
from trimtab.capture.layout import Layout
from trimtab.cli import parallel, sources
from trimtab.cli.profile import profile_part
from trimtab.cli.reading import Account, Reading
from trimtab.cli.sources import parts_of


def test_prints_exactly_this_document(run, tmp_path):
    path = tmp_path / "captures.jsonl"
    path.write_text(line("1,red\n2,blue\n", "0.1\n0.2\n") + "garbage\n" + line("3,\n"))
    ran = run("profile", path, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document == {
        "files": [
            {
                "path": str(path),
                "records": 2,
                "rows": 3,
                "columns": {"c0": "numeric", "c1": "categorical", "prediction": "numeric"},
                "unreadable": 1,
                "reasons": {"not_json": 1},
                "coverage": 2 / 3,
            }
        ],
        "rows": 3,
        "coverage": 2 / 3,
    }


def test_garbage_is_reported_and_no_failure(run, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "b.csv").write_bytes(b"a,b\n1,2\n1,2,3\n")
    (tmp_path / "c.parquet").write_bytes(b"no parquet")
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(line("1,2").encode())[:-9])
    (tmp_path / "e.jsonl").touch()
    ran = run("profile", tmp_path, "--json")
    assert ran.code == 0
    reasons = {Path(each["path"]).name: each["reasons"].keys() for each in ran.document["files"]}
    assert reasons["a.jsonl"] <= {"not_utf8", "not_json"}
    assert reasons["b.csv"] == reasons["c.parquet"] == {"not_a_table"}
    assert "bad_gzip" in reasons["d.jsonl.gz"]
    assert reasons["e.jsonl"] == set()


def test_says_where_the_first_of_each_reason_is(run, tmp_path):
    path = tmp_path / "captures.jsonl"
    path.write_text(line("1,2") * 3 + "garbage\n" * 2)
    ran = run("profile", path)
    assert "3 records, 3 rows, coverage 60 %" in ran.out
    assert "not read: 2 not_json (line 4: " in ran.out
    assert ran.out.endswith("1 file, 3 rows, coverage 60 %\n")


def test_a_file_that_is_no_table_says_why_and_in_which_line(run, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n1,2,3\n")
    (tmp_path / "b.csv").write_bytes(b"a;b\n1;2\n")
    out = run("profile", tmp_path).out
    assert "  not read: 1 not_a_table (line 3: Expected 2 columns, got 3)\n" in out
    assert "(line 1: a single column 'a;b': cells must be separated by commas, not by semicolons)\n" in out


def test_a_lost_output_leaves_its_row_and_lowers_the_coverage(run, tmp_path):
    path = tmp_path / "captures.jsonl"
    path.write_text(line("1,2") * 3 + line("1,2", "0.1\n0.2\n"))
    (file,) = run("profile", path, "--json").document["files"]
    assert (file["records"], file["rows"], file["unreadable"], file["coverage"]) == (4, 4, 1, 0.75)
    assert file["reasons"] == {"output_wrong_columns": 1}


def test_names_come_from_the_options_or_a_reference(run, tmp_path):
    path, train = tmp_path / "captures.jsonl", tmp_path / "train.csv"
    path.write_text(line("1,red") * 2)
    train.write_text("age,colour,y_pred\n1,red,0.2\n")
    for options in (["--columns", "age,colour", "--predictions", "y_pred"], ["--reference", train]):
        (file,) = run("profile", path, "--json", *options).document["files"]
        assert file["columns"] == {"age": "numeric", "colour": "categorical", "y_pred": "numeric"}


def test_records_are_found_by_their_path(run, tmp_path):
    path = tmp_path / "captures.jsonl"
    path.write_text(line('{"meta": 1, "deep": {"rows": [[1, 2], [3, 4]]}}', "1\n2\n", content_type="application/json"))
    (file,) = run("profile", path, "--json", "--records", "deep.rows").document["files"]
    assert file["columns"] == {"c0": "numeric", "c1": "numeric", "prediction": "numeric"}
    assert file["rows"] == 2


def test_files_of_a_batch_transform_and_labels_say_what_they_are(run, tmp_path):
    manifest, labels = tmp_path / "manifest.json", tmp_path / "labels.jsonl"
    manifest.write_text('[{"prefix": "s3://bucket/output/"}, "test.csv.out"]')
    labels.write_text('{"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "0"}}\n')
    ran = run("profile", manifest, labels, "--json")
    assert {tuple(each["reasons"]) for each in ran.document["files"]} == {("batch_manifest",), ("ground_truth",)}
    assert ran.document["coverage"] == 0
    (tmp_path / "test.csv.out").write_text("0.1,0.9\n0.2,0.8\n")
    (file,) = run("profile", tmp_path / "test.csv.out", "--json").document["files"]
    assert file["columns"] == {"prediction_0": "numeric", "prediction_1": "numeric"}
    assert (file["rows"], file["unreadable"]) == (2, 0)


def test_a_file_that_is_not_there_is_bad_input(run, tmp_path):
    ran = run("profile", tmp_path / "none.jsonl", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "none.jsonl: there is no such file" in ran.err


def test_the_number_of_processes_does_not_show(run, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "BYTES_PER_PROCESS", 1)
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_text(line("1,red") * 5 + "x\n" + line("2,blue"))
    one, two = (run("profile", tmp_path, "--jobs", jobs) for jobs in (1, 2))
    assert one == two
    assert one.code == 0


def test_parts_of_a_large_file_are_the_whole_file(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PART_GROUPS", 2)
    path = tmp_path / "large.jsonl"
    path.write_text("".join(line(f"{i},{'red' if i % 3 else ''}") + ("" if i % 50 else "{bad\n") for i in range(400)))
    parts = parts_of(str(path), group_bytes=2000)
    assert len(parts) > 20
    assert b"".join(chunk for part in parts for chunk in sources.chunks_of(part)) == path.read_bytes()
    reading = Reading(Layout(), group_bytes=2000)
    (whole_part,) = parts_of(str(path))
    whole = profile_part(whole_part, reading, None)
    profiles = [profile_part(part, reading, None) for part in parts]
    assert sum(profile.rows for profile in profiles) == whole.rows == 400
    account = sum((profile.account for profile in profiles), Account())
    assert (account.records, account.reasons) == (whole.account.records, whole.account.reasons)
    last = [profile for profile in profiles if profile.account.first][-1].account.first["not_json"]
    assert path.read_text().splitlines()[sources.lines_before(last[0]) + last[1].line - 1] == "{bad"


def test_every_real_capture_is_read_or_says_why(run, shared):
    ran = run("profile", shared / "data/capture", "--json")
    assert ran.code == 0
    assert len(ran.document["files"]) >= 19
    assert {reason for file in ran.document["files"] for reason in file["reasons"]} == {"bad_time", "ground_truth"}
    assert all(file["rows"] >= file["records"] for file in ran.document["files"])


def test_ends_quietly_when_nobody_reads_on(tmp_path):
    path = tmp_path / "captures.jsonl"
    path.write_text(line("1,2"))
    command = [sys.executable, "-m", "trimtab.cli", "profile", *[str(path)]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


@pytest.mark.parametrize(
    "options", [["--jobs", "0"], ["--columns", "a,a"], ["--records", "a[["], ["--nonsense"]], ids=lambda each: each[0]
)
def test_wrong_options_are_bad_input(run, tmp_path, options, capsys):
    with pytest.raises(SystemExit) as stopped:
        run("profile", tmp_path, *options)
    assert stopped.value.code == 2
    assert capsys.readouterr().out == ""
