"""What trainers find, leave behind and get back: data, checkpoints, artifacts, failures."""

import io
import sys
import tarfile
from collections.abc import Generator
from typing import Any

import pytest

from local.sagemaker.control_faults import Faults, TrainingFaults
from local.sagemaker.object_store import StoreError
from local.sagemaker.training import stop_training_job
from local.sagemaker.training_runs import TRAINER_VARIABLE, Training

type World = Any

SPOT = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
}
CHECKPOINTS = {"CheckpointConfig": {"S3Uri": "s3://checkpoints/churn/v1"}}
STARTS: list[int] = []
CLOSED: list[int] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    STARTS.clear()
    CLOSED.clear()


def counting(training: Training) -> Generator[None]:
    """Counts to three, a step each, on from where its checkpoint is."""
    checkpoint = training.checkpoints / "deep" / "count"
    checkpoint.parent.mkdir(exist_ok=True)
    count = int(checkpoint.read_text()) if checkpoint.exists() else 0
    STARTS.append(count)
    try:
        while count < 3:
            count += 1
            checkpoint.write_text(str(count))
            for old in training.checkpoints.glob("step-*"):
                old.unlink()
            (training.checkpoints / f"step-{count}").touch()
            yield
        (training.model / "model").write_bytes((training.channels["train"] / "rows.csv").read_bytes())
        (training.output / "told").write_text(training.hyperparameters["say"])
    except GeneratorExit:
        CLOSED.append(count)
        (training.model / "partial").write_text(str(count))
        raise


def failing(training: Training) -> Generator[None]:
    """Fails at its second step."""
    yield
    raise ValueError(f"no column in {training.job}")


def train(world: World, trainer: str, **members: Any) -> None:
    world.train(Environment={TRAINER_VARIABLE: f"{__name__}:{trainer}"}, HyperParameters={"say": "yes"}, **members)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)(__name__)
    module.counting, module.failing = counting, failing  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, __name__, module)


def files(world: World, name: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(world.objects["models", f"out/job/output/{name}"]), mode="r:gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive.getmembers()}  # type: ignore[union-attr]


def test_a_trainer_reads_its_channels_and_leaves_an_artifact(world: World) -> None:
    train(world, "counting")
    world.after(60)
    assert world.job()["TrainingJobStatus"] == "Completed"
    assert files(world, "model.tar.gz") == {"model": b"a,repaid\n1,0\n2,1\n"}
    assert files(world, "output.tar.gz") == {"told": b"yes"}
    assert world.objects.keys("checkpoints", "") == []


def test_checkpoints_are_mirrored_and_resumed_after_an_interruption(world: World) -> None:
    world.service.faults.plant(Faults(training=TrainingFaults(step_seconds=10, interruptions=[25])))
    train(world, "counting", **SPOT, **CHECKPOINTS)
    world.after(26)
    assert world.job()["SecondaryStatus"] in ("Interrupted", "Starting")
    assert world.objects.keys("checkpoints", "") == ["churn/v1/deep/count", "churn/v1/step-2"]
    world.after(60)
    assert world.job()["TrainingJobStatus"] == "Completed"
    assert (STARTS, CLOSED) == ([0, 2], [2])
    assert set(files(world, "model.tar.gz")) == {"model"}  # what was on the lost instances is lost


def test_without_checkpoints_an_interrupted_job_begins_anew(world: World) -> None:
    world.service.faults.plant(Faults(training=TrainingFaults(step_seconds=10, interruptions=[25])))
    train(world, "counting", **SPOT)
    world.after(120)
    assert STARTS == [0, 0]


def test_checkpoints_of_other_data_are_resumed_too(world: World) -> None:
    """As SageMaker does: whoever gives two versions of the data one prefix mixes them."""
    world.objects.write("checkpoints", "churn/v1/deep/count", b"2")
    world.objects.write("checkpoints", "churn/v10/deep/count", b"9")
    train(world, "counting", **CHECKPOINTS)
    world.after(60)
    assert STARTS == [2]


def test_a_stopped_job_may_leave_an_artifact(world: World) -> None:
    world.service.faults.plant(Faults(training=TrainingFaults(step_seconds=10)))
    train(world, "counting")
    world.after(15)
    stop_training_job(world.service, {"TrainingJobName": "job"})
    world.after(15)
    assert world.job()["TrainingJobStatus"] == "Stopped"
    assert files(world, "model.tar.gz") == {"partial": b"1"}


def test_a_trainer_that_fails_says_why(world: World) -> None:
    train(world, "failing")
    world.after(60)
    assert world.job()["TrainingJobStatus"] == "Failed"
    assert world.job()["FailureReason"] == "AlgorithmError: ValueError: no column in job, exit code: 1"
    assert world.objects.keys("models", "") == []


def test_a_trainer_that_is_not_there_fails_the_job(world: World) -> None:
    train(world, "none")
    world.after(60)
    assert "no local trainer" in world.job()["FailureReason"]


def test_data_that_cannot_be_read_fail_the_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> bytes:
        raise StoreError("AccessDenied")

    train(world, "counting")
    monkeypatch.setattr(type(world.objects), "read", read)
    world.after(60)
    assert world.job()["FailureReason"] == "ClientError: Data download failed: AccessDenied"


def test_an_artifact_that_cannot_be_written_fails_the_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> None:
        raise StoreError("AccessDenied")

    train(world, "counting")
    monkeypatch.setattr(type(world.objects), "write", write)
    world.after(60)
    assert world.job()["FailureReason"] == "ClientError: Artifact upload failed: AccessDenied"
