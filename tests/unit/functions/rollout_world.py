"""An endpoint in memory, with both functions of a rollout acting on it, minute by minute."""

import copy
import json
from types import SimpleNamespace

import botocore.client

from functions.judge_canary import app as judge_app
from functions.start_rollout import app as start_app
from tests.unit.functions.aws_in_memory import MINUTE, Aws, moment_ago
from trimtab.aws import clients, sagemaker_runtime

START = moment_ago(days=2)
TARGET = "endpoint/churn/variant/AllTraffic"
CANARY_TARGET = "endpoint/churn/variant/Canary"
POLICY = {
    "PolicyName": "track",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "CustomizedMetricSpecification": {
            "MetricName": "CPUUtilization",
            "Namespace": "/aws/sagemaker/Endpoints",
            "Dimensions": [{"Name": "EndpointName", "Value": "churn"}, {"Name": "VariantName", "Value": "AllTraffic"}],
            "Statistic": "Average",
        },
    },
}
OLD = {
    "ProductionVariants": [
        {
            "VariantName": "AllTraffic",
            "ModelName": "churn-v1",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 2,
            "InitialVariantWeight": 1.0,
        }
    ],
    "DataCaptureConfig": {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://captures/prefix",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
    },
    "KmsKeyId": "key",
    "Tags": [{"Key": "team", "Value": "growth"}, {"Key": "aws:cloudformation:stack-name", "Value": "x"}],
}


def account():
    """An endpoint `churn` that serves churn-v1 on four instances, two more than its config says, with scaling."""
    aws = Aws(START, error_rates={"churn-v1": 0.01, "churn-v2": 0.01, "bad": 0.05})
    for model in aws.error_rates:
        aws.models[model] = {
            "PrimaryContainer": {"Image": "image"},
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/x",
        }
    aws.configs["old"] = copy.deepcopy(OLD)
    aws.host("churn", "old")
    aws.endpoints["churn"].variants["AllTraffic"]["instances"] = 4
    state = dict.fromkeys(
        ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
    )
    aws.targets[TARGET] = {"ResourceId": TARGET, "MinCapacity": 2, "MaxCapacity": 8, "SuspendedState": state}
    aws.policies[TARGET] = {"track": POLICY}
    key = f"prefix/churn/AllTraffic/{START:%Y/%m/%d/%H}/00-00-000-x.jsonl"
    aws.objects["captures", key] = b"\n".join(captured(f'{{"x": {i}}}') for i in range(30))
    return aws


def captured(body):
    side = {"observedContentType": "application/json", "mode": "INPUT", "data": body, "encoding": "JSON"}
    metadata = {"eventId": "1", "inferenceTime": "2026-11-20T00:00:00Z"}
    return json.dumps({"captureData": {"endpointInput": side}, "eventMetadata": metadata, "eventVersion": "0"}).encode()


def alarm(variant):
    dimensions = [{"Name": "EndpointName", "Value": "churn"}, {"Name": "VariantName", "Value": variant}]
    return {
        "AlarmName": "5xx", "AlarmArn": "arn", "StateValue": "ALARM", "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors", "Dimensions": dimensions, "Statistic": "Sum", "Period": 60,
    }  # fmt: skip


def install(monkeypatch, context, aws):
    """The functions' world: `start(**document)`, `tick(**payload)` for a minute, `run()` to the end."""
    clients.client.cache_clear()
    sagemaker_runtime._client.cache_clear()
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "NAME": "trimtab",
        "STATE_BUCKET_NAME": "state",
        "STATE_TABLE_NAME": "state-table",
        "FINDINGS_BUS_NAME": "trimtab-findings",
        "JUDGE_CANARY_FUNCTION_NAME": "trimtab-judge-canary",
    }.items():
        monkeypatch.setenv(name, value)
    made = SimpleNamespace(aws=aws)
    monkeypatch.setattr(
        botocore.client.BaseClient,
        "_make_api_call",
        lambda client, operation, parameters: made.aws.call(client, operation, parameters),
    )

    def start(**document):
        asked = {"endpoint": "churn", "model": "churn-v2", "by": "anna", "at": made.aws.now.isoformat(), **document}
        return start_app.lambda_handler(asked, context)

    def tick(**payload):
        answer = judge_app.lambda_handler({"at": made.aws.now.isoformat(), **payload}, context)
        made.aws.now += MINUTE
        return answer["rollouts"].get("churn")

    def run(minutes=300, until=("promoted", "rolled_back", "failed")):
        for _ in range(minutes):
            if made.aws.change()["phase"] in until:
                return made.aws.change()
            tick()
        raise AssertionError(f"still {made.aws.change()['phase']}: {made.aws.change()['held']}")

    made.start, made.tick, made.run = start, tick, run
    return made
