import pytest

from tests.unit.training.builders import ARN, NOW
from trimtab.training.job_changes import JobChange
from trimtab.training.training_state import Training, ended_execution, last_job

EXECUTION = JobChange("pipeline", f"{ARN}pipeline/p/execution/e", "p", "Succeeded", NOW, failure="Step failure")
JOB = {
    "TrainingJobArn": f"{ARN}training-job/second",
    "TrainingJobName": "second",
    "TrainingJobStatus": "Completed",
    "LastModifiedTime": NOW,
    "TrainingTimeInSeconds": 500,
    "BillableTimeInSeconds": 100,
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2},
    "FailureReason": "of the job",
}


def step(name, status="Succeeded", **metadata):
    return {"StepName": name, "StepStatus": status, "Metadata": {kind: {"Arn": arn} for kind, arn in metadata.items()}}


def test_the_last_training_job_of_an_execution_is_the_one_that_counts():
    steps = [
        {"StepName": "Wait"},
        step("Train", TrainingJob=f"{ARN}training-job/first"),
        step("Again", TrainingJob=f"{ARN}training-job/second"),
        step("Check", "Starting", TrainingJob=""),
    ]
    assert last_job(steps) == "second"
    assert last_job(steps[:1]) == last_job([]) == ""


def test_an_execution_has_the_times_and_instances_of_its_job_and_keeps_its_own_state():
    training = ended_execution(EXECUTION, [step("Train", TrainingJob=JOB["TrainingJobArn"])], JOB)
    change = training.change
    assert (change.training_seconds, change.billable_seconds) == (500, 100)
    assert (change.instance_type, change.instance_count) == ("ml.m5.xlarge", 2)
    assert (change.kind, change.arn, change.status, change.failure) == (
        "pipeline",
        EXECUTION.arn,
        "Succeeded",
        "Step failure",
    )
    assert training.job_arn == JOB["TrainingJobArn"]


def test_without_a_job_the_execution_stands_for_it():
    training = ended_execution(EXECUTION, [], None)
    assert training == Training(EXECUTION)
    assert (training.job_arn, training.registered) == (EXECUTION.arn, "")


def test_the_version_that_a_pipeline_registered_last_is_known():
    steps = [step("One", RegisterModel="arn:1"), step("Two", RegisterModel="arn:2"), step("Train", TrainingJob="arn:3")]
    assert ended_execution(EXECUTION, steps, None).registered == "arn:2"


@pytest.mark.parametrize(
    ("told", "why"),
    [({"FailureReason": "ClientError: no data"}, "ClientError: no data"), ({}, "no reason given")],
    ids=["with a reason", "without"],
)
def test_the_first_step_that_failed_says_why(told, why):
    steps = [step("Prepare"), step("Train", "Failed") | told, step("Clean", "Failed") | {"FailureReason": "later"}]
    assert ended_execution(EXECUTION, steps, None).change.failure == f"step Train: {why}"
