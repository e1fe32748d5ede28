from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.functions.training_world import JOB, install, training_account
from tests.unit.training.test_attempts import attempt
from trimtab.aws.refusals import RefusedError
from trimtab.aws.training_state import read_training
from trimtab.training.job_changes import JobChange

LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def account(monkeypatch):
    aws = install(monkeypatch, training_account(JOB))
    aws.CreateTrainingJob(
        "churn-1",
        AlgorithmSpecification={"TrainingImage": "train", "TrainingInputMode": "File"},
        ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    return aws


@pytest.fixture
def execution(account):
    """A pipeline's execution, and the attempt that started it."""
    request = {"PipelineExecutionDisplayName": "one"}
    arn = account.StartPipelineExecution("p", "b" * 64, **request)["PipelineExecutionArn"]
    return attempt(kind="pipeline", target="p", arn=arn)


def test_a_training_job_is_as_sagemaker_describes_it(account):
    account.end_job()
    training = read_training(attempt(), {})
    assert (training.change.status, training.change.billable_seconds) == ("Completed", 100)
    assert training.job["TrainingJobName"] == "churn-1"
    assert training.job_arn == training.change.arn


def test_an_event_that_is_newer_than_the_description_holds(account):
    arn = account.jobs["churn-1"]["TrainingJobArn"]
    told = {arn: JobChange("training_job", arn, "churn-1", "Stopped", LATER)}
    assert read_training(attempt(), told).change.status == "Stopped"
    assert read_training(attempt(), {"another": told[arn]}).change.status == "InProgress"


def test_the_steps_of_an_execution_are_read_once_it_is_over(account, execution):
    calls = len(account.calls)
    training = read_training(execution, {})
    assert (training.change.status, training.job) == ("Executing", None)
    assert [name for name, _ in account.calls[calls:]] == ["DescribePipelineExecution"]
    job = account.end_job()
    account.executions[execution.arn] |= {"PipelineExecutionStatus": "Succeeded"}
    account.steps[execution.arn] = [
        {"StepName": "Train", "StepStatus": "Succeeded", "Metadata": {"TrainingJob": {"Arn": job["TrainingJobArn"]}}},
        {"StepName": "Keep", "StepStatus": "Succeeded", "Metadata": {"RegisterModel": {"Arn": "arn:p/1"}}},
    ]
    training = read_training(execution, {})
    assert (training.change.status, training.change.billable_seconds) == ("Succeeded", 100)
    assert (training.job_arn, training.registered) == (job["TrainingJobArn"], "arn:p/1")


def test_an_execution_without_a_training_job_is_read(account, execution):
    account.executions[execution.arn] |= {"PipelineExecutionStatus": "Failed"}
    training = read_training(execution, {})
    assert (training.job, training.job_arn, training.change.is_final) == (None, execution.arn, True)


def test_a_training_that_sagemaker_does_not_know_is_refused(account):
    account.jobs.clear()
    with pytest.raises(RefusedError, match="not found"):
        read_training(attempt(), {})
