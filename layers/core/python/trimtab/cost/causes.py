"""Why an hour cost more than another: the difference divided into parts that add up to it."""

from collections.abc import Mapping
from math import fsum
from typing import Literal

from trimtab.cost.hours import Cost, EndpointHour, Use

Cause = Literal["traffic", "instances", "instance_type", "price", "deployment", "storage_and_data", "lower_use"]


def parts_of_change(before: EndpointHour, after: EndpointHour) -> dict[Cause, float]:
    """The change of cost from one hour to the other in US dollars, by cause; both costs must be known.

    With S the cost of what served, H its hours and P = S/H before:
    price: Σ h'(p' − p) over items in both; instance_type: Σ h'·p − H'·P, an item that is new at its own price;
    traffic and instances: (H' − H)·P, of which traffic explains what growing with the predictions would have added.
    """
    old, new = _known(before.cost.serving), _known(after.cost.serving)
    old_hours, new_hours = (fsum(hours for hours, _ in each.values()) for each in (old, new))
    old_usd = fsum(usd for _, usd in old.values())
    old_price = {item: usd / hours for item, (hours, usd) in old.items() if hours > 0}
    price = fsum(usd - hours * old_price[item] for item, (hours, usd) in new.items() if item in old_price)
    if old_hours > 0:
        at_old_prices = fsum(new[item][0] * old_price[item] if item in old_price else new[item][1] for item in new)
        instance_type = at_old_prices - new_hours * old_usd / old_hours
        hours_usd = (new_hours - old_hours) * old_usd / old_hours
    else:
        instance_type, hours_usd = 0.0, fsum(usd for _, usd in new.values()) - old_usd
    share = _traffic_share(before.invocations, after.invocations, old_hours, new_hours)
    return {
        "traffic": hours_usd * share,
        "instances": hours_usd * (1 - share),
        "instance_type": instance_type,
        "price": price,
        "deployment": (after.cost.deployment_usd or 0.0) - (before.cost.deployment_usd or 0.0),
        "storage_and_data": _rest(after.cost) - _rest(before.cost),
    }


def _traffic_share(before: float | None, after: float | None, old_hours: float, new_hours: float) -> float:
    """Which share of the hours that were added went along with more predictions."""
    if before is None or after is None or new_hours <= old_hours or after <= before:
        return 0.0
    if before == 0 or old_hours == 0:
        return 1.0
    return min(1.0, old_hours * (after / before - 1) / (new_hours - old_hours))


def _known(uses: Mapping[str, Use]) -> dict[str, tuple[float, float]]:
    return {item: (use.hours, use.usd) for item, use in uses.items() if use.hours is not None and use.usd is not None}


def _rest(cost: Cost) -> float:
    return cost.storage_usd + cost.data_usd
