"""What inference components cost that share an endpoint's instances: each pays for what its copies reserve, used or
not, and what nobody reserves is named."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import fsum
from typing import Any

from trimtab.cost.catalogue import InstanceType
from trimtab.cost.hours import ComponentHour, EndpointHour, total
from trimtab.cost.predictions import cost_per_thousand


@dataclass(frozen=True, slots=True)
class Reservation:
    """What an inference component holds: `copies`, and what each of them reserves. One that runs inside another, as an
    adapter does, reserves nothing of its own."""

    component: str
    copies: int
    cpus: float = 0.0
    accelerators: float = 0.0
    memory_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class Shares:
    """A cost divided among inference components by what they reserve, and what nobody reserved."""

    by_component: Mapping[str, float]
    unallocated: float


def reserved_shares(
    reservations: Iterable[Reservation], kind: InstanceType | None, instances: float
) -> dict[str, float] | None:
    """The share of so many instances that each component reserves: of their accelerators where any is reserved, else
    the larger of its shares of CPU and memory. None: what the type has is not known, or there is no instance."""
    held = list(reservations)
    if kind is None or instances <= 0:
        return None
    if any(each.accelerators for each in held):
        return (
            {each.component: each.copies * each.accelerators / (kind.gpus * instances) for each in held}
            if kind.gpus
            else None
        )
    if not kind.vcpus or not kind.memory_gib:
        return None
    return {
        each.component: each.copies * max(each.cpus / kind.vcpus, each.memory_mb / 1024 / kind.memory_gib) / instances
        for each in held
    }


def split_by_reservation(usd: float, reserved: Mapping[str, float]) -> Shares:
    """Divide the cost of shared instances. Shares of more than 1 together, as when capacity is just being removed, are
    scaled down to 1."""
    scale = max(1.0, fsum(reserved.values()))
    by_component = {name: usd * share / scale for name, share in sorted(reserved.items())}
    return Shares(by_component, max(0.0, usd - fsum(by_component.values())))


def with_components(
    hour: EndpointHour,
    reservations: Iterable[Reservation],
    requests: Mapping[str, Mapping[datetime, float]],
    types: Mapping[str, InstanceType],
) -> EndpointHour:
    """The hour with what its components reserve and the requests to each; as it was where several instance types
    served, or their number is not known. Requests that are not counted by variant are those of its components.

    `requests`: by component and hour; how many there were in one that is missing is not known.
    """
    served = list(hour.cost.serving.items())
    if len(served) != 1 or not served[0][1].hours:
        return hour
    [(item, use)] = served
    shares = reserved_shares(reservations, types.get(item), use.hours or 0.0)
    if not shares:
        return hour
    components = {name: ComponentHour(share, requests.get(name, {}).get(hour.start)) for name, share in shares.items()}
    counted = total(each.invocations for each in components.values())
    return replace(hour, components=components, invocations=counted if hour.invocations is None else hour.invocations)


def component_costs(hours: Iterable[EndpointHour]) -> dict[str, Any] | None:
    """What each component cost over these hours, as plain JSON values; None when no hour could be divided."""
    usd: dict[str, list[float]] = {}
    requests: dict[str, list[float | None]] = {}
    unallocated, divided = [], 0
    for hour in hours:
        paid = total(use.usd for use in hour.cost.serving.values())
        if not hour.components or paid is None:
            continue
        divided += 1
        split = split_by_reservation(paid, {name: each.share for name, each in hour.components.items()})
        unallocated.append(split.unallocated)
        for name, amount in split.by_component.items():
            usd.setdefault(name, []).append(amount)
            requests.setdefault(name, []).append(hour.components[name].invocations)
    if not divided:
        return None
    return {
        "hours": divided,
        "unallocated_usd": fsum(unallocated),
        "by_component": {
            name: {
                "usd": fsum(amounts),
                "predictions": total(requests[name]),
                "usd_per_thousand_predictions": cost_per_thousand(fsum(amounts), total(requests[name])),
            }
            for name, amounts in sorted(usd.items())
        },
    }
