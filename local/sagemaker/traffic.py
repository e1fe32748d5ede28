"""Traffic that is counted without being served: a minute of requests, routed, failed and timed by chance.

It goes by the weights and the declared behaviour of the moment, into the same metrics as served requests.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt

from local.sagemaker.behaviour import Behaviour, behaviour_of, drawn
from local.sagemaker.containers import container_of
from local.sagemaker.endpoints import endpoint_named
from local.sagemaker.errors import invalid
from local.sagemaker.fleets import routes, routes_to
from local.sagemaker.metrics import EndpointMetrics, Served
from local.sagemaker.service import Service

OVERHEAD_MS, OVERHEAD_CV = 2.0, 0.5


class Traffic(BaseModel):
    """A minute's requests to an endpoint. `seed` makes the same chance of the same request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    minute: AwareDatetime
    requests: int = Field(ge=0, le=1_000_000)
    seed: NonNegativeInt | None = None
    target_variant: str = ""


def send_traffic(
    service: Service, behaviours: Mapping[str, Behaviour], metrics: EndpointMetrics, traffic: Traffic
) -> list[dict[str, Any]]:
    """Count a minute's requests. `behaviours` replaces what SageMaker models declare, by their names.

    Gives what each variant of each fleet got: `{"variant", "config", "requests", "errors"}`. Raises RefusedError when
    the endpoint is not there or answers nothing.
    """
    endpoint = endpoint_named(service, traffic.endpoint)
    hosting = service.changes.of(endpoint)
    if hosting.status in ("OutOfService", "Failed"):
        raise invalid(f'Endpoint "{endpoint.arn}" takes no requests: {hosting.status}')
    fleets = hosting.fleet, hosting.green, hosting.green_share
    ways = routes_to(traffic.target_variant, *fleets) if traffic.target_variant else routes(*fleets)
    random = np.random.default_rng(traffic.seed)
    total = sum(way.share for way in ways)
    parts = random.multinomial(traffic.requests, [way.share / total for way in ways])
    overhead = Behaviour(latency_ms=OVERHEAD_MS, latency_cv=OVERHEAD_CV)
    got = []
    minute: datetime = traffic.minute
    for way, requests in zip(ways, parts.tolist(), strict=True):
        model = way.fleet.model_of(way.variant)
        behaviour = behaviours.get(model) or behaviour_of(container_of(service.backend, model).get("Environment", {}))
        outcome = drawn(behaviour, requests, random)
        served = Served(traffic.endpoint, way.variant, way.fleet.config_name)
        metrics.count_many(
            served, minute, outcome.errors, outcome.latencies, drawn(overhead, requests, random).latencies
        )
        got.append(
            {
                "variant": way.variant,
                "config": way.fleet.config_name,
                "requests": requests,
                "errors": outcome.errors,
            }
        )
    return got
