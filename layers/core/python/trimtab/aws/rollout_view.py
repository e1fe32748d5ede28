"""What a rollout in its present phase needs to see of AWS."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from trimtab.aws import sagemaker_deployments as deployments
from trimtab.aws.alarms import alarms_in_alarm
from trimtab.aws.application_autoscaling import describe_scaling
from trimtab.aws.rollout_metrics import read_variants
from trimtab.rollout.endpoint_alarms import raised_alarms
from trimtab.rollout.observed import EndpointState, Observed
from trimtab.rollout.readings import Readings
from trimtab.rollout.request import CANARY
from trimtab.rollout.state import WITH_TRAFFIC, Phase, Rollout

_SCALED = frozenset({Phase.SCALING, Phase.FINISHING, Phase.REMOVING, Phase.RESTORING})


def observe(rollout: Rollout) -> Observed:
    """The endpoint, and what else the phase asks for but the traffic. All of it as it is at this moment."""
    endpoint = _endpoint(rollout.endpoint)
    if endpoint is None:
        return Observed(None)
    prepares, scales = rollout.phase is Phase.PREPARING, rollout.phase in _SCALED
    return Observed(
        endpoint,
        has_model=prepares and _exists(deployments.describe_model, rollout.model),
        configs=_configs(rollout),
        present_model=_present_model(rollout) if prepares else {},
        production_scaling=describe_scaling(rollout.endpoint, rollout.variant) if scales else None,
        canary_scaling=describe_scaling(rollout.endpoint, CANARY) if scales else None,
        alarms=raised_alarms(alarms_in_alarm(), rollout.endpoint) if rollout.phase in WITH_TRAFFIC else (),
    )


def read_traffic(rollout: Rollout, now: datetime) -> Readings:
    """The minutes since the canary first had traffic."""
    return read_variants(
        rollout.endpoint,
        rollout.variant,
        rollout.ladder[0].since.replace(second=0, microsecond=0),
        now,
        error_metric=rollout.error_metric,
        latency_ms=rollout.latency_ms,
    )


def _endpoint(name: str) -> EndpointState | None:
    try:
        return deployments.describe_deployment(name)
    except deployments.NotFoundError:
        return None


def _configs(rollout: Rollout) -> frozenset[str]:
    """The endpoint config that the phase may have to make, if it exists."""
    trial = rollout.final if rollout.request.mode == "guardrail" else rollout.config
    wanted = {Phase.PREPARING: trial, Phase.FINISHING: rollout.final, Phase.REMOVING: rollout.before.config}
    name = wanted.get(rollout.phase)
    return frozenset({name}) if name and _exists(deployments.describe_config, name) else frozenset()


def _exists(describe: Callable[[str], object], name: str) -> bool:
    try:
        describe(name)
    except deployments.NotFoundError:
        return False
    return True


def _present_model(rollout: Rollout) -> dict[str, Any]:
    if rollout.request.model_package is None:
        return {}
    [name] = [
        each["ModelName"]
        for each in rollout.before.document["ProductionVariants"]
        if each["VariantName"] == rollout.variant
    ]
    return deployments.describe_model(name)
