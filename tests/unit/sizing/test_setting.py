import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.sizing.plan import Plan, PlannedAction, PlannedPolicy
from trimtab.sizing.setting import (
    DeletePolicy,
    DeleteSchedule,
    Deregister,
    PutPolicy,
    PutSchedule,
    Register,
    Resize,
    Scaling,
    ScalingPolicy,
    ScheduledScaling,
    Setting,
    differences,
    scaling_of,
    wanted_setting,
)

TRACKING = {"PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}
OWN = ScalingPolicy(name="own", type="TargetTrackingScaling", configuration={**TRACKING, "TargetValue": 100.0})


@pytest.fixture
def plan():
    """Two to five instances, four by day."""
    policy = PlannedPolicy(
        minimum=2,
        maximum=5,
        target_value=1200.0,
        target_rps=20.0,
        scale_in_cooldown_s=300,
        scale_out_cooldown_s=60,
        scheduled=(PlannedAction(name="trimtab-raise", schedule="cron(45 7 ? * MON-FRI *)", minimum=4),),
        floors=((0, 2), (480, 4), (1200, 2)),
    )
    return Plan(
        instance_type="ml.m5.xlarge",
        count=4,
        policy=policy,
        breaking_rps=70.0,
        target_ms=200.0,
        usd_per_hour=0.23,
        usd_month=400.0,
        usd_month_now=503.7,
        confidence=0.8,
    )


def applied(setting, actions):
    """What a setting has become after actions, as AWS would have it."""
    scaling, instances = setting.scaling, setting.instances
    policies = {each.name: each for each in scaling.policies} if scaling else {}
    schedules = {each.name: each for each in scaling.scheduled} if scaling else {}
    limits = (scaling.minimum, scaling.maximum, scaling.suspended) if scaling else None
    for action in actions:
        match action:
            case Register(minimum, maximum, suspended):
                limits = (minimum, maximum, suspended)
            case PutPolicy(name, configuration):
                policies[name] = ScalingPolicy(name=name, type="TargetTrackingScaling", configuration=configuration)
            case DeletePolicy(name):
                del policies[name]
            case PutSchedule(each):
                schedules[each.name] = each
            case DeleteSchedule(name):
                del schedules[name]
            case Deregister():
                limits, policies, schedules = None, {}, {}
            case Resize(count):
                instances = count
    if limits is None:
        return Setting(instances=instances)
    minimum, maximum, suspended = limits
    made = Scaling(
        minimum=minimum,
        maximum=maximum,
        suspended=suspended,
        policies=tuple(policies.values()),
        scheduled=tuple(schedules.values()),
    )
    return Setting(instances=instances, scaling=made)


BEFORE = [
    Setting(instances=3),
    Setting(instances=9),
    Setting(instances=3, scaling=Scaling(minimum=3, maximum=3)),
    Setting(instances=4, scaling=Scaling(minimum=1, maximum=8, policies=(OWN,))),
]


@pytest.mark.parametrize("before", BEFORE)
def test_a_plan_is_brought_about_and_taken_back_whole(plan, before):
    wanted = wanted_setting(plan, before)
    done = applied(before, differences(wanted, before))
    assert differences(wanted, done) == ()
    assert (done.scaling.minimum, done.scaling.maximum) == (2, 5)
    assert 2 <= done.instances <= 5
    back = applied(done, differences(before, done))
    assert differences(before, back) == ()
    assert (back.scaling is None) == (before.scaling is None)
    assert before.scaling is None or back.scaling.policies == before.scaling.policies


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("done", range(6))
def test_what_was_begun_is_carried_to_the_same_end(plan, before, done):
    """Killed after any of its calls, the rest is called for."""
    wanted = wanted_setting(plan, before)
    half = applied(before, differences(wanted, before)[:done])
    assert differences(wanted, applied(half, differences(wanted, half))) == ()


@pytest.mark.parametrize("before", BEFORE)
def test_a_fixed_count_binds_scaling_that_is_there_and_makes_none(plan, before):
    fixed = plan.model_copy(update={"policy": None, "count": 2})
    wanted = wanted_setting(fixed, before)
    done = applied(before, differences(wanted, before))
    assert done.instances == 2
    assert before.scaling is None or (done.scaling.minimum, done.scaling.maximum) == (2, 2)
    assert before.scaling is None or done.scaling.policies == before.scaling.policies


@pytest.mark.parametrize(
    ("scaling", "why"),
    [
        (Scaling(minimum=1, maximum=2, suspended={"DynamicScalingInSuspended": True}), "suspended"),
        (Scaling(minimum=1, maximum=2, policies=(ScalingPolicy(name="s", type="StepScaling"),)), "of its own.*: s"),
        (Scaling(minimum=1, maximum=2, policies=(OWN, OWN.model_copy(update={"name": "b"}))), "own, b"),
        (Scaling(minimum=1, maximum=2, scheduled=(ScheduledScaling(name="night", schedule="x"),)), "night"),
    ],
)
def test_scaling_of_somebody_elses_is_left_alone(plan, scaling, why):
    import re

    assert re.search(why, wanted_setting(plan, Setting(instances=2, scaling=scaling)))


def test_what_a_schedule_does_is_no_difference(plan):
    wanted = wanted_setting(plan, Setting(instances=3))
    by_day = wanted.scaling.model_copy(update={"minimum": 4})
    seen = Setting(instances=4, scaling=by_day)
    assert differences(wanted, seen, may_vary=True) == ()
    assert differences(wanted, seen) == (Register(2, 5, {}),)


def test_defaults_that_aws_adds_are_no_difference(plan):
    wanted = wanted_setting(plan, Setting(instances=3))
    [policy] = wanted.scaling.policies
    shown = policy.model_copy(update={"configuration": {**policy.configuration, "Alarms": []}})
    seen = Setting(instances=3, scaling=wanted.scaling.model_copy(update={"policies": (shown,)}))
    assert differences(wanted, seen) == ()


def test_scaling_is_read_as_aws_shows_it():
    scaling = scaling_of(
        1,
        4,
        {},
        [{"PolicyName": "own", "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": {}}],
        [{"ScheduledActionName": "n", "Schedule": "x", "ScalableTargetAction": {"MinCapacity": 2}}],
    )
    assert scaling.minima == {1, 2}
    assert scaling.policies[0].name == "own"


@given(
    st.lists(
        st.tuples(st.integers(0, 10079), st.integers(1, 9)), min_size=1, max_size=9, unique_by=lambda pair: pair[0]
    )
)
def test_a_schedules_floor_survives_being_written_down(steps):
    from trimtab.sizing import plan as plans

    floors = ((0, 1), *sorted(each for each in steps if each[0]))
    policy = PlannedPolicy(
        minimum=1,
        maximum=9,
        target_value=1,
        target_rps=1,
        scale_in_cooldown_s=1,
        scale_out_cooldown_s=1,
        floors=floors,
    )
    made = Plan(
        instance_type="ml.m5.large", count=1, policy=policy, breaking_rps=1, target_ms=1, usd_per_hour=1,
        usd_month=1, usd_month_now=None, confidence=1,
    )  # fmt: skip
    floor = Plan.model_validate(made.document()).replayable().floor
    for (minute, least), (end, _) in zip(floors, (*floors[1:], (10080, 0)), strict=True):
        assert (floor[minute:end] == least).all()
    assert (plans._steps(floor)[0]) == floors[0]
