import copy
import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.start_retraining import app
from tests.unit.functions.aws_in_memory import Killed, error
from tests.unit.functions.training_world import DETAIL, JOB, PIPELINE, drift, install, training_account
from trimtab.aws.state_table import StaleStateError
from trimtab.training.start import start_token

EVENTS = Path(__file__).parents[3] / "events" / "start_retraining"
BOTH = pytest.mark.parametrize("target", [PIPELINE, JOB], ids=["pipeline", "training job"])


@pytest.fixture
def aws(monkeypatch):
    return install(monkeypatch, training_account())


@pytest.fixture
def handle(context):
    return lambda event: app.lambda_handler(event, context)


def starts(aws):
    return [*aws.executions, *aws.jobs]


def finding(aws):
    return list(aws.told().values())[-1]


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_is_understood(aws, handle, path):
    event = json.loads(path.read_text())
    if path.stem == "approved":
        aws.set(**PIPELINE | {"mode": "propose"})
        handle(drift())
    answer = handle(event)
    if path.stem == "resumed":
        assert answer == {"action": "nothing", "reason": "no start is open"}
    else:
        assert answer["state"] == "started"
        assert len(starts(aws)) == 1


def test_a_drift_starts_the_pipeline_with_what_it_should_know(aws, handle):
    answer = handle(drift())
    [(arn, execution)] = aws.executions.items()
    token = start_token("churn-training", "churn", "2026-11-20T08:00:00Z", "drift")
    assert execution["token"] == answer["token"] == token
    told = {each["Name"]: each["Value"] for each in execution["PipelineParameters"]}
    assert (
        told
        == {  # those that the pipeline declares
            "Endpoint": "churn",
            "DriftWindow": "2026-11-20T08:00:00Z",
            "DriftReport": "s3://state/windows/churn/AllTraffic/2026-11-20T00.json",
            "TrainingDataVersion": "dvc:3f2a",
            "Evaluation": f"s3://state/evaluations/churn/{token[:20]}.json",
        }
    )
    attempt = aws.attempt()
    assert (attempt["state"], attempt["arn"], attempt["usd_per_hour"]) == ("started", arn, 0.23)
    assert finding(aws)["kind"] == "retraining"
    assert finding(aws)["action"] == {"name": "start_retraining", "mode": "act", "outcome": arn}
    assert next(each["guard"] for each in finding(aws)["evidence"]["guards"]) == "cause"


def test_a_training_job_runs_on_spot_with_limits_that_sagemaker_takes(monkeypatch, handle):
    spot = {"enabled": True, "checkpoints": True}
    aws = install(monkeypatch, training_account(JOB | {"spot": spot}))
    handle(drift())
    [job] = aws.jobs.values()
    assert job["EnableManagedSpotTraining"] is True
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert job["CheckpointConfig"]["S3Uri"].startswith("s3://state/checkpoints/churn/")
    assert job["Environment"]["TRIMTAB_DRIFT_WINDOW"] == "2026-11-20T08:00:00Z"
    assert aws.attempt()["cost_usd"] == pytest.approx(0.23)


@BOTH
def test_wherever_a_run_dies_the_fact_starts_one_training(monkeypatch, handle, target):
    plain = install(monkeypatch, training_account(target))
    handle(drift())
    calls = len(plain.calls)
    ended = plain.attempt()
    for number in range(calls):
        for when in ("before", "after"):
            aws = install(monkeypatch, training_account(target))
            aws.honours_tokens = False  # how long SageMaker remembers a token is not documented
            aws.kill = (number, when)
            with pytest.raises(Killed):
                handle(drift())
            aws.kill = None
            handle(drift())
            handle(drift())
            assert len(starts(aws)) == 1, (number, when, plain.calls[number][0])
            assert {**aws.attempt(), "at": None} == {**ended, "at": None}
            assert len(aws.told()) == 1


