from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from trimtab.rollout.actions import Deploy, MakeConfig, MakeModel, Resize, Scale, Smoke, Suspend, Unscale, Weigh
from trimtab.rollout.commands import CommandRefusedError, obey
from trimtab.rollout.judgement import Decision
from trimtab.rollout.ladder import next_step
from trimtab.rollout.observed import EndpointState, Observed, RaisedAlarm, VariantState
from trimtab.rollout.request import parse_request
from trimtab.rollout.scaling import ScalableTarget
from trimtab.rollout.series import Arm, Minute, Series
from trimtab.rollout.smoke import SmokeReport
from trimtab.rollout.state import Before, Phase, Rollout, ShareTaken, rollout_of
from trimtab.rollout.thresholds import CanaryThresholds

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BASE = {"ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "v1", "InitialInstanceCount": 2}]}
FREE = {"DynamicScalingInSuspended": False, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": False}
HELD = {"DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": True}
TARGET = ScalableTarget(
    minimum=1,
    maximum=8,
    suspended=FREE,
    policies=(
        {"PolicyName": "p", "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": {}},
    ),
)
PASSED = SmokeReport(failures=(), notes=(), golden=1, edge_cases=0, milliseconds=1, difference=0)


def rollout(phase, scaling=None, **values):
    document = {"endpoint": "churn", "model": "v2", **values.pop("document", {})}
    given = {"phase": phase, "phase_since": NOW, "started": NOW, "latency_ms": None, **values}
    return Rollout(
        id="1f2e",
        request=parse_request(document),
        variant="AllTraffic",
        model="v2",
        thresholds=CanaryThresholds(),
        error_metric="InvocationModelErrors",
        before=Before(config="old", document=BASE, weight=1.0, instances=4, scaling=scaling),
        **given,
    )


def baking(step=0, since=NOW, **values):
    shares = [0.1, 0.25, 0.5, 1.0][: step + 1]
    ladder = tuple(
        ShareTaken(step=i, share=share, since=since, until=None if i == step else since)
        for i, share in enumerate(shares)
    )
    return rollout(Phase.BAKING, step=step, ladder=ladder, **values)


def endpoint(config="churn-1f2e", canary=0.0, canaries=4, status="InService", failure="", **others):
    variants = {"AllTraffic": VariantState("AllTraffic", 1 - canary, 1 - canary, 4, 4)}
    if config == "churn-1f2e":
        variants["Canary"] = VariantState("Canary", canary, canary, canaries, canaries)
    return EndpointState("churn", status, config, failure, variants | others)


def minutes(count, requests=100, errors=0, since=NOW, problem=""):
    arm = Arm(requests, errors)
    return Series(tuple(Minute(since + i * MINUTE, arm, arm) for i in range(count)), since, problem)


def judged(decision=Decision.HOLD, rule="undecided", ln_e=0.0, slow=None):
    evidence = SimpleNamespace(ln_e_harm=ln_e, ln_e_harm_slow=slow)
    return SimpleNamespace(decision=decision, rule=rule, reason=f"because of {rule}", evidence=evidence)


def step(present, seen, judgement=None, now=NOW):
    done = next_step(present, seen, judgement, now)
    assert rollout_of(done.rollout.document()) == done.rollout  # what is written is what is read
    return done


# --- getting ready


def test_a_model_is_made_of_a_package_then_the_config_then_it_deploys():
    package = {"model": None, "model_package": "p"}
    present = rollout(Phase.PREPARING, document=package)
    made = step(present, Observed(endpoint("old"), present_model={"ExecutionRoleArn": "role"}))
    assert isinstance(made.action, MakeModel)
    assert made.action.document["ExecutionRoleArn"] == "role"
    made = step(present, Observed(endpoint("old"), has_model=True))
    assert isinstance(made.action, MakeConfig)
    assert made.action.name == "churn-1f2e"
    made = step(present, Observed(endpoint("old"), has_model=True, configs=frozenset({"churn-1f2e"})))
    assert (made.rollout.phase, made.action) == (Phase.UPDATING, None)


def test_the_intent_to_deploy_is_remembered_before_it_is_done():
    done = step(rollout(Phase.UPDATING), Observed(endpoint("old", failure="long ago")))
    assert done.action == Deploy("churn-1f2e", ("DesiredWeight",))
    assert (done.rollout.attempt.count, done.rollout.attempt.failure) == (1, "long ago")
    # killed before the call: it is made again; an old reason of failure is no news
    again = step(done.rollout, Observed(endpoint("old", failure="long ago")))
    assert (again.action, again.rollout.attempt.count) == (done.action, 2)


@pytest.mark.parametrize("status", ["Updating", "SystemUpdating", "RollingBack", "Creating"])
@pytest.mark.parametrize(
    "phase",
    [Phase.UPDATING, Phase.SMOKE, Phase.SIZING, Phase.SHIFTING, Phase.FINISHING, Phase.ROLLING_BACK, Phase.REMOVING],
)
def test_nothing_is_ordered_while_the_endpoint_takes_no_orders(phase, status):
    seen = Observed(endpoint(canary=0.1, status=status), configs=frozenset({"old", "churn-1f2e-final"}))
    assert step(rollout(phase), seen).action is None


def test_a_deployment_in_progress_is_busy_even_when_it_says_in_service():
    pending = replace(endpoint("old"), pending="somebody-elses")
    assert step(rollout(Phase.UPDATING), Observed(pending)).action is None


def test_a_silent_fall_back_is_told_by_its_reason_or_after_three_attempts():
    present = step(rollout(Phase.UPDATING), Observed(endpoint("old"))).rollout
    back = step(present, Observed(endpoint("old", failure="no capacity")))
    assert back.rollout.phase is Phase.ROLLING_BACK
    assert "no capacity" in back.rollout.reason
    for _ in range(2):
        present = step(present, Observed(endpoint("old"))).rollout
    back = step(present, Observed(endpoint("old")))
    assert "does not say why" in back.rollout.reason


def test_the_right_config_with_a_new_reason_of_failure_is_no_success():
    present = step(rollout(Phase.UPDATING), Observed(endpoint("old"))).rollout
    assert step(present, Observed(endpoint(failure="half of it"))).rollout.phase is Phase.ROLLING_BACK
    assert step(present, Observed(endpoint())).rollout.phase is Phase.SCALING


def test_production_scales_in_no_more_before_the_canary_is_scaled():
    present = rollout(Phase.SCALING, scaling=TARGET)
    first = step(present, Observed(endpoint(), production_scaling=TARGET))
    assert first.action == Suspend("AllTraffic", HELD)
    held = TARGET.model_copy(update={"suspended": HELD})
    second = step(present, Observed(endpoint(), production_scaling=held))
    assert isinstance(second.action, Scale)
    assert (second.action.variant, second.action.maximum, second.action.suspended) == ("Canary", 8, HELD)
    # killed after the target, before its policy
    bare = ScalableTarget(minimum=1, maximum=8, suspended=HELD)
    assert step(present, Observed(endpoint(), production_scaling=held, canary_scaling=bare)).action == second.action
    third = step(present, Observed(endpoint(), production_scaling=held, canary_scaling=held))
    assert (third.rollout.phase, third.action) == (Phase.SMOKE, None)


def test_without_scaling_there_is_nothing_to_suspend():
    assert step(rollout(Phase.SCALING), Observed(endpoint())).rollout.phase is Phase.SMOKE


def test_the_smoke_test_decides_whether_there_is_any_traffic():
    present = rollout(Phase.SMOKE)
    assert step(present, Observed(endpoint())).action == Smoke()
    assert step(present, Observed(endpoint(), smoke=PASSED)).rollout.phase is Phase.SIZING
    failed = PASSED.model_copy(update={"failures": ("it said 500",)})
    back = step(present, Observed(endpoint(), smoke=failed)).rollout
    assert (back.phase, back.reason) == (Phase.ROLLING_BACK, "the smoke test failed: it said 500")


def test_capacity_comes_before_traffic():
    present = rollout(Phase.SIZING, step=2)
    assert step(present, Observed(endpoint(canaries=1))).action == Resize("Canary", 2)
    sized = step(present, Observed(endpoint(canaries=2)))
    assert (sized.rollout.phase, sized.action) == (Phase.SHIFTING, None)
    assert step(sized.rollout, Observed(endpoint(canaries=2))).action == Weigh({"AllTraffic": 0.5, "Canary": 0.5})


def test_the_clock_of_a_step_starts_when_its_weights_are_in_service():
    present = rollout(Phase.SHIFTING)
    later = NOW + 7 * MINUTE
    taken = step(present, Observed(endpoint(canary=0.1)), now=later).rollout
    assert (taken.phase, taken.ladder) == (Phase.BAKING, (ShareTaken(step=0, share=0.1, since=later),))
    single = endpoint(canary=0.10000000149011612)  # SageMaker keeps single precision
    assert step(present, Observed(single)).rollout.phase is Phase.BAKING


def test_a_canary_that_never_gets_ready_is_given_up_but_not_while_it_is_paused():
    present = rollout(Phase.UPDATING)
    late = NOW + 121 * MINUTE
    assert step(present, Observed(endpoint("old", status="Updating")), now=late).rollout.phase is Phase.ROLLING_BACK
    paused = present.changed(paused_since=NOW)
    assert step(paused, Observed(endpoint("old", status="Updating")), now=late).rollout.phase is Phase.UPDATING


# --- baking


def bake(present, count=10, judgement=None, now=None, seen=None, **series):
    share = present.ladder[-1].share
    moment = now or NOW + count * MINUTE
    seen = seen or Observed(endpoint(canary=share), series=minutes(count, **series))
    return step(present, seen, judgement or judged(), now=moment).rollout


@pytest.mark.parametrize(("minute", "phase"), [(5, Phase.BAKING), (6, Phase.BAKING), (7, Phase.SIZING)])
def test_a_step_rises_after_five_minutes_whose_metrics_are_all_there(minute, phase):
    after = bake(baking(), count=minute)
    assert (after.phase, after.step) == (phase, int(phase is Phase.SIZING))


@pytest.mark.parametrize(
    ("requests", "minute", "rises"), [(19, 7, False), (20, 7, True), (1, 31, False), (1, 32, True)]
)
def test_a_step_with_few_requests_is_extended_to_half_an_hour(requests, minute, rises):
    assert (bake(baking(), count=minute, requests=requests).phase is Phase.SIZING) == rises


def test_without_any_request_a_step_never_rises():
    after = bake(baking(), count=100, requests=0)
    assert (after.phase, after.held.reason) == (Phase.BAKING, "the canary gets no requests")


@pytest.mark.parametrize("rule", ["data", "incident", "sample ratio"])
def test_a_problem_holds(rule):
    after = bake(baking(), judgement=judged(rule=rule))
    assert (after.phase, after.held.reason) == (Phase.BAKING, f"because of {rule}")


@pytest.mark.parametrize(("errors", "slow"), [(3.0, None), (0.0, 3.0)])
def test_some_evidence_of_harm_holds(errors, slow):
    assert "some evidence" in bake(baking(), judgement=judged(ln_e=errors, slow=slow)).held.reason
    assert bake(baking(), judgement=judged(ln_e=2.9, slow=2.9)).phase is Phase.SIZING


def test_readings_that_are_not_whole_hold():
    assert bake(baking(), problem="withheld").held.reason == "withheld"


def test_all_of_the_traffic_takes_a_promotion():
    assert bake(baking(step=2)).held.reason == "because of undecided"
    after = bake(baking(step=2), judgement=judged(Decision.PROMOTE, "look: safe"))
    assert (after.phase, after.step) == (Phase.SIZING, 3)


@pytest.mark.parametrize("phase", [Phase.SIZING, Phase.SHIFTING, Phase.BAKING])
def test_harm_rolls_back_in_every_phase_with_traffic_and_while_paused(phase):
    present = baking(step=1).changed(phase=phase, paused_since=NOW, promote_by="anna")
    back = step(present, Observed(endpoint(canary=0.25)), judged(Decision.ROLL_BACK, "evidence of harm")).rollout
    assert (back.phase, back.reason) == (Phase.ROLLING_BACK, "because of evidence of harm")
    assert back.ladder[-1].until == NOW


def test_no_decision_in_time_rolls_back_unless_it_is_paused():
    late = judged(Decision.INCONCLUSIVE, "too few requests")
    assert bake(baking(), judgement=late).phase is Phase.ROLLING_BACK
    assert bake(baking(paused_since=NOW), judgement=late).held.reason == "it is paused"


def test_pauses_do_not_count_for_the_deadline():
    present = baking(paused_since=NOW)
    assert present.most_minutes(NOW + 90 * MINUTE) == 240 + 90
    resumed = obey(present, "resume", "anna", "", NOW + 90 * MINUTE)
    assert resumed.most_minutes(NOW + 500 * MINUTE) == 240 + 90


def test_a_freeze_window_and_a_pause_hold_whatever_the_evidence():
    seen = Observed(endpoint(canary=0.1), series=minutes(10), frozen_by="Fri 16:00 - Mon 07:00")
    assert "freeze window" in bake(baking(), seen=seen).held.reason
    assert step(rollout(Phase.SIZING), seen).rollout.phase is Phase.SIZING
    assert bake(baking(step=3), seen=replace(seen, endpoint=endpoint(canary=1.0))).phase is Phase.BAKING
    assert bake(baking(paused_since=NOW)).held.reason == "it is paused"


def test_weights_that_somebody_changed_are_not_fought_over():
    after = bake(baking(), seen=Observed(endpoint(canary=0.3), series=minutes(10)))
    assert (after.phase, after.held.reason) == (Phase.BAKING, "somebody changed the traffic weights")


def test_an_alarm_on_the_canary_rolls_back_one_on_production_holds():
    seen = Observed(endpoint(canary=0.1), series=minutes(10))
    ours = bake(baking(), seen=replace(seen, alarms=(RaisedAlarm("5xx", "Canary"),)))
    assert ours.phase is Phase.ROLLING_BACK
    for variant in ("AllTraffic", ""):
        theirs = bake(baking(), seen=replace(seen, alarms=(RaisedAlarm("5xx", variant),)))
        assert (theirs.phase, "5xx" in theirs.held.reason) == (Phase.BAKING, True)


def test_alone_the_canary_is_judged_by_the_absolute_guardrail_and_by_alarms():
    present = baking(step=3)
    assert bake(present, errors=2).phase is Phase.FINISHING
    back = bake(present, errors=20)
    assert back.phase is Phase.ROLLING_BACK
    assert "since the canary serves alone" in back.reason
    seen = Observed(endpoint(canary=1.0), series=minutes(10), alarms=(RaisedAlarm("5xx", ""),))
    assert bake(present, seen=seen).phase is Phase.ROLLING_BACK


def test_alone_it_is_not_ended_on_data_that_are_not_whole_but_not_kept_for_ever_either():
    present = baking(step=3)
    assert bake(present, problem="withheld").phase is Phase.BAKING
    assert bake(present, problem="withheld", now=NOW + 241 * MINUTE).phase is Phase.ROLLING_BACK


def test_the_final_config_has_as_many_instances_as_serve():
    more = VariantState("AllTraffic", 0.0, 0.0, 2, 2)
    seen = Observed(endpoint(canary=1.0, canaries=6, AllTraffic=more), series=minutes(10))
    assert bake(baking(step=3), seen=seen).final_instances == 6


def test_what_holds_for_a_quarter_of_an_hour_is_told_once():
    present, told = baking(step=2), []
    for minute in range(10, 60):
        present = bake(present, count=minute)
        told.append([entry.event for entry in present.history].count("held"))
    assert told[15] == 1 == told[-1]
    assert told[14] == 0


# --- the end


def test_it_finishes_config_first_then_scaling_then_deployment():
    present = rollout(Phase.FINISHING, final_instances=6, scaling=TARGET)
    first = step(present, Observed(endpoint(canary=1.0), canary_scaling=TARGET))
    assert isinstance(first.action, MakeConfig)
    made = first.action.document["ProductionVariants"]
    assert made == [
        {"VariantName": "AllTraffic", "ModelName": "v2", "InitialInstanceCount": 6, "InitialVariantWeight": 1.0}
    ]
    seen = Observed(endpoint(canary=1.0), configs=frozenset({"churn-1f2e-final"}), canary_scaling=TARGET)
    assert step(present, seen).action == Unscale("Canary")
    third = step(present, replace(seen, canary_scaling=None))
    assert third.action == Deploy("churn-1f2e-final", ("DesiredWeight", "DesiredInstanceCount"))
    done = step(third.rollout, replace(seen, canary_scaling=None, endpoint=endpoint("churn-1f2e-final"))).rollout
    assert (done.phase, done.goal) == (Phase.RESTORING, Phase.PROMOTED)
    held = TARGET.model_copy(update={"suspended": HELD})
    assert step(done, Observed(endpoint("churn-1f2e-final"), production_scaling=held)).action == Suspend(
        "AllTraffic", FREE
    )
    assert step(done, Observed(endpoint("churn-1f2e-final"), production_scaling=TARGET)).rollout.phase is Phase.PROMOTED


def test_the_way_back_is_weights_in_one_call_then_the_old_config_then_scaling():
    present = rollout(Phase.ROLLING_BACK, goal=Phase.ROLLED_BACK, reason="harm", scaling=TARGET)
    assert step(present, Observed(endpoint(canary=0.25))).action == Weigh({"AllTraffic": 1.0, "Canary": 0.0})
    removing = step(present, Observed(endpoint())).rollout
    assert removing.phase is Phase.REMOVING
    seen = Observed(endpoint(), configs=frozenset({"old"}))
    assert step(removing, replace(seen, canary_scaling=TARGET)).action == Unscale("Canary")
    order = step(removing, seen)
    assert order.action == Deploy("old")
    restoring = step(order.rollout, Observed(endpoint("old"))).rollout
    assert restoring.phase is Phase.RESTORING
    ended = step(restoring, Observed(endpoint("old"), production_scaling=TARGET)).rollout
    assert (ended.phase, ended.reason) == (Phase.ROLLED_BACK, "harm")


def test_an_old_config_that_was_deleted_is_made_again():
    present = rollout(Phase.REMOVING, goal=Phase.ROLLED_BACK)
    assert step(present, Observed(endpoint())).action == MakeConfig("old", BASE)


def test_nothing_to_remove_is_nothing_done():
    present = rollout(Phase.ROLLING_BACK, goal=Phase.ROLLED_BACK, reason="no")
    present = step(present, Observed(endpoint("old"))).rollout
    assert step(present, Observed(endpoint("old"))).rollout.phase is Phase.RESTORING


@pytest.mark.parametrize("status", ["Failed", "UpdateRollbackFailed", "OutOfService"])
@pytest.mark.parametrize("phase", [Phase.UPDATING, Phase.BAKING, Phase.ROLLING_BACK, Phase.REMOVING])
def test_a_broken_endpoint_is_left_to_people(phase, status):
    present = (baking() if phase is Phase.BAKING else rollout(phase)).changed(goal=None)
    given = step(present, Observed(endpoint(status=status, canary=0.1, failure="disk"))).rollout
    assert given.goal is Phase.FAILED
    ended = step(given, Observed(endpoint(status=status))).rollout
    assert (ended.phase, ended.history[-1].event) == (Phase.FAILED, "failed")


def test_terminal_phases_do_nothing():
    for phase in (Phase.PROMOTED, Phase.ROLLED_BACK, Phase.FAILED):
        done = step(rollout(phase), Observed(endpoint()))
        assert (done.rollout, done.action) == (rollout(phase), None)


@pytest.mark.parametrize("phase", [each for each in Phase if each not in {Phase.BAKING}])
def test_a_step_that_is_taken_twice_asks_for_the_same(phase):
    seen = Observed(endpoint(canary=0.3, canaries=0), smoke=PASSED, configs=frozenset({"old"}))
    first = step(rollout(phase), seen)
    assert step(rollout(phase), seen) == first


# --- people


def test_commands_say_who_and_why_and_are_safe_to_repeat():
    paused = obey(baking(), "pause", "anna", "lunch", NOW)
    assert obey(paused, "pause", "anna", "lunch", NOW) == paused
    assert (paused.history[-1].event, paused.history[-1].text, paused.history[-1].by) == (
        "paused", "pause by anna: lunch", "anna",
    )  # fmt: skip
    ordered = obey(paused, "promote", "bert", "", NOW)
    assert obey(ordered, "promote", "bert", "", NOW) == ordered
    aborted = obey(ordered, "abort", "anna", "no", NOW)
    assert (aborted.phase, aborted.reason) == (Phase.ROLLING_BACK, "abort by anna: no")
    assert obey(aborted, "abort", "anna", "no", NOW) == aborted


def test_a_promotion_by_order_waits_for_nothing_but_harm_and_freeze():
    ordered = obey(baking(), "promote", "anna", "", NOW)
    jumped = bake(ordered, count=1)
    assert (jumped.phase, jumped.step) == (Phase.SIZING, 3)
    ordered = obey(baking(step=3), "promote", "anna", "", NOW)
    assert bake(ordered, count=1).phase is Phase.FINISHING


@pytest.mark.parametrize(
    ("phase", "command"),
    [
        (Phase.PROMOTED, "abort"),
        (Phase.RESTORING, "abort"),
        (Phase.ROLLING_BACK, "promote"),
        (Phase.REMOVING, "pause"),
        (Phase.PREPARING, "promote"),
    ],
)
def test_commands_that_come_too_late_or_too_early_are_refused(phase, command):
    with pytest.raises(CommandRefusedError):
        obey(rollout(phase), command, "anna", "", NOW)
