"""A training as it is now: its state, its training job, and what its pipeline registered by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trimtab.training.job_changes import JobChange
from trimtab.training.job_events import training_job_described


@dataclass(frozen=True, slots=True)
class Training:
    """A training that has been looked at. `job`: the training job, or a pipeline's last one, as DescribeTrainingJob
    gives it; `registered`: ARN of the version that a pipeline registered by itself, "" without."""

    change: JobChange
    job: Mapping[str, Any] | None = None
    registered: str = ""

    @property
    def job_arn(self) -> str:
        """ARN of the training job, of the execution where no job is known."""
        return str(self.job["TrainingJobArn"]) if self.job else self.change.arn


def last_job(steps: Sequence[Mapping[str, Any]]) -> str:
    """Name of the last training job of an execution's steps, as ListPipelineExecutionSteps gives them; "" without."""
    return _last_made(steps, "TrainingJob").rpartition("/")[2]


def ended_execution(change: JobChange, steps: Sequence[Mapping[str, Any]], job: Mapping[str, Any] | None) -> Training:
    """An execution that is over, with the times and instances of its last training job. A step that failed says more
    of why than the execution does."""
    if failed := next((step for step in steps if step.get("StepStatus") == "Failed"), None):
        why = f"step {failed['StepName']}: {failed.get('FailureReason', 'no reason given')}"
        change = replace(change, failure=why)
    if job:
        trained = training_job_described(job)
        change = replace(
            change,
            training_seconds=trained.training_seconds,
            billable_seconds=trained.billable_seconds,
            instance_type=trained.instance_type,
            instance_count=trained.instance_count,
        )
    return Training(change, job, _last_made(steps, "RegisterModel"))


def _last_made(steps: Sequence[Mapping[str, Any]], kind: str) -> str:
    """ARN of the last thing of a kind that steps made, "" when they made none."""
    made = [str((step.get("Metadata") or {}).get(kind, {}).get("Arn", "")) for step in steps]
    return next((arn for arn in reversed(made) if arn), "")
