"""The EventBridge events of training jobs, pipelines, model packages and cards, in SageMaker's shapes and spelling.

Of training jobs, times are milliseconds in a string and names in title case; of pipelines, times are ISO 8601 and names
in lower case; of the registry, ISO 8601 and title case. The shapes are those of the examples in "Events that SageMaker
AI sends to Amazon EventBridge"; what these leave out (what became of a model, why a pipeline failed) has to be asked.
"""

from datetime import UTC, datetime
from typing import Any

from local.sagemaker.events import Entry, event_entry
from local.sagemaker.execution_state import Execution, Transition
from local.sagemaker.training_jobs import TrainingJob

TRAINING = "SageMaker Training Job State Change"
EXECUTION = "SageMaker Model Building Pipeline Execution Status Change"
STEP = "SageMaker Model Building Pipeline Execution Step Status Change"
PACKAGE = "SageMaker Model Package State Change"
CARD = "SageMaker Model Card State Change"
NO_STATUS_DETAILS: dict[str, list[Any]] = {"ValidationStatuses": [], "ImageScanStatuses": []}


def training_event(job: TrainingJob) -> Entry:
    """What SageMaker says when a training job has come to its present secondary status."""
    request = job.request
    detail: dict[str, Any] = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary,
        "HyperParameters": request.get("HyperParameters", {}),
        "AlgorithmSpecification": request.get("AlgorithmSpecification", {}),
        "RoleArn": request["RoleArn"],
        "InputDataConfig": request.get("InputDataConfig", []),
        "OutputDataConfig": request["OutputDataConfig"],
        "ResourceConfig": request.get("ResourceConfig", {}),
        "VpcConfig": request.get("VpcConfig", {}),
        "StoppingCondition": request["StoppingCondition"],
        "CreationTime": job.created,
        "TrainingStartTime": job.started,
        "TrainingEndTime": job.ended if job.started else None,
        "LastModifiedTime": job.changed,
        "SecondaryStatusTransitions": job.transitions,
        "Tags": {tag["Key"]: tag["Value"] for tag in job.shown.tags},
    }
    if job.failure:
        detail["FailureReason"] = job.failure
    told = {member: value for member, value in detail.items() if value is not None}
    return event_entry(TRAINING, [job.arn], told, job.changed, _milliseconds)


def execution_event(execution: Execution, change: Transition) -> Entry:
    """What SageMaker says of a change of an execution, or of one of its steps."""
    detail: dict[str, Any] = {
        "pipelineArn": execution.pipeline_arn,
        "pipelineExecutionArn": execution.arn,
    }
    if step := change.step:
        kind = STEP
        detail |= {
            "metadata": {_lower(name): {_lower(k): v for k, v in told.items()} for name, told in step.metadata.items()},
            "stepStartTime": step.started,
            "stepEndTime": step.ended,
            "stepName": step.definition.name,
            "stepType": step.definition.kind,
            "previousStepStatus": change.previous or None,
            "currentStepStatus": change.current,
        }
    else:
        kind = EXECUTION
        detail |= {
            "pipelineExecutionDisplayName": execution.display_name,
            "pipelineExecutionDescription": execution.description or None,
            "currentPipelineExecutionStatus": change.current,
            "previousPipelineExecutionStatus": change.previous or None,
            "executionStartTime": execution.created,
            "executionEndTime": change.at if execution.is_over else None,
        }
    told = {member: value for member, value in detail.items() if value is not None}
    return event_entry(kind, [execution.pipeline_arn, execution.arn], told, change.at, _iso)


def package_event(package: Any, at: datetime) -> Entry:
    """What SageMaker says of a model package (moto's) that was made or changed."""
    detail = {
        "ModelPackageGroupName": package.model_package_group_name,
        "ModelPackageVersion": package.model_package_version,
        "ModelPackageArn": package.arn,
        "CreationTime": package.creation_time,
        "InferenceSpecification": package.inference_specification,
        "ModelPackageStatus": package.model_package_status,
        "ModelPackageStatusDetails": package.model_package_status_details or NO_STATUS_DETAILS,
        "CertifyForMarketplace": bool(package.certify_for_marketplace),
        "ModelApprovalStatus": package.model_approval_status,
        "MetadataProperties": package.metadata_properties,
        "ModelMetrics": package.model_metrics,
        "LastModifiedTime": at,
    }
    told = {member: value for member, value in detail.items() if value is not None}
    return event_entry(PACKAGE, [package.arn], told, at, _iso)


def card_event(card: Any, at: datetime) -> Entry:
    """What SageMaker says of a model card (moto's) that was made or changed."""
    detail = {
        "ModelCardVersion": card.model_card_version,
        "LastModifiedTime": at,
        "LastModifiedBy": {},
        "CreationTime": card.creation_time,
        "CreatedBy": {},
        "ModelCardName": card.model_card_name,
        "ModelCardStatus": card.model_card_status,
        "AccountId": card.arn.split(":")[4],
        "SecurityConfig": card.security_config or {},
    }
    return event_entry(CARD, [card.arn], detail, at, _iso)


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _milliseconds(value: object) -> str:
    return f"{_moment(value).timestamp() * 1000:.0f}"


def _iso(value: object) -> str:
    return f"{_moment(value):%Y-%m-%dT%H:%M:%SZ}"


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    raise TypeError(f"not JSON: {value!r}")
