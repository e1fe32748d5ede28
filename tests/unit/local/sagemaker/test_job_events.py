"""Events of jobs, pipelines and the registry have the members and spelling of SageMaker's examples."""

import json
from typing import Any

from local.sagemaker.control_faults import Faults, TrainingFaults

type World = Any

# Members of the example in "Events that SageMaker AI sends to Amazon EventBridge".
TRAINING_MEMBERS = {
    "TrainingJobName",
    "TrainingJobArn",
    "TrainingJobStatus",
    "SecondaryStatus",
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "SecondaryStatusTransitions",
    "Tags",
}


def test_a_completed_job_has_the_shape_of_the_example(world: World) -> None:
    world.train(Tags=[{"Key": "trimtab:start", "Value": "t"}], HyperParameters={"l2": "1"})
    world.after(60)
    entry = world.told[-1]
    assert (entry["Source"], entry["DetailType"]) == ("aws.sagemaker", "SageMaker Training Job State Change")
    assert entry["Resources"] == ["arn:aws:sagemaker:us-east-1:000000000000:training-job/job"]
    detail = json.loads(entry["Detail"])
    assert set(detail) == TRAINING_MEMBERS
    assert detail["CreationTime"] == "1795435200000"
    assert detail["Tags"] == {"trimtab:start": "t"}
    assert (detail["TrainingJobStatus"], detail["HyperParameters"]) == ("Completed", {"l2": "1"})


def test_each_secondary_status_is_told_once_in_order(world: World) -> None:
    world.train()
    world.after(60)
    told = [json.loads(entry["Detail"])["SecondaryStatus"] for entry in world.told]
    assert told == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_a_failed_job_tells_why_and_one_without_instances_no_times(world: World) -> None:
    world.service.faults.plant(Faults(training=TrainingFaults(failures=["AlgorithmError: x"])))
    world.train()
    assert {"TrainingStartTime", "TrainingEndTime"}.isdisjoint(json.loads(world.told[0]["Detail"]))
    world.after(60)
    assert json.loads(world.told[-1]["Detail"])["FailureReason"] == "AlgorithmError: x"
