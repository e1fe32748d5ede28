"""Planted faults happen as often as they were planted."""

import pytest
from pydantic import ValidationError

from local.sagemaker.control_faults import Faults, PlantedFaults, TrainingFaults


def test_a_fault_happens_a_number_of_times_to_its_operation() -> None:
    planted = PlantedFaults()
    assert not planted.happens("throttle", "DescribeEndpoint")
    planted.plant(Faults(throttle={"DescribeEndpoint": 2}, lose_answers={"UpdateEndpoint": 1}))
    assert [planted.happens("throttle", "DescribeEndpoint") for _ in range(3)] == [True, True, False]
    assert not planted.happens("throttle", "UpdateEndpoint")
    assert planted.happens("lose_answers", "UpdateEndpoint")


def test_events_are_lost_then_doubled_then_sent_once() -> None:
    planted = PlantedFaults()
    planted.plant(Faults(lose_events=1, double_events=2))
    assert [planted.copies_of_next_event() for _ in range(4)] == [0, 2, 2, 1]


def test_updates_fail_with_the_given_reasons_in_turn() -> None:
    planted = PlantedFaults()
    planted.plant(Faults(fail_updates=["no capacity", ""]))
    assert [planted.next_update_failure() for _ in range(3)] == ["no capacity", "", None]
    planted.plant(Faults(fail_updates=["x"]))
    planted.plant(Faults())
    assert planted.next_update_failure() is None


def test_interruptions_are_the_next_spot_jobs_and_failures_come_in_turn() -> None:
    planted = PlantedFaults()
    planted.plant(Faults(training=TrainingFaults(interruptions=[5, 9], failures=["first", "second"], step_seconds=3)))
    on_demand = planted.next_training(is_spot=False)
    assert (on_demand.interruptions, on_demand.failures, on_demand.step_seconds) == ([], ["first"], 3)
    assert planted.next_training(is_spot=True).interruptions == [5, 9]
    third = planted.next_training(is_spot=True)
    assert (third.interruptions, third.failures, third.step_seconds) == ([], [], 3)


def test_a_step_fails_once() -> None:
    planted = PlantedFaults()
    planted.plant(Faults(fail_steps={"evaluate": "no data"}))
    assert planted.next_step_failure("train") is None
    assert [planted.next_step_failure("evaluate") for _ in range(2)] == ["no data", None]


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(ValidationError, match="trottle"):
        Faults.model_validate({"trottle": {"DescribeEndpoint": 1}})
