"""Rollouts on the local cloud, for who plays their minutes: endpoints with a new model to try, and the state of each.

Minutes are played by setting the SageMaker side's clock and telling judge_canary the moment, while what makes the
deployed functions run by themselves is stopped, for that knows real time only.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.cloud import Cloud
from local.deploy import STACK
from local.sagemaker.containers import MODEL_VARIABLE

VARIANT = "AllTraffic"
GOLDEN_REQUESTS = 10
PRODUCTION: Mapping[str, float] = {"error_rate": 0.01, "latency_ms": 80.0, "latency_cv": 0.5}
"""How old models behave."""
TIMED = ("JudgeCanary", "RollBackEndpoint")
"""The functions that change endpoints, by how the names of their triggers in the template begin."""

SCHEDULED = ("Name", "Description", "ScheduleExpression", "FlexibleTimeWindow", "Target")
"""What UpdateSchedule needs to leave a schedule as it is."""


@contextmanager
def triggers_stopped(cloud: Cloud, functions: Collection[str] = TIMED) -> Iterator[None]:
    """No schedule and no event runs these functions for the length of the block."""
    stopped = _triggers(cloud, functions)
    _switch(cloud, stopped, "DISABLED")
    try:
        yield
    finally:
        _switch(cloud, stopped, "ENABLED")


def models_of(endpoint: str) -> tuple[str, str]:
    """The names of an endpoint's old and its new model."""
    return f"{endpoint}-v1", f"{endpoint}-v2"


def create_endpoint(
    cloud: Cloud,
    name: str,
    bucket: str,
    *,
    new: Mapping[str, float] | None = None,
    golden: int = GOLDEN_REQUESTS,
    variant: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> None:
    """An endpoint that captures to a bucket, with its old model, some captured requests, and its new model beside it.

    `new`: how the new model behaves otherwise than the old one. `variant`, `config`: further members of the variant and
    of the endpoint config.
    """
    sagemaker, runtime = cloud.client("sagemaker"), cloud.client("sagemaker-runtime")
    old_model, new_model = models_of(name)
    for model, behaviour in ((old_model, PRODUCTION), (new_model, {**PRODUCTION, **(new or {})})):
        sagemaker.create_model(
            ModelName=model,
            ExecutionRoleArn="arn:aws:iam::000000000000:role/model",
            PrimaryContainer={"Image": model, "Environment": {MODEL_VARIABLE: "local.models:echo"}},
        )
        cloud.behave(model, **behaviour)
    served = {"VariantName": VARIANT, "ModelName": old_model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
    captured = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/captures",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    variants = [{**served, **(variant or {})}]
    sagemaker.create_endpoint_config(
        **{"EndpointConfigName": name, "ProductionVariants": variants, "DataCaptureConfig": captured, **(config or {})}
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    for i in range(golden):
        body = f"{i},{i / 10},{i * i}".encode()
        try:
            runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=body)
        except runtime.exceptions.ModelError:
            continue  # the model fails now and then; it was told to


def changes(cloud: Cloud, table: str) -> dict[str, Mapping[str, Any]]:
    """What is being done to every endpoint, as the functions keep it."""
    answer = cloud.client("dynamodb").query(
        TableName=table, KeyConditionExpression="pk = :change", ExpressionAttributeValues={":change": {"S": "change"}}
    )
    return {item["sk"]["S"]: json.loads(item["content"]["S"]) for item in answer["Items"]}


def _triggers(cloud: Cloud, functions: Collection[str]) -> list[tuple[str, str]]:
    """Type and name of each schedule and rule of the stack that runs one of the functions."""
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    return [
        (resource["ResourceType"], resource["PhysicalResourceId"])
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["LogicalResourceId"].startswith(tuple(functions))
        and resource["ResourceType"] in ("AWS::Scheduler::Schedule", "AWS::Events::Rule")
    ]


def _switch(cloud: Cloud, triggers: Collection[tuple[str, str]], state: str) -> None:
    schedules, events = cloud.client("scheduler"), cloud.client("events")
    for kind, name in triggers:
        if kind == "AWS::Scheduler::Schedule":
            known = schedules.get_schedule(Name=name)
            schedules.update_schedule(**{key: known[key] for key in SCHEDULED if key in known}, State=state)
        else:
            switch = events.enable_rule if state == "ENABLED" else events.disable_rule
            switch(Name=name.rpartition("/")[2].rpartition("|")[2])
