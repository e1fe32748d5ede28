"""The guards before a training, on each side of their edges; and that one fact starts one training, come what may."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.builders import DAY, HOUR, NOW, situation, trigger
from trimtab.training.drift_helped import Outcome
from trimtab.training.guards import (
    GUARDS,
    Attempt,
    StartAction,
    attempt_rest,
    check_guards,
    decide_start,
)
from trimtab.training.settings import GuardSettings
from trimtab.training.start import start_token

SETTINGS = GuardSettings()
TOKEN = start_token("churn-pipeline", "churn", "2026-11-20T08:00:00Z", "drift")
PRICED = GuardSettings(usd_per_error=0.1)


def codes(found, settings=SETTINGS):
    return [verdict.code for verdict in check_guards(found, settings) if not verdict.passed]


def attempt(hours_ago, state="failed", token="other"):
    return Attempt(token, NOW - hours_ago * HOUR, state)


def test_a_drift_with_labels_time_and_money_starts_a_training():
    decision = decide_start(situation(), TOKEN, SETTINGS)
    assert decision.action is StartAction.START
    assert [verdict.guard for verdict in decision.verdicts] == [
        "cause", "labels", "cooldown", "concurrency", "budget", "worth_it", "helps",
    ]  # fmt: skip
    assert not decision.refusals


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"kind": "data_quality"}, ["data_quality"]),
        ({"kind": "canary"}, ["no_cause"]),
        ({"state": "cleared"}, ["cleared"]),
        ({"moved": (), "faulty": ("age",)}, ["data_quality"]),
        ({"moved": ()}, ["no_cause"]),
        ({"moved": ("age",), "faulty": ("plan",)}, []),
        ({"state": "continued"}, []),
        ({"kind": "model_quality", "moved": ()}, []),
        ({"kind": "model_quality", "moved": (), "faulty": ("age",)}, ["data_quality"]),
        ({"kind": "model_quality", "moved": ("age",), "faulty": ("plan",)}, []),
        ({"kind": "request", "moved": ()}, []),
    ],
)
def test_only_drift_lost_quality_or_a_person_is_a_cause(changed, expected):
    assert codes(situation(trigger=trigger(**changed))) == expected


@pytest.mark.parametrize(
    ("rows", "classes", "expected"),
    [
        (1000, {"0": 900, "1": 100}, []),
        (999, {"0": 899, "1": 100}, ["few_labels"]),
        (1000, {"0": 901, "1": 99}, ["few_of_a_class"]),
        (1000, {}, []),  # a regression has no classes
        (None, {"0": 900, "1": 100}, ["labels_unknown"]),
        (1000, None, ["labels_unknown"]),
    ],
)
def test_labels_must_be_new_and_of_every_class(rows, classes, expected):
    assert codes(situation(new_rows=rows, rows_per_class=classes)) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"attempts": (attempt(24),)}, []),
        ({"attempts": (attempt(23.9),)}, ["cooldown"]),
        ({"last_release": NOW - 24 * HOUR}, []),
        ({"last_release": NOW - 23.9 * HOUR}, ["release_cooldown"]),
        ({"attempts": (attempt(30), attempt(60), attempt(100))}, ["attempts"]),
        ({"attempts": (attempt(30), attempt(60), attempt(7 * 24))}, []),
        ({"attempts": (attempt(47, "gate_failed"),)}, ["cooldown"]),
        ({"attempts": (attempt(48, "gate_failed"),)}, []),
        ({"attempts": (attempt(95, "gate_failed"), attempt(150, "gate_failed"))}, ["cooldown"]),
        ({"attempts": (attempt(96, "gate_failed"), attempt(150, "gate_failed"))}, []),
        ({"attempts": (attempt(25, "released"), attempt(150, "gate_failed"))}, []),
    ],
)
def test_attempts_rest_and_failed_gates_double_the_rest(changed, expected):
    assert codes(situation(**changed)) == expected


def test_the_rest_has_a_limit():
    attempts = [attempt(1000 + n, "gate_failed", str(n)) for n in range(40)]
    assert attempt_rest(attempts, SETTINGS) == timedelta(hours=168)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"running": ("churn-pipeline/abc",)}, ["busy"]),
        ({"locks": ("a rollout",)}, ["busy"]),
        ({"running": None}, ["running_unknown"]),
        ({"cost_usd": 90.0}, []),
        ({"cost_usd": 90.01}, ["budget"]),
        ({"cost_usd": None}, ["cost_unknown"]),
        ({"spent_usd": None}, ["cost_unknown"]),
        ({"outcomes": (Outcome.NOT_HELPED,)}, []),
        ({"outcomes": (Outcome.NOT_HELPED, Outcome.NOT_HELPED)}, ["in_vain"]),
        ({"outcomes": (Outcome.NOT_HELPED, Outcome.HELPED, Outcome.NOT_HELPED)}, []),
        ({"outcomes": (Outcome.NOT_HELPED, Outcome.INSUFFICIENT_DATA, Outcome.NOT_HELPED)}, ["in_vain"]),
    ],
)
def test_other_guards_on_each_side_of_their_edge(changed, expected):
    assert codes(situation(**changed)) == expected


def test_a_person_may_try_again_where_retraining_was_in_vain():
    asked = situation(trigger=trigger(kind="request"), outcomes=(Outcome.NOT_HELPED,) * 3)
    assert codes(asked) == []


@pytest.mark.parametrize(
    ("drop", "predictions", "cost", "expected"),
    [
        (0.04, 1000.0, 2.0, []),  # 0.04 · 0.5 · 1000 · $0.1 = $2
        (0.0399, 1000.0, 2.0, ["not_worth_it"]),
        (-0.02, 1e9, 2.0, ["not_worth_it"]),
        (None, 1000.0, 2.0, ["worth_unknown"]),
        (0.04, None, 2.0, ["worth_unknown"]),
    ],
)
def test_the_gain_must_be_worth_the_cost(drop, predictions, cost, expected):
    found = situation(quality_drop=drop, predictions_per_month=predictions, cost_usd=cost)
    assert codes(found, PRICED) == expected
    [verdict] = [each for each in check_guards(found, PRICED) if each.guard == "worth_it"]
    assert {"quality_drop", "predictions_per_month", "usd_per_error", "cost_usd"} <= verdict.numbers.keys()
    assert codes(found) == []


situations = st.builds(
    situation,
    new_rows=st.none() | st.integers(0, 3000),
    rows_per_class=st.none() | st.dictionaries(st.sampled_from("ab"), st.integers(0, 300)),
    attempts=st.lists(
        st.builds(
            attempt, st.floats(0, 400), st.sampled_from(["started", "failed", "gate_failed", "registered", "released"])
        ),
        max_size=5,
    ).map(tuple),
    last_release=st.none() | st.floats(0, 100).map(lambda hours: NOW - hours * HOUR),
    running=st.none() | st.just(()) | st.just(("x",)),
    cost_usd=st.none() | st.floats(0, 200),
    spent_usd=st.none() | st.floats(0, 200),
    predictions_per_month=st.none() | st.floats(0, 1e6),
    quality_drop=st.none() | st.floats(-0.1, 0.5),
)


def passing(found, guard):
    [verdict] = [each for each in check_guards(found, PRICED) if each.guard == guard]
    return verdict.passed


@given(situations)
def test_the_same_situation_gets_the_same_answer(found):
    assert decide_start(found, TOKEN, PRICED) == decide_start(replace(found), TOKEN, PRICED)
    assert len(check_guards(found, PRICED)) == len(GUARDS)


@given(situations, st.integers(0, 1000), st.floats(0, 1000), st.floats(0, 1))
def test_more_labels_time_money_and_loss_never_turn_a_pass_into_a_refusal(found, rows, hours, share):
    def better(guard, **changed):
        assert passing(replace(found, **changed), guard) or not passing(found, guard)

    if found.new_rows is not None and found.rows_per_class is not None:
        more = {name: count + rows for name, count in found.rows_per_class.items()}
        better("labels", new_rows=found.new_rows + rows, rows_per_class=more)
    better("cooldown", now=found.now + hours * HOUR)
    better("cooldown", attempts=found.attempts[:-1] if {each.state for each in found.attempts} == {"failed"} else ())
    better("concurrency", running=(), locks=())
    if found.cost_usd is not None and found.spent_usd is not None:
        better("budget", cost_usd=found.cost_usd * share, spent_usd=found.spent_usd * share)
        better("worth_it", cost_usd=found.cost_usd * share)
    if found.quality_drop is not None:
        better("worth_it", quality_drop=found.quality_drop + share)


@given(situations, st.randoms(use_true_random=False))
def test_the_order_of_attempts_does_not_matter(found, shuffle):
    shuffled = list(found.attempts)
    shuffle.shuffle(shuffled)
    assert [each.code for each in check_guards(replace(found, attempts=tuple(shuffled)), SETTINGS)] == [
        each.code for each in check_guards(found, SETTINGS)
    ]


def test_a_fact_that_led_to_a_training_starts_none_again():
    done = situation(attempts=(attempt(100, "started", TOKEN),))
    assert decide_start(done, TOKEN, SETTINGS).action is StartAction.NOTHING


def test_a_start_that_was_intended_is_finished_first_with_its_own_token():
    left = situation(attempts=(attempt(0.1, "intended", "earlier"),))
    decision = decide_start(left, TOKEN, SETTINGS)
    assert (decision.action, decision.token) == (StartAction.RESUME, "earlier")


class KilledError(Exception):
    """The process was killed."""


class Account:
    """SageMaker, which honours tokens, and a table of attempts; the process may be killed before or after any call."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.executions = {}
        self.attempts = {}

    def call(self, action):
        if self.random.random() < 0.3:
            raise KilledError
        action()
        if self.random.random() < 0.3:
            raise KilledError

    def handle(self, window, now):
        token = start_token("churn-pipeline", "churn", window, "drift")
        running = tuple(self.executions)
        found = situation(
            trigger=trigger(window_end=window), now=now, attempts=tuple(self.attempts.values()), running=running
        )
        decision = decide_start(found, token, SETTINGS)
        if decision.action is StartAction.START:
            self.call(lambda: self.attempts.setdefault(token, Attempt(token, now, "intended")))
        if decision.action in {StartAction.START, StartAction.RESUME}:
            token = decision.token
            self.call(lambda: self.executions.setdefault(token, now))
            self.call(lambda: self.attempts.update({token: replace(self.attempts[token], state="started")}))


@pytest.mark.parametrize("seed", range(20))
def test_a_thousand_duplicated_shuffled_half_processed_findings_start_one_training(seed):
    account = Account(seed)
    windows = [f"2026-11-20T{hour:02d}:00:00Z" for hour in range(20)]
    findings = [window for window in windows for _ in range(50)]
    account.random.shuffle(findings)
    for n, window in enumerate(findings):
        while True:  # AWS delivers it again until it was processed
            try:
                account.handle(window, NOW + n * timedelta(minutes=1))
                break
            except KilledError:
                continue
    assert len(account.executions) == len(account.attempts) == 1
    assert account.attempts.keys() == account.executions.keys()


def test_a_later_drift_may_start_another():
    account = Account(1)
    account.random = random.Random(10)
    account.random.random = lambda: 0.9
    account.handle("a", NOW)
    account.executions.clear()  # the first one has ended
    account.handle("b", NOW + 2 * DAY)
    assert len(account.attempts) == 2
