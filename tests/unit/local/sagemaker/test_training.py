"""Training job operations: what they refuse, show and list."""

from typing import Any

import pytest

from local.sagemaker.control_faults import Faults, TrainingFaults
from local.sagemaker.errors import RefusedError
from local.sagemaker.training import list_training_jobs, stop_training_job

type World = Any

SPOT = {"EnableManagedSpotTraining": True}


def limits(most: int, wait: int | None = None) -> dict[str, Any]:
    told = {"MaxRuntimeInSeconds": most} | ({} if wait is None else {"MaxWaitTimeInSeconds": wait})
    return {"StoppingCondition": told}


def test_a_name_can_be_used_once_only(world: World) -> None:
    world.train()
    with pytest.raises(RefusedError, match=r"this name already exists \(arn:.*:training-job/job\)") as refused:
        world.train()
    assert refused.value.code == "ResourceInUse"
    assert len(world.told) == 1


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        (limits(3600, 7200), "only supported when EnableManagedSpotTraining is set to true"),
        (SPOT | limits(3600), "must be present and be greater than or equal to MaxRuntimeInSeconds"),
        (SPOT | limits(3600, 3599), "must be present and be greater than or equal to MaxRuntimeInSeconds"),
        (limits(0), "Invalid MaxRuntimeInSeconds"),
        (limits(28 * 86_400 + 1), "Invalid MaxRuntimeInSeconds"),
        ({"ResourceConfig": {"InstanceType": "ml.none.large"}}, "ml.none.large"),
        (SPOT | limits(1, 1) | {"ResourceConfig": {"KeepAlivePeriodInSeconds": 60}}, "KeepAlivePeriodInSeconds"),
        ({"HyperParameters": dict.fromkeys(map(str, range(101)), "1")}, "HyperParameters"),
        ({"TrainingJobName": "a--" + "b" * 63}, "regular expression"),
        (
            {"InputDataConfig": [{"ChannelName": "x", "DataSource": {"S3DataSource": {"S3Uri": "s3://data/none/"}}}]},
            'No S3 objects found under S3 URL "s3://data/none/"',
        ),
    ],
)
def test_what_sagemaker_would_not_begin_is_refused(world: World, members: dict[str, Any], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason) as refused:
        world.train(**members)
    assert refused.value.code == "ValidationException"
    assert world.told == []


def test_waiting_as_long_as_running_is_allowed(world: World) -> None:
    world.train(**SPOT, **limits(3600, 3600))
    assert world.job()["StoppingCondition"]["MaxWaitTimeInSeconds"] == 3600


def test_a_job_without_instances_has_no_times_of_training(world: World) -> None:
    world.train(Environment={"TRIMTAB_START_TOKEN": "t"})
    shown = world.job()
    assert shown["Environment"] == {"TRIMTAB_START_TOKEN": "t"}
    assert {"TrainingStartTime", "TrainingEndTime", "BillableTimeInSeconds", "FailureReason"}.isdisjoint(shown)
    assert shown["ModelArtifacts"]["S3ModelArtifacts"] == "s3://models/out/job/output/model.tar.gz"
    world.after(60)
    assert world.job()["TrainingTimeInSeconds"] == world.job()["BillableTimeInSeconds"] == 3


def test_jobs_are_listed_by_name_status_and_time(world: World) -> None:
    world.train("churn-1")
    world.after(60)
    world.train("churn-2")
    world.train("other")
    world.after(1)

    def names(**asked: Any) -> list[str]:
        return [one["TrainingJobName"] for one in list_training_jobs(world.service, asked)["TrainingJobSummaries"]]

    assert names() == ["churn-1", "churn-2", "other"]
    assert names(NameContains="CHURN", SortBy="Name", SortOrder="Descending") == ["churn-2", "churn-1"]
    assert names(StatusEquals="InProgress") == ["churn-2", "other"]
    assert names(StatusEquals="Completed", SortBy="Status") == ["churn-1"]
    assert names(CreationTimeAfter=world.service.clock.now().timestamp() - 30) == ["churn-2", "other"]
    page = list_training_jobs(world.service, {"MaxResults": 2})
    assert page["NextToken"] == "2"
    assert "TrainingEndTime" in page["TrainingJobSummaries"][0]
    assert page["TrainingJobSummaries"][1]["SecondaryStatus"] == "Downloading"


def test_only_a_job_in_progress_can_be_stopped(world: World) -> None:
    world.train()
    stop_training_job(world.service, {"TrainingJobName": "job"})
    with pytest.raises(RefusedError, match="training job is in status Stopping"):
        stop_training_job(world.service, {"TrainingJobName": "job"})
    world.after(1)
    assert world.job()["TrainingJobStatus"] == "Stopped"
    with pytest.raises(RefusedError, match="Requested resource not found"):
        stop_training_job(world.service, {"TrainingJobName": "none"})


def test_a_refused_job_uses_up_no_planted_interruption(world: World) -> None:
    world.service.faults.plant(Faults(training=TrainingFaults(interruptions=[1.5])))
    world.train(**limits(60))
    with pytest.raises(RefusedError):
        world.train(**SPOT, **limits(60, 60))
    assert world.service.faults.present.training.interruptions == [1.5]


def test_tags_of_a_job_are_motos(world: World) -> None:
    world.train(Tags=[{"Key": "trimtab:start", "Value": "t"}])
    assert world.service.backend.list_tags(arn=world.job()["TrainingJobArn"])[0][0]["Value"] == "t"
