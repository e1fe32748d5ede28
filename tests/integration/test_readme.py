"""What the README says to do is done: `sam deploy --guided` with every default, and the calls for canaries."""

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.cloud import ROOT, VENVS, running_cloud
from local.deploy import build
from local.sagemaker.containers import MODEL_VARIABLE
from tests.integration.deployed import VARIANT, Deployed, wait_for

pytestmark = pytest.mark.integration


def test_a_guided_deployment_with_every_default_works(tmp_path: Path) -> None:
    build(ROOT / "template.yaml", progress=lambda _: None)
    project = tmp_path / "project"
    project.mkdir()
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, project)
    (project / ".aws-sam").symlink_to(ROOT / ".aws-sam")
    with running_cloud(tmp_path / "cloud") as cloud:
        done = subprocess.run(
            [VENVS / "sam" / "bin" / "sam", "deploy", "--guided"],
            cwd=project,
            input="\n" * 40,
            env={**os.environ, **cloud.env},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        described = cloud.client("cloudformation").describe_stacks(StackName="trimtab")["Stacks"][0]
    outputs = {output["OutputKey"] for output in described["Outputs"]}
    assert {"CaptureBucketName", "AlertTopicArn", "FindingsBusName", "DetectDriftFunctionName"} <= outputs


def test_the_calls_for_canaries_are_taken_as_they_stand(stack: Deployed) -> None:
    """The payloads of its `aws lambda invoke` lines, and its `update_endpoint`."""
    readme = (ROOT / "README.md").read_text()
    invoked = re.findall(r"invoke --function-name trimtab-([a-z-]+) .*?--payload '(.*?)'", readme, re.DOTALL)
    assert [name for name, _ in invoked] == ["start-rollout", "judge-canary"]
    (_, rollout), (_, guard) = invoked
    (deploy,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    sagemaker = stack.cloud.client("sagemaker")
    stack.create_endpoint("churn", captures=False)
    sagemaker.create_model(
        ModelName="churn-v2",
        ExecutionRoleArn="arn:aws:iam::000000000000:role/model",
        PrimaryContainer={"Image": "none", "Environment": {MODEL_VARIABLE: "local.models:echo"}},
    )
    served = {"VariantName": VARIANT, "ModelName": "churn", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="churn-2", ProductionVariants=[served])
    assert stack.invoke("judge_canary", json.loads(guard)) == {"alarm": "trimtab-canary-churn"}
    exec(deploy, {"sagemaker": sagemaker})
    assert "PendingDeploymentSummary" in sagemaker.describe_endpoint(EndpointName="churn")
    stack.cloud.set_clock(datetime.now(UTC) + timedelta(hours=2))
    stack.cloud.set_clock(None)
    wait_for(lambda: served_by(stack, "churn") == "churn-2", 30, "the deployment")
    assert stack.invoke("start_rollout", json.loads(rollout))["phase"] == "preparing"
    stack.invoke("judge_canary", {"endpoint": "churn", "command": "abort", "by": "the test"})


def served_by(stack: Deployed, endpoint: str) -> str:
    """The config that an endpoint serves with; "" while it is being updated."""
    described = stack.cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    return str(described["EndpointConfigName"]) if described["EndpointStatus"] == "InService" else ""
