"""Retraining on the deployed template, IAM enforced: drift findings in, one training, one version, one rollout out."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.cloud import ACCOUNT, REGION
from tests.integration.deployed import Deployed, wait_for
from tests.unit.functions.training_world import DATA, DETAIL
from tests.unit.training.builders import dataset, document
from trimtab.training.registration import registered_hashes
from trimtab.training.version_record import verify_chain

pytestmark = pytest.mark.integration

JOB, SPOT, PIPELINE, BAD = "rt-job", "rt-spot", "rt-pipeline", "rt-bad"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/training"
PRICE = 0.23
PATIENCE = 180  # the first runs of functions side by side take their time on a small machine


@pytest.fixture(scope="module")
def trained(stack: Deployed) -> Iterator[Deployed]:
    """Endpoints whose models are retrained, with every training at its end."""
    cloud = stack.cloud
    ssm, prices = cloud.client("ssm"), json.dumps({"overrides": {"Training/ml.m5.xlarge": PRICE}})
    ssm.put_parameter(Name="/trimtab/prices", Type="String", Value=prices, Overwrite=True)
    cloud.client("s3").put_object(Bucket=stack.capture_bucket, Key="train/rows.csv", Body=b"1,2\n")
    for name in (JOB, BAD):
        prepare(stack, name, {"training_job": job_settings(stack)})
    short = {"max_run_seconds": 10, "max_wait_seconds": 10}
    prepare(stack, SPOT, {"training_job": job_settings(stack), "spot": short})
    cloud.client("sagemaker").create_pipeline(
        PipelineName="rt-training", RoleArn=ROLE, PipelineDefinition=json.dumps(definition(stack))
    )
    prepare(stack, PIPELINE, {"pipeline": "rt-training"})
    cloud.plant_faults(training={"steps": 3, "step_seconds": 0.2})
    try:
        for name in (JOB, PIPELINE, BAD):
            publish(stack, name, 10)
        for name in (JOB, PIPELINE, BAD):
            wait_for(lambda name=name: bool(attempt(stack, name)), PATIENCE, f"a training of {name}")
            evaluate(stack, name)
        for name, ended in ((JOB, "registered"), (PIPELINE, "registered"), (BAD, "gate_failed")):
            wait_for(lambda name=name, ended=ended: looked(stack, name) == ended, PATIENCE, f"the end of {name}")
        yield stack
    finally:
        cloud.plant_faults()
        ssm.delete_parameter(Name="/trimtab/prices")


def prepare(stack: Deployed, name: str, target: dict[str, Any]) -> None:
    """An endpoint with its settings, the group of its versions, and what is new of its labels."""
    stack.create_endpoint(name, captures=False)
    stack.cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    settings = {"mode": "act", "model_package_group": name, **target}
    stack.put_settings(name, json.dumps({"retraining": settings}))
    key = f"retraining/{name}/data.json"
    stack.cloud.client("s3").put_object(Bucket=stack.state_bucket, Key=key, Body=json.dumps(DATA).encode())


def job_settings(stack: Deployed) -> dict[str, Any]:
    return {
        "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/train",
        "role": ROLE,
        "data": {"train": f"s3://{stack.capture_bucket}/train/"},
        "output": f"s3://{stack.capture_bucket}/models",
        "environment": {"CODE_COMMIT": "8f3e1c0"},
    }


def definition(stack: Deployed) -> dict[str, Any]:
    """A pipeline that trains."""
    job = job_settings(stack)
    source = {"S3DataType": "S3Prefix", "S3Uri": job["data"]["train"], "S3DataDistributionType": "FullyReplicated"}
    training = {
        "AlgorithmSpecification": {"TrainingImage": job["image"], "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": job["output"]},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
    parameters = ("Endpoint", "DriftWindow", "Evaluation", "TrainingDataVersion")
    return {
        "Version": "2020-12-01",
        "Parameters": [{"Name": name, "Type": "String", "DefaultValue": "-"} for name in parameters],
        "Steps": [{"Name": "Train", "Type": "Training", "Arguments": training}],
    }


def publish(stack: Deployed, endpoint: str, times: int) -> None:
    """Put one drift finding on the bus, so many times at once."""
    entry = {
        "Source": "trimtab",
        "DetailType": "Drift",
        "Detail": json.dumps(DETAIL | {"endpoint": endpoint}),
        "EventBusName": stack.outputs["FindingsBusName"],
    }
    events = stack.cloud.client("events")
    for _ in range(times // 10):
        events.put_events(Entries=[entry] * 10)


def item(stack: Deployed, partition: str, endpoint: str) -> dict[str, Any]:
    key = {"pk": {"S": partition}, "sk": {"S": endpoint}}
    table = stack.outputs["StateTableName"]
    found = stack.cloud.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
    return dict(json.loads(found["Item"]["content"]["S"])) if "Item" in found else {}


def attempt(stack: Deployed, endpoint: str) -> dict[str, Any]:
    """The one attempt of an endpoint; empty before it."""
    attempts = item(stack, "retraining", endpoint).get("attempts", [])
    assert len(attempts) <= 1
    return dict(attempts[0]) if attempts else {}


def state(stack: Deployed, endpoint: str) -> str:
    return str(attempt(stack, endpoint).get("state", ""))


def looked(stack: Deployed, endpoint: str) -> str:
    """How an attempt stands after another look at it, as the schedule would have."""
    stack.invoke("watch_training", {"endpoint": endpoint})
    return state(stack, endpoint)


def evaluate(stack: Deployed, endpoint: str) -> None:
    """Leave the evaluation where the training was told to, and a note beside it."""
    uri = attempt(stack, endpoint)["evaluation"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3 = stack.cloud.client("s3")
    note = {"model_data": f"s3://{stack.capture_bucket}/models/{endpoint}.tar.gz"}
    s3.put_object(Bucket=bucket, Key=key.replace(".json", ".training.json"), Body=json.dumps(note).encode())
    changed = {"datasets": {"holdout": dataset(correct=4400), "newest": dataset()}} if endpoint == BAD else {}
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(document(**changed)).encode())


def executions(stack: Deployed) -> list[dict[str, Any]]:
    listed = stack.cloud.client("sagemaker").list_pipeline_executions(PipelineName="rt-training")
    return list(listed["PipelineExecutionSummaries"])


def jobs(stack: Deployed, endpoint: str) -> list[dict[str, Any]]:
    listed = stack.cloud.client("sagemaker").list_training_jobs(NameContains=f"{endpoint}-")
    return list(listed["TrainingJobSummaries"])


def packages(stack: Deployed, group: str) -> list[dict[str, Any]]:
    sagemaker = stack.cloud.client("sagemaker")
    listed = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    return [sagemaker.describe_model_package(ModelPackageName=each["ModelPackageArn"]) for each in listed]


def told(stack: Deployed, endpoint: str, action: str) -> list[dict[str, Any]]:
    """The findings that an action published, each once."""
    found = {each["id"]: each for each in stack.findings(endpoint) if (each.get("action") or {}).get("name") == action}
    return list(found.values())


def test_ten_findings_of_one_drift_start_one_training(trained: Deployed) -> None:
    assert len(jobs(trained, JOB)) == 1
    assert len(executions(trained)) == 1
    assert len(told(trained, JOB, "start_retraining")) == 1


@pytest.mark.parametrize("name", [JOB, PIPELINE])
def test_what_passes_is_recorded_and_registered_with_its_hash(trained: Deployed, name: str) -> None:
    records = {
        int(key.rpartition("/")[2].removesuffix(".json")): body
        for key, body in trained.objects(trained.state_bucket, f"versions/{name}/")
    }
    versions = packages(trained, name)
    assert len(records) == len(versions) == 1
    assert verify_chain(name, records, registered_hashes(versions)) == ()
    assert versions[0]["ModelApprovalStatus"] == "PendingManualApproval"
    assert json.loads(records[1])["drift_report"] == DETAIL["links"]["verdict"]


def test_how_a_training_ended_and_what_it_cost_is_told(trained: Deployed) -> None:
    [ended] = told(trained, JOB, "watch_training")
    assert ended["evidence"]["status"] == "Completed"
    assert ended["evidence"]["billable_seconds"] is not None
    assert "logsV2" in ended["links"]["logs"]


def test_what_does_not_pass_is_not_registered(trained: Deployed) -> None:
    assert packages(trained, BAD) == []
    [refused] = told(trained, BAD, "gate")
    assert "accuracy on holdout" in refused["reason"]


def test_an_approved_version_is_rolled_out_once(trained: Deployed) -> None:
    [version] = packages(trained, JOB)
    sagemaker = trained.cloud.client("sagemaker")
    for _ in range(2):
        sagemaker.update_model_package(ModelPackageArn=version["ModelPackageArn"], ModelApprovalStatus="Approved")
    wait_for(lambda: bool(item(trained, "release", JOB)), PATIENCE, "the release")
    wait_for(lambda: item(trained, "release", JOB)["current"]["phase"] != "waiting", PATIENCE, "its rollout")
    release = item(trained, "release", JOB)["current"]
    assert release["package"] == version["ModelPackageArn"]
    assert release["phase"] == "rolling", told(trained, JOB, "release_model")
    change = item(trained, "change", JOB)
    assert (change["id"], change["request"]["model_package"]) == (release["rollout"], version["ModelPackageArn"])
    trained.invoke("judge_canary", {"endpoint": JOB, "command": "abort", "by": "otto", "reason": "seen enough"})
    until(trained, lambda: item(trained, "change", JOB)["phase"] in {"rolled_back", "failed"})
    wait_for(lambda: carried_on(trained) == "rolled_back", PATIENCE, "the end of the release")


def carried_on(stack: Deployed) -> str:
    return str(stack.invoke("release_model", {"endpoint": JOB})["endpoints"][JOB]["phase"])


def until(stack: Deployed, condition: Callable[[], bool]) -> None:
    """Let judge_canary look until something is so."""

    def looked() -> bool:
        stack.invoke("judge_canary", {"endpoint": JOB})
        return condition()

    wait_for(looked, PATIENCE, "the rollout's end")


def test_spot_that_was_waited_for_in_vain_is_tried_on_demand(trained: Deployed) -> None:
    trained.cloud.plant_faults(training={"steps": 3, "step_seconds": 0.2, "spot_wait_seconds": 1e6})
    publish(trained, SPOT, 10)
    wait_for(lambda: bool(attempt(trained, SPOT).get("is_on_demand")), PATIENCE, "the retry on demand")
    evaluate(trained, SPOT)
    wait_for(lambda: looked(trained, SPOT) == "registered", PATIENCE, "the version")
    statuses = {each["TrainingJobName"][-3:]: each["TrainingJobStatus"] for each in jobs(trained, SPOT)}
    assert statuses.pop("-od") == "Completed"
    assert list(statuses.values()) == ["Stopped"]
    assert "MaxWaitTimeExceeded" in told(trained, SPOT, "watch_training")[0]["reason"]


def test_a_role_may_do_nothing_that_its_function_does_not_do(trained: Deployed) -> None:
    iam, resources = trained.cloud.client("iam"), trained.cloud.client("cloudformation")
    for logical_id, action in (
        ("WatchTrainingFunctionRole", "sagemaker:CreateTrainingJob"),
        ("WatchTrainingFunctionRole", "s3:DeleteObject"),
        ("ReleaseModelFunctionRole", "sagemaker:UpdateEndpoint"),
        ("StartRetrainingFunctionRole", "sagemaker:CreateModelPackage"),
        ("CheckDriftHelpedFunctionRole", "lambda:InvokeFunction"),
    ):
        found = resources.describe_stack_resource(StackName="trimtab", LogicalResourceId=logical_id)
        role = found["StackResourceDetail"]["PhysicalResourceId"].rpartition("/")[2]
        answer = iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", ActionNames=[action], ResourceArns=["*"]
        )
        assert answer["EvaluationResults"][0]["EvalDecision"] != "allowed", (logical_id, action)
