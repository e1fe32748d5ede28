import botocore.session
import pytest
from botocore.validate import ParamValidator

from trimtab.rollout.guarded import deployment_config
from trimtab.rollout.request import RequestError, parse_request

SHAPE = botocore.session.get_session().get_service_model("sagemaker").shape_for("DeploymentConfig")


def config(**document):
    return deployment_config(parse_request({"endpoint": "churn", "model": "v2", **document}), "alarm")


@pytest.mark.parametrize(
    ("steps", "routing"),
    [
        ([25, 50, 75, 100], {"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25}}),
        ([50, 100], {"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 50}}),
        ([10, 100], {"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10}}),
        ([100], {"Type": "ALL_AT_ONCE"}),
    ],
)
def test_the_steps_are_what_sagemaker_can_make_of_them(steps, routing):
    made = config(steps=steps, bake_minutes=5)
    policy = made["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {**routing, "WaitIntervalInSeconds": 300}
    assert policy["MaximumExecutionTimeoutInSeconds"] > 300 * (len(steps) + 1)
    assert made["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "alarm"}]}
    assert not ParamValidator().validate(made, SHAPE).has_errors()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "steps: 10, 25, 50, 100 cannot be made"),
        ({"steps": [60, 100]}, "steps: 60, 100 cannot be made"),
        ({"steps": [5, 100], "bake_minutes": [1, 2]}, "bake_minutes: SageMaker's guardrail waits equally long"),
        ({"steps": [10, 100], "bake_minutes": 61}, "bake_minutes: SageMaker's guardrail waits at most 60 minutes"),
        ({"steps": list(range(10, 101, 10)), "bake_minutes": 60}, "steps: they take"),
    ],
)
def test_what_it_cannot_make_is_refused(document, reason):
    with pytest.raises(RequestError, match=reason):
        config(**document)
