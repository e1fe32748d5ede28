"""The instances that serve an endpoint: made from an endpoint config, routed to by weight.

While an endpoint is updated it has two: the old one serves, and the new one takes its share of the traffic over.
"""

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from local.sagemaker.errors import RefusedError

type Variant = dict[str, Any]
"""A ProductionVariantSummary, as DescribeEndpoint shows it."""

RETAINED = {
    "DesiredInstanceCount": ("CurrentInstanceCount", "DesiredInstanceCount"),
    "DesiredWeight": ("CurrentWeight", "DesiredWeight"),
}
"""The members of a variant that belong to a VariantPropertyType."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What serves by one endpoint config. Goes on serving when the config is deleted."""

    config: Mapping[str, Any]
    """The endpoint config's description at the time the fleet was made."""
    variants: list[Variant]
    loaded: dict[str, Any] = field(default_factory=dict)
    """What answers for its SageMaker models, by their names, as far as that is loaded."""

    @property
    def config_name(self) -> str:
        return str(self.config["EndpointConfigName"])

    @property
    def instances(self) -> int:
        """How many instances it should have. 0 for a serverless one."""
        return sum(variant.get("DesiredInstanceCount", 0) for variant in self.variants)

    def model_of(self, variant: str) -> str:
        """The name of the SageMaker model behind a variant."""
        return next(str(v["ModelName"]) for v in self.config["ProductionVariants"] if v["VariantName"] == variant)


@dataclass(frozen=True, slots=True)
class Route:
    """A way that requests can take, and the part of them that takes it."""

    fleet: Fleet
    variant: str
    share: float


def fleet_from(config: Mapping[str, Any], old: Sequence[Variant] = (), retained: Collection[str] = ()) -> Fleet:
    """A new fleet by an endpoint config's description.

    Variants that `old` has too keep the `retained` properties (of RETAINED) of the old ones.
    """
    config = deepcopy(dict(config))
    before = {variant["VariantName"]: variant for variant in old}
    kept = [member for property_type in retained for member in RETAINED[property_type]]
    variants = []
    for described in config["ProductionVariants"]:
        name = described["VariantName"]
        kept_values = {member: before[name][member] for member in kept if member in before.get(name, {})}
        variants.append(_variant(described) | kept_values)
    return Fleet(config, variants)


def _variant(described: Mapping[str, Any]) -> Variant:
    weight = float(described.get("InitialVariantWeight", 1.0))
    variant: Variant = {"VariantName": described["VariantName"], "CurrentWeight": weight, "DesiredWeight": weight}
    if "ServerlessConfig" in described:
        serverless = described["ServerlessConfig"]
        return variant | {"CurrentServerlessConfig": serverless, "DesiredServerlessConfig": serverless}
    count = described.get("InitialInstanceCount", 1)
    return variant | {"CurrentInstanceCount": count, "DesiredInstanceCount": count}


def routes(blue: Fleet, green: Fleet | None = None, green_share: float = 0.0) -> list[Route]:
    """The ways that requests take, by fleet and current weight. The shares add up to 1.

    Raises RefusedError when no variant of a fleet that should serve has any weight.
    """
    ways: list[Route] = []
    for fleet, share in ((blue, 1 - green_share), (green, green_share)):
        if fleet is None or share == 0:
            continue
        total = sum(float(variant["CurrentWeight"]) for variant in fleet.variants)
        if total == 0:
            raise RefusedError("ValidationError", "No production variant has a weight above 0")
        ways += [Route(fleet, v["VariantName"], share * float(v["CurrentWeight"]) / total) for v in fleet.variants]
    return ways


def routes_to(target: str, blue: Fleet, green: Fleet | None = None, green_share: float = 0.0) -> list[Route]:
    """The ways of requests that name their variant, whatever its weight. Raises RefusedError when there is none."""
    shares = ((blue, 1 - green_share), (green, green_share))
    serving = [(fleet, share) for fleet, share in shares if fleet is not None and share > 0]
    ways = [
        Route(fleet, target, share)
        for fleet, share in serving
        if any(variant["VariantName"] == target for variant in fleet.variants)
    ]
    if not ways:
        raise RefusedError("ValidationError", f"Variant {target} not found for Request")
    return ways


def taken_route(ways: Sequence[Route], point: float) -> Route:
    """The way that a request takes, where `point` in [0, 1) is the chance."""
    left = point * sum(way.share for way in ways)
    for way in ways:
        if left < way.share:
            return way
        left -= way.share
    return next(way for way in reversed(ways) if way.share > 0)
