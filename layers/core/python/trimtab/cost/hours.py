"""What an endpoint costs in an hour, or in any other time: instance-minutes times price.

Costs add: those of the parts of a time, however it is split, are the cost of the whole. What is not known stays unknown
in every sum.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import fsum
from typing import Any

from trimtab.cost.prices import Price, Product
from trimtab.cost.settings import PriceSettings

HOURS_PER_MONTH = 730
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Use:
    """Hours of computing and their cost in US dollars; None is not known."""

    hours: float | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of an endpoint over some time, in US dollars.

    `serving`: by item (instance type or serverless memory), what serves. `deployment`: what ran besides while a
    deployment was under way. `storage_usd`, `data_usd`: volumes, and requests and answers as far as they are counted.
    """

    serving: Mapping[str, Use] = field(default_factory=dict)
    deployment: Mapping[str, Use] = field(default_factory=dict)
    storage_usd: float = 0.0
    data_usd: float = 0.0

    @property
    def usd(self) -> float | None:
        """All of it; None when any part is unknown."""
        parts = [each.usd for uses in (self.serving, self.deployment) for each in uses.values()]
        return total([*parts, self.storage_usd, self.data_usd])

    @property
    def deployment_usd(self) -> float | None:
        """What deployments cost; None when any part of it is unknown."""
        return total(each.usd for each in self.deployment.values())

    @property
    def hours(self) -> float | None:
        """Hours of computing that served."""
        return total(each.hours for each in self.serving.values())

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Items that were used and have no known price."""
        uses = (*self.serving.items(), *self.deployment.items())
        return tuple(sorted({item for item, use in uses if use.usd is None and use.hours is not None}))


@dataclass(frozen=True, slots=True)
class Fleet:
    """The instances of one variant under one endpoint config.

    `instance_minutes`: by the start of a period, of which all fleets of an endpoint have the same; None: not known.
    """

    variant: str
    configuration: str
    product: Product
    instance_minutes: Mapping[datetime, float] | None
    volume_gb: float = 0.0


@dataclass(frozen=True, slots=True)
class Serverless:
    """What a serverless variant did. `computed_seconds`: of all its requests together (Sum of ModelLatency, which
    counts microseconds, / 1e6); None: not known. `ready_seconds`: provisioned concurrency times seconds."""

    region: str
    memory_mb: int
    computed_seconds: float | None
    ready_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ComponentHour:
    """An inference component in an hour: the share of the instances that it reserved, and its requests; None: not
    known."""

    share: float
    invocations: float | None


@dataclass(frozen=True, slots=True)
class EndpointHour:
    """One endpoint in the hour that begins at `start`. `invocations`: None when they are not known. `components`: by
    name, of an endpoint that hosts inference components, where they are known."""

    start: datetime
    cost: Cost
    invocations: float | None
    components: Mapping[str, ComponentHour] = field(default_factory=dict)


def endpoint_cost(
    fleets: Iterable[Fleet],
    prices: Mapping[Product, Price],
    settings: PriceSettings,
    *,
    temporary: frozenset[str] = frozenset(),
    data_gb: float = 0.0,
) -> Cost:
    """The cost of an endpoint's instances. A product without a key in `prices` has an unknown price.

    While a deployment replaces one fleet by another, both are billed: of the configurations that run in one period the
    dearest serves, the others are the deployment's cost. So are the variants in `temporary` (a canary's). `data_gb`:
    GB of requests and answers.
    """
    fleets = list(fleets)
    serving: list[Cost] = []
    volume_gb_hours = 0.0
    for fleet in fleets:
        if fleet.instance_minutes is None:
            serving.append(Cost(serving={fleet.product.item: Use(None, None)}))
        else:
            volume_gb_hours += fleet.volume_gb * fsum(fleet.instance_minutes.values()) / 60
    periods: dict[datetime, list[tuple[Fleet, float]]] = {}
    for fleet in fleets:
        for moment, minutes in (fleet.instance_minutes or {}).items():
            if minutes > 0:
                periods.setdefault(moment, []).append((fleet, minutes))
    serving += [_period_cost(running, prices, temporary) for running in periods.values()]
    storage_usd = volume_gb_hours / HOURS_PER_MONTH * settings.storage_usd_per_gb_month
    return add_costs([*serving, Cost(storage_usd=storage_usd, data_usd=data_gb * settings.data_usd_per_gb)])


def serverless_cost(
    use: Serverless, prices: Mapping[Product, Price], settings: PriceSettings, *, data_gb: float = 0.0
) -> Cost:
    """The cost of a serverless variant: N·t·price(memory), and provisioned concurrency times seconds times its price.

    Requests served by provisioned concurrency are counted at the price of those that are not, which is a little more.
    """
    gb = use.memory_mb // 1024
    computing = Product(use.region, "ServerlessInf", f"Mem-{gb}GB")
    ready = Product(use.region, "ProvisionedConcurrency", f"Usage-{gb}GB")
    seconds = {computing: use.computed_seconds, ready: use.ready_seconds}
    return Cost(
        serving={
            product.item: Use(
                None if each is None else each / SECONDS_PER_HOUR,
                _priced(each, prices.get(product)),
            )
            for product, each in seconds.items()
            if each != 0
        },
        data_usd=data_gb * settings.data_usd_per_gb,
    )


def add_costs(costs: Iterable[Cost]) -> Cost:
    """The sum of several costs."""
    parts = list(costs)
    return Cost(
        serving=_add_uses(part.serving for part in parts),
        deployment=_add_uses(part.deployment for part in parts),
        storage_usd=fsum(part.storage_usd for part in parts),
        data_usd=fsum(part.data_usd for part in parts),
    )


def total(amounts: Iterable[float | None]) -> float | None:
    """The sum; None when one of them is not known."""
    known = []
    for amount in amounts:
        if amount is None:
            return None
        known.append(amount)
    return fsum(known)


def hour_document(hour: EndpointHour) -> dict[str, Any]:
    """An endpoint's hour as plain JSON values, to be kept."""
    cost = hour.cost
    document: dict[str, Any] = {
        "start": hour.start.isoformat(),
        "invocations": hour.invocations,
        "serving": {item: [use.hours, use.usd] for item, use in cost.serving.items()},
        "deployment": {item: [use.hours, use.usd] for item, use in cost.deployment.items()},
        "storage_usd": cost.storage_usd,
        "data_usd": cost.data_usd,
    }
    if hour.components:
        document["components"] = {name: [each.share, each.invocations] for name, each in hour.components.items()}
    return document


