"""A deployed stack in memory for `trimtab release`, with the real release_model behind it."""

import json
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import StringIO

from functions.release_model import app
from tests.unit.functions.training_world import install, training_account

OUTPUTS = {
    "ReleaseModelFunctionName": "trimtab-release-model",
    "StartRolloutFunctionName": "trimtab-start-rollout",
    "StateTableName": "state-table",
    "StateBucketName": "state",
}


class Context:
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:trimtab-release-model"
    aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    function_name = "trimtab-release-model"
    memory_limit_in_mb = 128


def handle(event):
    """The function's own answer; its metrics go elsewhere, as they do in Lambda."""
    with redirect_stdout(StringIO()):
        return app.lambda_handler(event, Context())


class World:
    """A deployed stack with the real release_model, an endpoint that serves version 1, and versions up to 3."""

    def __init__(self, monkeypatch, mode="observe"):
        self.aws = install(monkeypatch, training_account({"mode": mode, "model_package_group": "churn"}))
        for _ in range(3):
            self.aws.CreateModelPackage(
                "churn", ModelApprovalStatus="PendingManualApproval", LastModifiedTime=datetime.now(UTC)
            )
        self.arns = list(self.aws.registered)
        self.serve(1)
        self.aws.answers["trimtab-release-model"] = handle
        self.aws.answers["trimtab-start-rollout"] = self.start_rollout
        self.aws.UpdateModelPackage = self.update
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()]
        self.aws.DescribeStacks = lambda StackName: {  # noqa: N803
            "Stacks": [
                {"StackName": StackName, "CreationTime": datetime.now(UTC), "StackStatus": "UPDATE_COMPLETE",
                 "Outputs": outputs}
            ]
        }  # fmt: skip

    def update(self, ModelPackageArn, **values):  # noqa: N803
        self.aws.packages[ModelPackageArn] |= values | {"LastModifiedTime": datetime.now(UTC)}

    def serve(self, version):
        container = {"ModelPackageName": self.arns[version - 1]}
        self.aws.models["churn-v1"] = {"PrimaryContainer": container, "ExecutionRoleArn": "r"}

    def start_rollout(self, document):
        self.put_change(document["endpoint"], "preparing")
        return {"rollout": "r1", "phase": "preparing"}

    def put_change(self, endpoint, phase):
        content = json.dumps({"kind": "rollout", "id": "r1", "phase": phase, "reason": "it was slow"})
        self.aws.items["change", endpoint] = {"content": {"S": content}, "version": {"N": "1"}}

    def promote(self):
        """End every rollout well, and let release_model see it."""
        for _, endpoint in [key for key in self.aws.items if key[0] == "change"]:
            self.put_change(endpoint, "promoted")
        handle({})

    def approval(self, version):
        return self.aws.packages[self.arns[version - 1]]["ModelApprovalStatus"]

    def rollouts(self):
        return [document for name, document in self.aws.started if name == "trimtab-start-rollout"]
