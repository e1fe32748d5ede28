"""Rollouts on the deployed template, IAM enforced: all of them are played side by side, and each test looks at one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from local.cloud import ACCOUNT, REGION
from local.rollouts import VARIANT, models_of
from local.sagemaker.containers import MODEL_VARIABLE
from tests.integration.deployed import Deployed, wait_for
from tests.integration.timeline import (
    MINUTE,
    QUICK,
    Timeline,
    change,
    config_of,
    events,
    played_time,
    record,
    scale,
    targets,
    variants,
)

pytestmark = pytest.mark.integration

STEADY, FAULTY, SLOW, BROKEN, ORDERED = "ro-steady", "ro-faulty", "ro-slow", "ro-broken", "ro-ordered"
ABORTED, IDLE, FALLEN, FROZEN, GUARDED = "ro-aborted", "ro-idle", "ro-fallen", "ro-frozen", "ro-guarded"
SHORT: dict[str, Any] = {"steps": [50, 100], "bake_minutes": [5, 1]}
DEADLINE = timedelta(hours=4)
FALLBACK = "Unable to locate at least 2 availability zone(s) with the requested instance type ml.m5.large."


@pytest.fixture(scope="module")
def played(stack: Deployed) -> Iterator[Timeline]:
    """The rollouts of this file, played until each has ended."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - 6 * timedelta(hours=1)
    with played_time(stack, start) as time:
        begin(time)
        for minute in range(60):
            time.pass_minutes()
            orders(time, minute + 1)
            if all(time.is_over(endpoint) for endpoint, requests in time.traffic.items() if requests):
                break
        time.go_to(start + DEADLINE + 5 * MINUTE)
        for _ in range(4):
            time.pass_minutes()
        yield time


def begin(time: Timeline) -> None:
    """Make the endpoints and start their rollouts."""
    stack, start = time.stack, time.start
    extras = {
        "KmsKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/endpoints",
        "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/endpoint",
        "EnableNetworkIsolation": True,
        "Tags": [{"Key": "team", "Value": "churn"}],
    }
    startup = {"ContainerStartupHealthCheckTimeoutInSeconds": 300}
    time.create(STEADY, config=extras, variant=startup, golden=3, settings={})
    scale(stack, STEADY)
    time.create(FAULTY, new={"error_rate": 0.06})
    time.create(SLOW, new={"latency_ms": 140.0}, golden=0)
    time.create(BROKEN, new={"error_rate": 1.0})
    window = f"{(start + 8 * MINUTE).isoformat()} / {(start + 20 * MINUTE).isoformat()}"
    time.create(FROZEN, settings={**QUICK, "freeze": [window]})
    for name in (ORDERED, ABORTED, GUARDED):
        time.create(name)
    for name in (IDLE, FALLEN):
        time.create(name, 0, golden=0)
    time.cloud.flush_captures()
    time.cloud.plant_faults(fail_updates=[FALLBACK])
    time.roll_out(FALLEN)
    wait_for(lambda: is_updated(stack, FALLEN), 20, "the update that falls back")
    time.cloud.plant_faults()

    time.roll_out(STEADY, bake_minutes=[2, 1, 5, 1], reason="a better model")
    for name in (FAULTY, BROKEN, IDLE):
        time.roll_out(name)
    time.roll_out(SLOW, limits={"latency_ms": 160.0})
    for name in (ORDERED, FROZEN):
        time.roll_out(name, **SHORT)
    time.roll_out(GUARDED, mode="guardrail", **SHORT | {"bake_minutes": 5})
    # on the bus, and twice: it begins once
    asked = time.document(ABORTED, id="once") | {"model_package": package(stack)}
    del asked["model"]
    entry = {"Source": "pipeline", "DetailType": "Rollout Requested", "Detail": json.dumps(asked)}
    bus = {"EventBusName": stack.outputs["FindingsBusName"]}
    time.cloud.client("events").put_events(Entries=[entry | bus, entry | bus])
    wait_for(lambda: bool(changes_of(stack, ABORTED)), 20, "the rollout that was asked for on the bus")


