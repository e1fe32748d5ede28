"""What must be so before a rollout may begin, and the rollout it begins as."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any

from pydantic import ValidationError

from trimtab.rollout.guarded import deployment_config
from trimtab.rollout.observed import EndpointState, RaisedAlarm
from trimtab.rollout.request import CANARY, RequestError, RolloutRequest, resource_name
from trimtab.rollout.scaling import ScalableTarget
from trimtab.rollout.settings import RolloutSettings
from trimtab.rollout.state import Before, Rollout
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.validation import faults_of

_MULTI_MODEL = "MultiModel"


def chosen_variant(request: RolloutRequest, endpoint: EndpointState) -> str:
    """The variant whose place the new model is to take. Raises RequestError."""
    names = sorted(endpoint.variants)
    if request.variant is None and len(names) != 1:
        raise RequestError(f"variant: name one of {', '.join(names)}")
    variant = request.variant or names[0]
    if variant not in endpoint.variants:
        raise RequestError(f"variant: {endpoint.name} has no {variant}, only {', '.join(names)}")
    return variant


def thresholds_of(request: RolloutRequest, settings: RolloutSettings) -> CanaryThresholds:
    """The endpoint's thresholds with what the request says instead. Raises RequestError."""
    values = settings.thresholds.model_dump()
    limits = request.limits
    if request.margin is not None:
        values["margin"] = request.margin
    if limits.max_error_rate is not None:
        values["max_error_rate"] = limits.max_error_rate
    if limits.max_hours is not None:
        latest = max(1, ceil(limits.max_hours * 60))
        looks = [look for look in values["looks"] if look[0] <= latest]
        values |= {"latest_minutes": latest, "looks": looks or [(latest, values["looks"][0][1])]}
    try:
        return CanaryThresholds.model_validate(values)
    except ValidationError as error:
        raise RequestError(faults_of(error, with_paths=False)) from error


def objections(
    request: RolloutRequest,
    endpoint: EndpointState,
    config: Mapping[str, Any],
    present_model: Mapping[str, Any],
    *,
    variant: str,
    alarms: Sequence[RaisedAlarm],
    frozen_by: str,
) -> list[str]:
    """Why the rollout cannot begin; empty when it can. `config` and `present_model` as SageMaker describes them."""
    described: Mapping[str, Any] = next(
        (each for each in config["ProductionVariants"] if each["VariantName"] == variant), {}
    )
    seen = endpoint.variants[variant]
    others = [each["ModelName"] for each in (described, present_model) if each.get("ModelName")]
    containers = [*present_model.get("Containers", []), present_model.get("PrimaryContainer", {})]
    found = [
        (not endpoint.is_settled, f"the endpoint is {endpoint.status}"),
        (bool(frozen_by), f"a freeze window holds: {frozen_by}"),
        (bool(alarms), f"alarm {', '.join(alarm.name for alarm in alarms)} says that the endpoint is ill already"),
        ("ServerlessConfig" in described, f"{variant} is serverless, and has no second variant beside it"),
        (not described.get("ModelName"), f"{variant} has no model of its own (inference components are not supported)"),
        (any(each.get("Mode") == _MULTI_MODEL for each in containers), f"{variant} serves many models"),
        (
            any("ModelNameOverride" in pool for pool in described.get("InstancePools", [])),
            f"{variant}'s instance pools name models of their own",
        ),
        (request.model in others, f"{variant} serves {request.model} already"),
    ]
    if request.mode == "weights":
        found += [
            (bool(config.get("ShadowProductionVariants")), "SageMaker allows no canary beside a shadow variant"),
            (CANARY in endpoint.variants, f"there is a variant {CANARY} already"),
            (seen.weight <= 0, f"{variant} has no traffic"),
            (
                seen.instances > request.limits.max_instances,
                f"limits.max_instances: the canary needs up to {seen.instances} instances, "
                f"{request.limits.max_instances} are allowed",
            ),
        ]
    else:
        deployment_config(request, "alarm")
    return [why for holds, why in found if holds]


def new_rollout(
    request: RolloutRequest,
    rollout: str,
    endpoint: EndpointState,
    document: Mapping[str, Any],
    *,
    variant: str,
    thresholds: CanaryThresholds,
    latency_ms: float | None,
    error_metric: str,
    scaling: ScalableTarget | None,
    alarm: str,
    now: datetime,
) -> Rollout:
    """The rollout that a request begins. `document`: the present config as CreateEndpointConfig takes it."""
    seen = endpoint.variants[variant]
    begun = Rollout(
        id=rollout,
        request=request,
        variant=variant,
        model=request.model or resource_name(request.endpoint, rollout),
        phase_since=now,
        started=now,
        thresholds=thresholds,
        latency_ms=latency_ms,
        error_metric=error_metric,
        alarm=alarm,
        before=Before(
            config=endpoint.config,
            document=document,
            weight=seen.weight,
            instances=seen.instances,
            scaling=scaling,
        ),
    )
    steps = ", ".join(f"{step:g}" for step in request.steps)
    told = f"{begun.model} is to take {variant}'s place by {steps} % of its traffic"
    text = f"{told}: {request.reason}" if request.reason else told
    evidence = {"config": endpoint.config, "model": begun.model, "instances": seen.instances, "slow_ms": latency_ms}
    return begun.noted("started", now, text, request.by, evidence)
