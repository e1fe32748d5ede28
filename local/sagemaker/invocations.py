"""`InvokeEndpoint` on moto's endpoints: pick the variant, let its model answer, count the request, and capture it."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from local.sagemaker.behaviour import Behaviour, behaviour_of, drawn
from local.sagemaker.captures import Captures, captured_line
from local.sagemaker.containers import UnknownModelError, container_of, model_named, model_of
from local.sagemaker.errors import RefusedError
from local.sagemaker.fleets import Route, routes, routes_to, taken_route
from local.sagemaker.metrics import EndpointMetrics, Served
from local.sagemaker.service import Service

NOT_SERVING = ("OutOfService", "Failed")


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request to an endpoint; headers that the caller did not send are empty."""

    endpoint: str
    body: bytes
    content_type: str = ""
    accept: str = ""
    target_variant: str = ""
    custom_attributes: str = ""
    inference_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a variant's model answered."""

    variant: str
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """By SageMaker model name, what stands in for what the model's container names and declares."""

    callables: dict[str, str] = field(default_factory=dict)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)


class DeclaredFailureError(Exception):
    """A model failed because its container declares that it does at times."""


def invoke(
    service: Service, replaced: Replaced, captures: Captures, metrics: EndpointMetrics, request: Invocation
) -> Answer:
    """Answer one request.

    Raises RefusedError as SageMaker does: `ValidationError` for what can't be routed, `ModelError` for a model that
    failed.
    """
    arrived = time.perf_counter()
    endpoint = service.backend.endpoints.get(request.endpoint)
    hosting = service.changes.of(endpoint) if endpoint else None
    if hosting is None or hosting.status in NOT_SERVING:
        account = service.backend.account_id
        raise RefusedError("ValidationError", f"Endpoint {request.endpoint} of account {account} not found.")
    at = service.clock.now()
    fleets = hosting.fleet, hosting.green, hosting.green_share
    ways = routes_to(request.target_variant, *fleets) if request.target_variant else routes(*fleets)
    way = taken_route(ways, random.random())
    start, status = time.perf_counter(), 500
    try:
        body, content_type = _modelled(service, replaced, way, request)
        status = 200
    except Exception as error:
        known = isinstance(error, UnknownModelError | DeclaredFailureError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        raise RefusedError(
            "ModelError",
            f'Received server error (500) from primary with message "{reason}".',
            OriginalStatusCode=500,
            OriginalMessage=reason,
        ) from error
    finally:
        served = Served(request.endpoint, way.variant, way.fleet.config_name)
        metrics.count(served, status, (time.perf_counter() - start) * 1e6, (start - arrived) * 1e6)
    answer = Answer(way.variant, body, content_type)
    _capture(way.fleet.config.get("DataCaptureConfig", {}), captures, request, answer, at)
    return answer


def _modelled(service: Service, replaced: Replaced, way: Route, request: Invocation) -> tuple[bytes, str]:
    model = way.fleet.model_of(way.variant)
    container: Mapping[str, Any] = {}
    if model not in replaced.callables or model not in replaced.behaviours:
        container = container_of(service.backend, model)
    behaviour = replaced.behaviours.get(model) or behaviour_of(container.get("Environment", {}))
    if name := replaced.callables.get(model):
        answer = model_named(name)
    else:
        answer = way.fleet.loaded.get(model) or model_of(model, container, service.store)
        way.fleet.loaded[model] = answer
    outcome = drawn(behaviour, 1, np.random.default_rng())
    time.sleep(float(outcome.latencies[0]) / 1e6)
    if outcome.errors:
        raise DeclaredFailureError("the model's container declares that it fails at times")
    return answer(request.body, request.content_type, request.accept)


def _capture(config: Mapping[str, Any], captures: Captures, request: Invocation, answer: Answer, at: datetime) -> None:
    if config.get("EnableCapture") and random.random() * 100 < config["InitialSamplingPercentage"]:
        line = captured_line(
            config,
            input=request.body,
            input_type=request.content_type,
            output=answer.body,
            output_type=answer.content_type,
            at=at,
            inference_id=request.inference_id,
            custom_attributes=request.custom_attributes,
        )
        captures.add(request.endpoint, answer.variant, config["DestinationS3Uri"], line, at)
