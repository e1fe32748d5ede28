"""Training job operations. moto's jobs are completed as soon as they are created; these take their time."""

import re
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from moto.sagemaker.models import FakeTrainingJob

from local.sagemaker.errors import RefusedError, invalid
from local.sagemaker.listing import is_between, listed
from local.sagemaker.object_store import StoreError, bucket_and_prefix
from local.sagemaker.service import Operation, Parameters, Service
from local.sagemaker.training_description import FLAGS, described, summarised
from local.sagemaker.training_jobs import TrainingJob
from local.sagemaker.training_runs import Run

NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
LONGEST_SECONDS = 28 * 86_400
MOST_PAIRS = 100
# The parameters of moto's object of a job, in their order, by the request's members.
MOTO_MEMBERS = (
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "Tags",
    *FLAGS,
    "CheckpointConfig",
    "DebugHookConfig",
    "DebugRuleConfigurations",
    "TensorBoardOutputConfig",
    "ExperimentConfig",
)


def create_training_job(service: Service, parameters: Parameters) -> dict[str, Any]:
    """Create a job. Raises RefusedError for what SageMaker would not begin."""
    return {"TrainingJobArn": begin_training(service, parameters, service.clock.now()).arn}


def begin_training(service: Service, parameters: Mapping[str, Any], at: datetime) -> TrainingJob:
    """Create a job as of a moment that may be past. Raises RefusedError."""
    request = deepcopy(dict(parameters))
    name = request["TrainingJobName"]
    if not NAME.fullmatch(name):
        raise _unfit("trainingJobName", name, f"Member must satisfy regular expression pattern: {NAME.pattern}")
    _require_valid_limits(request)
    _require_instance_type(request)
    for member in ("HyperParameters", "Environment"):
        if len(request.get(member, {})) > MOST_PAIRS:
            raise _unfit(member, "…", f"Member must have length less than or equal to {MOST_PAIRS}")
    _require_data(service, request)
    request.setdefault("StoppingCondition", {}).setdefault("MaxRuntimeInSeconds", 86_400)

    def made() -> TrainingJob:
        faults = service.faults.next_training(is_spot=bool(request.get("EnableManagedSpotTraining")))
        # moto writes into what it is given.
        members: list[Any] = [deepcopy(request.get(member)) for member in MOTO_MEMBERS]
        shown = FakeTrainingJob(service.backend.account_id, service.backend.region_name, name, *members)
        service.backend.training_jobs[name] = shown
        return TrainingJob(request, shown, Run(request, service.store, faults.steps), faults, at)

    arn = service.arn("training-job", name)
    if (job := service.training.add(arn, made)) is None:
        raise RefusedError(
            "ResourceInUse",
            "Training job names must be unique within an AWS account and region, "
            f"and a training job with this name already exists ({arn})",
        )
    return job


def describe_training_job(service: Service, parameters: Parameters) -> dict[str, Any]:
    """Of a job that has not come onto instances, moto shows times and metrics of a completed one."""
    return described(training_job_named(service, parameters["TrainingJobName"]))


def list_training_jobs(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto knows no order, and looks for what is asked on the page only."""
    jobs = [
        job
        for job in service.training.all()
        if job.arn.startswith(service.arn("training-job", ""))
        and parameters.get("NameContains", "").lower() in job.name.lower()
        and parameters.get("StatusEquals", job.status) == job.status
        and is_between(job.created, parameters, "CreationTimeAfter", "CreationTimeBefore")
        and is_between(job.changed, parameters, "LastModifiedTimeAfter", "LastModifiedTimeBefore")
    ]
    keys = {"Name": lambda job: job.name, "Status": lambda job: job.status}
    page, more = listed(jobs, parameters, keys.get(parameters.get("SortBy", ""), lambda job: job.created))
    return {"TrainingJobSummaries": [summarised(job) for job in page], **more}


def stop_training_job(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto has no such operation."""
    job = training_job_named(service, parameters["TrainingJobName"])
    if job.status != "InProgress":
        raise invalid(f"The request was rejected because the training job is in status {job.status}.")
    service.training.stop(job, service.clock.now())
    return {}


def training_job_named(service: Service, name: str) -> TrainingJob:
    """The job of that name. Raises RefusedError as SageMaker does when there is none."""
    job = service.training.of(service.arn("training-job", name))
    if job is None:
        raise invalid("Requested resource not found.")
    return job


def _require_valid_limits(request: Mapping[str, Any]) -> None:
    limits = request.get("StoppingCondition", {})
    most, wait = limits.get("MaxRuntimeInSeconds", 86_400), limits.get("MaxWaitTimeInSeconds")
    if not 1 <= most <= LONGEST_SECONDS:
        raise invalid(f"Invalid MaxRuntimeInSeconds. It must be between 1 and {LONGEST_SECONDS}")
    if not request.get("EnableManagedSpotTraining"):
        if wait is not None:
            raise invalid(
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
            )
        return
    if wait is None or wait < most:
        raise invalid(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )
    if request.get("ResourceConfig", {}).get("KeepAlivePeriodInSeconds"):
        raise invalid("KeepAlivePeriodInSeconds is not supported when EnableManagedSpotTraining is set to true")


def _require_instance_type(request: Mapping[str, Any]) -> None:
    instance_type = request.get("ResourceConfig", {}).get("InstanceType")
    if instance_type and instance_type not in instance_types():
        raise _unfit("resourceConfig.instanceType", instance_type, "Member must satisfy enum value set")


def _require_data(service: Service, request: Mapping[str, Any]) -> None:
    """SageMaker looks whether there is something to train on before it takes a job."""
    for channel in request.get("InputDataConfig", []):
        if not (uri := channel["DataSource"].get("S3DataSource", {}).get("S3Uri")):
            continue
        try:
            found = service.store.keys(*bucket_and_prefix(uri))
        except (StoreError, ValueError):
            found = []
        if not found:
            raise invalid(
                f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
                f"exists in the selected region ({service.backend.region_name}), that objects exist under that S3 "
                f'prefix, and that the role "{request["RoleArn"]}" has "s3:ListBucket" permissions on it.'
            )


def _unfit(member: str, value: str, constraint: str) -> RefusedError:
    return invalid(f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy: {constraint}")


@cache
def instance_types() -> frozenset[str]:
    """The instance types that a training job can have, as boto3 knows them."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape: Any = model.shape_for("TrainingInstanceType")
    return frozenset(shape.enum)


OPERATIONS: dict[str, Operation] = {
    "CreateTrainingJob": create_training_job,
    "DescribeTrainingJob": describe_training_job,
    "ListTrainingJobs": list_training_jobs,
    "StopTrainingJob": stop_training_job,
}
