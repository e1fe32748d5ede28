import copy
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from functions.judge_canary import app as judge_app
from tests.unit.functions.aws_in_memory import MINUTE, Killed, error
from tests.unit.functions.rollout_world import CANARY_TARGET, OLD, START, TARGET, account, alarm, install
from trimtab.rollout.judgement import Decision
from trimtab.rollout.state import is_over

SAMPLES = sorted((Path(__file__).parents[3] / "events" / "judge_canary").glob("*.json"))


@pytest.fixture
def world(monkeypatch, context):
    return install(monkeypatch, context, account())


def served(aws):
    """What a person would see of the endpoint."""
    endpoint = aws.endpoints["churn"]
    return (endpoint.status, aws.routing(endpoint), {k: v["instances"] for k, v in endpoint.variants.items()})


def shares(aws):
    return [taken["share"] for taken in aws.change()["ladder"]]


def test_a_good_model_takes_productions_place_step_by_step(world):
    assert world.start()["phase"] == "preparing"
    assert world.aws.started == [("trimtab-judge-canary", {"endpoint": "churn", "at": START.isoformat()})]
    change = world.run()
    assert change["phase"] == "promoted"
    assert shares(world.aws) == [0.1, 0.25, 0.5, 1.0]
    status, routing, instances = served(world.aws)
    assert (status, routing, instances) == ("InService", {"AllTraffic": ("churn-v2", 1.0)}, {"AllTraffic": 4})
    assert world.aws.targets.keys() == {TARGET}
    assert world.aws.targets[TARGET]["SuspendedState"]["DynamicScalingInSuspended"] is False
    final = world.aws.configs[world.aws.endpoints["churn"].config]
    assert {key: final[key] for key in ("DataCaptureConfig", "KmsKeyId")} == {
        key: OLD[key] for key in ("DataCaptureConfig", "KmsKeyId")
    }
    assert {"Key": "team", "Value": "growth"} in final["Tags"]
    assert not any(tag["Key"].startswith("aws:") for tag in final["Tags"])


def test_every_step_has_its_capacity_before_its_traffic_and_never_loses_production_any(world):
    world.start()
    world.run()
    orders = [given for name, given in world.aws.calls if name == "UpdateEndpointWeightsAndCapacities"]
    told = [
        each.get("DesiredInstanceCount") or round(each["DesiredWeight"], 2)
        for order in orders
        for each in order["DesiredWeightsAndCapacities"]
        if each["VariantName"] == "Canary"
    ]
    assert told == [0.1, 0.25, 2, 0.5, 4, 1.0]
    assert not any(
        each["VariantName"] == "AllTraffic" and "DesiredInstanceCount" in each
        for order in orders
        for each in order["DesiredWeightsAndCapacities"]
    )


def test_the_canary_is_scaled_like_production_and_production_scales_in_no_more(world):
    world.start()
    world.run(until=("baking",))
    canary = world.aws.targets[CANARY_TARGET]
    assert (canary["MinCapacity"], canary["MaxCapacity"]) == (1, 8)
    specification = world.aws.policies[CANARY_TARGET]["track"]["TargetTrackingScalingPolicyConfiguration"]
    dimensions = specification["CustomizedMetricSpecification"]["Dimensions"]
    assert {"Name": "VariantName", "Value": "Canary"} in dimensions
    assert world.aws.targets[TARGET]["SuspendedState"]["DynamicScalingInSuspended"] is True


def test_a_bad_model_is_rolled_back_and_leaves_everything_as_it_was(world):
    before = served(world.aws)
    scaling = copy.deepcopy(world.aws.targets)
    world.start(model="bad")
    change = world.run()
    assert change["phase"] == "rolled_back"
    assert shares(world.aws)[0] == 0.1
    assert served(world.aws) == before
    assert world.aws.endpoints["churn"].config == "old"
    assert world.aws.targets == scaling
    assert "error" in change["reason"]


