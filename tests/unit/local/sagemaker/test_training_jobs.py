"""The states of training jobs over time: on demand and on spot, interrupted, stopped, too long."""

from typing import Any

import pytest

from local.sagemaker.control_faults import Faults, TrainingFaults
from local.sagemaker.training import stop_training_job

type World = Any

SPOT = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 1000, "MaxWaitTimeInSeconds": 2000},
}
# Starting, downloading and uploading 10 s each; five steps of 100 s.
SLOW: dict[str, Any] = {
    "starting_seconds": 10,
    "downloading_seconds": 10,
    "step_seconds": 100,
    "uploading_seconds": 10,
    "stopping_seconds": 5,
}


def plant(world: World, **training: Any) -> None:
    world.service.faults.plant(Faults(training=TrainingFaults(**SLOW | training)))


def secondaries(world: World) -> list[str]:
    return [transition["Status"] for transition in world.job()["SecondaryStatusTransitions"]]


def test_a_job_goes_through_its_statuses_in_their_time(world: World) -> None:
    plant(world)
    world.train()
    for seconds, expected in ((9, "Starting"), (1, "Downloading"), (10, "Training"), (599, "Training")):
        world.after(seconds)
        assert (world.job()["TrainingJobStatus"], world.job()["SecondaryStatus"]) == ("InProgress", expected)
    world.after(1)
    assert world.job()["SecondaryStatus"] == "Uploading"
    world.after(10)
    shown = world.job()
    assert (shown["TrainingJobStatus"], shown["SecondaryStatus"]) == ("Completed", "Completed")
    assert shown["TrainingTimeInSeconds"] == shown["BillableTimeInSeconds"] == 620
    assert (shown["TrainingEndTime"] - shown["TrainingStartTime"]).total_seconds() == 620
    transitions = shown["SecondaryStatusTransitions"]
    assert [one["StartTime"] for one in transitions[1:]] == [one["EndTime"] for one in transitions[:-1]]


def test_an_hour_at_once_is_the_same_as_second_by_second(world: World) -> None:
    plant(world)
    world.train()
    world.after(3600)
    at_once = world.job()["SecondaryStatusTransitions"]
    world.train("again")
    for _ in range(700):
        world.after(1)
    again = world.job("again")
    shift = again["CreationTime"] - world.job()["CreationTime"]
    assert [one["StartTime"] - shift for one in again["SecondaryStatusTransitions"]] == [
        one["StartTime"] for one in at_once
    ]


def test_spot_bills_a_part(world: World) -> None:
    plant(world, spot_saving=0.8)
    world.train(**SPOT)
    world.after(3600)
    assert (world.job()["TrainingTimeInSeconds"], world.job()["BillableTimeInSeconds"]) == (620, 124)


def test_an_interrupted_job_starts_again_and_bills_both_times(world: World) -> None:
    plant(world, interruptions=[250, 30], spot_wait_seconds=60, spot_saving=0.5)
    world.train(**SPOT)
    world.after(3600)
    again = ["Interrupted", "Starting", "Downloading", "Training"]
    assert secondaries(world) == ["Starting", "Downloading", "Training", *again, *again, "Uploading", "Completed"]
    assert world.job()["TrainingTimeInSeconds"] == 250 + 30 + 620
    assert world.job()["BillableTimeInSeconds"] == 450


def test_a_job_on_demand_is_never_interrupted(world: World) -> None:
    plant(world, interruptions=[50])
    world.train()
    world.after(3600)
    assert "Interrupted" not in secondaries(world)


def test_spot_that_is_waited_for_too_long_is_given_up(world: World) -> None:
    plant(world, spot_wait_seconds=5000)
    world.train(**SPOT)
    world.after(1999)
    assert world.job()["SecondaryStatus"] == "Starting"
    world.after(1)
    shown = world.job()
    assert (shown["TrainingJobStatus"], shown["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert "TrainingTimeInSeconds" not in shown
    assert world.objects.keys("models", "") == []


def test_waiting_and_running_together_can_be_too_long(world: World) -> None:
    plant(world, interruptions=[500], spot_wait_seconds=900)
    world.train(**SPOT)  # 910 starting, 500 running, 900 waiting again: past 2000
    world.after(3600)
    assert secondaries(world)[-3:] == ["Interrupted", "Stopping", "MaxWaitTimeExceeded"]
    assert world.job()["TrainingTimeInSeconds"] == 500


def test_a_job_that_runs_too_long_is_stopped_in_its_time(world: World) -> None:
    plant(world)
    world.train(StoppingCondition={"MaxRuntimeInSeconds": 300})
    world.after(3600)
    shown = world.job()
    assert (shown["TrainingJobStatus"], shown["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert shown["TrainingTimeInSeconds"] == 305


def test_time_before_an_interruption_counts_as_running(world: World) -> None:
    plant(world, interruptions=[400])
    world.train(**SPOT | {"StoppingCondition": {"MaxRuntimeInSeconds": 700, "MaxWaitTimeInSeconds": 9000}})
    world.after(9000)
    assert world.job()["SecondaryStatus"] == "MaxRuntimeExceeded"
    assert world.job()["TrainingTimeInSeconds"] == 705


@pytest.mark.parametrize(("after", "seconds"), [(5, 0), (50, 45)])
def test_a_stopped_job_ends_in_its_time_where_it_has_instances(world: World, after: int, seconds: int) -> None:
    plant(world)
    world.train()
    world.after(after)
    stop_training_job(world.service, {"TrainingJobName": "job"})
    assert world.job()["TrainingJobStatus"] == "Stopping"
    world.after(10)
    shown = world.job()
    assert (shown["TrainingJobStatus"], shown["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert shown.get("TrainingTimeInSeconds", 0) == seconds


def test_a_planted_failure_has_its_reason(world: World) -> None:
    plant(world, failures=["CapacityError: Unable to provision requested ML compute capacity."])
    world.train()
    world.train("next")
    world.after(3600)
    shown = world.job()
    assert (shown["TrainingJobStatus"], shown["SecondaryStatus"]) == ("Failed", "Failed")
    assert shown["FailureReason"].startswith("CapacityError")
    assert world.job("next")["TrainingJobStatus"] == "Completed"
    assert world.service.backend.training_jobs["job"].training_job_status == "Failed"


def test_jobs_that_begin_at_the_same_time_do_not_hold_each_other_up(world: World) -> None:
    plant(world)
    for number in range(5):
        world.train(f"job-{number}")
    world.after(640)
    assert {world.job(f"job-{number}")["TrainingJobStatus"] for number in range(5)} == {"Completed"}
