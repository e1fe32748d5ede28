import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.unit.cli.captures import line
from trimtab.cli import parallel
from trimtab.cli.main import main

DATA = Path(__file__).resolve().parents[3] / "local/data/car_loan"
KEYS = {
    "kind",
    "psi",
    "psi_adjusted",
    "p",
    "ks",
    "wasserstein",
    "jensen_shannon",
    "missing",
    "unseen",
    "verdict",
    "reason",
}
COLOURS = ("red", "green", "blue")


def rows_of(name):
    with gzip.open(DATA / name, "rt", encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def sample(rows, *, shift=0.0, seed=0):
    random = np.random.default_rng(seed)
    return [
        [f"{x:.6g}", COLOURS[int(k)], f"{x / 10:.6g}"]
        for x, k in zip(random.normal(shift, 1, rows), random.integers(0, 3, rows), strict=True)
    ]


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    return write_csv(tmp_path_factory.mktemp("train") / "train.csv", [["x", "colour", "pred"], *sample(4000)])


def captures_of(rows):
    return "".join(line(",".join(row[:-1]) + "\n", row[-1] + "\n") for row in rows)


@pytest.fixture(scope="module")
def car_loan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("car_loan")
    header, *rows = rows_of("analysis.csv.gz")
    return {
        "first": write_csv(folder / "first.csv", [header, *rows[:5000]]),
        "last": write_csv(folder / "last.csv", [header, *rows[-5000:]]),
        "captures": folder / "captures.jsonl",
        "columns": header[1:8],
        "rows": rows,
    }


def test_real_data_without_drift(run, car_loan):
    ran = run("drift", "--reference", DATA / "reference.csv.gz", "--current", car_loan["first"], "--json")
    assert (ran.code, ran.document["verdict"]) == (0, "OK")
    assert ran.document["rows"] == {"reference": 50_000, "current": 5_000}
    assert ran.document.keys() == {"verdict", "reason", "rows", "columns"}
    assert all(column.keys() == KEYS for column in ran.document["columns"].values())


def test_real_data_with_drift(run, car_loan):
    ran = run("drift", "--reference", DATA / "reference.csv.gz", "--current", car_loan["last"], "--json")
    assert (ran.code, ran.document["verdict"]) == (3, "ALERT")
    alerting = [name for name, column in ran.document["columns"].items() if column["verdict"] == "ALERT"]
    assert alerting == ["car_value", "loan_length", "repaid_loan_on_prev_car", "y_pred_proba", "salary_range"]


def test_captures_of_real_data_are_judged_like_the_data(run, car_loan):
    text = io.StringIO()
    for row in car_loan["rows"][-2000:]:
        cells = io.StringIO()
        csv.writer(cells).writerow(row[1:8])
        text.write(line(cells.getvalue(), f"{row[8]},{row[9]}\n"))
    car_loan["captures"].write_text(text.getvalue())
    options = ["--columns", ",".join(car_loan["columns"]), "--predictions", "y_pred_proba,y_pred"]
    ran = run("drift", "--reference", DATA / "reference.csv.gz", "--current", car_loan["captures"], "--json", *options)
    assert ran.code == 3
    assert ran.document["columns"].keys() == {*car_loan["columns"], "y_pred_proba", "y_pred"}
    assert ran.document["columns"]["car_value"]["psi"] > 1


def test_signs_that_the_output_cannot_show_are_replaced(monkeypatch, train):
    shown = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(shown, encoding="ascii"))
    assert main(["drift", "--reference", str(train), "--current", str(train)]) == 0
    assert b"0 % ? 0 %" in shown.getvalue()


def test_nameless_captures_take_the_names_of_the_reference(run, train, tmp_path):
    path = tmp_path / "captures.jsonl"
    path.write_text(captures_of(sample(1500, seed=1)))
    ran = run("drift", "--reference", train, "--current", path, "--json")
    assert (ran.code, ran.document["verdict"]) == (0, "OK")
    assert ran.document["columns"].keys() == {"x", "colour", "pred"}
    path.write_text(captures_of(sample(1500, seed=1, shift=1)))
    assert run("drift", "--reference", train, "--current", path).code == 3


