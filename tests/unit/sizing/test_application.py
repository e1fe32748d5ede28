from datetime import UTC, datetime, timedelta

import pytest

from trimtab.rollout.state import TERMINAL
from trimtab.sizing import application
from trimtab.sizing.application import Order, Prediction, Resizing, Seen, holds_lock, next_step, why_not_apply
from trimtab.sizing.plan import Plan
from trimtab.sizing.setting import Resize, Scaling, Setting
from trimtab.sizing.settings import SizingSettings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SETTINGS = SizingSettings()
PLAN = Plan(
    instance_type="ml.m5.xlarge",
    count=2,
    policy=None,
    breaking_rps=70.0,
    target_ms=200.0,
    usd_per_hour=0.23,
    usd_month=335.8,
    usd_month_now=503.7,
    confidence=0.8,
)
PREDICTION = Prediction(p99_ms=300.0, slow_share=0.0)


def change(**values):
    begun = Resizing(
        id="abc",
        endpoint="churn",
        variant="AllTraffic",
        config="churn-1",
        mode="act",
        by="Trimtab",
        reason="it could be smaller",
        plan=PLAN,
        before=Setting(instances=3),
        wanted=Setting(instances=2),
        prediction=PREDICTION,
        started=NOW,
    )
    return begun.changed(**values)


def seen(instances=3, running=None, status="InService", config="churn-1", failure=""):
    return Seen(status, config, failure, running or instances, Setting(instances=instances))


def step(resizing, there, minutes=0):
    return next_step(resizing, there, NOW + minutes * MINUTE, SETTINGS)


def test_the_phases_that_end_a_change_are_those_that_end_any():
    assert application.OVER == TERMINAL


def test_what_differs_is_called_for_and_then_waited_for():
    first = step(change(), seen())
    assert (first.order, first.actions) == (Order.CALL, (Resize(2),))
    called = change(called=NOW)
    assert step(called, seen(2, status="Updating")).order is Order.WAIT
    assert step(called, seen(2, running=3)).order is Order.WAIT
    assert (step(called, seen(2)).order, step(called, seen(2)).phase) == (Order.END, application.APPLIED)


def test_what_was_called_for_before_a_kill_is_noted_first():
    assert step(change(), seen(2)) == application.Step(Order.CALL)


def test_an_order_that_sagemaker_dropped_is_given_again():
    assert step(change(called=NOW), seen(3), minutes=30).actions == (Resize(2),)


def test_instances_that_do_not_come_turn_the_change_and_then_fail_it():
    turned = step(change(called=NOW), seen(3, failure="no capacity"), minutes=121)
    assert (turned.order, "no capacity" in turned.why) == (Order.TURN, True)
    back = change().undoing("too slow", NOW).changed(called=NOW)
    assert step(back, seen(2), minutes=121).phase == application.FAILED
    assert step(back, seen(3)).phase == application.UNDONE


def test_an_update_of_somebody_elses_is_waited_for_however_long():
    assert step(change(), seen(status="Updating"), minutes=600).order is Order.WAIT
    assert step(change(), seen(), minutes=600).order is Order.CALL


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (None, "is gone"),
        (seen(config="churn-2"), "churn-2 was deployed meanwhile"),
        (seen(status="OutOfService", failure="disk"), "OutOfService: disk"),
    ],
)
def test_what_cannot_be_carried_on_ends(there, why):
    found = step(change(), there)
    assert (found.order, found.phase) == (Order.END, application.FAILED)
    assert why in found.why


def test_a_scaled_variant_may_have_any_count_within_its_limits():
    scaled = Setting(instances=3, scaling=Scaling(minimum=2, maximum=5))
    there = Seen("InService", "churn-1", "", 4, scaled.model_copy(update={"instances": 4}))
    assert step(change(wanted=scaled, called=NOW), there).phase == application.APPLIED


def test_a_change_survives_being_written_down():
    assert Resizing.model_validate(change().document()) == change()


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({}, ""),
        ({"wanted": "it has scaling of its own"}, "scaling of its own"),
        ({"wanted": Setting(instances=3)}, "in force"),
        ({"prediction": None}, "p99"),
        ({"frozen_by": "Fri 16:00 - Mon 07:00"}, "freeze window"),
        ({"applied": NOW - timedelta(days=13)}, "within 14 days"),
        ({"applied": NOW - timedelta(days=15)}, ""),
        ({"applied": NOW - timedelta(days=13), "is_approved": True}, ""),
        ({"holder": "other"}, "other is being changed"),
    ],
)
def test_each_obstacle_has_its_words(others, why):
    given = {
        "present": Setting(instances=3),
        "wanted": Setting(instances=2),
        "prediction": PREDICTION,
        "applied": None,
        "frozen_by": "",
        "holder": "",
        "now": NOW,
        "settings": SETTINGS,
        "is_approved": False,
        **others,
    }
    found = why_not_apply(**given)
    assert why in found
    assert bool(why) == bool(found)


@pytest.mark.parametrize(
    ("mode", "confidence", "why_not", "words"),
    [
        ("observe", 0.9, "", "would give it 2 × ml.m5.xlarge"),
        ("propose", 0.9, "", "waits for approval of 2 × ml.m5.xlarge: send"),
        ("act", 0.9, "", "gives it 2 × ml.m5.xlarge"),
        ("act", 0.5, "", "(confidence 0.50): send"),
        ("act", 0.9, "a freeze", "does not give it 2 × ml.m5.xlarge: a freeze"),
    ],
)
def test_the_outcome_says_what_is_done(mode, confidence, why_not, words):
    plan = PLAN.model_copy(update={"confidence": confidence})
    outcome = application.action_outcome("churn", plan, why_not, "2 × ml.c5.large", SizingSettings(mode=mode))
    assert words in outcome
    assert outcome.endswith("a change to 2 × ml.c5.large is left to people: the evidence says how")


LOCK = {"endpoint": "churn", "since": NOW.isoformat()}


@pytest.mark.parametrize(
    ("lock", "change_item", "trial", "minutes", "holder"),
    [
        ({}, {}, {}, 0, ""),
        (LOCK, {}, {}, 5, "churn"),  # killed between its turn and its change
        (LOCK, {}, {}, 20, ""),
        (LOCK, {"kind": "sizing", "phase": "applying"}, {}, 600, "churn"),
        (LOCK, {"kind": "sizing", "phase": "undoing"}, {}, 9000, "churn"),
        (LOCK, {"kind": "rollout", "phase": "baking"}, {}, 600, ""),
        (LOCK, {"kind": "sizing", "phase": "promoted"}, {"started": NOW.isoformat(), "outcome": ""}, 600, "churn"),
        (LOCK, {"kind": "sizing", "phase": "promoted"}, {"started": NOW.isoformat(), "outcome": ""}, 1500, ""),
        (LOCK, {"kind": "sizing", "phase": "rolled_back"}, {"started": NOW.isoformat(), "outcome": "undone"}, 600, ""),
    ],
)
def test_a_turn_lasts_until_a_change_has_served_for_a_day(lock, change_item, trial, minutes, holder):
    assert holds_lock(lock, change_item, trial, NOW + minutes * MINUTE) == holder
