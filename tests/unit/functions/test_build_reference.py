import gzip
import io
import json
import re
from datetime import UTC, datetime

import boto3
import numpy as np
import pandas as pd
import pytest

from functions.build_reference import app
from trimtab.aws import state_bucket
from trimtab.capture.pack import ObjectId, ObjectProfile, pack_key
from trimtab.capture.profile import Profile
from trimtab.capture.sample_document import encode_sample
from trimtab.capture.sketch import EXACT_BINS, merge_sketches, sketch_table
from trimtab.capture.training import training_tables
from trimtab.model_monitor.constraints import suggested_constraints
from trimtab.model_monitor.statistics import statistics_of_sketch


@pytest.fixture(autouse=True)
def _outside(stack, monkeypatch):
    monkeypatch.setattr(app, "publish_findings", lambda _, findings: stack.findings.extend(findings))


@pytest.fixture
def frame():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"age": rng.integers(18, 90, 3000), "plan": rng.choice(["gold", "basic"], 3000)})
    return frame.assign(income=rng.lognormal(10, 1, 3000), score=rng.random(3000))


def put(stack, key, body):
    boto3.client("s3").put_object(Bucket=stack.captures, Key=key, Body=body)
    return f"s3://{stack.captures}/{key}"


def put_settings(text):
    boto3.client("ssm").put_parameter(Name="/trimtab/endpoints/churn", Type="String", Value=text, Overwrite=True)


def parquet(frame):
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


