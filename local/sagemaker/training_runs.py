"""What a training job really does: its trainer, a plain callable, at work in folders like those of a container.

A job names its trainer `module:callable` in its `Environment[TRAINER_VARIABLE]`; see `local.trainers` for those there
are. It is called with a `Training` and gives an iterator, of which each item is a step. Between two steps the job can
be interrupted or stopped, the iterator being closed; after each its checkpoints are put into S3.
"""

import importlib
import io
import tarfile
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from local.capture_files import split_s3_uri
from local.sagemaker.object_store import Store, StoreError, objects_below

TRAINER_VARIABLE = "TRIMTAB_LOCAL_TRAINER"


class RunError(Exception):
    """A training can't go on. The message is the job's FailureReason."""


@dataclass(frozen=True, slots=True)
class Training:
    """What a trainer is told, and where it reads and writes: the folders of SageMaker's training containers.

    `channels`: `/opt/ml/input/data/<channel>`. What is in `model` (`/opt/ml/model`) becomes the model artifact, what is
    in `output` (`/opt/ml/output/data`) `output.tar.gz`. `checkpoints` (`/opt/ml/checkpoints`) holds what was there
    before an interruption. `store`: S3, for what else it reads or writes.
    """

    job: str
    hyperparameters: Mapping[str, str]
    environment: Mapping[str, str]
    channels: Mapping[str, Path]
    checkpoints: Path
    model: Path
    output: Path
    store: Store


# A generator function: nothing is done before the first step.
type Trainer = Callable[[Training], Generator[None]]


class Run:
    """One job's trainer, through all interruptions. What can't be done raises RunError."""

    def __init__(self, request: Mapping[str, Any], store: Store, idle_steps: int) -> None:
        self._request, self._store, self._idle_steps = request, store, idle_steps
        self._folder: TemporaryDirectory[str] | None = None
        self._steps: Generator[None] | None = None
        self._saved: dict[str, bytes] = {}

    def begin(self) -> None:
        """Get the data and the checkpoints, and make ready for the first step of this attempt."""
        self._folder = TemporaryDirectory(prefix="training-")
        try:
            channels = {channel["ChannelName"]: self._downloaded(channel) for channel in self._channels}
            self._saved = objects_below(self._store, self._checkpoint_uri) if self._checkpoint_uri else {}
        except (StoreError, ValueError) as error:
            raise RunError(f"ClientError: Data download failed: {error}"[:1024]) from error
        _write_below(self._path("checkpoints"), self._saved)
        name = self._request.get("Environment", {}).get(TRAINER_VARIABLE)
        training = Training(
            job=self._request["TrainingJobName"],
            hyperparameters=self._request.get("HyperParameters", {}),
            environment=self._request.get("Environment", {}),
            channels=channels,
            checkpoints=self._path("checkpoints"),
            model=self._path("model"),
            output=self._path("output/data"),
            store=self._store,
        )
        self._steps = _begun(name, training) if name else _idle(self._idle_steps)

    def step(self) -> bool:
        """Do one step. False when there is no more to do."""
        if self._steps is None:
            raise RuntimeError("the run has not begun")
        try:
            next(self._steps)
        except StopIteration:
            return False
        except Exception as error:
            raise RunError(f"AlgorithmError: {type(error).__name__}: {error}, exit code: 1"[:1024]) from error
        self._save_checkpoints()
        return True

    def interrupt(self) -> None:
        """Lose the instances, and everything that is not in S3."""
        self._close()
        if self._folder is not None:
            self._folder.cleanup()
        self._folder = self._steps = None

    def finish(self) -> None:
        """Stop if there is more to do, and put into S3 what the trainer made: the model and the output, if any."""
        if self._folder is None:
            return
        self._close()
        bucket, prefix = split_s3_uri(self._request["OutputDataConfig"]["S3OutputPath"])
        try:
            for folder, name in (("model", "model.tar.gz"), ("output/data", "output.tar.gz")):
                if body := packed(self._path(folder)):
                    key = "/".join(filter(None, (prefix, self._request["TrainingJobName"], "output", name)))
                    self._store.write(bucket, key, body)
        except StoreError as error:
            raise RunError(f"ClientError: Artifact upload failed: {error}"[:1024]) from error
        finally:
            self.interrupt()

    def _close(self) -> None:
        """What a trainer does when it is told to end (its `finally`) can't hold anything up."""
        if self._steps is not None:
            with suppress(Exception):
                self._steps.close()

    @property
    def _channels(self) -> list[dict[str, Any]]:
        channels: list[dict[str, Any]] = self._request.get("InputDataConfig", [])
        return [channel for channel in channels if "S3DataSource" in channel["DataSource"]]

    @property
    def _checkpoint_uri(self) -> str:
        uri = str(self._request.get("CheckpointConfig", {}).get("S3Uri", ""))
        return uri.rstrip("/") + "/" if uri else ""

    def _path(self, name: str) -> Path:
        if self._folder is None:
            raise RuntimeError("the run has not begun")
        path = Path(self._folder.name) / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _downloaded(self, channel: Mapping[str, Any]) -> Path:
        path = self._path(f"input/data/{channel['ChannelName']}")
        _write_below(path, objects_below(self._store, channel["DataSource"]["S3DataSource"]["S3Uri"]))
        return path

    def _save_checkpoints(self) -> None:
        """SageMaker mirrors the folder: what is deleted there is deleted in S3 too."""
        if not self._checkpoint_uri:
            return
        bucket, prefix = split_s3_uri(self._checkpoint_uri)
        now = _read_below(self._path("checkpoints"))
        try:
            for name in now.keys() | self._saved.keys():
                if name not in now:
                    self._store.delete(bucket, f"{prefix}/{name}")
                elif now[name] != self._saved.get(name):
                    self._store.write(bucket, f"{prefix}/{name}", now[name])
        except StoreError as error:
            raise RunError(f"ClientError: Checkpoint upload failed: {error}"[:1024]) from error
        self._saved = now


def packed(folder: Path) -> bytes:
    """The files of a folder as `tar.gz`; empty when there are none."""
    files = _read_below(folder)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return buffer.getvalue() if files else b""


def _begun(name: str, training: Training) -> Generator[None]:
    module, _, attribute = name.partition(":")
    try:
        trainer: Trainer = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise RunError(f"AlgorithmError: no local trainer {name!r}: {error}, exit code: 127"[:1024]) from error
    return trainer(training)


def _idle(steps: int) -> Generator[None]:
    yield from [None] * steps


def _write_below(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def _read_below(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