def test_every_action_leaves_a_finding_and_the_record_has_all_of_it(world):
    rollout = world.start(model="bad", reason="a try")["rollout"]
    world.run()
    world.tick()
    kinds = [finding["evidence"]["event"] for finding in world.aws.events]
    assert kinds[:2] == ["started", "step_raised"]
    assert kinds[-2:] == ["rolling_back", "rolled_back"]
    assert all(finding["kind"] == "canary" and finding["action"]["mode"] == "act" for finding in world.aws.events)
    assert world.aws.events[0]["reason"].endswith("a try")
    record = json.loads(world.aws.objects["state", f"rollouts/churn/{rollout}.json"])
    assert record["phase"] == "rolled_back"
    assert record["history"][-2]["evidence"]["decision"] == "ROLL_BACK"
    assert world.aws.events[-1]["links"]["record"] == f"s3://state/rollouts/churn/{rollout}.json"


def test_a_canary_without_traffic_is_never_promoted(world):
    world.aws.traffic = 0
    world.start(limits={"max_hours": 1})
    assert world.run()["phase"] == "rolled_back"
    assert shares(world.aws) == [0.1]
    assert any(finding["evidence"]["event"] == "held" for finding in world.aws.events)


def test_partial_data_hold(world):
    world.start()
    world.run(until=("baking",))
    world.aws.is_partial = True
    for _ in range(30):
        assert world.tick()["phase"] == "baking"
    assert "withheld" in world.aws.change()["held"]["reason"]
    world.aws.is_partial = False
    assert world.run()["phase"] == "promoted"


def test_a_deployment_that_fell_back_silently_is_recognised(world):
    rollout = world.start()["rollout"]
    world.aws.fails.add(f"churn-{rollout}")
    change = world.run()
    assert change["phase"] == "rolled_back"
    assert "ping health check" in change["reason"]
    assert world.aws.names().count("UpdateEndpoint") == 1
    assert world.aws.targets[TARGET]["SuspendedState"]["DynamicScalingInSuspended"] is False


def test_a_last_deployment_that_fell_back_brings_the_old_model_back(world):
    rollout = world.start()["rollout"]
    world.aws.fails.add(f"churn-{rollout}-final")
    assert world.run()["phase"] == "rolled_back"
    assert served(world.aws)[1] == {"AllTraffic": ("churn-v1", 1.0)}


def test_a_canary_that_cannot_be_removed_fails_loudly_with_production_serving(world):
    world.start(model="bad")
    world.aws.fails.add("old")
    change = world.run()
    assert change["phase"] == "failed"
    assert served(world.aws)[1] == {"AllTraffic": ("churn-v1", 1.0), "Canary": ("bad", 0.0)}
    assert world.aws.events[-1]["severity"] == "critical"
    assert CANARY_TARGET not in world.aws.targets


def test_rolling_back_is_tried_again_until_the_endpoint_takes_it(world):
    world.start(model="bad")
    world.run(until=("baking",))
    world.aws.endpoints["churn"].status = "SystemUpdating"
    world.aws.calls.clear()
    for _ in range(40):
        world.tick()
    assert world.aws.change()["phase"] == "rolling_back"
    assert world.aws.events[-1]["evidence"]["event"] == "stuck"
    assert "UpdateEndpointWeightsAndCapacities" not in world.aws.names()
    world.aws.endpoints["churn"].status = "InService"
    assert world.run()["phase"] == "rolled_back"


def test_a_refusal_while_updating_is_waited_for(world):
    world.start()
    world.aws.refused["UpdateEndpoint"] = ("ValidationException", "Cannot update in-progress endpoint")
    for _ in range(2):
        assert world.tick()["phase"] == "updating"
    world.aws.refused.clear()
    assert world.run()["phase"] == "promoted"