FORMATS = {
    "train.csv": lambda frame: frame.to_csv(index=False).encode(),
    "train.csv.gz": lambda frame: gzip.compress(frame.to_csv(index=False).encode()),
    "train.parquet": parquet,
    "train.jsonl": lambda frame: frame.to_json(orient="records", lines=True, double_precision=15).encode(),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_reference_is_made_from_every_format(stack, context, frame, name):
    source = put(stack, name, FORMATS[name](frame))
    answer = app.lambda_handler({"endpoint": "churn", "source": source}, context)
    assert answer["rows"] == 3000
    reference = state_bucket.read_reference(stack.state, "churn")
    assert list(reference.grid.columns) == list(frame.columns)
    assert reference.source == source
    deciles = reference.grid.columns["income"]
    expected = np.quantile(frame.income, np.arange(1, 10) / 10)
    np.testing.assert_allclose(deciles.edges[deciles.cuts], expected, rtol=1e-12)
    assert reference.profile.columns["age"].total == pytest.approx(frame.age.sum())
    assert [finding.title for finding in stack.findings] == ["Reference of churn: 3,000 rows"]
    sample = state_bucket.read_reference_sample(stack.state, "churn")
    np.testing.assert_allclose(sorted(sample.columns["income"]), sorted(frame.income), rtol=1e-12)
    assert set(sample.columns["plan"].values) == {"gold", "basic"}


def test_settings_name_the_source_the_columns_and_the_predictions(stack, context, frame):
    source = put(stack, "train.csv", frame.assign(label=1).to_csv(index=False).encode())
    put_settings(f"{{columns: [income, age, plan], predictions: [score], reference: '{source}'}}")
    app.lambda_handler({"endpoint": "churn"}, context)
    reference = state_bucket.read_reference(stack.state, "churn")
    assert list(reference.grid.columns) == ["income", "age", "plan", "score"]
    assert reference.outputs == {"score"}


def test_predictions_that_are_named_alone_leave_the_other_columns(stack, context, frame):
    put_settings("predictions: [score]")
    source = put(stack, "train.csv", frame.to_csv(index=False).encode())
    assert app.lambda_handler({"endpoint": "churn", "source": source}, context)["columns"] == list(frame.columns)
    assert state_bucket.read_reference(stack.state, "churn").outputs == {"score"}


def test_the_index_that_pandas_writes_is_no_column(stack, context, frame):
    shuffled = frame.sample(2000, random_state=1)
    for name, body in (
        ("train.csv", shuffled.to_csv().encode()),
        ("again.csv", shuffled.reset_index(names="Unnamed: 0").to_csv(index=False).encode()),
        ("train.parquet", parquet(shuffled)),
    ):
        answer = app.lambda_handler({"endpoint": "churn", "source": put(stack, name, body)}, context)
        assert answer["columns"] == list(frame.columns)
        assert set(state_bucket.read_reference_sample(stack.state, "churn").columns) == set(frame.columns)


def put_parts(stack, frame, folder, name, write):
    """The frame in three parts, and beside them what Spark and people's tools leave there."""
    for i, rows in enumerate(np.array_split(np.arange(len(frame)), 3)):
        put(stack, f"{folder}{name.format(i)}", write(frame.iloc[rows]))
    for other in ("", "_SUCCESS", "._SUCCESS.crc", "_temporary/0/part-0.csv", ".ipynb_checkpoints/part-0.csv"):
        put(stack, f"{folder}{other}", b"")
    return f"s3://{stack.captures}/{folder}"


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_of_part_files_is_one_reference(stack, context, frame, name):
    source = put_parts(stack, frame, "train/", f"day=1/part-0000{{}}-7c1e.c000.{name.partition('.')[2]}", FORMATS[name])
    answer = app.lambda_handler({"endpoint": "churn", "source": source}, context)
    assert (answer["rows"], answer["columns"], answer["source"]) == (3000, list(frame.columns), source)
    reference = state_bucket.read_reference(stack.state, "churn")
    whole = app.lambda_handler({"endpoint": "churn", "source": put(stack, name, FORMATS[name](frame))}, context)
    assert whole["rows"] == 3000
    assert reference.grid.name == state_bucket.read_reference(stack.state, "churn").grid.name


def test_a_bad_part_refuses_the_folder_with_its_key(stack, context, frame, monkeypatch):
    def refused():
        return app.lambda_handler({"endpoint": "churn", "source": source}, context).get("refused")

    source = put_parts(stack, frame, "train/", "part-{}.csv", FORMATS["train.csv"])
    put(stack, "train/part-3.csv", b"")  # Spark's part of no rows
    assert refused() is None
    put(stack, "train/part-1.csv", b"age,plan,income,score\n1,gold,2\n")
    assert refused() == f"{source}part-1.csv, line 2: Expected 4 columns, got 3"
    put(stack, "train/part-1.csv", b"silver,gold,x,y\n1,gold,2,3\n")
    assert refused().startswith(f"{source}part-1.csv, line 1: other columns than in {source}part-0.csv: ")
    monkeypatch.setattr(app, "MOST_BYTES", 10_000)
    assert re.search("train/: .+ GB, and a reference is made of at most 1e-05 GB", refused())
    put(stack, "train/notes.md", b"x")
    assert refused().startswith(f"{source}notes.md: of another format than {source}part-0.csv")
    monkeypatch.setattr(app, "MOST_FILES", 3)
    assert "more than 3 files" in refused()


def test_a_folder_without_training_data_is_told(stack, context):
    put(stack, "train/_SUCCESS", b"")
    for folder in ("train/", "none/"):
        answer = app.lambda_handler({"endpoint": "churn", "source": f"s3://{stack.captures}/{folder}"}, context)
        assert answer["refused"] == f"s3://{stack.captures}/{folder}: there is no file of training data under it"
    answer = app.lambda_handler({"endpoint": "churn", "source": f"s3://{stack.captures}/train"}, context)
    assert answer["refused"].endswith("a folder of such files in /")
    answer = app.lambda_handler({"endpoint": "churn", "source": "s3://nobodys-bucket/train/"}, context)
    assert "nobodys-bucket" in answer["refused"]


def test_the_label_is_kept_in_the_sample_and_not_compared(stack, context, frame):
    source = put(stack, "train.csv", frame.assign(left=1, other=2).to_csv(index=False).encode())
    put_settings(f"{{columns: [income, age], predictions: [score], reference: '{source}', quality: {{label: left}}}}")
    app.lambda_handler({"endpoint": "churn"}, context)
    assert list(state_bucket.read_reference(stack.state, "churn").grid.columns) == ["income", "age", "score"]
    sample = state_bucket.read_reference_sample(stack.state, "churn")
    assert set(sample.columns) == {"income", "age", "score", "left"}


def test_a_file_without_header_takes_its_names_from_the_settings(stack, context, frame):
    source = put(stack, "train.csv", frame.to_csv(index=False, header=False).encode())
    put_settings("columns: [age, plan, income, score]")
    assert app.lambda_handler({"endpoint": "churn", "source": source}, context)["rows"] == 3000


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        ("train.csv", b"1,2\n3,4\n", "line 1: 2 cells and no header, and the settings name 0 columns"),
        ("train.csv", b"a,a\n1,2\n", "line 1: column 'a' stands there twice"),
        ("train.csv", b"a,b\n1,2\n3\n", "train.csv, line 3: Expected 2 columns, got 1"),
        ("train.csv", b"a;b\n1;2\n", "train.csv, line 1: a single column 'a;b'"),
        ("train.csv", b"", "no rows to make a reference from"),
        ("train.jsonl", b'{"a": 1}\n[1]\n', "line 2: an object is expected"),
        ("train.jsonl", b'{"a": 1}\n{"a"', "line 2"),
        ("train.parquet", b"PAR1", "train.parquet"),
        ("train.xlsx", b"x", "must end in .csv"),
    ],
)
def test_bad_training_data_is_refused_with_file_and_line_and_told_once(stack, context, name, body, problem):
    source = put(stack, name, body)
    for _ in range(2):
        answer = app.lambda_handler({"endpoint": "churn", "source": source}, context)
        assert problem in answer["refused"]
        assert source in answer["refused"]
    assert len(stack.findings) == 1
    assert problem in stack.findings[0].reason
    assert state_bucket.read_reference(stack.state, "churn") is None


