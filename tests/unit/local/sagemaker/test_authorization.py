"""The permissions that an operation needs, and whose word is taken."""

from typing import Any

import pytest

from local.sagemaker.authorization import by_policy, permissions_for
from local.sagemaker.errors import RefusedError

ARN = "arn:aws:sagemaker:us-east-1:0"
EXECUTION = f"{ARN}:pipeline/p/execution/x"
TARGET = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/a/variant/b"}


def needed(service: Any, operation: str, parameters: dict[str, Any]) -> list[tuple[str, str]]:
    return [(p.action, p.resource) for p in permissions_for(service, operation, parameters, "0", "us-east-1")]


@pytest.mark.parametrize(
    ("operation", "parameters", "resources"),
    [
        ("DescribeEndpoint", {"EndpointName": "Churn"}, [f"{ARN}:endpoint/churn"]),
        (
            "UpdateEndpoint",
            {"EndpointName": "a", "EndpointConfigName": "b"},
            [f"{ARN}:endpoint/a", f"{ARN}:endpoint-config/b"],
        ),
        ("DeleteEndpointConfig", {"EndpointConfigName": "b"}, [f"{ARN}:endpoint-config/b"]),
        ("UpdateEndpointWeightsAndCapacities", {"EndpointName": "a"}, [f"{ARN}:endpoint/a"]),
        ("InvokeEndpoint", {"EndpointName": "a"}, [f"{ARN}:endpoint/a"]),
        ("DescribeModel", {"ModelName": "m"}, [f"{ARN}:model/m"]),
        ("DescribeModelPackage", {"ModelPackageName": "p"}, [f"{ARN}:model-package/p"]),
        ("DescribeModelPackage", {"ModelPackageName": f"{ARN}:model-package/g/1"}, [f"{ARN}:model-package/g/1"]),
        ("AddTags", {"ResourceArn": f"{ARN}:model/m"}, [f"{ARN}:model/m"]),
        ("ListEndpoints", {}, ["*"]),
        ("ListTrainingJobs", {"NameContains": "x"}, ["*"]),
        ("StopTrainingJob", {"TrainingJobName": "Job"}, [f"{ARN}:training-job/job"]),
        ("StartPipelineExecution", {"PipelineName": "myPipeline"}, [f"{ARN}:pipeline/myPipeline"]),
        ("StartPipelineExecution", {"PipelineName": f"{ARN}:pipeline/p"}, [f"{ARN}:pipeline/p"]),
        ("ListPipelineExecutions", {"PipelineName": "p"}, [f"{ARN}:pipeline/p"]),
        ("DescribePipelineExecution", {"PipelineExecutionArn": f"{ARN}:pipeline/p/execution/x"}, [EXECUTION]),
        ("ListPipelineExecutionSteps", {"PipelineExecutionArn": f"{ARN}:pipeline/p/execution/x"}, [EXECUTION]),
        ("StopPipelineExecution", {"PipelineExecutionArn": f"{ARN}:pipeline/p/execution/x"}, [EXECUTION]),
        (
            "CreateModelPackage",
            {"ModelPackageGroupName": "g"},
            [f"{ARN}:model-package-group/g", f"{ARN}:model-package/g/*"],
        ),
        ("UpdateModelPackage", {"ModelPackageArn": f"{ARN}:model-package/g/1"}, [f"{ARN}:model-package/g/1"]),
        ("ListModelPackages", {"ModelPackageGroupName": "g"}, ["*"]),
        ("CreateModelCard", {"ModelCardName": "c"}, [f"{ARN}:model-card/c"]),
    ],
)
def test_an_operation_is_about_the_resources_it_names(
    operation: str, parameters: dict[str, str], resources: list[str]
) -> None:
    assert needed("sagemaker", operation, parameters) == [(f"sagemaker:{operation}", name) for name in resources]


def test_a_role_has_to_be_passed() -> None:
    role = "arn:aws:iam::0:role/model"
    assert needed("sagemaker", "CreateModel", {"ModelName": "m", "ExecutionRoleArn": role}) == [
        ("sagemaker:CreateModel", f"{ARN}:model/m"),
        ("iam:PassRole", role),
    ]


def test_a_tagged_training_job_needs_its_role_and_its_tags() -> None:
    role = "arn:aws:iam::0:role/train"
    asked = {
        "TrainingJobName": "j",
        "RoleArn": role,
        "Tags": [{"Key": "a", "Value": "b"}],
        "ResourceConfig": {"InstanceType": "ml.m5.large"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    create, passed, tagged = permissions_for("sagemaker", "CreateTrainingJob", asked, "0", "us-east-1")
    assert (create.action, create.resource) == ("sagemaker:CreateTrainingJob", f"{ARN}:training-job/j")
    assert create.context == {"sagemaker:InstanceTypes": "ml.m5.large", "sagemaker:MaxRuntimeInSeconds": "60"}
    assert (passed.action, passed.resource) == ("iam:PassRole", role)
    assert (tagged.action, tagged.resource) == ("sagemaker:AddTags", f"{ARN}:training-job/j")


def test_policies_can_ask_what_a_version_is_approved_as() -> None:
    asked = {"ModelPackageArn": f"{ARN}:model-package/g/1", "ModelApprovalStatus": "Approved"}
    (permission,) = permissions_for("sagemaker", "UpdateModelPackage", asked, "0", "us-east-1")
    assert permission.context == {"sagemaker:ModelApprovalStatus": "Approved"}


def test_scaling_is_about_scalable_targets() -> None:
    ((action, resource),) = needed("application-autoscaling", "RegisterScalableTarget", TARGET)
    assert action == "application-autoscaling:RegisterScalableTarget"
    assert resource == "arn:aws:application-autoscaling:us-east-1:0:scalable-target/*"
    assert needed("application-autoscaling", "DescribeScalableTargets", TARGET)[0][1] == "*"
    (permission,) = permissions_for("application-autoscaling", "PutScalingPolicy", TARGET, "0", "us-east-1")
    assert permission.context == {"application-autoscaling:service-namespace": "sagemaker"}


def test_the_root_user_is_asked_for_no_policy() -> None:
    by_policy("http://127.0.0.1:1", iam=None)("test", "sagemaker", "DeleteEndpoint", {}, "0", "us-east-1")


def test_a_role_needs_every_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        def __enter__(self) -> "Answer":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self) -> bytes:
            return b'{"Arn": "arn:aws:sts::0:assumed-role/judge/judge"}'

    class Iam:
        def simulate_principal_policy(self, **asked: Any) -> dict[str, Any]:
            assert asked["PolicySourceArn"] == "arn:aws:iam::0:role/judge"
            allowed = asked["ResourceArns"] == [f"{ARN}:endpoint/a"]
            return {"EvaluationResults": [{"EvalDecision": "allowed" if allowed else "implicitDeny"}]}

    monkeypatch.setattr("local.sagemaker.authorization.urlopen", lambda *_, **__: Answer())
    authorize = by_policy("http://127.0.0.1:1", Iam())
    authorize("ASIA1", "sagemaker", "DescribeEndpoint", {"EndpointName": "a"}, "0", "us-east-1")
    both = {"EndpointName": "a", "EndpointConfigName": "b"}
    with pytest.raises(RefusedError, match=r"sagemaker:UpdateEndpoint on resource: .*endpoint-config/b") as refused:
        authorize("ASIA1", "sagemaker", "UpdateEndpoint", both, "0", "us-east-1")
    assert refused.value.code == "AccessDeniedException"
