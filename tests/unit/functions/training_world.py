"""AWS as far as retraining and releasing use it, in memory, with the functions that act on it."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import botocore.client

from tests.unit.functions.aws_in_memory import ACCOUNT, Aws, error
from tests.unit.functions.rollout_world import account

PIPELINE = {"mode": "act", "pipeline": "churn-training", "model_package_group": "churn"}
JOB = {
    "mode": "act",
    "model_package_group": "churn",
    "training_job": {
        "image": f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/train@sha256:{'a' * 64}",
        "role": "arn:aws:iam::123456789012:role/training",
        "data": {"train": "s3://data/churn/train/"},
        "output": "s3://models/churn",
        "environment": {"CODE_COMMIT": "8f3e1c0"},
        "hyperparameters": {"depth": "6"},
    },
}
DATA = {"version": 1, "new_rows": 5000, "rows_per_class": {"0": 4000, "1": 1000}, "data_version": "dvc:3f2a"}
DETAIL = {
    "version": "1",
    "id": "f" * 64,
    "endpoint": "churn",
    "variant": "AllTraffic",
    "kind": "drift",
    "severity": "critical",
    "state": "raised",
    "title": "churn: data drift",
    "reason": "age moved",
    "evidence": {
        "window": {"start": "2026-11-20T00:00:00Z", "end": "2026-11-20T08:00:00Z"},
        "columns": {"age": {"verdict": "ALERT", "psi_adjusted": 0.6, "mean": [45.0, 52.0]}},
        "thresholds": {"psi": 0.1},
    },
    "links": {"verdict": "s3://state/windows/churn/AllTraffic/2026-11-20T00.json"},
}


class TrainingAws(Aws):
    """An account that also trains, runs pipelines and keeps a registry. `state`: how trainings and executions are."""

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.jobs, self.executions, self.steps = {}, {}, {}
        self.groups = {"churn"}
        self.registered = []
        self.usd = 0.23
        self.declared = ["Endpoint", "DriftWindow", "DriftReport", "Evaluation", "TrainingDataVersion", "ParentModel"]
        self.honours_tokens = True
        self.answers = {}

    # --- training jobs

    def CreateTrainingJob(self, TrainingJobName, **request):  # noqa: N802, N803
        if TrainingJobName in self.jobs:
            raise error("ResourceInUse", f"Training job names must be unique: {TrainingJobName}")
        arn = f"{ACCOUNT}:training-job/{TrainingJobName}"
        self.jobs[TrainingJobName] = {
            **{key: value for key, value in request.items() if key != "Tags"},
            "TrainingJobName": TrainingJobName, "TrainingJobArn": arn, "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Training", "CreationTime": datetime.now(UTC), "LastModifiedTime": datetime.now(UTC),
        }  # fmt: skip
        return {"TrainingJobArn": arn}

    def DescribeTrainingJob(self, TrainingJobName):  # noqa: N802, N803
        if TrainingJobName not in self.jobs:
            raise error("ValidationException", "Requested resource not found.")
        return self.jobs[TrainingJobName]

    def ListTrainingJobs(self, NameContains, StatusEquals, **_):  # noqa: N802, N803
        found = [
            job for name, job in self.jobs.items() if NameContains in name and job["TrainingJobStatus"] == StatusEquals
        ]
        keys = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingJobStatus")
        return {"TrainingJobSummaries": [{key: job[key] for key in keys} for job in found]}

    def end_job(self, status="Completed", secondary="", **told):
        """End the training that was begun last."""
        job = list(self.jobs.values())[-1]
        now = datetime.now(UTC)
        job.update(
            TrainingJobStatus=status, SecondaryStatus=secondary or status, LastModifiedTime=now,
            TrainingStartTime=now, TrainingEndTime=now, TrainingTimeInSeconds=500, BillableTimeInSeconds=100,
            ModelArtifacts={"S3ModelArtifacts": f"s3://models/churn/{job['TrainingJobName']}/output/model.tar.gz"},
        )  # fmt: skip
        job.update(told)
        return job

    # --- pipelines

    def StartPipelineExecution(self, PipelineName, ClientRequestToken, **request):  # noqa: N802, N803
        for arn, execution in self.executions.items():
            if self.honours_tokens and execution["token"] == ClientRequestToken:
                return {"PipelineExecutionArn": arn}
        arn = f"{ACCOUNT}:pipeline/{PipelineName}/execution/e{len(self.executions)}"
        now = datetime.now(UTC)
        self.executions[arn] = {
            **request, "token": ClientRequestToken, "PipelineExecutionStatus": "Executing", "CreationTime": now,
            "LastModifiedTime": now,
        }  # fmt: skip
        return {"PipelineExecutionArn": arn}

    def ListPipelineExecutions(self, CreatedAfter=None, **_):  # noqa: N802, N803
        return {
            "PipelineExecutionSummaries": [
                {
                    "PipelineExecutionArn": arn,
                    "PipelineExecutionStatus": each["PipelineExecutionStatus"],
                    "PipelineExecutionDisplayName": each["PipelineExecutionDisplayName"],
                }
                for arn, each in self.executions.items()
                if CreatedAfter is None or each["CreationTime"] >= CreatedAfter
            ]
        }

    def DescribePipeline(self, **_):  # noqa: N802
        return {"PipelineDefinition": json.dumps({"Parameters": [{"Name": name} for name in self.declared]})}

    def DescribePipelineExecution(self, PipelineExecutionArn):  # noqa: N802, N803
        execution = {k: v for k, v in self.executions[PipelineExecutionArn].items() if k != "token"}
        arn = PipelineExecutionArn.partition("/execution")[0]
        return {**execution, "PipelineExecutionArn": PipelineExecutionArn, "PipelineArn": arn}

    def ListPipelineExecutionSteps(self, PipelineExecutionArn, **_):  # noqa: N802, N803
        return {"PipelineExecutionSteps": self.steps.get(PipelineExecutionArn, [])}

    # --- the registry

    def CreateModelPackage(self, ModelPackageGroupName, **request):  # noqa: N802, N803
        if ModelPackageGroupName not in self.groups:
            raise error("ValidationException", "Model Package Group does not exist.")
        version = len(self.registered) + 1
        arn = f"{ACCOUNT}:model-package/{ModelPackageGroupName}/{version}"
        kept = {key: value for key, value in request.items() if key not in {"SkipModelValidation", "ClientToken"}}
        self.packages[arn] = {
            **kept, "ModelPackageArn": arn, "ModelPackageGroupName": ModelPackageGroupName,
            "ModelPackageVersion": version, "ModelPackageStatus": "Completed", "CreationTime": datetime.now(UTC),
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
        }  # fmt: skip
        self.registered.append(arn)
        return {"ModelPackageArn": arn}

    def ListModelPackages(self, ModelPackageGroupName, **_):  # noqa: N802, N803
        keys = (
            "ModelPackageArn", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageStatus",
            "ModelApprovalStatus", "CreationTime",
        )  # fmt: skip
        found = [each for each in self.packages.values() if each["ModelPackageGroupName"] == ModelPackageGroupName]
        return {"ModelPackageSummaryList": [{key: each[key] for key in keys} for each in found[::-1]]}

    # --- others

    def ListEndpoints(self, **_):  # noqa: N802
        keys = {"CreationTime": self.now, "LastModifiedTime": self.now, "EndpointStatus": "InService"}
        return {"Endpoints": [{"EndpointName": name, "EndpointArn": "arn", **keys} for name in self.endpoints]}

    def GetProducts(self, Filters, **_):  # noqa: N802, N803
        wanted = {each["Field"]: each["Value"] for each in Filters}
        attributes = {
            "locationType": "AWS Region", "regionCode": wanted["regionCode"], "component": wanted["component"],
            "instanceName": "ml.m5.xlarge", "usagetype": "Train",
        }  # fmt: skip
        dimension = {"unit": "Hrs", "pricePerUnit": {"USD": str(self.usd)}}
        row = {
            "product": {"productFamily": "ML Instance", "attributes": attributes},
            "terms": {"OnDemand": {"t": {"priceDimensions": {"r": dimension}}}},
            "publicationDate": "2026-11-01T00:00:00Z",
        }  # fmt: skip
        return {"PriceList": [json.dumps(row)] if self.usd else []}

    def PutObject(self, Bucket, Key, Body, IfNoneMatch=None, **_):  # noqa: N802, N803
        if IfNoneMatch and (Bucket, Key) in self.objects:
            raise error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
        self.objects[Bucket, Key] = Body

    def Invoke(self, FunctionName, Payload, InvocationType="RequestResponse", **_):  # noqa: N802, N803
        payload = json.loads(Payload)
        self.started.append((FunctionName, payload))
        if InvocationType == "RequestResponse":
            answer = self.answers.get(FunctionName, lambda _: {})(payload)
            return {"StatusCode": 200, "Payload": SimpleNamespace(read=lambda: json.dumps(answer).encode())}
        return {"StatusCode": 202}

    # --- for tests

    def memory(self, endpoint="churn", partition="retraining"):
        item = self.items.get((partition, endpoint))
        return json.loads(item["content"]["S"]) if item else {}

    def attempt(self):
        [attempt] = self.memory()["attempts"]
        return attempt

    def set(self, endpoint="churn", **retraining):
        self.parameters[f"/trimtab/endpoints/{endpoint}"] = json.dumps({"retraining": retraining})


def training_account(settings=PIPELINE, data=DATA):
    """The endpoint `churn` of the rollouts' tests, whose settings say how its model is retrained."""
    made = account()
    aws = TrainingAws(made.now, error_rates=made.error_rates)
    for name in ("models", "configs", "endpoints", "targets", "policies", "objects", "weights"):
        setattr(aws, name, getattr(made, name))
    aws.set(**settings)
    if data:
        aws.objects["state", "retraining/churn/data.json"] = json.dumps(data).encode()
    return aws


def install(monkeypatch, aws):
    """Put the account in the place of AWS. Clients are kept: each takes the account that was installed last."""
    for name, value in {
        "NAME": "trimtab",
        "STATE_BUCKET_NAME": "state",
        "STATE_TABLE_NAME": "state-table",
        "FINDINGS_BUS_NAME": "trimtab-findings",
        "START_RETRAINING_FUNCTION_NAME": "trimtab-start-retraining",
        "START_ROLLOUT_FUNCTION_NAME": "trimtab-start-rollout",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        botocore.client.BaseClient,
        "_make_api_call",
        lambda client, operation, parameters: aws.call(client, operation, parameters),
    )
    return aws


def drift(**changed):
    """A drift finding as the bus brings it."""
    detail = {**DETAIL, **changed}
    return {"detail-type": "Drift", "source": "trimtab", "id": "1", "detail": detail}