def test_the_sample_of_training_data_is_bounded_redacted_and_the_same_again(stack, context, frame, monkeypatch):
    monkeypatch.setattr(app, "REFERENCE_ROWS", 100)
    put_settings("{columns: [age, plan, income], predictions: [score], redact: [income]}")
    source = put(stack, "train.csv", frame.to_csv(index=False).encode())
    app.lambda_handler({"endpoint": "churn", "source": source}, context)
    sample = state_bucket.read_reference_sample(stack.state, "churn")
    assert (sample.rows, set(sample.columns), sample.outputs) == (100, {"age", "plan", "score"}, {"score"})
    stored = frame.round(12)[["age", "score"]].apply(tuple, axis=1)
    assert set(zip(sample.columns["age"], sample.columns["score"].round(12), strict=True)) <= set(stored)
    app.lambda_handler({"endpoint": "churn", "source": source}, context)
    assert encode_sample(state_bucket.read_reference_sample(stack.state, "churn")) == encode_sample(sample)


def test_a_reference_without_rows_leaves_no_sample_of_a_former_one(stack, context, frame, tmp_path):
    source = put(stack, "train.csv", frame.to_csv(index=False).encode())
    app.lambda_handler({"endpoint": "churn", "source": source}, context)
    assert state_bucket.read_reference_sample(stack.state, "churn").rows == 3000
    statistics = put(stack, "baseline/statistics.json", baseline(frame, tmp_path)[0])
    app.lambda_handler({"endpoint": "churn", "source": statistics}, context)
    assert state_bucket.read_reference_sample(stack.state, "churn") is None
    put_settings("sample_rows: 0")
    app.lambda_handler({"endpoint": "churn", "source": source}, context)
    assert state_bucket.read_reference_sample(stack.state, "churn") is None


def test_a_source_that_is_not_there_is_told(stack, context):
    answer = app.lambda_handler({"endpoint": "churn", "source": f"s3://{stack.captures}/none.csv"}, context)
    assert "does not exist" in answer["refused"]


def test_a_bucket_that_is_not_there_or_forbidden_is_told(stack, context, monkeypatch):
    answer = app.lambda_handler({"endpoint": "churn", "source": "s3://nobodys-bucket/train.csv"}, context)
    assert "nobodys-bucket" in answer["refused"]
    denied = {"Error": {"Code": "AccessDenied", "Message": "not allowed"}}

    def forbidden(*_):
        raise app.s3.ObjectForbiddenError(denied, "GetObject")

    monkeypatch.setattr(app.s3, "open_object", forbidden)
    answer = app.lambda_handler({"endpoint": "churn", "source": "s3://theirs/train.csv"}, context)
    assert "AccessDenied" in answer["refused"]
    assert len(stack.findings) == 2


