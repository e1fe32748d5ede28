"""Training jobs on Amazon SageMaker."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from botocore.exceptions import ClientError

from trimtab.aws.clients import sagemaker
from trimtab.aws.refusals import RefusedError, translated
from trimtab.training.costs import is_finished
from trimtab.training.start import is_same_start

_BUSY: tuple[Literal["InProgress", "Stopping"], ...] = ("InProgress", "Stopping")


def start_training_job(request: Mapping[str, Any], token: str) -> str:
    """Create a training job; its ARN. One of that name and of the same start that is there already is taken for it.

    Raises RefusedError.
    """
    try:
        return str(sagemaker().create_training_job(**request)["TrainingJobArn"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUse":
            raise translated(error) from error
        description = describe_training_job(request["TrainingJobName"])
        if not is_same_start(description, token):
            raise translated(error) from error
        return str(description["TrainingJobArn"])


def describe_training_job(name: str) -> dict[str, Any]:
    """A training job as DescribeTrainingJob gives it. Raises RefusedError when there is none."""
    try:
        return dict(sagemaker().describe_training_job(TrainingJobName=name))
    except ClientError as error:
        raise translated(error) from error


def training_jobs_in_progress(prefix: str) -> tuple[str, ...] | None:
    """Names of the jobs in progress whose names begin so. None: they may not be listed."""
    pages = sagemaker().get_paginator("list_training_jobs")
    try:
        listed = [
            str(job["TrainingJobName"])
            for status in _BUSY
            for page in pages.paginate(StatusEquals=status, NameContains=prefix)
            for job in page["TrainingJobSummaries"]
            if job["TrainingJobName"].startswith(prefix)
        ]
    except ClientError as error:
        if isinstance(translated(error), RefusedError):
            return None
        raise
    return tuple(listed)


def finished_training_jobs(since: datetime) -> list[dict[str, Any]]:
    """The jobs that changed since a moment and are over, as ListTrainingJobs shows them."""
    pages = sagemaker().get_paginator("list_training_jobs").paginate(LastModifiedTimeAfter=since)
    return [dict(job) for page in pages for job in page["TrainingJobSummaries"] if is_finished(job)]
