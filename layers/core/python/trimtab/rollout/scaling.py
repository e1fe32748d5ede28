"""Automatic scaling of the variants while traffic moves between them.

Traffic that leaves production would let target tracking take its instances away, and a roll back would then overload
what is left: so production scales in no more until the rollout has ended.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


class ScalableTarget(BaseModel):
    """A variant that Application Auto Scaling scales. `suspended`: each of SUSPENSIONS. `policies`: as
    DescribeScalingPolicies shows them."""

    model_config = ConfigDict(frozen=True)

    minimum: int
    maximum: int
    suspended: Mapping[str, bool]
    policies: tuple[Mapping[str, Any], ...] = ()


def without_scale_in(suspended: Mapping[str, bool]) -> dict[str, bool]:
    """A suspended state in which nothing takes instances away, and the rest is as it was. Scheduled actions are held
    too: they set the same limits in both directions."""
    return {**suspended, "DynamicScalingInSuspended": True, "ScheduledScalingSuspended": True}


def canary_policies(target: ScalableTarget, variant: str, canary: str) -> list[dict[str, Any]]:
    """Production's target-tracking policies for the canary. Step scaling is left out: its alarms are its owner's."""
    return [
        {
            "PolicyName": policy["PolicyName"],
            "PolicyType": policy["PolicyType"],
            "TargetTrackingScalingPolicyConfiguration": _renamed(
                policy["TargetTrackingScalingPolicyConfiguration"], variant, canary
            ),
        }
        for policy in target.policies
        if policy["PolicyType"] == "TargetTrackingScaling"
    ]


def _renamed(value: Any, variant: str, canary: str) -> Any:
    """The configuration with the dimension VariantName of customized metrics turned to the canary."""
    if isinstance(value, list):
        return [_renamed(each, variant, canary) for each in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("Name") == "VariantName" and value.get("Value") == variant:
        return {**value, "Value": canary}
    return {key: _renamed(each, variant, canary) for key, each in value.items()}
