"""`trimtab versions log` with the trackers' own clients: MLflow on a store of files, Weights & Biases offline."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.training.builders import record
from trimtab.training.version_record import record_bytes, record_sha256

RECORD = record()


@pytest.fixture
def bucket_copy(tmp_path: Path) -> Path:
    path = tmp_path / "bucket" / RECORD.key
    path.parent.mkdir(parents=True)
    path.write_bytes(record_bytes(RECORD))
    return tmp_path / "bucket"


def log(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("trimtab")), "versions", "log", RECORD.group, "1"]
    return subprocess.run(
        [*command, "--folder", str(folder), *arguments],
        env={**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", "WANDB_SILENT": "true", **environment},
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_mlflow_gets_one_run_a_record_however_often_it_is_logged(bucket_copy: Path) -> None:
    store = bucket_copy.parent / "mlruns"
    first, again = (log(bucket_copy, "--mlflow", store.as_uri()) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout
    [run] = [path.parent for path in store.glob("*/*/meta.yaml")]
    assert run.name in first.stdout
    assert (run / "tags" / "trimtab.record_sha256").read_text() == record_sha256(RECORD)
    assert {path.name: path.read_text() for path in (run / "params").iterdir()} == dict(RECORD.hyperparameters)
    told = {path.name: float(path.read_text().split()[1]) for path in (run / "metrics").iterdir()}
    assert told == dict(RECORD.metrics)


def test_weights_and_biases_gets_a_run_named_after_the_record(bucket_copy: Path) -> None:
    logged = log(bucket_copy, "--wandb", "team/churn", WANDB_MODE="offline")
    assert logged.returncode == 0, logged.stderr
    assert record_sha256(RECORD)[:32] in logged.stdout
    [kept] = (bucket_copy.parent / "wandb").glob("offline-run-*/*.wandb")
    content = kept.read_bytes()
    assert RECORD.code_commit.encode() in content
    assert all(json.dumps(value).encode() in content for value in RECORD.metrics.values())


def test_a_tracker_that_does_not_answer_is_told(bucket_copy: Path) -> None:
    refused = log(bucket_copy, "--mlflow", "http://127.0.0.1:9", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert refused.returncode == 2
    assert "MLflow at http://127.0.0.1:9" in refused.stderr