@BOTH
def test_a_thousand_duplicated_and_shuffled_events_with_runs_dying_start_one_training(monkeypatch, handle, target):
    aws, chance = install(monkeypatch, training_account(target)), random.Random(6)
    events = [drift(state=state) for state in ("raised", "continued") for _ in range(500)]
    chance.shuffle(events)
    for event in events:
        aws.kill = (len(aws.calls) + chance.randrange(25), chance.choice(("before", "after")))
        try:
            handle(event)
        except Killed:
            continue
        finally:
            aws.calls.clear()
    aws.kill = None
    handle(drift())
    assert len(starts(aws)) == 1
    assert aws.attempt()["state"] == "started"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.sampled_from(["2026-11-20T08:00:00Z", "2026-11-20T16:00:00Z"]), min_size=1, max_size=12))
def test_a_second_fact_right_after_the_first_is_refused(monkeypatch, context, order):
    aws = install(monkeypatch, training_account())
    for end in order:
        app.lambda_handler(drift(evidence={**DETAIL["evidence"], "window": {"end": end}}), context)
    assert len(starts(aws)) == 1


def test_two_runs_at_once_start_one_training(aws, handle, monkeypatch):
    write = app.write_retrainings

    def slow(table, endpoint, memory, after):
        monkeypatch.setattr(app, "write_retrainings", write)
        handle(drift())
        return write(table, endpoint, memory, after)

    monkeypatch.setattr(app, "write_retrainings", slow)
    with pytest.raises(StaleStateError):
        handle(drift())
    handle(drift())
    assert len(starts(aws)) == 1


@BOTH
def test_a_run_that_was_overtaken_by_another_tells_nothing(monkeypatch, handle, target):
    aws = install(monkeypatch, training_account(target))
    look_at = app.look_at

    def slow(*given):
        monkeypatch.setattr(app, "look_at", look_at)
        handle(drift())
        return look_at(*given)

    monkeypatch.setattr(app, "look_at", slow)
    assert handle(drift())["reason"] == "another run starts it"
    assert len(starts(aws)) == len(aws.told()) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda aws: aws.objects.pop(("state", "retraining/churn/data.json")), "labels_unknown"),
        (lambda aws: aws.objects.update({("state", "retraining/churn/data.json"): b"{}"}), "labels_unknown"),
        (lambda aws: setattr(aws, "usd", 0), "cost_unknown"),
        (lambda aws: aws.set(**PIPELINE, guards={"monthly_usd": 0.1}), "budget"),
        (lambda aws: aws.set(**PIPELINE, guards={"usd_per_error": 0.01}), "worth_unknown"),
        (lambda aws: aws.refused.update(ListPipelineExecutions=("AccessDeniedException", "")), "running_unknown"),
        (lambda aws: aws.StartPipelineExecution("churn-training", "b" * 64, PipelineExecutionDisplayName="x"), "busy"),
    ],
)
def test_every_refusal_is_told_with_its_reason(aws, handle, capsys, change, code):
    change(aws)
    before = len(starts(aws))
    answer = handle(drift())
    assert answer["action"] == "refuse"
    assert finding(aws)["evidence"]["refused"] == [code]
    assert len(starts(aws)) == before
    assert aws.memory() == {}
    published = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "RetrainSuppressed" in line]
    assert {"EndpointName": "churn", "Reason": code, "RetrainSuppressed": 1}.items() <= published[0].items()


def test_a_fault_of_the_data_is_no_reason(aws, handle):
    columns = {"age": {"verdict": "ALERT", "psi_adjusted": 0.0, "missing": [0.0, 0.4]}}
    handle(drift(evidence={**DETAIL["evidence"], "columns": columns}))
    assert finding(aws)["evidence"]["refused"] == ["data_quality"]
    assert starts(aws) == []


def test_something_being_done_to_the_endpoint_comes_first(aws, handle):
    content = json.dumps({"kind": "rollout", "id": "1f2e", "phase": "baking"})
    aws.items["change", "churn"] = {"content": {"S": content}, "version": {"N": "1"}}
    assert "rollout 1f2e is in progress" in handle(drift())["reason"]