def orders(time: Timeline, minute: int) -> None:
    """What people say at some minutes."""
    match minute:
        case 4:
            time.command(ORDERED, "pause", "let me look")
        case 7:
            time.command(ABORTED, "abort", "wrong model")
        case 18:
            time.command(ORDERED, "resume")
            time.command(ORDERED, "promote", "looks good")


def is_updated(stack: Deployed, endpoint: str) -> bool:
    """Whether UpdateEndpoint was called."""
    described = stack.cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    return bool(described["EndpointStatus"] == "Updating")


def changes_of(stack: Deployed, endpoint: str) -> dict[str, Any]:
    try:
        return dict(change(stack, endpoint))
    except KeyError:
        return {}


def package(stack: Deployed) -> str:
    """A model package; its ARN."""
    sagemaker = stack.cloud.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    container = {
        "Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/churn",
        "Environment": {MODEL_VARIABLE: "local.models:echo"},
    }
    answer = sagemaker.create_model_package(
        ModelPackageGroupName="churn",
        ModelPackageDescription="the second",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    return str(answer["ModelPackageArn"])


def serves_as_before(stack: Deployed, endpoint: str) -> None:
    assert config_of(stack, endpoint) == endpoint
    assert variants(stack, endpoint) == {VARIANT: (models_of(endpoint)[0], 1.0, 2)}


def canary_findings(stack: Deployed, endpoint: str) -> list[dict[str, Any]]:
    return [each for each in stack.findings(endpoint) if each["kind"] == "canary"]


def test_an_identical_model_is_promoted_step_by_step(played: Timeline) -> None:
    stack = played.stack
    assert [share for _, share in played.shares(STEADY)] == [0.1, 0.25, 0.5, 1.0]
    waited = [later - earlier for (earlier, _), (later, _) in pairwise(played.shares(STEADY))]
    # the bake time, three minutes until its metrics are whole, and then instances and weights
    assert all(minutes >= bake + 3 for minutes, bake in zip(waited, (2, 1, 5), strict=True))
    assert variants(stack, STEADY) == {VARIANT: (models_of(STEADY)[1], 1.0, 2)}
    assert events(stack, STEADY) == [
        "started", "smoke_passed", "step_raised", "step_raised", "step_raised", "step_raised", "finishing", "promoted",
    ]  # fmt: skip


def test_the_new_config_has_all_that_the_old_one_had(played: Timeline) -> None:
    sagemaker = played.cloud.client("sagemaker")
    old, new = (
        sagemaker.describe_endpoint_config(EndpointConfigName=name)
        for name in (STEADY, config_of(played.stack, STEADY))
    )
    [was], [is_now] = old.pop("ProductionVariants"), new.pop("ProductionVariants")
    assert is_now == was | {"ModelName": models_of(STEADY)[1]}
    arns = [each.pop("EndpointConfigArn") for each in (old, new)]
    own = {"EndpointConfigName", "CreationTime", "ResponseMetadata"}
    assert {key: value for key, value in new.items() if key not in own} == {
        key: value for key, value in old.items() if key not in own
    }
    assert {"KmsKeyId", "ExecutionRoleArn", "EnableNetworkIsolation", "DataCaptureConfig"} <= new.keys()
    tags = [{tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]} for arn in arns]
    assert tags[1] == tags[0] | {"trimtab:rollout": record(played.stack, STEADY)["id"]}


def test_scaling_is_as_it_was_after_a_promotion(played: Timeline) -> None:
    nothing = {
        "DynamicScalingInSuspended": False,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }
    assert targets(played.stack, STEADY) == {VARIANT: {"MinCapacity": 2, "MaxCapacity": 6, "SuspendedState": nothing}}


