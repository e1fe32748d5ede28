from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sizing.test_application import NOW, PLAN, change, seen
from trimtab.sizing.application import Prediction
from trimtab.sizing.observations import Observations
from trimtab.sizing.plan import PlannedPolicy
from trimtab.sizing.setting import Scaling, Setting
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.verification import Answer, Trial, first_hour, predicted, superseded_by, verify

HOUR = timedelta(hours=1)
SETTINGS = SizingSettings()


def trial(slow_share=0.0, **values):
    made = change(prediction=Prediction(p99_ms=300.0, slow_share=slow_share), phase="promoted", **values)
    return Trial(started=NOW, change=made)


def held(hours, *, count=2.0, p99=200.0, requests=600.0, slow=0, known=1.0, **others):
    """So many hours with `count` instances; the first `slow` of them over the limit; p99 known of a share of them."""
    start = first_hour(trial(**others))
    minutes = Observations(
        start=start,
        invocations=np.full(hours * 60, requests),
        instances=np.full(hours * 60, count),
    )
    p99_ms = {start + i * HOUR: 1000.0 if i < slow else p99 for i in range(round(hours * known))}
    return verify(trial(**others), minutes, p99_ms, start + hours * HOUR, SETTINGS)


def test_hours_count_once_a_change_has_settled():
    assert first_hour(trial()) == NOW + HOUR
    assert first_hour(Trial(started=NOW - timedelta(minutes=30), change=change())) == NOW


@pytest.mark.parametrize(
    ("hours", "others", "answer"),
    [
        (6, {}, Answer.WAIT),
        (170, {}, Answer.HELD),
        (6, {"slow": 2}, Answer.WAIT),
        (6, {"slow": 3}, Answer.BROKEN),
        (170, {"slow": 8}, Answer.HELD),
        (170, {"slow": 9}, Answer.BROKEN),
        (170, {"slow": 30, "slow_share": 0.1}, Answer.HELD),
        (47, {"count": 3.0}, Answer.WAIT),
        (48, {"count": 3.0}, Answer.BROKEN),
        (170, {"count": 2.25}, Answer.HELD),
        (170, {"count": 2.31}, Answer.BROKEN),
        (170, {"known": 0.5}, Answer.WAIT),
        (340, {"known": 0.5}, Answer.UNVERIFIED),
        (170, {"count": np.nan}, Answer.WAIT),
        (340, {"count": np.nan}, Answer.UNVERIFIED),
        (170, {"requests": 1.0, "known": 0.0}, Answer.HELD),  # 60 requests an hour have no p99 to speak of
    ],
)
def test_each_week_has_its_answer(hours, others, answer):
    found = held(hours, **others)
    assert found.answer is answer
    assert found.reason


def test_more_traffic_is_no_fault_of_a_policy():
    policy = PlannedPolicy(
        minimum=2, maximum=8, target_value=1200, target_rps=20, scale_in_cooldown_s=300, scale_out_cooldown_s=60
    )
    scaled = trial(plan=PLAN.model_copy(update={"policy": policy}))
    start = first_hour(scaled)
    minutes = Observations(start=start, invocations=np.full(60 * 60, 60 * 95.0), instances=np.full(60 * 60, 5.0))
    found = verify(scaled, minutes, {}, start + 60 * HOUR, SETTINGS)
    assert found.answer is Answer.WAIT
    assert found.evidence["instance_hours_predicted"] == pytest.approx(300, rel=0.01)


def test_nothing_read_is_no_pass():
    nothing = Observations(start=first_hour(trial()), invocations=np.full(340 * 60, np.nan))
    found = verify(trial(), nothing, {}, NOW + timedelta(days=20), SETTINGS)
    assert found.answer is Answer.UNVERIFIED
    empty = Observations(start=first_hour(trial()), invocations=np.array([]))
    assert verify(trial(), empty, {}, NOW, SETTINGS).answer is Answer.WAIT


@given(st.integers(0, 170), st.integers(0, 170))
def test_more_slow_hours_never_make_it_better(fewer, more):
    few, many = sorted((fewer, more))
    broken = [held(170, slow=slow).answer is Answer.BROKEN for slow in (few, many)]
    assert broken[0] <= broken[1]


def test_p99_is_held_in_proportion_to_p95():
    hours = {NOW + i * HOUR: 150.0 for i in range(100)}
    requests = dict.fromkeys(hours, 1000.0)
    found = predicted(hours, requests, 100.0, 200.0)
    assert (found.p99_ms, found.slow_share) == (300.0, 0.0)
    slow = {**hours, **{NOW + i * HOUR: 900.0 for i in range(4)}}
    assert predicted(slow, requests, 100.0, 200.0).slow_share == pytest.approx(0.04)
    assert predicted(slow, dict.fromkeys(hours, 10.0), 100.0, 200.0) is None
    assert predicted(slow, requests, None, 200.0) is None
    assert predicted({}, {}, 100.0, 200.0) is None


def test_what_others_change_ends_it():
    assert superseded_by(trial(), seen(2)) == ""
    assert "gone" in superseded_by(trial(), None)
    assert "churn-2" in superseded_by(trial(), seen(2, config="churn-2"))
    assert "somebody else" in superseded_by(trial(), seen(3))
    scaled = Setting(instances=2, scaling=Scaling(minimum=2, maximum=4))
    grown = seen(2)
    assert "somebody else" in superseded_by(trial(wanted=scaled), grown)
    outside = scaled.model_copy(update={"instances": 9})
    there = type(grown)("InService", "churn-1", "", 9, outside)
    assert superseded_by(trial(wanted=scaled), there) == ""


def test_a_trial_survives_being_written_down():
    closed = trial().closed("held", "it did", NOW)
    assert Trial.model_validate(closed.document()) == closed