def test_a_refusal_by_aws_is_an_error_told_after_a_while_and_given_up_at_last(world):
    world.start(model_package="arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/2", model=None)
    assert world.aws.events[-1]["title"] == "a rollout of churn was refused"
    world.aws.packages["p"] = {}
    world.start(model_package="p", model=None)
    world.aws.refused["CreateModel"] = ("ValidationException", "Could not assume role")
    for _ in range(20):
        with pytest.raises(judge_app.RolloutsFailedError):
            world.tick()
        world.aws.now += MINUTE
    assert "Could not assume role" in world.aws.events[-1]["reason"]
    world.aws.now += timedelta(hours=3)
    assert world.run()["phase"] == "rolled_back"
    assert "UpdateEndpoint" not in world.aws.names()


def test_a_package_is_made_a_model_that_runs_like_the_present_one(world):
    world.aws.packages["p"] = {"ModelApprovalStatus": "Approved"}
    rollout = world.start(model_package="p", model=None)["rollout"]
    world.aws.error_rates[f"churn-{rollout}"] = 0.01
    assert world.run()["phase"] == "promoted"
    made = world.aws.models[f"churn-{rollout}"]
    assert made["PrimaryContainer"] == {"ModelPackageName": "p"}
    assert made["ExecutionRoleArn"] == world.aws.models["churn-v1"]["ExecutionRoleArn"]


def test_a_failed_smoke_test_never_gets_traffic(world):
    world.aws.answer = lambda model, _: (500, b"") if model == "churn-v2" else (200, b"[0.5]")
    world.start()
    change = world.run()
    assert change["phase"] == "rolled_back"
    assert "smoke test" in change["reason"]
    assert shares(world.aws) == []
    assert change["smoke"]["golden"] == 20


def test_pause_resume_promote_and_abort_by_payload(world):
    world.start()
    world.run(until=("baking",))
    world.tick(endpoint="churn", command="pause", by="anna", reason="lunch")
    for _ in range(30):
        assert world.tick()["share"] == 0.1
    assert world.tick(endpoint="churn", command="promote", by="bert")["share"] == 0.1
    world.tick(endpoint="churn", command="resume", by="anna")
    assert world.run()["phase"] == "promoted"
    assert shares(world.aws) == [0.1, 1.0]
    assert "is promoted" in world.tick(endpoint="churn", command="abort", by="anna")["refused"]
    told = [entry["event"] for entry in world.aws.change()["history"]]
    assert [event for event in told if event in {"paused", "resumed", "promote_ordered"}] == [
        "paused", "promote_ordered", "resumed",
    ]  # fmt: skip


@pytest.mark.parametrize("phase", ["preparing", "updating", "shifting", "baking", "finishing"])
def test_abort_puts_back_what_was_from_any_phase(world, phase):
    before = served(world.aws)
    world.start()
    seen = set()
    for _ in range(200):
        if phase in seen or world.aws.change()["phase"] == phase:
            break
        world.tick()
        seen |= {world.aws.change()["phase"]}
    world.tick(endpoint="churn", command="abort", by="anna", reason="no")
    change = world.run()
    assert change["phase"] == "rolled_back"
    assert served(world.aws)[:2] == before[:2]
    assert "anna" in change["reason"]


def test_a_freeze_window_stops_the_rise_but_not_the_way_back(world):
    world.start(model="bad")
    world.run(until=("baking",))
    window = f"{(START - MINUTE).isoformat()} / {(START + timedelta(days=1)).isoformat()}"
    world.aws.parameters["/trimtab/endpoints/churn"] = json.dumps({"freeze": [window]})
    assert world.run()["phase"] == "rolled_back"


def test_an_alarm_on_the_canary_rolls_back_and_one_on_production_stops_the_rise(world):
    world.start()
    world.run(until=("baking",))
    world.aws.alarms = [alarm("AllTraffic")]
    for _ in range(20):
        assert world.tick()["share"] == 0.1
    world.aws.alarms = [alarm("Canary")]
    assert "alarm 5xx" in world.run()["reason"]


def test_a_deployment_by_somebody_else_is_left_alone(world):
    world.start()
    world.run(until=("baking",))
    world.aws.configs["other"] = copy.deepcopy(OLD)
    world.aws.endpoints["churn"].config = "other"
    change = world.run()
    assert (change["phase"], change["reason"]) == ("failed", "somebody else deployed other")
    assert world.aws.targets.keys() == {TARGET}


