"""State changes of training jobs, pipelines and model packages, read from every shape they are told in.

Shapes: EventBridge's events (training jobs and packages with keys in title case and times as milliseconds in a string,
pipelines with keys in lower case and ISO times, `source` as a text or a list), any of them as the body of an SQS or the
message of an SNS record, and what Describe calls answer. Events come late, twice and in any order:
`job_changes.newest` does not care.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from trimtab.training.job_changes import Change, JobChange, PackageChange, is_final_status


class NotAJobEventError(ValueError):
    """What was given is no state change of a job or a model package. The message names what is missing, and where."""


def changes(event: Mapping[str, Any]) -> list[Change]:
    """The state changes that an event tells of; several only when SQS or SNS gives several records.

    Raises NotAJobEventError.
    """
    if "Records" not in event:
        return [_change(event)]
    return [_change(_unwrapped(record, f"Records[{i}]")) for i, record in enumerate(event["Records"])]


def told_jobs(event: Mapping[str, Any]) -> dict[str, JobChange] | None:
    """The states of jobs and executions that an event tells of, by ARN; None of what is no event of SageMaker's.

    Raises NotAJobEventError.
    """
    if "Records" not in event and not str(event.get("detail-type", "")).startswith("SageMaker "):
        return None
    return {change.arn: change for change in changes(event) if isinstance(change, JobChange)}


def training_job_described(description: Mapping[str, Any]) -> JobChange:
    """A training job as DescribeTrainingJob gives it. Raises NotAJobEventError."""
    return _training_job(description, {})


def package_described(description: Mapping[str, Any]) -> PackageChange:
    """A version as DescribeModelPackage gives it. Raises NotAJobEventError."""
    return _package(description, {})


def pipeline_described(description: Mapping[str, Any]) -> JobChange:
    """An execution as DescribePipelineExecution gives it. Raises NotAJobEventError."""
    arn = _text(description, "PipelineExecutionArn", "")
    status = _text(description, "PipelineExecutionStatus", "")
    ended = _time(description, "LastModifiedTime", "")
    return JobChange(
        "pipeline",
        arn,
        _after_slash(str(description.get("PipelineArn") or "")) or arn,
        status,
        ended or _required_time(description, "CreationTime", ""),
        failure=str(description.get("FailureReason") or ""),
        started=_time(description, "CreationTime", ""),
        ended=ended if is_final_status(status) else None,
    )


def moment(value: object) -> datetime:
    """A time as SageMaker spells it: ISO 8601 (no zone means UTC), milliseconds since 1970 as a number or in a string,
    or a datetime. Raises ValueError."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"no time: {value!r}")
    try:
        milliseconds = float(value)
    except ValueError:
        return moment(datetime.fromisoformat(str(value)))
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise ValueError(f"no time: {value!r}") from error


def _change(event: Mapping[str, Any]) -> Change:
    kind, detail = event.get("detail-type"), event.get("detail")
    if not isinstance(detail, Mapping):
        raise NotAJobEventError("detail is missing")
    if not isinstance(kind, str) or kind not in _READERS:
        raise NotAJobEventError(f"detail-type is {kind!r}, which is no state change of a job or a model package")
    return _READERS[kind](detail, event)


def _training_job(told: Mapping[str, Any], event: Mapping[str, Any]) -> JobChange:
    path = "detail." if event else ""
    resources = _mapping(told, "ResourceConfig")
    wait = _mapping(told, "StoppingCondition").get("MaxWaitTimeInSeconds")
    spot = told.get("EnableManagedSpotTraining")
    started, ended = _time(told, "TrainingStartTime", path), _time(told, "TrainingEndTime", path)
    at = _time(told, "LastModifiedTime", path) or ended or _time(event, "time", "")
    count = resources.get("InstanceCount")
    return JobChange(
        "training_job",
        _text(told, "TrainingJobArn", path),
        _text(told, "TrainingJobName", path),
        _text(told, "TrainingJobStatus", path),
        at or _required_time(told, "CreationTime", path),
        secondary=str(told.get("SecondaryStatus") or ""),
        failure=str(told.get("FailureReason") or ""),
        started=started,
        ended=ended,
        training_seconds=_number(told, "TrainingTimeInSeconds"),
        billable_seconds=_number(told, "BillableTimeInSeconds"),
        instance_type=str(resources.get("InstanceType") or ""),
        instance_count=count if isinstance(count, int) else 0,
        max_wait_seconds=wait if isinstance(wait, int) else None,
        is_spot=bool(wait) if spot is None and wait is not None else spot if isinstance(spot, bool) else None,
        artifact=str(_mapping(told, "ModelArtifacts").get("S3ModelArtifacts") or ""),
        environment=tuple(sorted((str(k), str(v)) for k, v in _mapping(told, "Environment").items())),
    )


