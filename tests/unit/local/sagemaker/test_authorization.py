"""The resource a SageMaker operation is about, and whose word is taken."""

import pytest

from local.sagemaker.authorization import by_policy, resource_of

ARN = "arn:aws:sagemaker:us-east-1:0"


@pytest.mark.parametrize(
    ("operation", "parameters", "resource"),
    [
        ("DescribeEndpoint", {"EndpointName": "Churn"}, f"{ARN}:endpoint/churn"),
        ("CreateEndpoint", {"EndpointName": "a", "EndpointConfigName": "b"}, f"{ARN}:endpoint/a"),
        ("DescribeModel", {"ModelName": "m"}, f"{ARN}:model/m"),
        ("AddTags", {"ResourceArn": f"{ARN}:model/m"}, f"{ARN}:model/m"),
        ("ListEndpoints", {}, "*"),
        ("ListTrainingJobs", {"NameContains": "x"}, "*"),
    ],
)
def test_an_operation_is_about_the_resource_it_names(operation: str, parameters: dict[str, str], resource: str) -> None:
    assert resource_of(operation, parameters, "0", "us-east-1") == resource


def test_the_root_user_is_asked_for_no_policy() -> None:
    by_policy("http://127.0.0.1:1", iam=None)("test", "DeleteEndpoint", {}, "0", "us-east-1")
