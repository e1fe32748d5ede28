import pytest

from trimtab.aws import application_autoscaling as autoscaling
from trimtab.rollout.scaling import ScalableTarget

pytestmark = pytest.mark.usefixtures("aws")

FREE = {"DynamicScalingInSuspended": False, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": False}
HELD = FREE | {"DynamicScalingInSuspended": True}
POLICY = {
    "PolicyName": "cpu",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    },
}


def register(variant="AllTraffic", **other):
    given = {"minimum": 1, "maximum": 4, "suspended": FREE, "policies": [POLICY]} | other
    autoscaling.register_scaling("churn", variant, **given)


def test_what_was_registered_is_described():
    assert autoscaling.describe_scaling("churn", "AllTraffic") is None
    register()
    register()  # again
    assert autoscaling.describe_scaling("churn", "AllTraffic") == ScalableTarget(
        minimum=1, maximum=4, suspended=FREE, policies=(POLICY,)
    )
    assert autoscaling.describe_scaling("churn", "Canary") is None


def test_suspending_leaves_limits_and_policies():
    register()
    autoscaling.suspend_scaling("churn", "AllTraffic", HELD)
    assert autoscaling.describe_scaling("churn", "AllTraffic") == ScalableTarget(
        minimum=1, maximum=4, suspended=HELD, policies=(POLICY,)
    )


def test_deregistering_takes_one_variant_away():
    register()
    register("Canary", policies=[])
    autoscaling.deregister_scaling("churn", "Canary")
    assert autoscaling.describe_scaling("churn", "Canary") is None
    assert autoscaling.describe_scaling("churn", "AllTraffic") is not None
