"""Executions of pipelines: once for each token, step by step, and how they end."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.sagemaker.control_faults import Faults
from local.sagemaker.errors import RefusedError
from local.sagemaker.packages import create_model_package_group, list_model_packages
from local.sagemaker.pipelines import (
    create_pipeline,
    describe_pipeline,
    describe_pipeline_definition_for_execution,
    describe_pipeline_execution,
    list_pipeline_execution_steps,
    list_pipeline_executions,
    list_pipeline_parameters_for_execution,
    start_pipeline_execution,
    stop_pipeline_execution,
    update_pipeline,
)

type World = Any

TOKEN = "t" * 32
DATA = {"S3DataSource": {"S3Uri": {"Get": "Parameters.Data"}}}
TRAIN = {
    "AlgorithmSpecification": {"TrainingImage": "none", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::000000000000:role/train",
    "InputDataConfig": [
        {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": {"Get": "Parameters.Data"}}}}
    ],
    "OutputDataConfig": {"S3OutputPath": {"Std:Join": {"On": "/", "Values": ["s3://models", "out"]}}},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
REGISTER = {
    "ModelPackageGroupName": "churn",
    "InferenceSpecification": {
        "Containers": [{"Image": "none", "ModelDataUrl": {"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"}}]
    },
}
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Data", "Type": "String", "DefaultValue": "s3://data/train/"}],
    "Steps": [
        {"Name": "prepare", "Type": "Processing", "Arguments": {}},
        {"Name": "check", "Type": "QualityCheck", "Arguments": {}},
        {"Name": "train", "Type": "Training", "Arguments": TRAIN, "DependsOn": ["prepare"]},
        {"Name": "register", "Type": "RegisterModel", "Arguments": REGISTER, "DependsOn": ["check"]},
    ],
}


@pytest.fixture
def pipeline(world: World) -> World:
    world.objects.write("data", "train/rows.csv", b"a\\n1\\n")
    create_model_package_group(world.service, {"ModelPackageGroupName": "churn"})
    define(world, "retrain", DEFINITION)
    return world


def define(world: World, name: str, definition: dict[str, Any]) -> None:
    text = json.dumps(definition)
    create_pipeline(world.service, {"PipelineName": name, "PipelineDefinition": text})
    world.service.backend.create_pipeline(name, "", text, {}, "", "arn:aws:iam::000000000000:role/p", [], {})


def start(world: World, token: str = TOKEN, **members: Any) -> str:
    asked = {"PipelineName": "retrain", "ClientRequestToken": token, **members}
    return str(start_pipeline_execution(world.service, asked)["PipelineExecutionArn"])


def shown(world: World, arn: str) -> dict[str, Any]:
    return describe_pipeline_execution(world.service, {"PipelineExecutionArn": arn})


def steps(world: World, arn: str) -> dict[str, str]:
    listed = list_pipeline_execution_steps(world.service, {"PipelineExecutionArn": arn})["PipelineExecutionSteps"]
    return {step["StepName"]: step["StepStatus"] for step in listed}


def told(world: World, kind: str) -> list[dict[str, Any]]:
    return [json.loads(entry["Detail"]) for entry in world.told if kind in entry["DetailType"]]


def test_a_token_starts_one_execution_however_often_and_at_once(pipeline: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        arns = set(pool.map(lambda _: start(pipeline), range(40)))
    assert len(arns) == 1
    assert len(told(pipeline, "Execution Status Change")) == 1
    assert start(pipeline, "u" * 32) not in arns  # side by side with the first


def test_steps_run_in_their_order_and_the_model_is_registered(pipeline: World) -> None:
    arn = start(pipeline)
    pipeline.after(0.5)
    assert steps(pipeline, arn) == {"prepare": "Executing", "check": "Executing"}
    pipeline.after(1)
    assert steps(pipeline, arn) == {"prepare": "Succeeded", "check": "Succeeded", "train": "Executing"}
    assert shown(pipeline, arn)["PipelineExecutionStatus"] == "Executing"
    pipeline.after(60)
    assert set(steps(pipeline, arn).values()) == {"Succeeded"}
    assert shown(pipeline, arn)["PipelineExecutionStatus"] == "Succeeded"
    (version,) = list_model_packages(pipeline.service, {"ModelPackageGroupName": "churn"})["ModelPackageSummaryList"]
    assert version["ModelPackageVersion"] == 1
    package = pipeline.service.backend.model_packages[version["ModelPackageArn"]]
    data = package.inference_specification["Containers"][0]["ModelDataUrl"]
    assert data.startswith(f"s3://models/out/pipelines-{arn.rpartition('/')[2]}-train/")


def test_an_hour_at_once_ends_it_at_the_moment_it_was_due(pipeline: World) -> None:
    arn = start(pipeline)
    pipeline.after(3600)
    described = shown(pipeline, arn)
    assert described["PipelineExecutionStatus"] == "Succeeded"
    # A second of preparing, 4.2 of training (a second for each of its parts, six steps of 0.2).
    assert (described["LastModifiedTime"] - described["CreationTime"]).total_seconds() == pytest.approx(5.2)


def test_a_failed_step_fails_the_execution_when_the_others_are_done(pipeline: World) -> None:
    pipeline.service.faults.plant(Faults(fail_steps={"check": "ClientError: no baseline"}, pipeline_step_seconds=5))
    arn = start(pipeline)
    pipeline.after(1)
    assert steps(pipeline, arn) == {"prepare": "Executing", "check": "Failed"}
    pipeline.after(60)
    assert steps(pipeline, arn) == {"prepare": "Succeeded", "check": "Failed"}
    assert shown(pipeline, arn)["PipelineExecutionStatus"] == "Failed"
    assert shown(pipeline, arn)["FailureReason"] == "Step failure: One or multiple steps failed."


def test_a_training_job_that_fails_or_cannot_begin_fails_its_step(pipeline: World) -> None:
    arn = start(pipeline, PipelineParameters=[{"Name": "Data", "Value": "s3://data/none/"}])
    pipeline.after(60)
    listed = list_pipeline_execution_steps(pipeline.service, {"PipelineExecutionArn": arn})["PipelineExecutionSteps"]
    (reason,) = [step["FailureReason"] for step in listed if "FailureReason" in step]
    assert reason.startswith("ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: No S3 objects")
    pipeline.service.faults.plant(Faults.model_validate({"training": {"failures": ["AlgorithmError: bad data"]}}))
    arn = start(pipeline, "u" * 32)
    pipeline.after(60)
    assert shown(pipeline, arn)["PipelineExecutionStatus"] == "Failed"
    assert steps(pipeline, arn)["train"] == "Failed"


def test_a_stopped_execution_stops_its_training_job(pipeline: World) -> None:
    arn = start(pipeline)
    pipeline.after(2.5)
    asked = {"PipelineExecutionArn": arn, "ClientRequestToken": TOKEN}
    stop_pipeline_execution(pipeline.service, asked)
    stop_pipeline_execution(pipeline.service, asked)  # again, with no harm
    assert shown(pipeline, arn)["PipelineExecutionStatus"] == "Stopping"
    pipeline.after(60)
    assert shown(pipeline, arn)["PipelineExecutionStatus"] == "Stopped"
    assert steps(pipeline, arn)["train"] == "Stopped"
    with pytest.raises(RefusedError, match="status Stopped"):
        stop_pipeline_execution(pipeline.service, asked)


def test_changes_are_told_in_the_shape_of_the_examples(pipeline: World) -> None:
    arn = start(pipeline, PipelineExecutionDisplayName="drift", PipelineExecutionDescription="of 12:00")
    pipeline.after(60)
    first, last = told(pipeline, "Execution Status Change")
    assert "previousPipelineExecutionStatus" not in first
    assert last == {
        "pipelineExecutionDisplayName": "drift",
        "currentPipelineExecutionStatus": "Succeeded",
        "previousPipelineExecutionStatus": "Executing",
        "executionStartTime": "2026-11-23T12:00:00Z",
        "executionEndTime": "2026-11-23T12:00:05Z",
        "pipelineExecutionDescription": "of 12:00",
        "pipelineArn": arn.partition("/execution/")[0],
        "pipelineExecutionArn": arn,
    }
    entry = pipeline.told[-1]
    assert entry["DetailType"] == "SageMaker Model Building Pipeline Execution Status Change"
    assert entry["Resources"] == [arn.partition("/execution/")[0], arn]
    trained = [step for step in told(pipeline, "Step Status Change") if step["stepName"] == "train"]
    assert [step["currentStepStatus"] for step in trained] == ["Starting", "Executing", "Succeeded"]
    job = f"arn:aws:sagemaker:us-east-1:000000000000:training-job/pipelines-{arn.rpartition('/')[2]}-train"
    assert trained[-1]["metadata"] == {"trainingJob": {"arn": job}}
    assert set(trained[-1]) == {
        "metadata",
        "stepStartTime",
        "stepEndTime",
        "stepName",
        "stepType",
        "previousStepStatus",
        "currentStepStatus",
        "pipelineArn",
        "pipelineExecutionArn",
    }


def test_executions_are_listed_newest_first(pipeline: World) -> None:
    arns = [start(pipeline, letter * 32) for letter in "abc"]
    asked = {"PipelineName": "retrain"}
    listed = list_pipeline_executions(pipeline.service, asked)["PipelineExecutionSummaries"]
    assert [one["PipelineExecutionArn"] for one in listed] == arns[::-1]
    page = list_pipeline_executions(pipeline.service, asked | {"MaxResults": 1, "SortOrder": "Ascending"})
    assert (page["PipelineExecutionSummaries"][0]["PipelineExecutionArn"], page["NextToken"]) == (arns[0], "1")


def test_an_execution_keeps_its_parameters_and_its_definition(pipeline: World) -> None:
    given = [{"Name": "Data", "Value": "s3://data/train/"}]
    arn = start(pipeline, PipelineParameters=given)
    asked = {"PipelineExecutionArn": arn}
    assert list_pipeline_parameters_for_execution(pipeline.service, asked) == {"PipelineParameters": given}
    definition = describe_pipeline_definition_for_execution(pipeline.service, asked)["PipelineDefinition"]
    assert json.loads(definition) == DEFINITION


def test_a_fail_step_fails_with_its_message(world: World) -> None:
    gate = {"Name": "gate", "Type": "Fail", "Arguments": {"ErrorMessage": "accuracy 0.89 is below 0.90"}}
    define(world, "retrain", {"Version": "2020-12-01", "Steps": [gate]})
    arn = start(world)
    world.after(1)
    (step,) = list_pipeline_execution_steps(world.service, {"PipelineExecutionArn": arn})["PipelineExecutionSteps"]
    assert (step["StepStatus"], step["FailureReason"]) == ("Failed", "accuracy 0.89 is below 0.90")
    assert shown(world, arn)["PipelineExecutionStatus"] == "Failed"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"ClientRequestToken": "short"}, "32 to 128 characters, not 5"),
        ({"PipelineName": "none"}, "pipeline/none' does not exist"),
        ({"PipelineParameters": [{"Name": "Window", "Value": "x"}]}, "not defined in the pipeline definition"),
    ],
)
def test_what_cannot_be_started_is_refused(pipeline: World, members: dict[str, Any], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        start(pipeline, **members)
    assert start(pipeline)  # and uses its token up not


def test_pipelines_are_known_by_name_and_arn(pipeline: World) -> None:
    asked = {"PipelineName": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/retrain"}
    describe_pipeline(pipeline.service, asked)
    assert asked == {"PipelineName": "retrain"}
    with pytest.raises(RefusedError, match="already exists"):
        create_pipeline(pipeline.service, {"PipelineName": "retrain", "PipelineDefinition": "{}"})
    with pytest.raises(RefusedError, match="Unable to parse"):
        update_pipeline(pipeline.service, {"PipelineName": "retrain", "PipelineDefinition": "{}"})
    with pytest.raises(RefusedError, match="does not exist") as refused:
        describe_pipeline_execution(pipeline.service, {"PipelineExecutionArn": "arn:x/execution/none"})
    assert refused.value.code == "ResourceNotFound"