def _pipeline(told: Mapping[str, Any], event: Mapping[str, Any]) -> JobChange:
    path = "detail."
    arn = _text(told, "pipelineExecutionArn", path)
    ended = _time(told, "executionEndTime", path)
    return JobChange(
        "pipeline",
        arn,
        _after_slash(str(told.get("pipelineArn") or "")) or arn,
        _text(told, "currentPipelineExecutionStatus", path),
        _time(event, "time", "") or ended or _required_time(told, "executionStartTime", path),
        previous=str(told.get("previousPipelineExecutionStatus") or ""),
        failure=str(told.get("failureReason") or ""),
        started=_time(told, "executionStartTime", path),
        ended=ended,
    )


def _pipeline_step(told: Mapping[str, Any], event: Mapping[str, Any]) -> JobChange:
    path = "detail."
    name = _text(told, "stepName", path)
    ended = _time(told, "stepEndTime", path)
    metadata = _mapping(told, "metadata")
    children = [each["arn"] for each in metadata.values() if isinstance(each, Mapping) and "arn" in each]
    return JobChange(
        "pipeline_step",
        f"{_text(told, 'pipelineExecutionArn', path)}#{name}",
        name,
        _text(told, "currentStepStatus", path),
        _time(event, "time", "") or ended or _required_time(told, "stepStartTime", path),
        previous=str(told.get("previousStepStatus") or ""),
        failure=str(told.get("failureReason") or ""),
        started=_time(told, "stepStartTime", path),
        ended=ended,
        child=str(next(iter(children), "")),
    )


def _package(told: Mapping[str, Any], event: Mapping[str, Any]) -> PackageChange:
    path = "detail." if event else ""
    containers = _mapping(told, "InferenceSpecification").get("Containers")
    first = containers[0] if isinstance(containers, list) and containers and isinstance(containers[0], Mapping) else {}
    digest = str(first.get("ImageDigest") or "")
    image = str(first.get("Image") or "")
    version = told.get("ModelPackageVersion")
    at = _time(told, "LastModifiedTime", path) or _time(event, "time", "")
    return PackageChange(
        arn=_text(told, "ModelPackageArn", path),
        group=str(told.get("ModelPackageGroupName") or ""),
        version=version if isinstance(version, int) else 0,
        status=_text(told, "ModelPackageStatus", path),
        approval=str(told.get("ModelApprovalStatus") or ""),
        at=at or _required_time(told, "CreationTime", path),
        image=f"{image}@{digest}" if digest and "@" not in image else image,
        model_data=str(first.get("ModelDataUrl") or ""),
    )


def _unwrapped(record: object, path: str) -> Mapping[str, Any]:
    """The event in a record of SQS or SNS, or of SNS in SQS."""
    text = None
    if isinstance(record, Mapping):
        text = record.get("body") or _mapping(record, "Sns").get("Message")
    if not isinstance(text, str):
        raise NotAJobEventError(f"{path} has neither body nor Sns.Message")
    try:
        told = json.loads(text)
        if isinstance(told, dict) and "detail" not in told and isinstance(told.get("Message"), str):
            told = json.loads(told["Message"])
    except ValueError as error:
        raise NotAJobEventError(f"{path} is no JSON: {text[:80]!r}") from error
    if not isinstance(told, dict):
        raise NotAJobEventError(f"{path} is no event: {text[:80]!r}")
    return told


def _time(told: Mapping[str, Any], key: str, path: str) -> datetime | None:
    value = told.get(key)
    if value is None or value == "":
        return None
    try:
        return moment(value)
    except ValueError as error:
        raise NotAJobEventError(f"{path}{key}: {error}") from error


def _required_time(told: Mapping[str, Any], key: str, path: str) -> datetime:
    found = _time(told, key, path)
    if found is None:
        raise NotAJobEventError(f"{path}{key} is missing, and so is every other time")
    return found


def _text(told: Mapping[str, Any], key: str, path: str) -> str:
    value = told.get(key)
    if not isinstance(value, str) or not value:
        raise NotAJobEventError(f"{path}{key} is missing")
    return value


def _number(told: Mapping[str, Any], key: str) -> float | None:
    value = told.get(key)
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _mapping(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = told.get(key)
    return value if isinstance(value, Mapping) else {}


def _after_slash(arn: str) -> str:
    return arn.rpartition("/")[2]


_READERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Change]] = {
    "SageMaker Training Job State Change": _training_job,
    "SageMaker Model Building Pipeline Execution Status Change": _pipeline,
    "SageMaker Model Building Pipeline Execution Step Status Change": _pipeline_step,
    "SageMaker Model Package State Change": _package,
}