def test_columns_that_the_settings_name_must_be_there(stack, context, frame):
    put_settings("columns: [age, weight]")
    source = put(stack, "train.csv", frame.to_csv(index=False).encode())
    assert "no column weight" in app.lambda_handler({"endpoint": "churn", "source": source}, context)["refused"]


def test_no_source_at_all_is_told(context):
    assert "name a source" in app.lambda_handler({"endpoint": "churn"}, context)["refused"]


def capture_line(minute, rows):
    line = {
        "captureData": {
            "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": rows, "encoding": "CSV"}
        },
        "eventMetadata": {"eventId": str(minute), "inferenceTime": f"2026-11-20T08:{minute:02}:00Z"},
        "eventVersion": "0",
    }
    return json.dumps(line) + "\n"


def test_a_reference_is_made_from_a_window_of_captures(stack, context):
    key = "churn/AllTraffic/2026/11/20/08/00-00-000-uuid.jsonl"
    put(stack, key, "".join(capture_line(i, f"{i},a") for i in range(50)).encode())
    identity = ObjectId(stack.captures, key, "2026-11-20T08:01:00+00:00", "e")
    counted = ObjectProfile(identity, Profile("former-grid", 50, {}), records=50)
    hour = datetime(2026, 11, 20, 8, tzinfo=UTC)
    name = pack_key("churn", "AllTraffic", hour, "former-grid", [counted])
    state_bucket.write_pack(stack.state, name, [counted])
    window = {"from": "2026-11-20T08:00:00Z", "until": "2026-11-20T09:00:00Z"}
    answer = app.lambda_handler({"endpoint": "churn", "captures": window, "name": "previous"}, context)
    assert answer["rows"] == 50
    assert stack.findings == []
    assert state_bucket.read_reference(stack.state, "churn") is None
    reference = state_bucket.read_reference(stack.state, "churn", "previous")
    assert reference.profile.columns["c0"].total == sum(range(50))
    assert reference.source == "captures of AllTraffic from 2026-11-20T08:00Z to 2026-11-20T09:00Z"
    sample = state_bucket.read_reference_sample(stack.state, "churn", "previous")
    assert sorted(sample.columns["c0"]) == list(range(50))


def test_packs_that_are_joined_meanwhile_are_listed_again(stack, context, monkeypatch):
    keys = [f"churn/AllTraffic/2026/11/20/08/{i:02}-00-000-uuid.jsonl" for i in range(2)]
    for i, key in enumerate(keys):
        put(stack, key, capture_line(i, f"{i},a").encode())
        put_pack(stack, "AllTraffic", key)
    read = state_bucket.read_packs

    def join_first(bucket, listed):
        listed = list(listed)
        if len(listed) > 1:
            entries = [entry for pack in read(bucket, listed) for entry in pack]
            hour = datetime(2026, 11, 20, 8, tzinfo=UTC)
            state_bucket.write_pack(bucket, pack_key("churn", "AllTraffic", hour, "former-grid", entries), entries)
            state_bucket.delete_packs(bucket, listed)
        return read(bucket, listed)

    monkeypatch.setattr(state_bucket, "read_packs", join_first)
    assert app.lambda_handler({"endpoint": "churn", "captures": WINDOW, "name": "previous"}, context)["rows"] == 2


def test_a_window_without_captures_makes_no_reference(context):
    window = {"from": "2026-11-20T08:00:00Z", "until": "2026-11-20T09:00:00Z"}
    assert "no rows" in app.lambda_handler({"endpoint": "churn", "captures": window}, context)["refused"]


def baseline(frame, tmp_path):
    path = tmp_path / "train.csv"
    frame.to_csv(path, index=False)
    with path.open("rb") as file:
        sketch = merge_sketches(
            (sketch_table(table, most_bins=EXACT_BINS) for table in training_tables(file, path.name)),
            most_bins=EXACT_BINS,
        )
    statistics = statistics_of_sketch(sketch)
    return json.dumps(statistics).encode(), json.dumps(suggested_constraints(statistics)).encode()


