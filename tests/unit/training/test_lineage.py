import json

import pytest

from tests.unit.training.builders import ARN, NOW, evaluation
from tests.unit.training.test_attempts import attempt
from trimtab.training.gate_thresholds import GateThresholds
from trimtab.training.gates import judge_gates
from trimtab.training.lineage import LineageError, TrainingNote, metrics_of, note_uri, parse_note, version_record
from trimtab.training.version_record import parse_record, record_bytes

JOB = {
    "TrainingJobArn": f"{ARN}training-job/churn-1",
    "AlgorithmSpecification": {"TrainingImage": "train@sha256:1"},
    "ModelArtifacts": {"S3ModelArtifacts": "s3://models/churn-1/model.tar.gz"},
    "HyperParameters": {"depth": "6"},
    "Environment": {"GIT_COMMIT": "8f3e1c0"},
    "InputDataConfig": [{"DataSource": {"S3DataSource": {"S3Uri": "s3://data/train/"}}}, {"ChannelName": "odd"}],
}


def made(job=JOB, note=None, **changed):
    judged = evaluation()
    values = {
        "group": "churn",
        "version": 1,
        "previous_sha256": None,
        "parent_version": None,
        "inference_image": None,
        "model_id": "m",
        "created": NOW,
    }
    verdicts = judge_gates(judged, GateThresholds())
    return version_record(
        attempt(data_version="dvc:1"), job, note or TrainingNote(), judged, verdicts, **values | changed
    )


def test_the_job_tells_where_a_version_comes_from():
    record = made()
    assert record.model_data == "s3://models/churn-1/model.tar.gz"
    assert record.environment.image == "train@sha256:1"
    assert (record.training_data_version, record.training_data) == ("dvc:1", ("s3://data/train/",))
    assert (record.code_commit, dict(record.hyperparameters)) == ("8f3e1c0", {"depth": "6"})
    assert record.metrics["newest_accuracy"] == pytest.approx(0.912)
    assert record.gates_passed
    assert parse_record(record_bytes(record)) == record


def test_the_note_knows_better():
    note = TrainingNote(
        model_data="s3://m/x", image="serve", training_data_version="iceberg:7", code_commit="c", metrics={"f1": 0.8},
        hyperparameters={"depth": "7"}, requirements_sha256="a" * 64,
    )  # fmt: skip
    record = made(note=note)
    assert (record.model_data, record.environment.image, record.training_data_version) == (
        "s3://m/x",
        "serve",
        "iceberg:7",
    )
    assert (record.code_commit, record.hyperparameters["depth"], record.metrics["f1"]) == ("c", "7", 0.8)
    assert made(note=note, inference_image="mine").environment.image == "mine"


@pytest.mark.parametrize(
    ("job", "missing"),
    [(None, "an image"), ({**JOB, "ModelArtifacts": {}}, "a model artifact"), ({}, "an image")],
)
def test_without_image_or_artifact_there_is_no_version(job, missing):
    with pytest.raises(LineageError, match=f"names {missing}"):
        made(job=job)


def test_what_nobody_knows_is_called_unknown():
    assert made(job={**JOB, "Environment": {}}).code_commit == "unknown"


def test_a_note_is_read_and_refused_with_its_key():
    assert parse_note(json.dumps({"code_commit": "c"})).code_commit == "c"
    for text, fault in (("{", "note"), ('{"model_data": "here"}', "model_data"), ('{"sha": 1}', "sha")):
        with pytest.raises(LineageError, match=fault):
            parse_note(text)
    assert note_uri("s3://b/e/1.json") == "s3://b/e/1.training.json"


def test_metrics_are_named_by_their_data_set():
    bounded = {"value": 0.3, "upper": 0.35}
    scores = {"holdout": {"rows": 10, "rmse": bounded}, "newest": {"accuracy": 0.9, "auc": {"value": 0.8}}}
    found = metrics_of(evaluation(datasets=scores))
    assert found == {"holdout_rmse": 0.3, "newest_accuracy": 0.9, "newest_auc": 0.8}
