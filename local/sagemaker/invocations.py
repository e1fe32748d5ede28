"""`InvokeEndpoint` on moto's endpoints: pick the variant, let its model answer, count the request, and capture it."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.sagemaker.captures import Captures, captured_line
from local.sagemaker.containers import UnknownModelError, callable_of, model_named
from local.sagemaker.endpoints import Backend, RefusedError
from local.sagemaker.metrics import EndpointMetrics


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


def chosen_variant(variants: Sequence[Mapping[str, Any]], target: str, point: float) -> str:
    """The variant that serves a request: `target` when given, else by weight, where `point` in [0, 1) is the chance.

    Raises RefusedError for a target that is no variant, and when no variant has any weight.
    """
    weights = {str(variant["VariantName"]): float(variant.get("CurrentWeight", 0)) for variant in variants}
    if target:
        if target not in weights:
            raise RefusedError("ValidationError", f"Variant {target} not found for Request")
        return target
    left = point * sum(weights.values())
    for name, weight in weights.items():
        if left < weight:
            return name
        left -= weight
    raise RefusedError("ValidationError", "No production variant has a weight above 0")


def invoke(
    backend: Backend, replaced: Mapping[str, str], captures: Captures, metrics: EndpointMetrics, request: Invocation
) -> Answer:
    """Answer one request.

    `replaced` gives, by SageMaker model name, callables that stand in for those that the containers name. Raises
    RefusedError as SageMaker does: `ValidationError` for what can't be routed, `ModelError` for a model that failed.
    """
    endpoint = backend.endpoints.get(request.endpoint)
    if endpoint is None:
        account = backend.account_id
        raise RefusedError("ValidationError", f"Endpoint {request.endpoint} of account {account} not found.")
    at = datetime.now(UTC)
    variant = chosen_variant(endpoint.production_variants, request.target_variant, random.random())
    start, status = time.perf_counter(), 500
    try:
        name = _callable_behind(backend, endpoint.endpoint_config_name, variant, replaced)
        body, content_type = model_named(name)(request.body, request.content_type, request.accept)
        status = 200
    except Exception as error:
        reason = str(error) if isinstance(error, UnknownModelError) else f"{type(error).__name__}: {error}"
        raise RefusedError(
            "ModelError",
            f'Received server error (500) from primary with message "{reason}".',
            OriginalStatusCode=500,
            OriginalMessage=reason,
        ) from error
    finally:
        metrics.count(request.endpoint, variant, status, (time.perf_counter() - start) * 1e6)
    answer = Answer(variant, body, content_type)
    _capture(endpoint.data_capture_config, captures, request, answer, at)
    return answer


def _callable_behind(backend: Backend, config_name: str, variant: str, replaced: Mapping[str, str]) -> str:
    variants = backend.endpoint_configs[config_name].production_variants
    model = next(v["ModelName"] for v in variants if v["VariantName"] == variant)
    return replaced.get(model) or callable_of(model, backend._models[model].primary_container or {})


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