def hour_from_document(document: Mapping[str, Any]) -> EndpointHour:
    """The inverse of `hour_document`."""
    serving, deployment = (
        {item: Use(hours, usd) for item, (hours, usd) in document[part].items()} for part in ("serving", "deployment")
    )
    cost = Cost(serving, deployment, document["storage_usd"], document["data_usd"])
    components = {name: ComponentHour(*each) for name, each in document.get("components", {}).items()}
    return EndpointHour(datetime.fromisoformat(document["start"]), cost, document["invocations"], components)


def _period_cost(
    running: Iterable[tuple[Fleet, float]], prices: Mapping[Product, Price], temporary: frozenset[str]
) -> Cost:
    """The cost of the fleets that ran in one period, of which one configuration serves."""
    by_configuration: dict[str, list[tuple[str, Use]]] = {}
    deployment: list[tuple[str, Use]] = []
    for fleet, minutes in running:
        use = Use(minutes / 60, _priced(minutes / 60, prices.get(fleet.product)))
        if fleet.variant in temporary:
            deployment.append((fleet.product.item, use))
        else:
            by_configuration.setdefault(fleet.configuration, []).append((fleet.product.item, use))
    ranked = sorted(by_configuration, key=lambda name: (*_size(by_configuration[name]), name))
    for configuration in ranked[:-1]:
        deployment += by_configuration[configuration]
    serving = by_configuration[ranked[-1]] if ranked else []
    return Cost(_add_uses({item: use} for item, use in serving), _add_uses({item: use} for item, use in deployment))


def _size(uses: Iterable[tuple[str, Use]]) -> tuple[float, float]:
    uses = list(uses)
    return fsum(use.usd or 0.0 for _, use in uses), fsum(use.hours or 0.0 for _, use in uses)


def _priced(amount: float | None, price: Price | None) -> float | None:
    return None if amount is None or price is None else amount * price.usd


def _add_uses(parts: Iterable[Mapping[str, Use]]) -> dict[str, Use]:
    collected: dict[str, list[Use]] = {}
    for part in parts:
        for item, use in part.items():
            collected.setdefault(item, []).append(use)
    return {
        item: Use(total(use.hours for use in uses), total(use.usd for use in uses))
        for item, uses in sorted(collected.items())
    }
