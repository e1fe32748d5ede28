"""Whose costs these are: by tag (team, project), and by inference component where several share instances."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum

UNTAGGED = ""


@dataclass(frozen=True, slots=True)
class EndpointBill:
    """What one endpoint cost, with its tags. `usd` None: not known."""

    endpoint: str
    tags: Mapping[str, str]
    usd: float | None


@dataclass(frozen=True, slots=True)
class TagCost:
    """What endpoints with the same value of a tag cost as far as it is known, and those of which it is not."""

    usd: float
    endpoints: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shares:
    """A cost divided among inference components by what they reserve, and what nobody reserved."""

    by_component: Mapping[str, float]
    unallocated: float


def cost_by_tag(bills: Iterable[EndpointBill], key: str) -> dict[str, TagCost]:
    """The cost by value of the tag, `UNTAGGED` without one. Every endpoint counts once, so the values add up to the
    whole. Keys are compared without regard to case, unless the tag stands there exactly."""
    groups: dict[str, list[EndpointBill]] = {}
    for bill in sorted(bills, key=lambda bill: bill.endpoint):
        groups.setdefault(_value(bill.tags, key), []).append(bill)
    return {
        value: TagCost(
            usd=fsum(bill.usd for bill in group if bill.usd is not None),
            endpoints=tuple(bill.endpoint for bill in group),
            unknown=tuple(bill.endpoint for bill in group if bill.usd is None),
        )
        for value, group in sorted(groups.items())
    }


def split_by_reservation(usd: float, reserved: Mapping[str, float]) -> Shares:
    """Divide the cost of shared instances. `reserved`: by inference component, the share of the accelerators (without
    any: the larger of its shares of CPU and memory) that all its copies reserve. Shares of more than 1 together, as
    when capacity is just being removed, are scaled down to 1."""
    scale = max(1.0, fsum(reserved.values()))
    by_component = {name: usd * share / scale for name, share in sorted(reserved.items())}
    return Shares(by_component, max(0.0, usd - fsum(by_component.values())))


def _value(tags: Mapping[str, str], key: str) -> str:
    if key in tags:
        return tags[key]
    alike = sorted(name for name in tags if name.casefold() == key.casefold())
    return tags[alike[0]] if alike else UNTAGGED
