"""Hours that cost more than at the same hour of earlier weeks."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.anomaly import judge_hour
from trimtab.cost.hours import Cost, EndpointHour, Use
from trimtab.cost.settings import CostSettings
from trimtab.drift.verdict import Verdict

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
M5, G5 = "ml.m5.xlarge", "ml.g5.2xlarge"
DEFAULTS = CostSettings()
EVERY_HOUR = [NOW - back * HOUR for back in range(1, 6 * 168)]


def hour(start, instances=3.0, *, price=0.23, invocations=50_000.0, instance_type=M5, deployment=0.0):
    extra = {M5: Use(deployment, deployment * price)} if deployment else {}
    cost = Cost(serving={instance_type: Use(instances, instances * price)}, deployment=extra)
    return EndpointHour(start, cost, invocations)


STEADY = {start: hour(start) for start in EVERY_HOUR}


def judged(*, history=STEADY, settings=DEFAULTS, **now):
    return judge_hour(hour(NOW, **now), history, settings)


def test_an_hour_like_all_others_is_none():
    judgement = judged()
    assert judgement.verdict is Verdict.OK
    assert judgement.usd == judgement.expected_usd == pytest.approx(0.69)
    assert judgement.cause is None


@pytest.mark.parametrize(
    ("now", "cause", "told"),
    [
        ({"instances": 6.0, "invocations": 100_000.0}, "traffic", "more traffic, from 50,000 to 100,000 predictions"),
        ({"instances": 6.0}, "instances", "from 3.0 to 6.0 instance-hours"),
        ({"price": 0.35}, "price", "the price of ml.m5.xlarge rose, which is $0.36 of it"),
        ({"instances": 3.0, "deployment": 3.0}, "deployment", "$0.69 of it for instances that ran side by side"),
        ({"instance_type": G5, "price": 1.515}, "instance_type", "it runs on ml.g5.2xlarge instead of ml.m5.xlarge"),
    ],
)
def test_names_the_cause_of_a_dearer_hour(now, cause, told):
    judgement = judged(**now)
    assert judgement.verdict is Verdict.ALERT
    assert (judgement.measure, judgement.cause) == ("endpoint", cause)
    assert told in judgement.reason
    assert sum(judgement.parts.values()) == pytest.approx(judgement.usd - 0.69)


@pytest.mark.parametrize("invocations", [20_000.0, 10.0, 0.0])
def test_lower_use_makes_predictions_dearer_though_the_endpoint_costs_the_same(invocations):
    judgement = judged(invocations=invocations)
    assert judgement.verdict is Verdict.ALERT
    assert (judgement.measure, judgement.cause) == ("prediction", "lower_use")
    assert judgement.usd == pytest.approx(0.69)
    assert judgement.expected_usd == pytest.approx(0.69 * invocations / 50_000)
    assert "lower use, from 50,000 to" in judgement.reason


def test_a_prediction_that_is_dearer_by_the_endpoint_as_well_has_that_cause():
    settings = CostSettings(min_change=1.0, min_unit_change=0.5)
    judgement = judged(instances=5.5, invocations=48_000.0, settings=settings)
    assert (judgement.measure, judgement.cause) == ("prediction", "instances")


def test_the_predictions_of_an_hour_that_never_has_many_are_not_judged():
    history = {start: hour(start, invocations=99.0) for start in EVERY_HOUR}
    assert judged(history=history, invocations=0.0).verdict is Verdict.OK


def test_unknown_predictions_are_no_lower_use():
    assert judged(invocations=None).verdict is Verdict.OK


def test_a_night_is_compared_with_nights():
    history = {
        start: hour(start, 6.0 if start.hour >= 8 else 2.0, invocations=60_000.0 if start.hour >= 8 else 900.0)
        for start in EVERY_HOUR
    }
    night = NOW.replace(hour=3)
    past = {start: each for start, each in history.items() if start < night}
    assert judge_hour(hour(night, 2.0, invocations=900.0), past, DEFAULTS).verdict is Verdict.OK
    assert judge_hour(hour(night, 6.0, invocations=900.0), past, DEFAULTS).cause == "instances"


def test_cheaper_is_no_anomaly():
    assert judged(instances=1.0).verdict is Verdict.OK


def test_a_few_cents_are_no_anomaly():
    cheap = {start: hour(start, 1.0, price=0.056) for start in EVERY_HOUR}
    assert judged(history=cheap, instances=1.5, price=0.056).verdict is Verdict.OK


def test_an_unknown_price_is_said():
    unknown = EndpointHour(NOW, Cost(serving={G5: Use(1.0, None)}), 10.0)
    judgement = judge_hour(unknown, STEADY, DEFAULTS)
    assert judgement.verdict is Verdict.INSUFFICIENT_DATA
    assert judgement.reason == "The cost is unknown: the price of ml.g5.2xlarge is unknown."


def test_unknown_instances_are_said():
    unknown = EndpointHour(NOW, Cost(serving={M5: Use(None, None)}), 10.0)
    assert "did not tell which instances ran" in judge_hour(unknown, STEADY, DEFAULTS).reason


@pytest.mark.parametrize("weeks", [0, 1])
def test_stays_silent_without_earlier_weeks(weeks):
    young = {start: each for start, each in STEADY.items() if NOW - start <= timedelta(weeks=weeks)}
    judgement = judged(history=young, instances=30.0)
    assert judgement.verdict is Verdict.INSUFFICIENT_DATA
    assert judgement.weeks == weeks


def test_hours_of_unknown_cost_are_no_earlier_weeks():
    unknown = {start: EndpointHour(start, Cost(serving={M5: Use(1.0, None)}), 1.0) for start in EVERY_HOUR}
    assert judged(history=unknown).verdict is Verdict.INSUFFICIENT_DATA


def test_one_dear_week_does_not_become_the_rule():
    history = STEADY | {NOW - timedelta(weeks=1): hour(NOW - timedelta(weeks=1), 30.0)}
    assert judged(history=history, instances=30.0).cause == "instances"


def test_noise_that_is_usual_here_is_no_anomaly():
    random = np.random.default_rng(11)
    noisy = {
        start: hour(start, float(count)) for start, count in zip(EVERY_HOUR, random.gamma(4, 1, 2000), strict=False)
    }
    alarms = [
        judged(history=noisy, instances=float(count)).verdict is Verdict.ALERT for count in random.gamma(4, 1, 60)
    ]
    assert sum(alarms) <= 2


@given(st.permutations(EVERY_HOUR[:400]))
def test_the_order_of_the_past_does_not_matter(order):
    assert judged(history={start: STEADY[start] for start in order}, instances=6.0) == judged(
        history={start: STEADY[start] for start in EVERY_HOUR[:400]}, instances=6.0
    )


def test_settings_that_cannot_be_met_are_refused():
    with pytest.raises(ValueError, match="min_weeks"):
        CostSettings(min_weeks=5)
