"""Where a new version comes from: what its training job and its own note say of data, code, environment, artifact.

The note is a file beside the evaluation (`<evaluation without .json>.training.json`), for what no job knows: version of
the data, commit, hash of the requirements. It is optional, and so is each of its keys.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trimtab.training.attempts import AttemptRecord
from trimtab.training.evaluation import Evaluation
from trimtab.training.gates import all_passed
from trimtab.training.verdicts import GateVerdict, verdicts_document
from trimtab.training.version_record import Environment, Sha256, VersionRecord

UNKNOWN = "unknown"
_COMMIT_VARIABLES = ("CODE_COMMIT", "GIT_COMMIT", "TRIMTAB_CODE_COMMIT")


class LineageError(ValueError):
    """What is known of a training is not enough for a version. The message names what is missing or wrong."""


class TrainingNote(BaseModel):
    """What a training says of itself, version 1."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    version: int = Field(1, ge=1, le=1)
    model_data: Annotated[str, Field(pattern=r"^s3://[^/]+/.+")] | None = None
    image: str = ""
    training_data_version: str = ""
    training_data: tuple[str, ...] = ()
    code_commit: str = ""
    repository: str = ""
    requirements_sha256: Sha256 | None = None
    hyperparameters: Mapping[str, str] = {}
    metrics: Mapping[str, float] = {}


def note_uri(evaluation: str) -> str:
    """Where the note beside an evaluation file lies."""
    return f"{evaluation.removesuffix('.json')}.training.json"


def parse_note(text: str | bytes) -> TrainingNote:
    """The note in a file. Raises LineageError."""
    try:
        return TrainingNote.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise LineageError(f"the training's note: {faults}") from error


def metrics_of(evaluation: Evaluation) -> dict[str, float]:
    """The metrics of an evaluation by data set and name, as `holdout_accuracy`."""
    found: dict[str, float | None] = {}
    for name, score in evaluation.datasets.items():
        found[f"{name}_accuracy"] = score.share_correct
        found[f"{name}_auc"] = None if score.auc is None else score.auc.value
        found[f"{name}_rmse"] = None if score.rmse is None else score.rmse.value
    return {name: value for name, value in found.items() if value is not None}


def version_record(
    attempt: AttemptRecord,
    job: Mapping[str, Any] | None,
    note: TrainingNote,
    evaluation: Evaluation,
    verdicts: Sequence[GateVerdict],
    *,
    group: str,
    version: int,
    previous_sha256: str | None,
    parent_version: int | None,
    inference_image: str | None,
    model_id: str,
    created: datetime,
) -> VersionRecord:
    """The record of what an attempt made. `job`: its training job as DescribeTrainingJob gives it, where one is known.

    Raises LineageError without a model artifact or an image.
    """
    job = job or {}
    variables: Mapping[str, str] = job.get("Environment") or {}
    commit = next((variables[name] for name in _COMMIT_VARIABLES if variables.get(name)), "")
    image = inference_image or note.image or job.get("AlgorithmSpecification", {}).get("TrainingImage", "")
    model_data = note.model_data or job.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
    for what, value in (("an image", image), ("a model artifact", model_data)):
        if not value:
            raise LineageError(f"neither the training job nor its note names {what}")
    channels = [
        each.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri", "") for each in job.get("InputDataConfig", [])
    ]
    return VersionRecord(
        group=group,
        version=version,
        previous_sha256=previous_sha256,
        parent_version=parent_version,
        model_id=model_id,
        model_data=model_data,
        training_data_version=note.training_data_version or attempt.data_version or UNKNOWN,
        training_data=note.training_data or tuple(uri for uri in channels if uri),
        training_job=job.get("TrainingJobArn") or attempt.arn,
        code_commit=note.code_commit or commit or UNKNOWN,
        repository=note.repository,
        environment=Environment(image=image, requirements_sha256=note.requirements_sha256),
        hyperparameters={**(job.get("HyperParameters") or {}), **note.hyperparameters},
        metrics={**metrics_of(evaluation), **note.metrics},
        gates=tuple(verdicts_document(verdicts)),
        gates_passed=all_passed(verdicts),
        drift_report=attempt.trigger.report,
        created=created,
    )
