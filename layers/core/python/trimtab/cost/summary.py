"""The account's view of cost: per endpoint the last hour, the month so far and its forecast; all together; by tag."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from math import fsum
from typing import Any

from trimtab.cost.attribution import EndpointBill, cost_by_tag
from trimtab.cost.components import component_costs
from trimtab.cost.evidence import cost_evidence, price_evidence
from trimtab.cost.forecast import MonthCost, forecast_month
from trimtab.cost.hours import EndpointHour, add_costs
from trimtab.cost.ledger import HOUR, Hours, month_of, unpriced_items
from trimtab.cost.memory import Memory
from trimtab.cost.predictions import prediction_cost
from trimtab.cost.prices import Price, Product

VERSION = 1


@dataclass(frozen=True, slots=True)
class View:
    """Of which account, region and moment a view is. `price_problem`: why the Pricing API gave no prices, "" when it
    did or was not asked."""

    account: str
    region: str
    until: datetime
    bundled_as_of: str
    price_problem: str = ""


def endpoint_row(
    memory: Memory,
    hours: Hours,
    until: datetime,
    prices: Mapping[Product, Price],
    impact: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An endpoint in the view, as plain JSON values; None is not known. `impact`: what a canary earned in the last day
    whose outcomes are known."""
    alert, ended = memory.alert, memory.ended
    within = [hour for start, hour in hours.items() if month_of(start) == month_of(until) and start < until]
    known = [hour for hour in within if hour.cost.usd is not None]
    counted = prediction_cost(hour for hour in known if hour.invocations is not None)
    cost = add_costs(hour.cost for hour in known)
    last = hours.get(until - HOUR)
    return {
        "configuration": memory.configuration,
        "tags": dict(memory.tags),
        "last_hour": last and _hour_row(last),
        "month": {
            **asdict(_month(memory, hours, until)),
            "usd_per_thousand_predictions": counted.usd_per_thousand,
            "predictions": counted.invocations,
            "idle_usd": counted.idle_usd,
            "deployment_usd": cost.deployment_usd,
        },
        "components": component_costs(within),
        "revenue_impact": impact,
        "anomaly": {"state": alert.state.value, "since": alert.since and alert.since.isoformat()},
        "verdict": dict(memory.verdict),
        "unpriced": sorted(unpriced_items(within)),
        "prices": price_evidence(prices),
        "ended": ended and ended.isoformat(),
    }


def account_summary(
    view: View, rows: Mapping[str, Mapping[str, Any]], tag_keys: Iterable[str], billing: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The account's view as plain JSON values. What is known is added up, and whose cost is not known is named.
    `billing`: what was billed against what was computed; None: nothing says where the bills are."""
    rows = dict(sorted(rows.items()))
    bills = [EndpointBill(name, row["tags"], row["month"]["to_date_usd"]) for name, row in rows.items()]
    forecasts = {name: row["month"]["forecast_usd"] for name, row in rows.items()}
    return {
        "version": VERSION,
        "account": view.account,
        "region": view.region,
        "until": view.until.isoformat(),
        "month": month_of(view.until),
        "currency": "USD",
        "total": {
            "to_date_usd": fsum(bill.usd for bill in bills if bill.usd is not None),
            "to_date_unknown": [bill.endpoint for bill in bills if bill.usd is None],
            "forecast_usd": fsum(usd for usd in forecasts.values() if usd is not None),
            "forecast_unknown": [name for name, usd in forecasts.items() if usd is None],
        },
        "by_tag": {key: {value: asdict(cost) for value, cost in cost_by_tag(bills, key).items()} for key in tag_keys},
        "prices": {"bundled_as_of": view.bundled_as_of, "problem": view.price_problem},
        "billing": billing,
        "endpoints": rows,
    }


def rows_to_keep(summary: Mapping[str, Any], until: datetime) -> dict[str, Any]:
    """The rows of an earlier view: those of endpoints that are gone stay until their month is over."""
    rows: Mapping[str, Any] = summary.get("endpoints", {})
    month = month_of(until)
    return {name: row for name, row in rows.items() if row["ended"] is None or row["ended"][:7] >= month}


def _month(memory: Memory, hours: Hours, until: datetime) -> MonthCost:
    """The cost of the month that `until` is in. An endpoint that has ended will cost nothing any more."""
    costs = {start: hour.cost.usd for start, hour in hours.items()}
    if memory.ended is None:
        return forecast_month(costs, until, created=memory.created, changed=memory.changed)
    month = until.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = forecast_month(costs, max(memory.ended, month), created=memory.created, changed=memory.changed)
    return replace(last, forecast_usd=last.to_date_usd, low_usd=last.to_date_usd, high_usd=last.to_date_usd)


def _hour_row(hour: EndpointHour) -> dict[str, Any]:
    return {"start": hour.start.isoformat(), "predictions": hour.invocations, **cost_evidence(hour)}