def test_an_endpoint_that_is_deleted_ends_the_rollout(world):
    world.start()
    world.tick()
    del world.aws.endpoints["churn"]
    assert world.run()["reason"] == "the endpoint was deleted"


def test_one_rollout_that_cannot_be_looked_at_does_not_stop_the_others(world):
    world.start()
    broken = copy.deepcopy(world.aws.items["change", "churn"])
    broken["sk"] = {"S": "awry"}
    content = json.loads(broken["content"]["S"])
    content["request"]["endpoint"] = "awry"
    world.aws.items["change", "awry"] = broken | {"content": {"S": json.dumps(content)}}
    world.aws.parameters["/trimtab/endpoints/awry"] = "["
    world.aws.endpoints["awry"] = SimpleNamespace(status=None, ready=None)
    with pytest.raises(judge_app.RolloutsFailedError, match="awry"):
        world.tick()
    assert world.aws.change()["phase"] == "updating"


def test_two_runs_at_once_do_no_harm(world):
    world.start()
    stale = copy.deepcopy(world.aws.items)
    lose_the_race(world.aws)
    assert world.tick()["phase"] == "preparing"
    assert world.aws.items == stale
    assert world.run()["phase"] == "promoted"


def test_a_command_holds_though_another_run_is_at_it(world):
    world.start()
    world.run(until=("baking",))
    lose_the_race(world.aws)
    assert world.tick(endpoint="churn", command="abort", by="anna", reason="no")["phase"] == "rolling_back"
    assert "anna" in world.run()["reason"]


def lose_the_race(aws):
    """Let another run be faster at the next write."""
    put = aws.PutItem

    def refused(**_):
        aws.PutItem = put
        raise error("ConditionalCheckFailedException", "The conditional request failed")

    aws.PutItem = refused


def test_a_command_without_a_rollout_is_an_error(world):
    with pytest.raises(judge_app.NoRolloutError, match="churn has no rollout to abort"):
        world.tick(endpoint="churn", command="abort", by="anna")


def test_a_deployment_by_sagemakers_guardrail_has_our_alarm_and_ends_by_itself(world):
    rollout = world.start(mode="guardrail", steps=[25, 50, 75, 100])["rollout"]
    change = world.run()
    assert change["phase"] == "promoted"
    policy = world.aws.endpoints["churn"].deployment
    assert policy["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "trimtab-canary-churn"}]}
    assert world.aws.alarm == "trimtab-canary-churn"
    assert json.loads(world.aws.items["guardrail", "churn"]["content"]["S"])["by"] == "anna"
    assert served(world.aws)[1:] == ({"AllTraffic": ("churn-v2", 1.0)}, {"AllTraffic": 4})
    assert world.aws.endpoints["churn"].config == f"churn-{rollout}-final"


def test_a_deployment_that_sagemakers_guardrail_took_back_is_a_roll_back(world):
    rollout = world.start(mode="guardrail", steps=[10, 100])["rollout"]
    world.aws.fails.add(f"churn-{rollout}-final")
    assert world.run()["phase"] == "rolled_back"
    assert world.aws.endpoints["churn"].config == "old"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_event_brings_the_rollout_further(world, context, path):
    world.aws.now = datetime.now(UTC)
    world.start()
    answer = judge_app.lambda_handler(json.loads(path.read_text()), context)
    assert answer["rollouts"]["churn"]["phase"] == ("rolled_back" if path.stem == "abort_ordered" else "updating")
    assert ("refused" in answer["rollouts"]["churn"]) == (path.stem == "promote_ordered")


# --- orders that SageMaker does not take


def minutes_of_refusal(world, code, message, minutes):
    world.aws.refused = {"UpdateEndpoint": (code, message)}
    for _ in range(minutes):
        with suppress(judge_app.RolloutsFailedError):
            world.tick()
    world.aws.refused = {}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ThrottlingException", "Rate exceeded"),
        ("ValidationException", 'Cannot update in-progress endpoint "arn:…".'),
        ("ResourceLimitExceeded", "no instances"),
    ],
)
def test_orders_that_are_refused_for_now_are_no_failed_attempts(world, code, message):
    world.start()
    minutes_of_refusal(world, code, message, 6)
    assert world.run(until=("finishing",))["phase"] == "finishing"
    minutes_of_refusal(world, code, message, 6)
    assert world.run()["phase"] == "promoted"


