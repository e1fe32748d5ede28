import copy
import json
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.start_retraining import app as start_app
from functions.watch_training import app
from tests.unit.functions.aws_in_memory import ACCOUNT, Killed
from tests.unit.functions.training_world import JOB, PIPELINE, drift, install, training_account
from tests.unit.training.builders import dataset, document
from trimtab.training.registration import registered_hashes
from trimtab.training.version_record import parse_record, verify_chain

EVENTS = Path(__file__).parents[3] / "events" / "watch_training"
BOTH = pytest.mark.parametrize("target", [PIPELINE, JOB], ids=["pipeline", "training job"])
HOURS = timedelta(hours=1)


class World:
    """An account in which a training runs."""

    def __init__(self, monkeypatch, context, target, severity="critical"):
        self.monkeypatch, self.context, self.target = monkeypatch, context, target
        self.aws = install(monkeypatch, training_account(target))
        start_app.lambda_handler(drift(severity=severity), context)
        if target is not JOB:
            self.aws.CreateTrainingJob("inner", **{
                "AlgorithmSpecification": {"TrainingImage": "train", "TrainingInputMode": "File"},
                "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60}, "Environment": {}, "HyperParameters": {"depth": "6"},
            })  # fmt: skip

    def watch(self, event=None):
        return app.lambda_handler(event or {}, self.context)["trainings"].get("churn")

    def end(self, status="Completed", secondary="", **told):
        """End the training, of a pipeline both the job and the execution."""
        job = self.aws.end_job(status, secondary, **told)
        if self.target is not JOB:
            [arn] = self.aws.executions
            ended = {"Completed": "Succeeded"}.get(status, status)
            self.aws.executions[arn] |= {"PipelineExecutionStatus": ended, "LastModifiedTime": datetime.now(UTC)}
            self.aws.steps[arn] = [
                {
                    "StepName": "Train", "StepStatus": "Succeeded" if ended == "Succeeded" else "Failed",
                    "FailureReason": told.get("FailureReason", ""),
                    "Metadata": {"TrainingJob": {"Arn": job["TrainingJobArn"]}},
                }
            ]  # fmt: skip
        return job

    def evaluate(self, note=None, **changed):
        key = self.aws.attempt()["evaluation"].removeprefix("s3://state/")
        self.aws.objects["state", key] = json.dumps(document(**changed)).encode()
        if note:
            self.aws.objects["state", key.replace(".json", ".training.json")] = json.dumps(note).encode()

    def event(self, status="Completed"):
        """What EventBridge tells of the training."""
        if self.target is JOB:
            name, job = list(self.aws.jobs.items())[-1]
            told = {
                "TrainingJobName": name, "TrainingJobArn": job["TrainingJobArn"], "TrainingJobStatus": status,
                "LastModifiedTime": "1763600000000",
            }  # fmt: skip
            return {"detail-type": "SageMaker Training Job State Change", "source": "aws.sagemaker", "detail": told}
        [arn] = self.aws.executions
        told = {
            "pipelineExecutionArn": arn, "pipelineArn": arn.partition("/execution")[0],
            "currentPipelineExecutionStatus": {"Completed": "Succeeded"}.get(status, status),
            "executionStartTime": "2026-11-20T08:21:00Z",
        }  # fmt: skip
        kind = "SageMaker Model Building Pipeline Execution Status Change"
        return {"detail-type": kind, "source": "aws.sagemaker", "detail": told, "time": "2026-11-20T08:30:00Z"}

    def findings(self):
        return [each["title"] for each in self.aws.told().values()][1:]

    def last(self):
        return list(self.aws.told().values())[-1]


@pytest.fixture
def make(monkeypatch, context):
    return lambda target: World(monkeypatch, context, target)


