"""Findings about cost: an anomaly with its cause, and prices that nobody knows."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from trimtab.cost.anomaly import CostJudgement
from trimtab.cost.hours import Cost, EndpointHour, Use
from trimtab.cost.predictions import prediction_cost
from trimtab.cost.prices import Price, Product
from trimtab.findings import Finding, Origin, Severity, State, finding_about

_SEVERITY: Mapping[State, Severity] = {"raised": "warning", "continued": "warning", "cleared": "info"}
_CAUSES: Mapping[str, str] = {
    "traffic": "more traffic",
    "instances": "more instances",
    "instance_type": "another instance type",
    "price": "a higher price",
    "deployment": "a deployment",
    "storage_and_data": "storage and data",
    "lower_use": "lower use",
}


def anomaly_finding(
    origin: Origin,
    judgement: CostJudgement,
    state: State,
    hour: EndpointHour,
    prices: Mapping[Product, Price],
    *,
    since: datetime,
    now: datetime,
) -> Finding:
    """The finding that an endpoint's cost is an anomaly, lasts as one or is none any more. `since`: the first hour
    of the anomaly, which tells one from another. A reminder is one fact an hour."""
    told = f"since {since:%Y-%m-%d %H:%M} UTC"
    what = "Predictions of" if judgement.measure == "prediction" else "Cost of"
    cause = _CAUSES.get(judgement.cause or "", "")
    title = {
        "raised": f"{what} {origin.endpoint}: dearer than in earlier weeks, {cause}",
        "continued": f"Cost of {origin.endpoint}: an anomaly {told}{f', {cause}' if cause else ''}",
        "cleared": f"Cost of {origin.endpoint} is as usual again",
    }[state]
    return finding_about(
        origin,
        now,
        ("cost", since.isoformat(), state, f"{now:%Y-%m-%dT%H}" if state == "continued" else ""),
        kind="cost",
        severity=_SEVERITY[state],
        state=state,
        title=title,
        reason=judgement.reason,
        evidence={
            "since": since.isoformat(),
            **judgement_evidence(judgement),
            "cost": cost_evidence(hour),
            "prices": price_evidence(prices),
        },
    )


def unknown_price_finding(origin: Origin, products: Sequence[Product], bundled_as_of: date, now: datetime) -> Finding:
    """The finding that nobody knows the price of what an endpoint runs on, so that its cost is unknown."""
    names = [f"{product.component}/{product.item}" for product in sorted(products, key=lambda each: each.item)]
    listed = ", ".join(names)
    return finding_about(
        origin,
        now,
        ("cost", "unknown price", *names),
        kind="cost",
        severity="warning",
        state="raised",
        title=f"Cost of {origin.endpoint} is unknown: no price for {listed}",
        reason=(
            f"Neither the Pricing API nor the bundled table of {bundled_as_of.isoformat()} has a price for {listed} in "
            f"{origin.region}. Its cost is left out, not taken for 0. Give the price you pay in the setting "
            "`overrides`, or allow `pricing:GetProducts`."
        ),
        evidence={"products": names, "bundled_as_of": bundled_as_of.isoformat()},
    )


def price_settings_finding(origin: Origin, problem: str, parameter: str, occasion: str, now: datetime) -> Finding:
    """Says that the account's prices cannot be used, or, without a problem, that they can be again. `occasion` tells
    one time that this is so from another."""
    return finding_about(
        origin,
        now,
        ("settings", problem, occasion),
        kind="settings",
        severity="warning" if problem else "info",
        state="raised" if problem else "cleared",
        title="Prices cannot be used" if problem else "Prices are in use again",
        reason=(
            f"Parameter {parameter}: {problem}. The last good prices stay in use."
            if problem
            else f"Parameter {parameter} was mended."
        ),
        evidence={"parameter": parameter, "problem": problem},
    )


def judgement_evidence(judgement: CostJudgement) -> dict[str, Any]:
    """A verdict on an hour as plain JSON values."""
    return {
        "hour": judgement.start.isoformat(),
        "verdict": judgement.verdict.value,
        "measure": judgement.measure,
        "cause": judgement.cause,
        "usd": judgement.usd,
        "expected_usd": judgement.expected_usd,
        "parts_usd": dict(judgement.parts),
        "invocations": judgement.invocations,
        "usual_invocations": judgement.usual_invocations,
        "weeks": judgement.weeks,
    }


def cost_evidence(hour: EndpointHour) -> dict[str, Any]:
    """What an hour cost, and for what, as plain JSON values; None is not known."""
    cost: Cost = hour.cost
    predictions = prediction_cost([hour])
    return {
        "usd": cost.usd,
        "usd_per_thousand_predictions": predictions.usd_per_thousand,
        "idle_usd": predictions.idle_usd,
        "serving": _uses(cost.serving),
        "deployment": _uses(cost.deployment),
        "storage_usd": cost.storage_usd,
        "data_usd": cost.data_usd,
    }


def price_evidence(prices: Mapping[Product, Price]) -> dict[str, dict[str, Any]]:
    """Prices with their source and date, by component and item."""
    return {
        f"{product.component}/{product.item}": {
            "usd": price.usd,
            "source": price.source,
            "as_of": price.as_of.isoformat(),
        }
        for product, price in prices.items()
    }


def _uses(uses: Mapping[str, Use]) -> dict[str, dict[str, float | None]]:
    return {item: {"hours": use.hours, "usd": use.usd} for item, use in uses.items()}