def test_nameless_captures_of_another_width_are_not_guessed_at(run, train, tmp_path):
    path = tmp_path / "captures.jsonl"
    path.write_text(captures_of([[*row[:1], *row] for row in sample(600)]))
    ran = run("drift", "--reference", train, "--current", path, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "3 values without names, and the reference has 2 input columns" in ran.err
    assert "--columns" in ran.err


def test_either_side_may_be_captures_csv_parquet_or_json_lines(run, train, tmp_path):
    rows = sample(1500, seed=2)
    table = {"x": [float(row[0]) for row in rows], "colour": [row[1] for row in rows]}
    pa.parquet.write_table(pa.table(table), tmp_path / "a.parquet")
    write_csv(tmp_path / "a.csv", [["x", "colour"], *(row[:2] for row in rows)])
    write_csv(tmp_path / "headerless.csv", rows)
    (tmp_path / "a.jsonl").write_text(
        "".join(f'{{"x": {x}, "colour": "{c}"}}\n' for x, c in zip(table["x"], table["colour"], strict=True))
    )
    psi = [
        run("drift", "--reference", train, "--current", tmp_path / name, "--json").document["columns"]["x"]["psi"]
        for name in ("a.parquet", "a.csv", "a.jsonl", "headerless.csv")
    ]
    assert psi[0] < 0.05
    assert psi == [psi[0]] * 4
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(captures_of(rows).encode()))
    ran = run("drift", "--reference", tmp_path / "c.jsonl.gz", "--current", tmp_path / "c.jsonl.gz", "--json")
    assert ran.code == 0
    assert {column["psi"] for column in ran.document["columns"].values()} == {0}


def test_a_column_that_does_not_occur_is_reported_and_not_judged(run, train, tmp_path):
    current = write_csv(tmp_path / "current.csv", [["colour", "new"], *([row[1], "1"] for row in sample(1500))])
    ran = run("drift", "--reference", train, "--current", current, "--json")
    assert ran.code == 0
    assert ran.document["columns"]["x"]["verdict"] == "INSUFFICIENT_DATA"
    assert ran.document["columns"]["x"]["reason"] == "does not occur in the current data"
    assert "new" not in ran.document["columns"]


def test_a_column_that_is_there_and_empty_is_drift(run, train, tmp_path):
    header, rows = ["x", "colour", "pred"], [["", row[1], row[2]] for row in sample(1500)]
    ran = run("drift", "--reference", train, "--current", write_csv(tmp_path / "c.csv", [header, *rows]), "--json")
    assert ran.code == 3
    assert ran.document["columns"]["x"]["missing"] == [0, 1]


def test_too_few_rows_are_neither_good_nor_bad_news(run, train, tmp_path):
    for rows in (2, 0, None):
        cells = [["x", "colour", "pred"], *sample(rows)] if rows is not None else []
        current = write_csv(tmp_path / "current.csv", cells)
        ran = run("drift", "--reference", train, "--current", current, "--json")
        assert (ran.code, ran.document["verdict"]) == (4, "INSUFFICIENT_DATA")
        assert ran.document["rows"] == {"reference": 4000, "current": rows or 0}