def test_an_order_that_is_refused_for_good_ends_the_rollout_with_its_words(world):
    world.start()
    minutes_of_refusal(world, "ValidationException", "the image is too large", 6)
    change = world.run()
    assert change["phase"] == "rolled_back"
    assert "the image is too large" in change["reason"]


# --- killed at every call


def judged(_, readings, __):
    """The judgement of a canary that shows at once what it is; the statistics have tests of their own."""
    errors, requests = sum(readings.canary.errors.values()), sum(readings.canary.requests.values())
    decision = Decision.ROLL_BACK if errors > 0.03 * max(1, requests) else Decision.PROMOTE
    evidence = SimpleNamespace(ln_e_harm=0.0, ln_e_harm_slow=None)
    return SimpleNamespace(decision=decision, rule="", reason="it shows at once", evidence=evidence)


LOOKS = ("Get", "Describe", "List", "Query", "Invoke")
DOCUMENTS = {
    "promote": {"model": None, "model_package": "p", "steps": [50, 100], "bake_minutes": 1},
    "roll back": {"model": "bad", "steps": [50, 100], "bake_minutes": 1},
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_killed_at_any_call_and_run_again_it_ends_in_the_same_state(world, monkeypatch, name):
    monkeypatch.setattr(judge_app, "compare", judged)
    monkeypatch.setattr(judge_app, "judgement_document", lambda _: {})
    world.aws.parameters["/trimtab/endpoints/churn"] = json.dumps(
        {"rollout": {"thresholds": {"publish_delay_minutes": 0}, "smoke": {"requests": 1}}}
    )
    world.aws.packages["p"], world.aws.update_minutes = {}, 1
    rollout = world.start(**DOCUMENTS[name])["rollout"]
    world.aws.error_rates[f"churn-{rollout}"] = 0.01
    snapshots = []  # the account at the beginning of each run, and the calls the run makes
    while not is_over(world.aws.change()):
        begun = copy.deepcopy(world.aws)
        world.aws.calls.clear()
        world.tick()
        snapshots.append((begun, world.aws.names()))
    expected = ending(world.aws)
    killed = 0
    for begun, calls in snapshots:
        for call, operation in enumerate(calls):
            # to be killed after a look is to be killed before the next call
            for when in ("before",) if operation.startswith(LOOKS) else ("before", "after"):
                world.aws = copy.deepcopy(begun)
                world.aws.calls.clear()
                world.aws.kill = (call, when)
                with pytest.raises(Killed):
                    world.tick()
                world.aws.kill = None
                world.aws.now += MINUTE / 2
                for _ in range(60):
                    world.tick()
                    if is_over(world.aws.change()):
                        break
                assert ending(world.aws) == expected, (call, when, calls)
                killed += 1
    assert killed > 150


def ending(aws):
    """All that a rollout leaves behind, but for the times."""
    change = aws.change()
    return {
        "change": (change["phase"], change["reason"], shares(aws), change["recorded"] == len(change["history"])),
        "history": [(entry["event"], entry["text"]) for entry in change["history"]],
        "told": sorted((each["id"], each["title"]) for each in aws.told().values()),
        "record": {key for key in aws.objects if key[0] == "state"},
        "endpoint": (served(aws), aws.endpoints["churn"].config),
        "configs": aws.configs,
        "models": aws.models.keys(),
        "scaling": (aws.targets, aws.policies),
    }
