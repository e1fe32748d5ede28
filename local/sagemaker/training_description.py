"""Training jobs as DescribeTrainingJob and ListTrainingJobs show them."""

from copy import deepcopy
from typing import Any

from local.sagemaker.training_jobs import TrainingJob

# Members of a request that DescribeTrainingJob shows as they are.
SHOWN = (
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "CheckpointConfig",
    "Environment",
    "RetryStrategy",
)
FLAGS = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")


def described(job: TrainingJob) -> dict[str, Any]:
    """A job as DescribeTrainingJob shows it."""
    answer = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "ModelArtifacts": {"S3ModelArtifacts": artifact_of(job)},
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary,
        "CreationTime": job.created,
        "LastModifiedTime": job.changed,
        "SecondaryStatusTransitions": deepcopy(job.transitions),
        **{member: job.request[member] for member in SHOWN if job.request.get(member) not in (None, {}, [])},
        **{flag: bool(job.request.get(flag)) for flag in FLAGS},
    }
    if job.failure:
        answer["FailureReason"] = job.failure
    if job.started:
        answer["TrainingStartTime"] = job.started
    if job.started and job.ended:
        answer |= {
            "TrainingEndTime": job.ended,
            "TrainingTimeInSeconds": round(job.seconds),
            "BillableTimeInSeconds": job.billable_seconds,
        }
    return answer


def artifact_of(job: TrainingJob) -> str:
    """Where the model that a job trains goes."""
    return f"{job.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output/model.tar.gz"


def summarised(job: TrainingJob) -> dict[str, Any]:
    """A job as ListTrainingJobs shows it."""
    summary = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "CreationTime": job.created,
        "LastModifiedTime": job.changed,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary,
    }
    return summary | ({"TrainingEndTime": job.ended} if job.ended else {})
