from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.builders import NOW, trigger
from trimtab.training.attempts import (
    MOST_ATTEMPTS,
    AttemptRecord,
    Proposal,
    Retrainings,
    on_demand,
    retrainings_of,
)
from trimtab.training.drift_helped import Outcome
from trimtab.training.guards import GuardVerdict

DAYS = timedelta(days=1)


def attempt(number=1, **changed):
    values = {
        "token": f"{number:064x}",
        "at": NOW,
        "state": "started",
        "kind": "training_job",
        "target": "churn-1",
        "request": {
            "TrainingJobName": "churn-1",
            "EnableManagedSpotTraining": True,
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        },
        "trigger": trigger(),
        "reason": "age moved",
        "verdicts": (GuardVerdict("labels", "", "5,000 rows", {"new_rows": 5000, "share": 0.5, "what": None}),),
        "evaluation": "s3://state/evaluations/churn/1.json",
        "cost_usd": 2.0,
    }
    return AttemptRecord(**values | changed)


def test_the_memory_survives_being_stored():
    memory = Retrainings(
        attempts=(attempt(), attempt(2, released=NOW, outcome=Outcome.HELPED)),
        proposal=Proposal(token="b" * 64, at=NOW, trigger=trigger(quality_drop=0.04)),
    )
    assert retrainings_of(memory.document()) == memory
    assert retrainings_of({}) == Retrainings()


def test_an_attempt_takes_its_own_place_and_settles_its_proposal():
    memory = Retrainings(proposal=Proposal(token=attempt().token, at=NOW, trigger=trigger()))
    memory = memory.with_attempt(attempt(2)).with_attempt(attempt()).with_attempt(attempt(2, state="failed"))
    assert [each.state for each in memory.attempts] == ["failed", "started"]
    assert memory.proposal is None


@given(st.lists(st.integers(0, 80), max_size=200))
def test_no_more_is_remembered_than_needed_and_nothing_twice(numbers):
    memory = Retrainings()
    for number in numbers:
        memory = memory.with_attempt(attempt(number))
    tokens = [each.token for each in memory.attempts]
    assert len(tokens) == len(set(tokens)) <= MOST_ATTEMPTS
    if numbers:
        assert memory.attempt(attempt(numbers[-1]).token)


def test_a_month_costs_what_its_trainings_cost_and_is_unknown_with_one_that_is():
    before = attempt(1, at=NOW.replace(month=10))
    memory = Retrainings(attempts=(before, attempt(2), attempt(3, cost_usd=0.5)))
    assert memory.spent_usd(NOW) == 2.5
    assert Retrainings().spent_usd(NOW) == 0
    assert memory.with_attempt(attempt(4, cost_usd=None)).spent_usd(NOW) is None
    assert memory.with_attempt(attempt(1, at=before.at, cost_usd=None)).spent_usd(NOW) == 2.5


def test_past_times_are_those_of_trainings_that_made_a_version():
    memory = Retrainings(
        attempts=(
            attempt(1, training_seconds=500.0, billable_seconds=100.0, record=1),
            attempt(2, training_seconds=9.0, billable_seconds=9.0, state="failed"),
            attempt(3),
        )
    )
    assert memory.training_seconds() == [500.0]
    assert memory.billable_seconds() == [100.0, 9.0]


def test_releases_and_outcomes_are_those_that_are_known():
    memory = Retrainings(
        attempts=(
            attempt(1, released=NOW - DAYS, outcome=Outcome.NOT_HELPED),
            attempt(2),
            attempt(3, released=NOW, outcome=Outcome.HELPED),
        )
    )
    assert memory.last_release() == NOW
    assert memory.outcomes() == (Outcome.NOT_HELPED, Outcome.HELPED)
    assert [each.state for each in memory.for_guards()] == ["started"] * 3


STATES = ["intended", "started", "failed", "gate_failed", "registered", "released"]
memories = st.lists(st.sampled_from(STATES), max_size=6).map(
    lambda states: Retrainings(attempts=tuple(attempt(n, state=each, arn=f"arn:{n}") for n, each in enumerate(states)))
)


@given(memories, st.none() | st.sets(st.integers(0, 5).map("arn:{}".format)))
def test_due_is_what_is_open_and_told_of_or_all_that_is_not_over_where_nothing_was_told(memory, told):
    states = {"started", "intended"} if told is None else {"started"}
    expected = [each for each in memory.attempts if each.state in states and (told is None or each.arn in told)]
    assert memory.due(told) == next(iter(expected), None)


@given(memories)
def test_a_start_that_may_not_have_been_called_for_is_found(memory):
    first = next((n for n, each in enumerate(memory.attempts) if each.state == "intended"), None)
    assert memory.intended == (None if first is None else memory.attempts[first])


def test_the_retry_on_demand_is_the_same_start_under_another_name():
    first = attempt(arn="arn", status="Stopped")
    second = on_demand(first)
    assert (second.token, second.state, second.is_on_demand, second.arn) == (first.token, "intended", True, "")
    assert second.target == second.request["TrainingJobName"] != first.target
    assert second.request["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
    assert second.request["EnableManagedSpotTraining"] is False
    assert first.request["EnableManagedSpotTraining"] is True


def test_a_document_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="attempts"):
        retrainings_of({"attempts": [{"token": 1}]})


def test_the_decision_is_kept_with_its_guards():
    assert attempt().decision.verdicts == attempt().verdicts
    assert replace(attempt().decision).reason == "age moved"
