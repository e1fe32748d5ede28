"""The README's deployment: `sam deploy --guided`, every question answered with its default."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.cloud import ROOT, VENVS, running_cloud
from local.deploy import build

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
