"""What is remembered of an endpoint's cost between runs, beside its hours."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from trimtab.cost.alert import CostAlert, alert_document, alert_from_document
from trimtab.cost.configurations import (
    Configuration,
    Stage,
    configuration_document,
    configuration_from_document,
    observe,
    since_then,
    stages_document,
    stages_from_document,
)
from trimtab.cost.ledger import HOUR, KEPT, LATE
from trimtab.cost.prices import Product
from trimtab.drift.windows import whole_hour


@dataclass(frozen=True, slots=True)
class Memory:
    """An endpoint as far as its cost goes.

    `seen`: when it was last there; `ended`: when it is known to have been gone. `unpriced`: the items of which people
    were told that nobody knows their price. `verdict`: on the last hour judged.
    """

    created: datetime
    seen: datetime
    stages: tuple[Stage, ...] = ()
    configurations: Mapping[str, Configuration] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    alert: CostAlert = field(default_factory=CostAlert)
    unpriced: frozenset[str] = frozenset()
    verdict: Mapping[str, Any] = field(default_factory=dict)
    ended: datetime | None = None

    @property
    def configuration(self) -> str:
        """The config that served last."""
        return max(
            (each for each in self.stages if each.serving), key=lambda each: each.serving or each.since
        ).configuration

    @property
    def changed(self) -> datetime | None:
        """When another config than the first began to serve, the last time."""
        served = sorted(each.serving for each in self.stages if each.serving)
        return served[-1] if len(served) > 1 else None

    def products(self, region: str) -> list[Product]:
        """What of its configs has a price, each once."""
        products = (product for each in self.configurations.values() for product in each.products(region))
        return list(dict.fromkeys(products))


def first_look(created: datetime, configuration: Configuration, now: datetime) -> Memory:
    """An endpoint that was never looked at. Its config is taken to have served since it was made, as far back as
    CloudWatch still tells."""
    since = max(created, configuration.created, now - KEPT)
    return Memory(created, now, (Stage(configuration.name, since, since),), {configuration.name: configuration})


def another_look(
    memory: Memory,
    configurations: Mapping[str, Configuration],
    *,
    created: datetime,
    configuration: str,
    pending: str,
    changed: datetime,
    now: datetime,
) -> Memory:
    """An endpoint that is there, with the `configurations` it uses now. One made anew under its name goes on with the
    old one's history."""
    if created > memory.created:
        stages: tuple[Stage, ...] = (*memory.stages, Stage(configuration, created, created))
    else:
        stages = memory.stages
    stages = observe(
        stages, configuration=configuration, pending=pending, changed=changed, seen=max(memory.seen, created), now=now
    )
    stages = since_then(stages, now - KEPT)
    known = {**memory.configurations, **configurations}
    used = {each.configuration: known[each.configuration] for each in stages}
    return replace(memory, created=created, seen=now, stages=stages, configurations=used, ended=None)


def ended_if_gone(memory: Memory, until: datetime) -> Memory:
    """An endpoint that is not there. It has ended when the hour in which it was last seen can change no more."""
    if memory.ended is None and until > whole_hour(memory.seen) + HOUR + LATE:
        return replace(memory, ended=memory.seen)
    return memory


def memory_document(memory: Memory) -> dict[str, Any]:
    """What is remembered as plain JSON values."""
    return {
        "created": memory.created.isoformat(),
        "seen": memory.seen.isoformat(),
        "stages": stages_document(memory.stages),
        "configurations": [configuration_document(each) for each in memory.configurations.values()],
        "tags": dict(memory.tags),
        "alert": alert_document(memory.alert),
        "unpriced": sorted(memory.unpriced),
        "verdict": dict(memory.verdict),
        "ended": memory.ended and memory.ended.isoformat(),
    }


def memory_from_document(document: Mapping[str, Any]) -> Memory | None:
    """The inverse of `memory_document`; None of an empty document: the endpoint was never looked at."""
    if not document:
        return None
    configurations = map(configuration_from_document, document["configurations"])
    return Memory(
        created=datetime.fromisoformat(document["created"]),
        seen=datetime.fromisoformat(document["seen"]),
        stages=stages_from_document(document["stages"]),
        configurations={each.name: each for each in configurations},
        tags=document["tags"],
        alert=alert_from_document(document["alert"]),
        unpriced=frozenset(document["unpriced"]),
        verdict=document["verdict"],
        ended=document["ended"] and datetime.fromisoformat(document["ended"]),
    )
