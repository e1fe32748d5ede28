"""Automatic scaling of endpoint variants on AWS Application Auto Scaling."""

from collections.abc import Iterable, Mapping
from typing import Any

from trimtab.aws.clients import client
from trimtab.rollout.scaling import SUSPENSIONS, ScalableTarget

_NAMESPACE = "sagemaker"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def describe_scaling(endpoint: str, variant: str) -> ScalableTarget | None:
    """How a variant is scaled, None when it is not."""
    service = client("application-autoscaling")
    resource = _resource(endpoint, variant)
    pages = service.get_paginator("describe_scalable_targets").paginate(
        ServiceNamespace=_NAMESPACE, ResourceIds=[resource], ScalableDimension=_DIMENSION
    )
    found = [target for page in pages for target in page["ScalableTargets"]]
    if not found:
        return None
    policies = service.get_paginator("describe_scaling_policies").paginate(
        ServiceNamespace=_NAMESPACE, ResourceId=resource, ScalableDimension=_DIMENSION
    )
    suspended = found[0].get("SuspendedState", {})
    return ScalableTarget(
        minimum=found[0]["MinCapacity"],
        maximum=found[0]["MaxCapacity"],
        suspended={name: suspended.get(name, False) for name in SUSPENSIONS},
        policies=tuple(
            {
                name: policy[name]
                for name in ("PolicyName", "PolicyType", "TargetTrackingScalingPolicyConfiguration")
                if name in policy
            }
            for page in policies
            for policy in page["ScalingPolicies"]
        ),
    )


def suspend_scaling(endpoint: str, variant: str, suspended: Mapping[str, bool]) -> None:
    """Say which scaling of a registered variant is suspended; its limits stay as they are."""
    client("application-autoscaling").register_scalable_target(
        **_target(endpoint, variant), SuspendedState=dict(suspended)
    )


def register_scaling(
    endpoint: str,
    variant: str,
    *,
    minimum: int,
    maximum: int,
    suspended: Mapping[str, bool],
    policies: Iterable[Mapping[str, Any]],
) -> None:
    """Let a variant be scaled between limits by policies. Doing it again changes nothing."""
    service = client("application-autoscaling")
    target = _target(endpoint, variant)
    service.register_scalable_target(**target, MinCapacity=minimum, MaxCapacity=maximum, SuspendedState=dict(suspended))
    for policy in policies:
        service.put_scaling_policy(**target, **policy)


def deregister_scaling(endpoint: str, variant: str) -> None:
    """Let a variant be scaled no more; its policies go with it. One that is not scaled is left alone."""
    service = client("application-autoscaling")
    try:
        service.deregister_scalable_target(**_target(endpoint, variant))
    except service.exceptions.ObjectNotFoundException:
        return


def put_policy(endpoint: str, variant: str, name: str, configuration: Mapping[str, Any]) -> None:
    """Let target tracking scale a registered variant. A policy of this name is replaced."""
    client("application-autoscaling").put_scaling_policy(
        **_target(endpoint, variant),
        PolicyName=name,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=dict(configuration),
    )


def delete_policy(endpoint: str, variant: str, name: str) -> None:
    """Let a policy scale no more. One that is not there is left alone."""
    service = client("application-autoscaling")
    try:
        service.delete_scaling_policy(**_target(endpoint, variant), PolicyName=name)
    except service.exceptions.ObjectNotFoundException:
        return


def describe_schedules(endpoint: str, variant: str) -> list[dict[str, Any]]:
    """The scheduled actions of a variant as DescribeScheduledActions shows them."""
    pages = client("application-autoscaling").get_paginator("describe_scheduled_actions").paginate(
        **_target(endpoint, variant)
    )  # fmt: skip
    return [action for page in pages for action in page["ScheduledActions"]]


def put_schedule(endpoint: str, variant: str, name: str, schedule: str, limits: Mapping[str, int], zone: str) -> None:
    """Set limits (`MinCapacity`, `MaxCapacity`) of a registered variant by a schedule, in a time zone ("": UTC)."""
    client("application-autoscaling").put_scheduled_action(
        **_target(endpoint, variant),
        ScheduledActionName=name,
        Schedule=schedule,
        ScalableTargetAction=dict(limits),
        **({"Timezone": zone} if zone else {}),
    )


def delete_schedule(endpoint: str, variant: str, name: str) -> None:
    """Remove a scheduled action. One that is not there is left alone."""
    service = client("application-autoscaling")
    try:
        service.delete_scheduled_action(**_target(endpoint, variant), ScheduledActionName=name)
    except service.exceptions.ObjectNotFoundException:
        return


def failed_activities(endpoint: str, variant: str) -> list[str]:
    """Why scalings of a variant failed in the last six weeks, the latest first, of its last fifty activities."""
    answer = client("application-autoscaling").describe_scaling_activities(**_target(endpoint, variant), MaxResults=50)
    return [each.get("StatusMessage", "") for each in answer["ScalingActivities"] if each["StatusCode"] == "Failed"]


def _target(endpoint: str, variant: str) -> dict[str, str]:
    return {
        "ServiceNamespace": _NAMESPACE,
        "ResourceId": _resource(endpoint, variant),
        "ScalableDimension": _DIMENSION,
    }


def _resource(endpoint: str, variant: str) -> str:
    return f"endpoint/{endpoint}/variant/{variant}"
