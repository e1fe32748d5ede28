import gzip
import io
import json
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
        ("train.csv", b"a,b\n1,2\n3\n", "Expected 2 columns, got 1"),
        ("train.csv", b"", "Empty CSV file"),
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