def test_thresholds_are_those_of_the_settings_file(run, train, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("drift: {warn_rows: 100, alert_rows: 100}\nignore: [colour]")
    current = write_csv(tmp_path / "current.csv", [["x", "colour", "pred"], *sample(200, shift=2)])
    ran = run("drift", "--reference", train, "--current", current, "--settings", settings, "--json")
    assert ran.code == 3
    assert ran.document["columns"].keys() == {"x", "pred"}
    settings.write_text("drift: {psy: 1}")
    ran = run("drift", "--reference", train, "--current", current, "--settings", settings, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "settings.yaml: drift.psy:" in ran.err
    settings.unlink()
    ran = run("drift", "--reference", train, "--current", current, "--settings", settings, "--json")
    assert (ran.code, ran.err) == (2, f"trimtab: {settings}: No such file or directory\n")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"x,x\n1,2\n", "a.csv, line 1: column 'x' stands there twice"),
        ("a.parquet", b"nothing", "a.parquet: "),
        ("a.jsonl", b'{"x": 1}\n{"x": \n', "a.jsonl, line 2: "),
        ("b.jsonl", b"\n\ngarbage\n", "b.jsonl, line 3: "),
        ("c.csv", b"x,colour,pred\n1,red,2\n1,red\n", "c.csv, line 3: Expected 3 columns, got 2"),
        ("d.csv", b"x,colour,pred\n1,gr\xfcn,2\n", "d.csv, line 2: not UTF-8"),
        ("e.csv", b"x;colour;pred\n1;red;2\n", "cells must be separated by commas, not by semicolons"),
        ("b.csv", b"y\n1\n", "no column is in the reference: there are y, and x, colour, pred in the reference"),
    ],
)
def test_bad_input_names_file_and_line(run, train, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    ran = run("drift", "--reference", train, "--current", tmp_path / name, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", b"x,y\n"), ("a.csv", b""), ("a.jsonl", b""), ("a.jsonl", b"garbage\n")]
)
def test_a_reference_without_rows_is_bad_input(run, train, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    ran = run("drift", "--reference", tmp_path / name, "--current", train)
    assert (ran.code, ran.out) == (2, "")
    assert name in ran.err


def test_what_could_not_be_read_is_said_beside_the_verdict(run, train, tmp_path):
    path = tmp_path / "captures.jsonl"
    path.write_text(captures_of(sample(1500, seed=1)) + "garbage\n")
    ran = run("drift", "--reference", train, "--current", path, "--json")
    assert ran.document["rows"]["current"] == 1500
    assert f"current: 1 not_json, the first in {path}, line 1501: " in ran.err


def test_the_number_of_processes_does_not_show(run, train, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel, "BYTES_PER_PROCESS", 1)
    for seed in range(3):
        (tmp_path / f"{seed}.jsonl").write_text(captures_of(sample(500, seed=seed)))
    one, two = (
        run("drift", "--reference", train, "--current", tmp_path / "*.jsonl", "--json", "--jobs", jobs)
        for jobs in (1, 2)
    )
    assert one == two
    assert one.document["rows"]["current"] == 1500


def test_prints_a_table_and_the_sentence(run, train, tmp_path):
    current = write_csv(tmp_path / "current.csv", [["x", "colour", "pred"], *sample(1500, shift=1)])
    ran = run("drift", "--reference", train, "--current", current)
    header, *rows, empty, sentence = ran.out.splitlines()
    assert header.split() == ["column", "kind", "PSI", "adjusted", "p", "missing", "unseen", "verdict", "reason"]
    assert [row.split()[0] for row in rows] == ["pred", "x", "colour"]
    assert empty == ""
    assert sentence.startswith("ALERT: 2 of 3 columns moved in 1,500 rows against 4,000: ")


def test_says_why_a_column_that_alerts_among_many_is_no_alert(run, tmp_path):
    header = [f"f{i}" for i in range(30)]
    before, after = np.random.default_rng(0).normal(size=(2, 1500, 30))
    after[:, 3] = 9
    ran = run(
        *("drift", "--reference", write_csv(tmp_path / "a.csv", [header, *before.tolist()])),
        *("--current", write_csv(tmp_path / "b.csv", [header, *after.tolist()])),
    )
    assert ran.code == 0
    assert ran.out.endswith(
        "f3 alerts, and the window does not: it weighs 3.33 %, and it takes 5 % in one column or 10 % in all; "
        "name it in critical to be told\n"
    )


def test_an_index_that_pandas_wrote_is_no_column(run, tmp_path):
    rows = [[str(i), *row] for i, row in enumerate(sample(2000))]
    reference = write_csv(tmp_path / "train.csv", [["", "x", "colour", "pred"], *rows])
    (tmp_path / "captures.jsonl").write_text(captures_of(sample(1500, seed=3)))
    for current in (tmp_path / "captures.jsonl", reference):
        ran = run("drift", "--json", "--reference", reference, "--current", current)
        assert ran.code == 0
        assert ran.document["columns"].keys() == {"x", "colour", "pred"}


def test_row_ids_are_no_features(run, tmp_path):
    header = ["id", "x", "colour", "pred"]
    reference = [[str(1 + i), *row] for i, row in enumerate(sample(2000))]
    current = [[str(2001 + i), *row] for i, row in enumerate(sample(1500, seed=3))]
    ran = run(
        *("drift", "--json", "--reference", write_csv(tmp_path / "reference.csv", [header, *reversed(reference)])),
        *("--current", write_csv(tmp_path / "current.csv", [header, *current])),
    )
    assert ran.code == 0
    assert ran.document["columns"]["id"]["reason"] == "numbers the rows of the reference: no feature"


def test_dates_are_not_judged_but_named(run, tmp_path):
    header = ["day", "x", "colour", "pred"]
    reference = [[f"2026-04-{1 + i % 28:02}", *row] for i, row in enumerate(sample(2000))]
    current = [[f"2026-05-{1 + i % 28:02}", *row] for i, row in enumerate(sample(1500, seed=3))]
    files = (
        *("--reference", write_csv(tmp_path / "reference.csv", [header, *reference])),
        *("--current", write_csv(tmp_path / "current.csv", [header, *current])),
    )
    ran = run("drift", "--json", *files)
    assert ran.code == 0
    assert ran.document["columns"]["day"]["verdict"] == "INSUFFICIENT_DATA"
    assert ran.document["columns"]["day"]["reason"] == "dates or times: later data always has new ones"
    (tmp_path / "settings.yaml").write_text("critical: [day]")
    assert run("drift", "--json", "--settings", tmp_path / "settings.yaml", *files).code == 3


def test_regression_data_of_nannyml(run, shared, tmp_path):
    folder = shared / "data/datasets/nannyml"
    with gzip.open(folder / "regression_synthetic_analysis.csv.gz", "rt") as file:
        header, *lines = file
    outcomes = {}
    for name, part in (("first", lines[:5000]), ("last", lines[-5000:])):
        (tmp_path / f"{name}.csv").write_text("".join([header, *part]))
        reference = folder / "regression_synthetic_reference.csv.gz"
        ran = run("drift", "--reference", reference, "--current", tmp_path / f"{name}.csv", "--json")
        outcomes[name] = ran.code, ran.document["columns"]["y_pred"]["verdict"]
    assert outcomes == {"first": (0, "OK"), "last": (3, "ALERT")}
    assert ran.document["columns"]["y_true"]["reason"] == "does not occur in the current data"


def test_small_and_dirty_data_of_nannyml(run, shared, tmp_path):
    folder = shared / "data/datasets/nannyml"
    files = ["--reference", folder / "titanic_reference.csv.gz", "--current", folder / "titanic_analysis.csv.gz"]
    assert run("drift", *files).code == 4
    settings = tmp_path / "settings.yaml"
    settings.write_text("drift: {warn_rows: 100, alert_rows: 200}")
    ran = run("drift", *files, "--json", "--settings", settings)
    assert ran.code == 0
    assert ran.document["columns"]["Age"]["missing"] == pytest.approx([177 / 891, 86 / 418])
    assert ran.document["columns"]["Name"]["verdict"] == "INSUFFICIENT_DATA"


def test_a_baseline_of_model_monitor_is_a_reference(run, shared, tmp_path):
    (tmp_path / "current.csv").write_text("message\n" + "preproc-not-YET-supported-for-csv-json\n" * 600)
    baseline = shared / "data/model_monitor/sdk-monitor/statistics.json"
    ran = run("drift", "--reference", baseline, "--current", tmp_path / "current.csv", "--json")
    assert ran.document["rows"] == {"reference": 418, "current": 600}
    assert ran.code == 0


def test_rows_of_one_request_that_are_alike_count_as_fewer_and_that_is_said(run, tmp_path):
    random = np.random.default_rng(3)

    def captures(name, requests, size):
        users = random.normal(size=requests)
        sent = ["".join(f"{user:.4f},{item:.4f}\n" for item in random.normal(size=size)) for user in users]
        path = tmp_path / name
        path.write_text("".join(line(each, "0.5\n" * size) for each in sent))
        return path

    reference, current = captures("reference.jsonl", 3000, 1), captures("current.jsonl", 150, 20)
    ran = run("drift", "--reference", reference, "--current", current)
    assert ran.code == 0
    assert "rows of one request are alike in 1 column: in the tests, 3,000 of c0 count as 150" in ran.out
    columns = run("drift", "--reference", reference, "--current", current, "--json").document["columns"]
    assert columns["c0"]["rows"] == [3000, 3000]
    assert columns["c0"]["rows_effective"] == [3000, 150]
    assert columns["c1"].get("rows_effective", [3000, 3000])[1] > 2700
