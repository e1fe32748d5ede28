"""What a prediction costs, what idling costs, and what better predictions are worth."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from trimtab.cost.hours import EndpointHour, add_costs, total
from trimtab.cost.outcome_values import Outcomes

MIN_OUTCOMES = 200
"""With fewer outcomes an arm's mean value says nothing."""


@dataclass(frozen=True, slots=True)
class PredictionCost:
    """Cost and predictions of one endpoint over some time; None is not known.

    `usd_per_thousand` is None, too, when there were no predictions. `idle_usd`: the cost of the hours without any.
    """

    usd: float | None
    invocations: float | None
    usd_per_thousand: float | None
    idle_usd: float | None


@dataclass(frozen=True, slots=True)
class Impact:
    """A revenue and its 95 % confidence interval, in the unit of the outcomes' values."""

    low: float
    mid: float
    high: float


def cost_per_thousand(usd: float | None, invocations: float | None) -> float | None:
    """US dollars for 1,000 predictions; None without predictions, or when either is not known."""
    return None if usd is None or not invocations else 1000 * usd / invocations


def prediction_cost(hours: Iterable[EndpointHour]) -> PredictionCost:
    """The cost of predictions over these hours."""
    hours = list(hours)
    usd = add_costs(hour.cost for hour in hours).usd
    invocations = total(hour.invocations for hour in hours)
    idle = [hour.cost.usd for hour in hours if hour.invocations == 0]
    idle_usd = None if invocations is None else total(idle)
    return PredictionCost(usd, invocations, cost_per_thousand(usd, invocations), idle_usd)


def hour_metrics(hour: EndpointHour) -> dict[str, float]:
    """The business metrics of one hour by name, without those that are not known."""
    cost = prediction_cost([hour])
    values = {
        "EndpointCostPerHour": cost.usd,
        "CostPerThousandPredictions": cost.usd_per_thousand,
        "IdleCostPerHour": cost.idle_usd,
    }
    return {name: value for name, value in values.items() if value is not None}


def revenue_impact(canary: Outcomes, production: Outcomes, predictions: float | None) -> Impact | None:
    """What the canary's predictions brought beyond what production's would have: N·(v̄_c − v̄_p).

    The interval is Welch's with the normal quantile: ±1.96·N·√(s²_c/n_c + s²_p/n_p). None with fewer than 200 outcomes
    in either arm, without predictions, or when it is not known how many there were (None).
    """
    if not predictions or min(canary.count, production.count) < MIN_OUTCOMES:
        return None
    error = 1.96 * sqrt(canary.variance / canary.count + production.variance / production.count)
    difference = canary.mean - production.mean
    return Impact(*(predictions * each for each in (difference - error, difference, difference + error)))


def impact_metrics(impact: Impact) -> dict[str, float]:
    """A revenue and its interval as metrics by name."""
    return {"RevenueImpact": impact.mid, "RevenueImpactLow": impact.low, "RevenueImpactHigh": impact.high}