def test_a_release_lately_makes_it_rest(aws, handle):
    content = json.dumps({"released": app.datetime.now(app.UTC).isoformat()})
    aws.items["release", "churn"] = {"content": {"S": content}, "version": {"N": "1"}}
    assert handle(drift())["action"] == "refuse"
    assert len(finding(aws)["evidence"]["refused"]) == 1
    assert "release" in finding(aws)["reason"]


def test_without_a_target_nothing_is_done(aws, handle):
    aws.set()
    assert "neither a pipeline nor a training_job" in handle(drift())["reason"]
    assert not aws.events


def test_by_default_it_is_only_said(aws, handle):
    aws.set(**PIPELINE | {"mode": "observe"})
    assert handle(drift())["action"] == "observe"
    assert finding(aws)["action"]["outcome"] == "would be started"
    assert starts(aws) == []


def test_what_was_proposed_starts_when_somebody_approves_and_once(aws, handle):
    aws.set(**PIPELINE | {"mode": "propose"})
    with pytest.raises(app.NothingProposedError):
        handle({"endpoint": "churn", "command": "approve", "by": "anna"})
    handle(drift())
    handle(drift())
    assert '"command": "approve"' in finding(aws)["action"]["outcome"]
    assert starts(aws) == []
    approval = {"endpoint": "churn", "command": "approve", "by": "anna"}
    with pytest.raises(app.NothingProposedError):
        handle({**approval, "by": ""})
    assert handle(approval)["state"] == "started"
    assert aws.attempt()["by"] == "anna"
    with pytest.raises(app.NothingProposedError):
        handle(approval)
    assert handle(drift())["reason"] == "this fact already led to a training, which is started"
    assert len(starts(aws)) == 1


def test_a_person_may_ask_and_say_what_is_new(aws, handle):
    aws.set(**PIPELINE | {"mode": "observe"})
    aws.objects.pop(("state", "retraining/churn/data.json"))
    data = {"new_rows": 2000, "rows_per_class": {}, "data_version": "iceberg:7"}
    asked = {"endpoint": "churn", "id": "november", "by": "anna", "reason": "new labels", "data": data}
    assert handle(asked)["state"] == "started"
    assert handle(asked)["action"] == "nothing"
    assert aws.attempt()["data_version"] == "iceberg:7"
    assert aws.attempt()["trigger"]["reason"] == "anna asked for it: new labels"


@BOTH
def test_what_sagemaker_refuses_is_a_failed_attempt_and_told(monkeypatch, handle, target):
    aws = install(monkeypatch, training_account(target))
    operation = "CreateTrainingJob" if target is JOB else "StartPipelineExecution"
    aws.refused[operation] = ("ValidationException", "no such parameter")
    assert handle(drift())["state"] == "failed"
    assert "SageMaker refused: ValidationException: no such parameter" in finding(aws)["action"]["outcome"]
    assert finding(aws)["title"] == "churn: a retraining could not be started"
    assert handle(drift())["action"] == "nothing"


def test_a_data_document_that_s3_does_not_give_now_is_asked_for_again(monkeypatch, aws, handle):
    def get_object(**_):
        raise error("SlowDown", "Please reduce your request rate.", http=503)

    with monkeypatch.context() as patch:
        patch.setattr(aws, "GetObject", get_object)
        with pytest.raises(ClientError, match="SlowDown"):
            handle(drift())
    assert not aws.told()
    assert handle(drift())["state"] == "started"


def test_what_waited_for_an_approval_and_then_starts_is_told_as_two_facts(monkeypatch, handle):
    aws = install(monkeypatch, training_account({**PIPELINE, "mode": "propose"}))
    handle(drift())
    handle({"endpoint": "churn", "command": "approve", "by": "anna"})
    assert [told["title"] for told in aws.told().values()] == [
        "churn: a retraining waits for an approval",
        "churn: a retraining starts",
    ]


def test_throttling_is_tried_again_by_the_next_event(aws, handle):
    aws.refused["StartPipelineExecution"] = ("ThrottlingException", "slow down")
    with pytest.raises(Exception, match="slow down"):
        handle(drift())
    assert aws.attempt()["state"] == "intended"
    aws.refused.clear()
    assert handle({"endpoint": "churn", "command": "resume"})["state"] == "started"
    assert len(starts(aws)) == 1


