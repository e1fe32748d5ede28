from trimtab.rollout.scaling import ScalableTarget, canary_policies, without_scale_in

CUSTOM = {
    "TargetValue": 140.0,
    "CustomizedMetricSpecification": {
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "EndpointName", "Value": "churn"}, {"Name": "VariantName", "Value": "Blue"}],
    },
}


def test_only_what_takes_instances_away_is_suspended():
    before = {
        "DynamicScalingInSuspended": False,
        "DynamicScalingOutSuspended": True,
        "ScheduledScalingSuspended": False,
    }
    assert without_scale_in(before) == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": True,
        "ScheduledScalingSuspended": True,
    }
    assert without_scale_in(without_scale_in(before)) == without_scale_in(before)


def test_policies_look_at_the_canary_and_step_scaling_is_left_to_its_owner():
    tracking = {
        "PolicyName": "cpu",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": CUSTOM,
    }
    step = {"PolicyName": "steps", "PolicyType": "StepScaling"}
    target = ScalableTarget(minimum=1, maximum=2, suspended={}, policies=(tracking, step))
    [policy] = canary_policies(target, "Blue", "Canary")
    dimensions = policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["Dimensions"]
    assert dimensions == [{"Name": "EndpointName", "Value": "churn"}, {"Name": "VariantName", "Value": "Canary"}]
    assert CUSTOM["CustomizedMetricSpecification"]["Dimensions"][1]["Value"] == "Blue"