def test_people_hear_of_a_rollout_and_its_history_is_kept(played: Timeline) -> None:
    stack = played.stack
    wait_for(lambda: canary_findings(stack, STEADY)[-1]["evidence"]["event"] == "promoted", 20, "the last finding")
    told = canary_findings(stack, STEADY)
    assert [each["evidence"]["event"] for each in told] == ["started", *["step_raised"] * 4, "promoted"]
    assert [told[0]["state"], told[-1]["state"]] == ["raised", "cleared"]
    assert {each["action"]["mode"] for each in told} == {"act"}
    assert told[0]["evidence"]["by"] == "anna"
    assert "a better model" in told[0]["reason"]
    wait_for(lambda: bool(stack.mails(STEADY)), 20, "a mail")
    wait_for(
        lambda: any("is in production" in text for text in stack.slack_messages(STEADY)), 20, "Slack to hear of it"
    )
    [key] = [key for key, _ in stack.objects(stack.state_bucket, f"rollouts/{STEADY}/")]
    assert told[-1]["links"]["record"] == f"s3://{stack.state_bucket}/{key}"
    kept = record(stack, STEADY)
    assert (kept["phase"], kept["before"]["config"], kept["request"]["by"]) == ("promoted", STEADY, "anna")


@pytest.mark.parametrize(("endpoint", "most", "why"), [(FAULTY, 12, "error"), (SLOW, 16, "slow")])
def test_a_worse_model_is_rolled_back(played: Timeline, endpoint: str, most: int, why: str) -> None:
    stack = played.stack
    serves_as_before(stack, endpoint)
    kept = record(stack, endpoint)
    assert why in kept["reason"]
    decided, ended = kept["history"][-2:]
    assert (decided["event"], ended["event"]) == ("rolling_back", "rolled_back")
    assert datetime.fromisoformat(decided["at"]) - played.start <= most * MINUTE
    assert kept["ladder"][0]["share"] == 0.1
    wait_for(lambda: canary_findings(stack, endpoint)[-1]["evidence"]["event"] == "rolled_back", 20, "the finding")
    [told] = [each for each in canary_findings(stack, endpoint) if each["evidence"]["event"] == "rolling_back"]
    assert (told["severity"], told["action"]["name"]) == ("critical", "roll_back")
    assert told["evidence"]["numbers"]["decision"] == "ROLL_BACK"
    wait_for(lambda: any(mail.subject.startswith("[CRITICAL]") for mail in stack.mails(endpoint)), 20, "a mail")


def test_a_canary_without_traffic_is_held_and_goes_back_at_the_deadline(played: Timeline) -> None:
    stack = played.stack
    assert {outcome["share"] for _, outcome in played.seen[IDLE]} == {0.0, 0.1}
    kept = record(stack, IDLE)
    assert [each["event"] for each in kept["history"]] == [
        "started", "smoke_passed", "step_raised", "held", "rolling_back", "rolled_back",
    ]  # fmt: skip
    assert "no decision was possible in time" in kept["reason"]
    assert kept["judgement"]["decision"] == "INCONCLUSIVE"
    serves_as_before(stack, IDLE)


def test_people_pause_resume_and_promote(played: Timeline) -> None:
    stack = played.stack
    assert all(outcome["share"] <= 0.5 for minute, outcome in played.seen[ORDERED] if minute < 18)
    paused = [outcome["reason"] for minute, outcome in played.seen[ORDERED] if 6 <= minute < 18]
    assert set(paused) == {"it is paused"}
    [promoted, *_] = [minute for minute, outcome in played.seen[ORDERED] if outcome["phase"] == "promoted"]
    assert promoted <= 18 + 6
    history = record(stack, ORDERED)["history"]
    assert [each["event"] for each in history] == [
        "started", "smoke_passed", "step_raised", "paused", "resumed", "promote_ordered", "step_raised", "finishing",
        "promoted",
    ]  # fmt: skip
    assert {each["by"] for each in history if each["event"] in ("paused", "resumed", "promote_ordered")} == {"otto"}
    assert variants(stack, ORDERED) == {VARIANT: (models_of(ORDERED)[1], 1.0, 2)}