def test_a_price_that_is_not_told_now_is_asked_for_again(aws, handle):
    aws.refused["GetProducts"] = ("ThrottlingException", "Rate exceeded")
    with pytest.raises(app.PriceLateError, match="the Pricing API is too busy"):
        handle(drift())
    assert not aws.told()
    aws.refused.clear()
    assert handle(drift())["state"] == "started"


def test_a_price_that_is_not_told_now_keeps_no_other_refusal_back(aws, handle):
    aws.refused["GetProducts"] = ("ThrottlingException", "Rate exceeded")
    aws.objects.pop(("state", "retraining/churn/data.json"))
    assert handle(drift())["action"] == "refuse"
    assert finding(aws)["evidence"]["refused"] == ["labels_unknown", "cost_unknown"]


def test_a_price_that_may_not_be_asked_for_refuses(aws, handle):
    aws.refused["GetProducts"] = ("AccessDeniedException", "no")
    assert handle(drift())["action"] == "refuse"
    assert finding(aws)["evidence"]["refused"] == ["cost_unknown"]


LIMIT = (
    "The account-level service limit 'ml.m5.xlarge for training job usage' is {} Instances, with current utilization of"
    " 1 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this"
    " quota."
)


@BOTH
def test_a_limit_of_the_account_is_waited_for_and_starts_one_training(monkeypatch, handle, target):
    aws = install(monkeypatch, training_account(target))
    operation = "CreateTrainingJob" if target is JOB else "StartPipelineExecution"
    aws.refused[operation] = ("ResourceLimitExceeded", LIMIT.format(1))
    assert handle(drift())["state"] == "intended"
    again = {"endpoint": "churn", "command": "resume"}
    assert handle(again)["state"] == handle(drift())["state"] == "intended"
    assert [told["title"] for told in aws.told().values()] == ["churn: a retraining waits for a limit of the account"]
    aws.refused.clear()
    assert handle(again)["state"] == "started"
    assert finding(aws)["title"] == "churn: a retraining starts"
    assert len(starts(aws)) == 1


def test_a_limit_that_no_waiting_lifts_fails_at_once_and_any_other_after_a_day(monkeypatch, handle):
    aws = install(monkeypatch, training_account(JOB))
    aws.refused["CreateTrainingJob"] = ("ResourceLimitExceeded", LIMIT.format(0))
    assert handle(drift())["state"] == "failed"
    aws = install(monkeypatch, training_account(JOB))
    aws.refused["CreateTrainingJob"] = ("ResourceLimitExceeded", LIMIT.format(1))
    handle(drift())
    later = app.datetime.now(app.UTC) + timedelta(hours=25)

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return later.astimezone(tz)

    monkeypatch.setattr(app, "datetime", Later)
    assert handle({"endpoint": "churn", "command": "resume"})["state"] == "failed"
    assert "SageMaker refused: ResourceLimitExceeded" in finding(aws)["action"]["outcome"]


def test_a_job_of_that_name_that_is_not_ours_is_not_taken_for_it(monkeypatch, handle):
    aws = install(monkeypatch, training_account(JOB))
    handle(drift())
    other = copy.deepcopy(aws.jobs)
    other[next(iter(other))]["Environment"] = {}
    aws = install(monkeypatch, training_account(JOB))
    aws.jobs = other
    for job in aws.jobs.values():
        job["TrainingJobStatus"] = "Completed"
    assert handle(drift())["state"] == "failed"


def test_the_version_that_serves_is_the_parent(aws, handle):
    aws.models["churn-v1"] = {"PrimaryContainer": {"ModelPackageName": "arn:p/6"}, "ExecutionRoleArn": "r"}
    handle(drift())
    assert aws.attempt()["parent"] == "arn:p/6"


def test_what_is_no_finding_of_an_endpoint_starts_nothing(aws, handle):
    assert handle({"detail-type": "Drift", "detail": {"kind": "drift"}})["reason"] == "endpoint is missing"
    assert starts(aws) == []