@BOTH
def test_a_model_that_passes_every_gate_is_recorded_and_registered(make, target):
    world = make(target)
    world.end()
    world.evaluate(note={"training_data_version": "dvc:77", "code_commit": "c0ffee", "repository": "https://x/y.git"})
    assert world.watch(world.event())["state"] == "registered"
    aws = world.aws
    record = parse_record(aws.objects["state", "versions/churn/1.json"])
    job = list(aws.jobs.values())[-1]
    assert (record.version, record.previous_sha256, record.gates_passed) == (1, None, True)
    assert record.model_data == job["ModelArtifacts"]["S3ModelArtifacts"]
    assert (record.training_data_version, record.code_commit) == ("dvc:77", "c0ffee")
    assert record.hyperparameters == {"depth": "6"}
    assert record.metrics["holdout_accuracy"] == pytest.approx(0.912)
    assert record.drift_report == "s3://state/windows/churn/AllTraffic/2026-11-20T00.json"
    [arn] = aws.registered
    package = aws.packages[arn]
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["MetadataProperties"]["CommitId"] == "c0ffee"
    assert package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"] == aws.attempt()["evaluation"]
    assert json.loads(package["ModelCard"]["ModelCardContent"])["model_overview"]
    stored = {1: aws.objects["state", "versions/churn/1.json"]}
    assert verify_chain("churn", stored, registered_hashes([package])) == ()
    attempt = aws.attempt()
    assert (attempt["record"], attempt["package"], attempt["billable_seconds"]) == (1, arn, 100)
    assert attempt["cost_usd"] == pytest.approx(0.23 * 100 / 3600)
    ended = next(each for each in aws.told().values() if each["action"]["name"] == "watch_training")
    assert "spot saved 80 % of the time" in ended["reason"]
    assert "is registered" in world.last()["title"]


@BOTH
def test_wherever_a_run_dies_one_version_is_made_and_everybody_is_told_once(make, target):
    def prepared():
        world = make(target)
        world.end()
        world.evaluate()
        world.aws.calls.clear()
        return world

    plain = prepared()
    plain.watch(plain.event())
    calls, told = list(plain.aws.calls), plain.findings()
    for number in range(len(calls)):
        for when in ("before", "after"):
            world = prepared()
            world.aws.kill = (number, when)
            with suppress(Killed):
                world.watch(world.event())
            world.aws.kill = None
            for _ in range(2):
                world.watch()
            where = (number, when, calls[number][0])
            assert len(world.aws.registered) == 1, where
            assert [key for _, key in world.aws.objects if key.startswith("versions/")] == ["versions/churn/1.json"]
            assert world.aws.attempt()["state"] == "registered", where
            assert sorted(world.findings()) == sorted(told), where


def test_events_in_any_order_and_number_end_the_same(make):
    chance = random.Random(6)
    for _ in range(8):
        world = make(JOB)
        events = [world.event(status) for status in ("InProgress", "Completed", "InProgress") for _ in range(3)] + [{}]
        chance.shuffle(events)
        half = chance.randrange(len(events))
        for event in events[:half]:
            if event == {} or event["detail"]["TrainingJobStatus"] == "InProgress":
                world.watch(event)
        world.end()
        world.evaluate()
        for event in events[half:]:
            world.watch(event)
        world.watch()
        assert len(world.aws.registered) == 1


def test_an_event_that_is_newer_than_what_sagemaker_answers_holds(make):
    world = make(JOB)
    event = world.event()
    event["detail"]["LastModifiedTime"] = str(round((datetime.now(UTC) + HOURS).timestamp() * 1000))
    assert world.watch(event)["status"] == "Completed"  # DescribeTrainingJob still says InProgress


def test_an_event_a_moment_newer_than_the_description_does_not_hide_what_was_billed(make):
    world = make(JOB)
    job = world.end(TrainingTimeInSeconds=100, BillableTimeInSeconds=40)
    event = world.event()
    event["detail"]["LastModifiedTime"] = str(round(job["LastModifiedTime"].timestamp() * 1000) + 1)
    world.watch(event)
    assert world.last()["evidence"]["billable_seconds"] == 40


