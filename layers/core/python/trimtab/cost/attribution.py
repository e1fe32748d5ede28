"""Whose costs these are, by tag (team, project)."""

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


def _value(tags: Mapping[str, str], key: str) -> str:
    if key in tags:
        return tags[key]
    alike = sorted(name for name in tags if name.casefold() == key.casefold())
    return tags[alike[0]] if alike else UNTAGGED
