"""How many instances a canary needs, and the traffic weights that give it its share."""

from collections.abc import Mapping
from math import ceil

from trimtab.rollout.observed import EndpointState


def canary_instances(share: float, production: int) -> int:
    """Instances of production's type that serve `share` of what `production` instances serve at peak; at least one."""
    return max(1, ceil(round(share * production, 6)))


def traffic_weights(weight: float, share: float, variant: str, canary: str) -> dict[str, float]:
    """Traffic weights that give the canary `share` of what `variant` had at `weight`; other variants keep theirs."""
    return {variant: weight * (1 - share), canary: weight * share}


def has_weights(endpoint: EndpointState, wanted: Mapping[str, float]) -> bool:
    """Whether the variants have these traffic weights and serve by them."""
    seen = endpoint.variants
    return all(
        name in seen and same_weight(seen[name].weight, weight) and same_weight(seen[name].current_weight, weight)
        for name, weight in wanted.items()
    )


def same_weight(left: float, right: float) -> bool:
    """Whether two weights are one: SageMaker keeps them in single precision."""
    return abs(left - right) <= 1e-4 * max(1e-3, abs(left), abs(right))
