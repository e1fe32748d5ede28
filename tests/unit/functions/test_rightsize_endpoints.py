"""Right-sizing end to end on an account in memory, in which each call can be the last."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from functions.rightsize_endpoints import app
from tests.unit.functions.aws_in_memory import Killed
from tests.unit.functions.sizing_world import CONFIG, NOW, TARGET, Clock, World, install, wave
from trimtab.aws import sizing_observations
from trimtab.sizing import variant as sizing_variant

SAMPLES = sorted((Path(__file__).parents[3] / "events" / "rightsize_endpoints").glob("*.json"))
OBSERVE = "sizing: {latency_ms: 200, days: 7}"  # half of the default, which one test has: the minutes take time
ACT = "sizing: {mode: act, latency_ms: 200, days: 7}"
PROPOSE = "sizing: {mode: propose, latency_ms: 200, days: 7}"


@pytest.fixture
def world(monkeypatch, context):
    aws = World(NOW)
    aws.put("churn")
    aws.settings(OBSERVE)
    return install(monkeypatch, context, aws)


def settled(world):
    """Follow a change until it is over."""
    for _ in range(4):
        world.later(minutes=15)
        world.follow()
    return world.aws.document("change", "churn")


def grown(count, after):
    """So many instances from a moment on, three before."""
    since = (after - (NOW - timedelta(days=40))) / timedelta(minutes=1)
    return lambda minute: np.where(minute >= since, float(count), 3.0)


# --- the answer ---


def test_a_finding_has_the_top_three_the_simulation_and_the_reasons(world):
    answer = world.size()
    assert answer["verdict"] == "OVERSIZED"
    [finding] = world.aws.told().values()
    evidence = finding["evidence"]
    assert (finding["kind"], finding["state"], finding["severity"]) == ("sizing", "raised", "info")
    assert len(evidence["top"]) == 3
    assert all(each["confidence"]["value"] > 0 for each in evidence["top"])
    assert evidence["simulation"]["today"]["monthly_usd"] > evidence["simulation"]["proposed"]["monthly_usd"]
    assert evidence["simulation"]["proposed"]["minutes_over_target"] <= 0.001
    assert finding["links"]["working"] == "s3://state/sizing/churn/2026-10-19.json"
    assert finding["action"]["mode"] == "observe"
    assert evidence["how"]["create_endpoint_config"]["ProductionVariants"][0]["ModelName"] == "churn-v1"


def test_the_whole_working_of_fourteen_days_is_kept(world):
    world.aws.settings("sizing: {latency_ms: 200}")
    world.size()
    working = world.aws.working()
    assert working["demand"]["days"] == 14
    assert working["workload"]["cpu"]["per_rps"] == pytest.approx(7, rel=0.05)
    assert len(working["rejected"]) > 100
    assert all(each["reason"] for each in working["rejected"])
    assert working["read"]["problem"] == ""


def test_observing_changes_nothing(world):
    world.size()
    assert not {"UpdateEndpointWeightsAndCapacities", "RegisterScalableTarget", "UpdateEndpoint"} & set(
        world.aws.names()
    )
    assert "change" not in {partition for partition, _ in world.aws.items}


def test_the_same_is_not_told_each_day(world):
    world.size()
    world.later(days=1)
    world.size()
    assert len(world.aws.told()) == 1
    assert ("state", "sizing/churn/2026-10-20.json") in world.aws.objects


def test_fourteen_days_are_read_page_by_page_within_the_limits(world):
    world.aws.settings("sizing: {latency_ms: 200}")
    world.size()
    asked = [p for name, p in world.aws.calls if name == "GetMetricData"]
    minutes = [p for p in asked if p["MetricDataQueries"][0]["MetricStat"]["Period"] == 60]
    for each in minutes:
        points = len(each["MetricDataQueries"]) * (each["EndTime"] - each["StartTime"]) / timedelta(minutes=1)
        assert points <= 100_800
    assert all(each["EndTime"] == NOW - timedelta(minutes=3) for each in minutes)
    names = {query["MetricStat"]["Metric"]["MetricName"] for each in minutes for query in each["MetricDataQueries"]}
    assert "GPUUtilization" not in names


def test_an_answer_in_many_pages_is_read_to_its_end(world, monkeypatch):
    whole = world.size()
    monkeypatch.setattr("tests.unit.functions.sizing_world.POINTS_PER_PAGE", 3_000)
    before = world.aws.pages
    assert world.size() == whole
    assert world.aws.pages - before > 20


@pytest.mark.parametrize("metric", ["Invocations", "CPUUtilization", "ModelLatency"])
def test_partial_data_is_a_verdict(world, metric):
    world.aws.partial = {metric}
    answer = world.size()
    assert answer["verdict"] == "INSUFFICIENT_DATA"
    assert "not read whole" in answer["reason"]
    assert world.aws.told() == {}


def test_a_metric_that_cannot_be_read_is_a_verdict(world):
    world.aws.refused_metrics = {"ModelLatency"}
    answer = world.size()
    assert answer["verdict"] == "INSUFFICIENT_DATA"
    assert "CloudWatch did not answer" in answer["reason"]


def test_partial_data_takes_nothing_back(world):
    world.size()
    world.aws.partial = {"Invocations"}
    world.later(days=1)
    world.size()
    assert [finding["state"] for finding in world.aws.told().values()] == ["raised"]


def test_an_endpoint_that_is_right_sized_at_last_is_told_after_three_days(world):
    world.size()
    world.aws.settings("sizing: {latency_ms: 200, days: 7, min_saving_share: 0.95}")
    states = []
    for _ in range(5):
        world.later(days=1)
        world.size()
        states.append(len(world.aws.told()))
    assert states == [1, 1, 1, 2, 2]
    assert list(world.aws.told().values())[-1]["state"] == "cleared"


def test_an_idle_endpoint_is_told_and_never_deleted(world):
    world.aws.rps = lambda minute: np.zeros(len(minute))
    world.aws.settings(ACT)
    answer = world.size()
    assert (answer["verdict"], answer["action"]) == ("IDLE", "there is nothing to do")
    assert "DeleteEndpoint" not in world.aws.names()


def test_what_recommender_measured_counts(world):
    world.aws.jobs = [{
        "InferenceRecommendations": [
            {"Metrics": {"MaxInvocations": 9000, "ModelLatency": 60_000},
             "EndpointConfiguration": {"InstanceType": "ml.c5.large", "EndpointName": "x", "VariantName": "y"}}
        ]
    }]  # fmt: skip
    world.size()
    chosen = {each["instance_type"]: each for each in world.aws.working()["top"]}["ml.c5.large"]
    assert chosen["capacity"]["limit"] == "benchmark"


def test_without_recommender_in_the_region_the_model_stands(world):
    world.aws.refused = {"ListInferenceRecommendationsJobs": ("UnknownOperationException", "")}
    assert world.size()["verdict"] == "OVERSIZED"


def test_scaling_that_does_not_do_what_was_meant_is_remarked(world):
    scaled(world, {"TargetValue": 70.0, "CustomizedMetricSpecification": {"MetricName": "CPUUtilization"}})
    world.size()
    assert any("18 % busy" in each for each in world.aws.working()["remarks"])


def test_history_accumulates_beyond_what_cloudwatch_keeps(world):
    for _ in range(3):
        world.size()
        world.later(weeks=1)
    world.size()
    assert len(world.aws.working(day="2026-11-09")["weekly_rps"]) == 4


def test_a_reading_with_less_replaces_no_hour(world):
    world.size()
    keys = [key for _, key in world.aws.objects if "/hours/" in key]
    before = {key: world.aws.objects["state", key] for key in keys}
    world.aws.rps = lambda minute: np.full(len(minute), np.nan)
    world.aws.instances = lambda minute: np.full(len(minute), np.nan)
    world.size()
    assert {key: world.aws.objects["state", key] for key in keys} == before


def test_a_scaled_endpoint_is_not_taken_for_new_at_each_of_its_changes(world):
    """LastModifiedTime is that of the last change of instances too."""
    scaled(world, {"TargetValue": 1000.0, "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}})  # fmt: skip
    world.size()
    world.aws.created = NOW - timedelta(hours=1)
    assert world.size()["verdict"] == "OVERSIZED"


def test_a_new_configuration_begins_anew(world):
    world.size()
    world.aws.configs["second"] = CONFIG
    world.aws.endpoints["churn"].config = "second"
    world.aws.created = NOW - timedelta(hours=1)
    assert world.size()["verdict"] == "INSUFFICIENT_DATA"


def test_one_endpoint_that_fails_does_not_stop_the_others(world):
    world.aws.put("broken")
    world.aws.endpoints["broken"].config = "deleted"
    with pytest.raises(app.EndpointsFailedError, match="failed: broken; done: churn"):
        world.invoke()
    assert ("state", "sizing/churn/2026-10-19.json") in world.aws.objects


def test_endpoints_that_opt_out_or_are_being_changed_are_left(world):
    world.aws.tags["churn"] = {"trimtab:monitor": "off"}
    assert world.size() is None
    world.aws.tags.clear()
    world.aws.endpoints["churn"].status = "Updating"
    assert world.size() is None
    assert world.aws.told() == {}


def test_many_endpoints_are_shared_out(world):
    for number in range(90):
        world.aws.put(f"e{number:02}")
    assert world.invoke() == {"invocations": 3}
    assert sum(len(payload["endpoints"]) for _, payload in world.aws.started) == 91


def test_prices_are_kept_and_the_accounts_own_come_first(world):
    world.aws.parameters["/trimtab/prices"] = "overrides: {ml.m5.xlarge: 0.01}"
    assert world.size()["verdict"] == "RIGHT_SIZED"
    assert "settings" in world.aws.working()["prices_as_of"]


# --- acting ---


def scaled(world, configuration, suspended=False):
    names = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
    state = dict.fromkeys(names, suspended)
    world.aws.targets[TARGET] = {"ResourceId": TARGET, "MinCapacity": 3, "MaxCapacity": 6, "SuspendedState": state}
    policy = {"PolicyName": "own", "PolicyType": "TargetTrackingScaling"}
    world.aws.policies[TARGET] = {"own": {**policy, "TargetTrackingScalingPolicyConfiguration": configuration}}


def test_acting_gives_the_same_type_its_scaling_and_leaves_another_type_to_people(world):
    world.aws.settings(ACT)
    answer = world.size()
    assert answer["change"]["phase"] == "applying"
    assert "left to people" in answer["action"]
    assert settled(world)["phase"] == "promoted"
    target = world.aws.targets[TARGET]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 3)
    [policy] = world.aws.policies[TARGET].values()
    metric = policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]
    assert metric == {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    assert "UpdateEndpoint" not in world.aws.names()
    assert world.aws.titles()[-1] == "churn now has 2 to 3 × ml.m5.xlarge"
    change = json.loads(next(body for (_, key), body in world.aws.objects.items() if "/changes/" in key))
    assert change["before"] == {"instances": 3, "scaling": None}


def test_own_target_tracking_is_adjusted_in_its_place(world):
    world.aws.settings(ACT)
    scaled(world, {"TargetValue": 100.0, "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}})  # fmt: skip
    world.size()
    assert settled(world)["phase"] == "promoted"
    [policy] = world.aws.policies[TARGET].values()
    assert policy["PolicyName"] == "own"
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] > 1000


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda w: scaled(w, {"TargetValue": 70.0, "CustomizedMetricSpecification": {}}), "scaling of its own"),
        (lambda w: scaled(w, {}, suspended=True), "suspended"),
        (lambda w: w.aws.settings(f"{ACT}\nfreeze: ['Mon 00:00 - Tue 00:00']"), "freeze window"),
        (
            lambda w: w.aws.settings("sizing: {mode: act, latency_ms: 200, days: 7, high_confidence: 1}"),
            "waits for approval",
        ),
    ],
)
def test_what_stands_in_the_way_is_told(world, spoil, why):
    world.aws.settings(ACT)
    spoil(world)
    answer = world.size()
    assert why in answer["action"]
    assert "change" not in answer


def test_one_endpoint_at_a_time_and_one_change_at_a_time(world):
    world.aws.put("second")
    for name in ("churn", "second"):
        world.aws.settings(ACT, name)
    outcomes = world.invoke()["endpoints"]
    assert outcomes["churn"]["AllTraffic"]["change"]["phase"] == "applying"
    assert "one endpoint at a time" in outcomes["second"]["AllTraffic"]["action"]
    assert world.invoke(endpoint="churn")["endpoints"]["churn"] == {"reason": "a sizing is in progress"}
    settled(world)
    assert "change" not in world.size("second")
    world.later(days=1)
    assert world.size("second")["change"]["phase"] == "applying"


def test_during_a_rollout_nothing_is_done(world):
    world.aws.settings(ACT)
    content = {"kind": "rollout", "id": "r", "phase": "baking", "recorded": 0, "history": []}
    item = {"pk": {"S": "change"}, "sk": {"S": "churn"}, "content": {"S": json.dumps(content)}, "version": {"N": "1"}}
    world.aws.items["change", "churn"] = item
    assert world.invoke(endpoint="churn")["endpoints"]["churn"] == {"reason": "a rollout is in progress"}
    content.update(phase="promoted", history=["not told yet"])
    item["content"]["S"] = json.dumps(content)
    assert world.size() is None


def test_a_proposal_waits_for_a_person(world):
    world.aws.settings(PROPOSE)
    assert "waits for approval of 2 to 3 × ml.m5.xlarge" in world.size()["action"]
    assert TARGET not in world.aws.targets
    answer = world.invoke(endpoint="churn", command="approve", by="anna")["endpoints"]["churn"]
    assert answer["phase"] == "applying"
    assert settled(world)["by"] == "anna"
    with pytest.raises(app.NothingProposedError, match="nothing was proposed"):
        world.invoke(endpoint="churn", command="approve", by="anna")


def test_an_approval_in_a_freeze_window_or_of_another_configuration_is_refused(world):
    world.aws.settings(PROPOSE)
    world.size()
    world.aws.settings(f"{PROPOSE}\nfreeze: ['Mon 00:00 - Tue 00:00']")
    with pytest.raises(app.NothingProposedError, match="freeze window"):
        world.invoke(endpoint="churn", command="approve", by="anna")
    world.aws.settings(PROPOSE)
    world.aws.configs["second"] = CONFIG
    world.aws.endpoints["churn"].config = "second"
    with pytest.raises(app.NothingProposedError, match="nothing was proposed"):
        world.invoke(endpoint="churn", command="approve", by="anna")


@pytest.mark.parametrize(
    "wrong", [{"command": "approve", "endpoint": "churn"}, {"command": "delete"}, {"at": "2999-01-01T00:00:00Z"}]
)
def test_impossible_payloads_are_refused(world, wrong):
    with pytest.raises(ValidationError):
        world.invoke(**wrong)


def test_instances_that_never_come_are_given_up(world):
    world.aws.settings("sizing: {mode: act, latency_ms: 200, days: 7, min_instances: 5}")
    world.aws.rps = lambda minute: 7 * wave(minute)
    world.aws.cpu_per_rps = 5.2
    assert world.size()["verdict"] == "UNDERSIZED"
    for _ in range(14):
        world.later(minutes=15)
        world.aws.settle()
        world.aws.endpoints["churn"].variants["AllTraffic"]["instances"] = 3
        world.follow()
    change = world.aws.document("change", "churn")
    assert change["phase"] == "rolled_back"
    assert "instances serve after 120 minutes" in change["undoes"]
    assert TARGET not in world.aws.targets


def test_what_aws_refuses_is_taken_back(world):
    world.aws.settings(ACT)
    world.aws.refused = {"PutScalingPolicy": ("LimitExceededException", "too many policies")}
    assert world.size()["change"]["phase"] == "undoing"
    change = settled(world)
    assert (change["phase"], "too many policies" in change["undoes"]) == ("rolled_back", True)
    assert TARGET not in world.aws.targets


def test_what_cannot_be_taken_back_is_told_and_given_up(world):
    world.aws.settings(ACT)
    refusal = ("AccessDeniedException", "not allowed")
    world.aws.refused = {"PutScalingPolicy": refusal, "DeregisterScalableTarget": refusal}
    assert world.size()["change"]["phase"] == "failed"
    [critical] = [each for each in world.aws.told().values() if each["severity"] == "critical"]
    assert "not allowed" in critical["reason"]


def test_throttling_ends_nothing(world):
    world.aws.settings(ACT)
    world.aws.refused = {"RegisterScalableTarget": ("ThrottlingException", "Rate exceeded")}
    with pytest.raises(app.EndpointsFailedError):
        world.size()
    world.aws.refused = {}
    assert settled(world)["phase"] == "promoted"


# --- afterwards ---


def applied(world):
    world.aws.settings(ACT)
    world.size()
    settled(world)
    return Clock.shown


def week(world, hours=24 * 8, step=12):
    for _ in range(hours // step):
        world.later(hours=step)
        world.follow()
    return world.aws.document("sizing_trial", "churn")


def test_a_change_that_does_what_was_predicted_is_held(world):
    world.aws.instances = grown(2, applied(world))
    trial = week(world)
    assert (trial["outcome"], world.aws.document("change", "churn")["phase"]) == ("held", "promoted")
    assert world.aws.titles()[-1] == "churn with 2 to 3 × ml.m5.xlarge does what was predicted"
    assert world.aws.targets[TARGET]["MinCapacity"] == 2


def test_a_change_that_makes_it_slow_is_undone_within_hours(world):
    world.aws.instances = grown(2, applied(world))
    world.aws.p99_ms = 1500.0
    trial = week(world, hours=12, step=1)
    assert trial["outcome"] == "undone"
    assert "p99 was over" in trial["reason"]
    assert TARGET not in world.aws.targets
    assert world.aws.endpoints["churn"].variants["AllTraffic"]["instances"] == 3
    assert world.aws.titles()[-1] == "churn has the instances again that it had before"
    assert list(world.aws.told().values())[-1]["state"] == "cleared"


def test_a_change_that_saves_nothing_is_undone(world):
    applied(world)  # three instances run on
    trial = week(world)
    assert (trial["outcome"], "it cost" in trial["reason"]) == ("undone", True)


def test_undoing_gives_back_the_scaling_that_was(world):
    own = {"TargetValue": 100.0, "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}  # fmt: skip
    scaled(world, own)
    applied(world)
    assert week(world)["outcome"] == "undone"
    target = world.aws.targets[TARGET]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (3, 6)
    assert world.aws.policies[TARGET]["own"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 100
    assert not world.aws.schedules.get(TARGET)


def test_what_was_undone_is_not_tried_again_at_once(world):
    world.aws.instances = grown(2, applied(world))
    world.aws.p99_ms = 1500.0
    week(world, hours=12, step=1)
    world.later(days=2)
    world.aws.p99_ms = 130.0
    assert "changed within 14 days" in world.size()["action"]


def test_what_cannot_be_verified_is_no_pass(world):
    applied(world)
    world.aws.partial = {"CPUUtilization"}
    world.aws.instances = lambda minute: np.full(len(minute), np.nan)
    trial = week(world, hours=24 * 15, step=40)
    assert trial["outcome"] == "unverified"
    assert list(world.aws.told().values())[-1]["severity"] == "warning"
    assert TARGET in world.aws.targets


def test_what_somebody_else_changes_is_left_to_them(world):
    world.aws.instances = grown(2, applied(world))
    world.aws.targets[TARGET]["MaxCapacity"] = 20
    assert week(world, hours=12)["outcome"] == "superseded"
    assert world.aws.targets[TARGET]["MaxCapacity"] == 20


def test_a_rollout_during_the_week_ends_the_verification(world):
    world.aws.instances = grown(2, applied(world))
    world.aws.configs["second"] = CONFIG
    world.aws.endpoints["churn"].config = "second"
    assert week(world, hours=12)["outcome"] == "superseded"


# --- a run that is killed ---


def scenario(world):
    """From the daily run to a change that is undone; each step is made again until it succeeds, as Lambda does it."""
    for step in ("size", *["follow"] * 4, "slow", *["follow"] * 3):
        if step == "slow":
            world.aws.p99_ms = 1500.0
            world.later(hours=6)
            continue
        for _ in range(3):
            try:
                world.size() if step == "size" else world.follow()
            except (Killed, app.EndpointsFailedError):
                continue
            break
        else:
            raise AssertionError("it never succeeded")
        world.later(minutes=15)


def ended(world):
    aws = world.aws
    trial = aws.document("sizing_trial", "churn")
    return {
        "setting": (aws.targets, aws.policies.get(TARGET), aws.schedules.get(TARGET)),
        "instances": aws.endpoints["churn"].variants["AllTraffic"]["instances"],
        "phase": aws.document("change", "churn")["phase"],
        "trial": (trial["outcome"], trial["reason"]),
        "told": sorted(aws.titles()),
        "working": aws.working()["verdict"],
    }


def test_a_run_killed_at_any_call_and_made_again_ends_alike(world, monkeypatch):
    world.aws.settings(ACT)
    observed, found = {}, {}
    from_datapoints, recommend = sizing_observations.from_datapoints, sizing_variant.recommend

    def observe(points, **others):
        if "churn" not in observed:
            observed["churn"] = from_datapoints(points, **others)
        return observed["churn"]

    def answer(observations, endpoint, catalogue, *others, **named):
        if len(catalogue) not in found:
            found[len(catalogue)] = recommend(observations, endpoint, catalogue, *others, **named)
        return found[len(catalogue)]

    monkeypatch.setattr(sizing_observations, "from_datapoints", observe)
    monkeypatch.setattr(sizing_variant, "recommend", answer)
    world.size()  # the minutes are read once; from here on CloudWatch answers them blank

    def anew():
        world.aws = World(NOW, blank=True)
        world.aws.put("churn")
        world.aws.settings(ACT)
        Clock.shown = NOW

    anew()
    scenario(world)
    calls, undisturbed = len(world.aws.calls), ended(world)
    assert undisturbed["phase"] == "rolled_back"
    assert undisturbed["trial"][0] == "undone"
    for kill_at in range(calls):  # killed after one call is killed before the next
        anew()
        world.aws.kill = (kill_at, "after")
        scenario(world)
        assert ended(world) == undisturbed, f"killed after call {kill_at} of {calls}"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_understood(world, path):
    world.aws.settings(PROPOSE)
    world.size()
    world.invoke(**json.loads(path.read_text()))