def test_a_second_version_follows_the_first_in_the_chain(make):
    world = make(JOB)
    world.end()
    world.evaluate()
    world.watch()
    arn = world.aws.registered[0]
    world.aws.models["churn-v1"] = {"PrimaryContainer": {"ModelPackageName": arn}, "ExecutionRoleArn": "r"}
    world.aws.packages[arn]["ModelPackageGroupName"] = "churn"
    item = world.aws.items["retraining", "churn"]
    memory = json.loads(item["content"]["S"])
    memory["attempts"][0]["at"] = (datetime.now(UTC) - 48 * HOURS).isoformat()
    item["content"]["S"] = json.dumps(memory)
    asked = {"endpoint": "churn", "id": "2", "by": "anna"}
    assert start_app.lambda_handler(asked, world.context)["state"] == "started"
    world.aws.end_job()
    attempt = world.aws.memory()["attempts"][-1]
    world.aws.objects["state", attempt["evaluation"].removeprefix("s3://state/")] = json.dumps(document()).encode()
    world.watch()
    stored = {n: world.aws.objects["state", f"versions/churn/{n}.json"] for n in (1, 2)}
    assert verify_chain("churn", stored, registered_hashes(world.aws.packages.values())) == ()
    assert parse_record(stored[2]).parent_version == 1


def test_predictions_beside_the_evaluation_are_scored_here(make):
    world = make(JOB)
    world.end()
    world.evaluate()
    key = world.aws.attempt()["evaluation"].removeprefix("s3://state/").replace(".json", ".predictions.csv")
    bad = "dataset,label,prediction\n" + "newest,1,1\nnewest,1,0\n" * 500
    world.aws.objects["state", key] = bad.encode()
    assert world.watch()["state"] == "gate_failed"
    assert "accuracy on newest: accuracy is 0.5000" in world.last()["reason"]


@BOTH
def test_a_model_that_does_not_pass_is_not_registered_and_told_why(make, target):
    world = make(target)
    world.end()
    world.evaluate(datasets={"holdout": dataset(correct=4400), "newest": dataset()})
    assert world.watch()["state"] == "gate_failed"
    assert world.aws.registered == []
    assert not any(key.startswith("versions/") for _, key in world.aws.objects)
    assert "accuracy on holdout" in world.last()["reason"]
    assert world.watch() is None


def test_a_model_that_was_not_compared_with_the_one_that_serves_does_not_pass(make):
    world = make(JOB)
    memory = world.aws.items["retraining", "churn"]
    content = json.loads(memory["content"]["S"])
    content["attempts"][0]["parent"] = "arn:p/6"
    memory["content"]["S"] = json.dumps(content)
    world.end()
    alone = dataset(comparison=None)
    world.evaluate(champion=None, datasets={"holdout": alone, "newest": alone})
    assert world.watch()["state"] == "gate_failed"
    assert "non_inferiority" in world.last()["reason"]


@BOTH
@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_training_that_does_not_succeed_is_told_with_its_log(make, target, status):
    world = make(target)
    world.end(status, FailureReason="AlgorithmError: out of memory")
    assert world.watch(world.event(status))["state"] == "failed"
    assert world.last()["severity"] == "critical"
    assert "out of memory" in world.last()["reason"]
    assert "logsV2" in world.last()["links"]["logs"]
    assert world.aws.registered == []


@pytest.mark.parametrize(("severity", "expected"), [("critical", "intended"), ("warning", "failed")])
def test_spot_that_was_waited_for_in_vain_is_tried_on_demand_once_where_drift_is_severe(
    monkeypatch, context, severity, expected
):
    world = World(monkeypatch, context, JOB, severity)
    world.end("Stopped", "MaxWaitTimeExceeded")
    world.watch(world.event("Stopped"))
    assert world.aws.attempt()["state"] == expected
    if expected == "failed":
        return
    assert world.aws.started[-1] == ("trimtab-start-retraining", {"endpoint": "churn", "command": "resume"})
    for _ in range(2):
        start_app.lambda_handler(world.aws.started[-1][1], context)
    assert len(world.aws.jobs) == 2
    second = list(world.aws.jobs.values())[-1]
    assert second["EnableManagedSpotTraining"] is False
    assert "MaxWaitTimeInSeconds" not in second["StoppingCondition"]
    assert second["TrainingJobName"].endswith("-od")
    world.end("Stopped", "MaxWaitTimeExceeded")
    world.watch()
    assert world.aws.attempt()["state"] == "failed"
    assert len(world.aws.jobs) == 2


