"""How a training stands, as SageMaker tells it now."""

from collections.abc import Mapping

from trimtab.aws.pipelines import describe_execution, execution_steps
from trimtab.aws.training_jobs import describe_training_job
from trimtab.training.attempts import AttemptRecord
from trimtab.training.job_changes import JobChange, latest
from trimtab.training.job_events import pipeline_described, training_job_described
from trimtab.training.training_state import Training, ended_execution, last_job


def read_training(attempt: AttemptRecord, told: Mapping[str, JobChange]) -> Training:
    """The training of an attempt that was started. `told`: what events say, by ARN: it holds where it is newer.

    Raises RefusedError when SageMaker does not know the training.
    """
    if attempt.kind == "training_job":
        job = describe_training_job(attempt.target)
        return Training(latest(training_job_described(job), told), job)
    change = latest(pipeline_described(describe_execution(attempt.arn)), told)
    if not change.is_final:
        return Training(change)
    steps = execution_steps(attempt.arn)
    name = last_job(steps)
    return ended_execution(change, steps, describe_training_job(name) if name else None)
