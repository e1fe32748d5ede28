from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.builders import ARN, HOUR, NOW, trigger
from tests.unit.training.test_attempts import attempt
from trimtab.training.attempt_end import attempt_end, saving_of
from trimtab.training.attempts import on_demand
from trimtab.training.job_changes import JobChange
from trimtab.training.settings import SpotSettings

DONE = JobChange(
    "training_job", f"{ARN}training-job/churn-1", "churn-1", "Completed", NOW, ended=NOW, training_seconds=500,
    billable_seconds=100, instance_type="ml.m5.xlarge", instance_count=2,
)  # fmt: skip
IN_VAIN = replace(DONE, status="Stopped", secondary="MaxWaitTimeExceeded", training_seconds=None, billable_seconds=None)
PRICED = {"instance_type": "ml.m5.xlarge", "instances": 1, "usd_per_hour": 0.23}


def end(change, settings=SpotSettings(), **changed):  # noqa: B008 - settings are frozen
    return attempt_end(attempt(**PRICED | changed), change, settings, NOW + HOUR)


def test_a_training_that_succeeded_stays_open_with_what_it_took_and_cost():
    ended = end(DONE)
    assert (ended.attempt.state, ended.attempt.status, ended.attempt.ended) == ("started", "Completed", NOW)
    assert (ended.attempt.training_seconds, ended.attempt.billable_seconds) == (500, 100)
    assert ended.attempt.cost_usd == ended.saving.cost_usd == pytest.approx(2 * 0.23 * 100 / 3600)
    assert ended.saving.percent == pytest.approx(80)
    assert (ended.outcome, ended.is_tried_again) == ("it is evaluated", False)


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_training_that_did_not_succeed_is_closed_and_somebody_has_to_look(status):
    ended = end(replace(DONE, status=status, failure="out of memory", ended=None))
    assert (ended.attempt.state, ended.attempt.failure, ended.is_tried_again) == ("failed", "out of memory", False)
    assert ended.attempt.ended == NOW + HOUR  # nobody tells when, so it is when that was seen
    assert "somebody has to look" in ended.outcome


def test_the_estimate_stays_where_the_cost_is_not_known():
    assert end(DONE, usd_per_hour=None).attempt.cost_usd == 2.0
    assert end(replace(DONE, instance_type="ml.p3.2xlarge")).attempt.cost_usd == 2.0


def test_dollars_are_those_of_the_instances_it_ran_on_or_else_of_those_it_was_to_run_on():
    started = attempt(**PRICED)
    assert saving_of(started, replace(DONE, instance_type="ml.p3.2xlarge")).saved_usd is None
    untold = saving_of(started, replace(DONE, instance_type="", instance_count=0))
    assert untold.cost_usd == pytest.approx(0.23 * 100 / 3600)


def test_spot_that_was_waited_for_in_vain_is_tried_again_on_demand():
    started = attempt(**PRICED)
    ended = end(IN_VAIN)
    assert ended.attempt == on_demand(started)
    assert (ended.is_tried_again, ended.outcome) == (True, "it is tried again on demand")
    assert not end(IN_VAIN, trigger=trigger(severity="warning")).is_tried_again
    assert not end(IN_VAIN, SpotSettings(retry_on_demand=False)).is_tried_again


statuses = st.sampled_from(["Completed", "Failed", "Stopped"])
secondaries = st.sampled_from(["", "MaxWaitTimeExceeded", "MaxRuntimeExceeded", "Interrupted"])


@given(statuses, secondaries, st.sampled_from(["info", "warning", "critical"]))
def test_what_was_on_demand_is_never_tried_again(status, secondary, severity):
    again = on_demand(attempt(**PRICED, trigger=trigger(severity=severity)))
    ended = attempt_end(again, replace(DONE, status=status, secondary=secondary), SpotSettings(), NOW)
    assert not ended.is_tried_again
    assert ended.attempt.state == ("started" if status == "Completed" else "failed")