def test_an_evaluation_that_comes_later_counts_and_one_that_never_comes_is_told(make, monkeypatch):
    world = make(JOB)
    world.end()
    assert world.watch(world.event())["state"] == "started"
    assert world.watch()["state"] == "started"
    world.evaluate()
    assert world.watch()["state"] == "registered"

    world = make(JOB)
    world.end()
    world.watch()

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + 25 * HOURS

    monkeypatch.setattr(app, "datetime", Later)
    assert world.watch()["state"] == "failed"
    assert "no evaluation came" in world.last()["reason"]


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda world: world.evaluate(problem="astrology"), "problem"),
        (lambda world: world.evaluate(note={"model": 1}), "the training's note: model"),
        (lambda world: world.aws.groups.clear(), "Model Package Group does not exist"),
        (lambda world: world.aws.set(**JOB | {"model_package_group": None}), "no model_package_group"),
        (lambda world: list(world.aws.jobs.values())[-1].pop("ModelArtifacts"), "names a model artifact"),
    ],
)  # fmt: skip
def test_what_cannot_be_registered_is_told_with_its_reason(make, break_it, reason):
    world = make(JOB)
    world.end()
    world.evaluate()
    break_it(world)
    assert world.watch()["state"] == "failed"
    assert reason in world.last()["reason"]
    assert world.aws.registered == []


def test_a_pipeline_that_registers_by_itself_is_not_registered_again(make):
    world = make(PIPELINE)
    world.end()
    world.evaluate()
    own = world.aws.CreateModelPackage("churn", ModelApprovalStatus="PendingManualApproval")["ModelPackageArn"]
    [arn] = world.aws.executions
    world.aws.steps[arn].append(
        {"StepName": "Register", "StepStatus": "Succeeded", "Metadata": {"RegisterModel": {"Arn": own}}}
    )
    world.watch(world.event())
    assert world.aws.registered == [own]
    assert world.aws.attempt()["package"] == own
    assert parse_record(world.aws.objects["state", "versions/churn/1.json"]).model_id == own


def test_a_start_that_was_written_down_and_not_called_for_is_called_for(make):
    world = make(PIPELINE)
    item = world.aws.items["retraining", "churn"]
    memory = json.loads(item["content"]["S"])
    memory["attempts"][0] |= {"state": "intended", "arn": ""}
    for age, resumed in ((0, 0), (1, 1)):
        memory["attempts"][0]["at"] = (datetime.now(UTC) - age * HOURS).isoformat()
        item["content"]["S"] = json.dumps(memory)
        world.watch()
        assert len(world.aws.started) == resumed


def test_one_endpoint_that_fails_does_not_stop_the_others(make):
    world = make(JOB)
    world.end()
    world.evaluate()
    item = copy.deepcopy(world.aws.items["retraining", "churn"]) | {"sk": {"S": "another"}}
    world.aws.items["retraining", "another"] = item
    content = json.loads(item["content"]["S"])
    content["attempts"][0] |= {"kind": "pipeline", "arn": f"{ACCOUNT}:pipeline/gone/execution/x"}
    item["content"]["S"] = json.dumps(content)
    with pytest.raises(app.AttemptsFailedError, match="not followed: another; followed: churn"):
        world.watch()
    assert len(world.aws.registered) == 1


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_is_understood_and_trainings_of_others_are_left_alone(make, path):
    world = make(JOB)
    calls = len(world.aws.calls)
    answer = world.watch(json.loads(path.read_text()))
    if path.stem in {"quarter_passed", "one_endpoint_asked"}:
        assert answer == {"state": "started", "status": "InProgress"}
    else:
        assert answer is None
        assert [name for name, _ in world.aws.calls[calls:]] == ["Query"]


def test_what_is_no_event_of_a_training_is_left_alone(make):
    assert make(JOB).watch({"detail-type": "SageMaker Training Job State Change", "detail": {}}) is None
