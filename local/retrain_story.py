"""What the retraining demo is played on: the endpoint, its settings, its labelled rows, and what became of them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from local.cloud import ACCOUNT, REGION, ROOT, Cloud
from local.dataset import BUNDLED, CAR_LOAN_CHANGE_ROW, DataSet, load_dataset
from local.demo import ENDPOINT, create_endpoint, give_reference
from local.inbox import Queue
from local.payloads import cells, encode
from local.stage import DemoError

FOLDER = ROOT / ".local" / "demo-retrain"
"""Seconds that a deployed function is waited for."""
LABELLED = (CAR_LOAN_CHANGE_ROW, 37_500, 40_000)
"""The rows after the change whose labels are in; of these the newest from the second number on."""
HOLDOUT_EVERY = 5
BATCH = 500
USUAL: Mapping[str, float] = {"error_rate": 0.005, "latency_ms": 25.0, "latency_cv": 0.4}
TRAINING_PRICE = 0.23
"""US dollars for an hour of ml.m5.xlarge; the bundled prices have none of training."""
GUARDS: Mapping[str, Any] = {"attempt_cooldown_hours": 24, "release_cooldown_hours": 24}
GATES: Mapping[str, Any] = {"skip": ["memory"], "latency_ms": 250, "min_training_rows_ratio": 0.15}
"""Memory can't be measured here. Rows of after the change are few beside all that the old model had."""


@dataclass
class Story:
    """What the demo is played on, and what came of it so far."""

    cloud: Cloud
    outputs: Mapping[str, str]
    findings: Queue
    say: Callable[[str, str], None]
    now: datetime
    summary: dict[str, Any] = field(default_factory=dict)

    def advance(self, by: timedelta) -> None:
        """Let time pass on the SageMaker side."""
        self.now += by
        self.cloud.set_clock(self.now)

    def invoke(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a function, by its name in the template."""
        return self.cloud.invoke(self.outputs[f"{function}FunctionName"], payload)

    def state(self, partition: str) -> dict[str, Any]:
        """What the functions remember of the endpoint."""
        found = self.cloud.client("dynamodb").get_item(
            TableName=self.outputs["StateTableName"],
            Key={"pk": {"S": partition}, "sk": {"S": ENDPOINT}},
            ConsistentRead=True,
        )
        return dict(json.loads(found["Item"]["content"]["S"])) if "Item" in found else {}

    def attempts(self) -> list[dict[str, Any]]:
        """Every training that was started."""
        return list(self.state("retraining").get("attempts", []))

    def told(self, action: str) -> list[dict[str, Any]]:
        """The findings of an action, each once."""
        found = {body["detail"]["id"]: body["detail"] for body in self.findings.receive()}
        return [each for each in found.values() if (each.get("action") or {}).get("name") == action]


def prepare(story: Story, data: DataSet) -> None:
    """The endpoint with its reference and settings, the labelled rows, and what their owner tells of them."""
    cloud, bucket = story.cloud, story.outputs["CaptureBucketName"]
    create_endpoint(cloud, bucket)
    cloud.behave(ENDPOINT, **USUAL)
    cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName=ENDPOINT)
    prices = json.dumps({"overrides": {"Training/ml.m5.xlarge": TRAINING_PRICE}})
    cloud.client("ssm").put_parameter(Name="/trimtab/prices", Type="String", Value=prices, Overwrite=True)
    give_reference(cloud, story.outputs, data)
    change_settings(story)
    first, newest_from, end = LABELLED
    old, newest = data.rows.iloc[first:newest_from], data.rows.iloc[newest_from:end]
    is_holdout = np.arange(len(old)) % HOLDOUT_EVERY == 0
    put_rows(story, "train", old[~is_holdout])
    put_rows(story, "holdout", old[is_holdout])
    put_rows(story, "newest", newest)
    cloud.client("s3").put_object(
        Bucket=bucket, Key="labelled/champion/reference.csv.gz", Body=BUNDLED["car_loan:reference"].read_bytes()
    )
    tell_labels(story, data.rows.iloc[first:end], "labels-1")


def change_settings(story: Story, *, freeze: tuple[str, ...] = (), **guards: float) -> None:
    """Write the endpoint's settings: how it is retrained, and when nothing may be rolled out."""
    bucket = story.outputs["CaptureBucketName"]
    name = f"/trimtab/endpoints/{ENDPOINT}"
    ssm = story.cloud.client("ssm")
    known = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    retraining = {
        "mode": "act",
        "model_package_group": ENDPOINT,
        "training_job": {
            "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/car-loan",
            "role": f"arn:aws:iam::{ACCOUNT}:role/training",
            "data": {each: f"s3://{bucket}/labelled/{each}/" for each in ("train", "holdout", "newest", "champion")},
            "output": f"s3://{bucket}/models",
            "environment": {"TRIMTAB_LOCAL_TRAINER": "local.boosting:gradient_boosting"},
            "hyperparameters": {"trees": "100", "trees_per_step": "10", "learning_rate": "0.1"},
        },
        "spot": {"checkpoints": True},
        "guards": {**GUARDS, **guards},
        "gates": GATES,
    }
    value = json.dumps(known | {"retraining": retraining, "freeze": freeze})
    ssm.put_parameter(Name=name, Type="String", Value=value, Overwrite=True)


def put_rows(story: Story, channel: str, rows: pd.DataFrame) -> None:
    """Replace the rows of a channel of the training job."""
    body = rows.to_csv(index=False).encode()
    bucket = story.outputs["CaptureBucketName"]
    story.cloud.client("s3").put_object(Bucket=bucket, Key=f"labelled/{channel}/rows.csv", Body=body)


def tell_labels(story: Story, rows: pd.DataFrame, version: str) -> None:
    """The data document: how many labelled rows are new."""
    per_class = {str(label): int(count) for label, count in rows["repaid"].value_counts().items()}
    document = {"version": 1, "new_rows": len(rows), "rows_per_class": per_class, "data_version": version}
    story.cloud.client("s3").put_object(
        Bucket=story.outputs["StateBucketName"], Key=f"retraining/{ENDPOINT}/data.json", Body=json.dumps(document)
    )


def let_behave(story: Story) -> None:
    """What is deployed fails as often and takes as long as the old model did."""
    sagemaker = story.cloud.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    for variant in sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]:
        story.cloud.behave(variant["ModelName"], **USUAL)


def score(story: Story, rows: pd.DataFrame, *, batch: int = BATCH, retries: int = 5) -> pd.Series:
    """What the endpoint answers to rows now, asked again where the model fails."""
    runtime, features = story.cloud.client("sagemaker-runtime"), load_dataset("car_loan:analysis").features
    answers: list[int] = []
    for first in range(0, len(rows), batch):
        body = encode(cells(rows.iloc[first : first + batch], features), features, "CSV")
        for _ in range(retries):
            try:
                answered = runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType="text/csv", Body=body)
                break
            except runtime.exceptions.ModelError:
                continue
        else:
            raise DemoError(f"the endpoint failed {retries} times in a row")
        answers += [int(float(line.split(",")[1])) for line in answered["Body"].read().decode().splitlines()]
    return pd.Series(answers, index=rows.index)