def test_a_rollout_of_a_package_that_was_asked_for_on_the_bus_is_aborted(played: Timeline) -> None:
    stack = played.stack
    kept = record(stack, ABORTED)  # there is one, though it was asked for twice
    assert kept["request"]["model_package"].endswith("model-package/churn/1")
    assert kept["model"].startswith(f"{ABORTED}-")
    assert "abort by otto: wrong model" in kept["reason"]
    assert kept["phase"] == "rolled_back"
    assert kept["ladder"][0]["share"] == 0.1
    serves_as_before(stack, ABORTED)


def test_an_update_that_silently_fell_back_is_recognised(played: Timeline) -> None:
    stack = played.stack
    assert [each for _, each in played.seen[FALLEN]][-1]["phase"] == "rolled_back"
    kept = record(stack, FALLEN)
    assert FALLBACK in kept["reason"]
    assert kept["ladder"] == []
    serves_as_before(stack, FALLEN)


def test_a_model_that_fails_the_smoke_test_gets_no_traffic(played: Timeline) -> None:
    kept = record(played.stack, BROKEN)
    assert "the smoke test failed: golden request 1: the canary answered 500" in kept["reason"]
    assert kept["ladder"] == []
    serves_as_before(played.stack, BROKEN)


def test_no_share_rises_in_a_freeze_window(played: Timeline) -> None:
    assert [share for _, share in played.shares(FROZEN)] == [0.5, 1.0]
    [_, (risen, _)] = played.shares(FROZEN)
    assert risen > 20
    frozen = [outcome["reason"] for minute, outcome in played.seen[FROZEN] if 8 <= minute < 20]
    assert all("freeze" in reason for reason in frozen)
    assert variants(played.stack, FROZEN) == {VARIANT: (models_of(FROZEN)[1], 1.0, 2)}


def test_sagemakers_own_deployment_brings_a_good_model_in(played: Timeline) -> None:
    stack = played.stack
    assert events(stack, GUARDED) == ["started", "promoted"]
    assert variants(stack, GUARDED) == {VARIANT: (models_of(GUARDED)[1], 1.0, 2)}
    alarm = f"trimtab-canary-{GUARDED}"
    described = stack.cloud.client("sagemaker").describe_endpoint(EndpointName=GUARDED)
    assert described["LastDeploymentConfig"]["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": alarm}]}


def test_what_cannot_begin_is_refused_with_the_reason(played: Timeline) -> None:
    stack = played.stack
    played.create("ro-refused", golden=0)
    first = played.roll_out("ro-refused")
    assert played.roll_out("ro-refused") | {"phase": ""} == first | {"phase": ""}
    second = played.roll_out("ro-refused", reason="another one")
    assert second["phase"] == "refused"
    assert f"rollout {first['rollout']} is in progress" in second["reason"]
    played.command("ro-refused", "abort")
    while not played.is_over("ro-refused"):
        played.pass_minutes()
    # when it has ended, the same document tells how, and nothing begins anew
    assert played.roll_out("ro-refused") == {"rollout": first["rollout"], "phase": "rolled_back"}

    stack.put_settings("ro-refused", json.dumps({"freeze": [f"{played.now:%a} 00:00 - {played.now:%a} 24:00"]}))
    assert "freeze window" in played.roll_out("ro-refused", id="frozen")["reason"]
    stack.put_settings("ro-refused", "{}")
    assert "limits.max_eror_rate" in played.roll_out("ro-refused", limits={"max_eror_rate": 0.1})["reason"]
    assert "there is no ro-nowhere" in played.roll_out("ro-nowhere", model="ro-refused-v2")["reason"]
    refused = [each for each in canary_findings(stack, "ro-refused") if each["action"]["outcome"].startswith("refused")]
    assert len(refused) == 3
