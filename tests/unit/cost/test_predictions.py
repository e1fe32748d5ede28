"""Cost of predictions, of idling, and what better ones are worth."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from trimtab.cost.hours import Cost, EndpointHour, Use
from trimtab.cost.outcome_values import Outcomes
from trimtab.cost.predictions import cost_per_thousand, hour_metrics, prediction_cost, revenue_impact

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def hour(usd, invocations):
    return EndpointHour(START, Cost(serving={"ml.m5.xlarge": Use(1.0, usd)}), invocations)


def test_a_thousand_predictions_cost_what_the_spec_says():
    assert cost_per_thousand(231.84, 21_405_298) == pytest.approx(0.01083, abs=5e-6)


@pytest.mark.parametrize(("usd", "invocations"), [(None, 10), (1.0, None), (1.0, 0), (None, None)])
def test_without_predictions_or_knowledge_they_have_no_price(usd, invocations):
    assert cost_per_thousand(usd, invocations) is None


def test_hours_without_predictions_are_idle():
    day = prediction_cost([hour(0.46, 1000.0), hour(0.46, 0.0), hour(0.46, 0.0)])
    assert day.idle_usd == pytest.approx(0.92)
    assert day.usd == pytest.approx(1.38)
    assert day.usd_per_thousand == pytest.approx(1.38)


def test_an_hour_of_unknown_predictions_is_not_idle_but_unknown():
    day = prediction_cost([hour(0.46, None), hour(0.46, 0.0)])
    assert (day.invocations, day.idle_usd, day.usd_per_thousand) == (None, None, None)
    assert day.usd == pytest.approx(0.92)


def test_an_unknown_price_makes_idling_unknown():
    assert prediction_cost([hour(None, 0.0)]).idle_usd is None
    assert prediction_cost([hour(None, 5.0)]).idle_usd == 0


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 10**6)), max_size=20))
def test_idle_cost_is_a_part_of_the_cost(hours):
    whole = prediction_cost([hour(usd, float(count)) for usd, count in hours])
    assert 0 <= whole.idle_usd <= whole.usd + 1e-9


def test_metrics_that_are_not_known_are_not_published():
    assert hour_metrics(hour(0.46, 1000.0)) == {
        "EndpointCostPerHour": 0.46,
        "CostPerThousandPredictions": 0.46,
        "IdleCostPerHour": 0,
    }
    assert hour_metrics(hour(0.46, 0.0)) == {"EndpointCostPerHour": 0.46, "IdleCostPerHour": 0.46}
    assert hour_metrics(hour(0.46, None)) == {"EndpointCostPerHour": 0.46}
    assert hour_metrics(hour(None, 10.0)) == {"IdleCostPerHour": 0}


def test_the_interval_of_the_revenue_is_welchs():
    random = np.random.default_rng(5)
    canary, production = random.exponential(2.1, 5_000), random.exponential(2.0, 9_000)
    arms = [Outcomes(len(each), float(each.mean()), float(each.var(ddof=1))) for each in (canary, production)]
    impact = revenue_impact(*arms, predictions=1_000)
    oracle = ttest_ind(canary, production, equal_var=False).confidence_interval(0.95)
    assert impact.low == pytest.approx(1_000 * oracle.low, rel=1e-3)
    assert impact.high == pytest.approx(1_000 * oracle.high, rel=1e-3)
    assert impact.mid == pytest.approx(1_000 * (canary.mean() - production.mean()))


@pytest.mark.parametrize(("canary", "production"), [(199, 10_000), (10_000, 199), (0, 0)])
def test_few_outcomes_say_nothing_about_revenue(canary, production):
    assert revenue_impact(Outcomes(canary, 2.0, 1.0), Outcomes(production, 1.0, 1.0), 1000) is None


@pytest.mark.parametrize("predictions", [None, 0.0])
def test_without_predictions_nothing_is_said_about_revenue(predictions):
    assert revenue_impact(Outcomes(500, 2.0, 1.0), Outcomes(500, 1.0, 1.0), predictions) is None