def test_a_model_monitor_baseline_makes_a_reference_and_brings_its_constraints(stack, context, frame, tmp_path):
    statistics, constraints = baseline(frame, tmp_path)
    source = put(stack, "baseline/statistics.json", statistics)
    put_settings(f"{{columns: [age, plan, income], predictions: [score], reference: '{source}'}}")
    assert app.lambda_handler({"endpoint": "churn"}, context)["rows"] == 3000
    reference = state_bucket.read_reference(stack.state, "churn")
    assert reference.source == source
    assert reference.constraints is None
    assert list(reference.grid.columns) == ["age", "plan", "income", "score"]
    assert reference.outputs == {"score"}
    assert reference.profile.columns["age"].total == pytest.approx(frame.age.sum())
    put(stack, "baseline/constraints.json", constraints)
    app.lambda_handler({"endpoint": "churn"}, context)
    assert state_bucket.read_reference(stack.state, "churn").constraints == json.loads(constraints)


def test_a_baseline_may_lie_at_the_root_of_its_bucket(stack, context, frame, tmp_path):
    for name, body in zip(("statistics", "constraints"), baseline(frame, tmp_path), strict=True):
        put(stack, f"{name}.json", body)
    answer = app.lambda_handler({"endpoint": "churn", "source": f"s3://{stack.captures}/statistics.json"}, context)
    assert answer["rows"] == 3000
    assert state_bucket.read_reference(stack.state, "churn").constraints is not None


def test_columns_that_the_settings_do_not_name_may_be_unreadable(stack, context, frame):
    source = put(stack, "train.parquet", parquet(frame.assign(photo=b"\xff")))
    assert "column photo" in app.lambda_handler({"endpoint": "churn", "source": source}, context)["refused"]
    put_settings("columns: [age, plan]")
    answer = app.lambda_handler({"endpoint": "churn", "source": source}, context)
    assert answer["columns"] == ["age", "plan"]


def test_a_bad_model_monitor_baseline_is_refused_with_file_and_key(stack, context):
    source = put(stack, "baseline/statistics.json", b'{"dataset": {"item_count": 3}}')
    answer = app.lambda_handler({"endpoint": "churn", "source": source}, context)
    assert answer["refused"] == f"{source}: features: Field required"
    assert len(stack.findings) == 1


WINDOW = {"from": "2026-11-20T08:00:00Z", "until": "2026-11-20T09:00:00Z"}


def put_pack(stack, variant, key, manifest=""):
    identity = ObjectId(stack.captures, key, "2026-11-20T08:01:00+00:00", "e")
    counted = ObjectProfile(identity, Profile("former-grid", 3, {}), records=3, manifest=manifest)
    hour = datetime(2026, 11, 20, 8, tzinfo=UTC)
    state_bucket.write_pack(stack.state, pack_key("churn", variant, hour, "former-grid", [counted]), [counted])


def test_a_reference_from_captures_of_a_model_has_that_models_rows(stack, context):
    put_settings("model_attribute: 'inferenceId:/'")
    lines = [json.loads(capture_line(i, f"{i},a")) for i in range(4)]
    for i, each in enumerate(lines):
        each["eventMetadata"]["inferenceId"] = f"{'ab'[i % 2]}/{i}"
    key = "churn/AllTraffic/2026/11/20/08/00-00-000-uuid.jsonl"
    put(stack, key, "\n".join(map(json.dumps, lines)).encode())
    put_pack(stack, "AllTraffic.b", key)
    window = WINDOW | {"variant": "AllTraffic.b"}
    assert app.lambda_handler({"endpoint": "churn", "captures": window, "name": "AllTraffic.b"}, context)["rows"] == 2
    reference = state_bucket.read_reference(stack.state, "churn", "AllTraffic.b")
    assert reference.profile.columns["c0"].total == 1 + 3


def test_a_reference_from_a_batch_transform_has_the_rows_of_its_files(stack, context):
    put(stack, "jobs/a.csv.out", b"0.5\n0.25\n0.125\n")
    put_pack(stack, "batch-output", "jobs/a.csv.out", f"s3://{stack.captures}/churn/output/2026/11/20/08/x.json")
    window = WINDOW | {"variant": "batch-output"}
    answer = app.lambda_handler({"endpoint": "churn", "captures": window, "name": "batch-output"}, context)
    assert (answer["rows"], answer["columns"]) == (3, ["prediction"])
