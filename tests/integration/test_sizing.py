"""rightsize_endpoints on the deployed stack: from 14 days of minutes to a finding, a change, and its undoing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.integration.deployed import VARIANT, Deployed, wait_for
from trimtab.sizing.queueing import p95_latency

pytestmark = pytest.mark.integration

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REQUESTS, INSTANCES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
COUNT, TYPE = 3, "ml.m5.xlarge"
DATA_PER_CALL = 1000


@pytest.fixture
def endpoint(stack: Deployed, request: pytest.FixtureRequest) -> Iterator[str]:
    """Three ml.m5.xlarge that Trimtab has known for long. (SageMaker's side can't make an endpoint in the past.)"""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].rstrip("-")
    sagemaker = stack.cloud.client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::000000000000:role/model",
        PrimaryContainer={"Image": "none", "Environment": {"TRIMTAB_LOCAL_MODEL": "local.models:echo"}},
    )
    variant = {"VariantName": VARIANT, "ModelName": name, "InstanceType": TYPE, "InitialInstanceCount": COUNT}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    content = {"config": name, "config_since": (datetime.now(UTC) - 90 * DAY).isoformat()}
    key = {"pk": {"S": f"endpoint#{name}"}, "sk": {"S": f"sizing#{VARIANT}"}}
    item = {**key, "content": {"S": json.dumps(content)}, "version": {"N": "1"}}
    stack.cloud.client("dynamodb").put_item(TableName=stack.outputs["StateTableName"], Item=item)
    yield name
    sagemaker.delete_endpoint(EndpointName=name)


def publish(stack: Deployed, endpoint: str, start: datetime, end: datetime, *, p99_ms: float = 140.0) -> None:
    """What SageMaker would have counted: a day's wave around 20 requests a second, 50 ms each."""
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": VARIANT}]
    by_namespace: dict[str, list[dict[str, Any]]] = {REQUESTS: [], INSTANCES: []}

    def add(namespace: str, metric: str, at: datetime, values: list[float], counts: list[float]) -> None:
        datum = {"MetricName": metric, "Dimensions": dimensions, "Timestamp": at, "Values": values, "Counts": counts}
        by_namespace[namespace].append(datum)

    for number in range((end - start) // MINUTE):
        at = start + number * MINUTE
        rps = 20 * (1 + 0.6 * np.sin((at.hour + at.minute / 60 - 9) / 24 * 2 * np.pi)) * (1 + number % 7 / 50)
        each = rps / COUNT
        p95 = 1000 * p95_latency(4, each, 0.05, 0.0973, 0.25)
        asked = float(round(rps * 60))
        add(REQUESTS, "Invocations", at, [1.0], [asked])
        add(REQUESTS, "InvocationsPerInstance", at, [1.0 / COUNT], [asked])
        add(
            REQUESTS,
            "ModelLatency",
            at,
            [45_000.0, 1000 * p95, 1000 * p99_ms],
            [0.9 * asked, 0.08 * asked, 0.02 * asked],
        )
        add(REQUESTS, "ConcurrentRequestsPerModel", at, [3.0], [1.0])
        add(INSTANCES, "CPUUtilization", at, [6 + 7 * each], [float(COUNT)])
        add(INSTANCES, "MemoryUtilization", at, [15.6], [float(COUNT)])
    cloudwatch = stack.cloud.client("cloudwatch")
    for namespace, data in by_namespace.items():
        for first in range(0, len(data), DATA_PER_CALL):
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[first : first + DATA_PER_CALL])


def ask(stack: Deployed, endpoint: str, at: datetime, **payload: Any) -> dict[str, Any]:
    answer = stack.invoke("rightsize_endpoints", {"endpoint": endpoint, "at": at.isoformat(), **payload})
    found: dict[str, Any] = answer["endpoints"][endpoint]
    return found


def targets(stack: Deployed, endpoint: str) -> list[dict[str, Any]]:
    described = stack.cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{endpoint}/variant/{VARIANT}"]
    )
    found: list[dict[str, Any]] = described["ScalableTargets"]
    return found


def titles(stack: Deployed, endpoint: str) -> list[str]:
    return [finding["title"] for finding in stack.findings(endpoint) if finding["kind"] == "sizing"]


def test_an_endpoint_is_sized_changed_and_put_back(stack: Deployed, endpoint: str) -> None:
    end = (datetime.now(UTC) - 5 * MINUTE).replace(minute=0, second=0, microsecond=0)
    begun = end - 12 * HOUR  # the change is made then, and looked at since
    publish(stack, endpoint, begun - 14 * DAY, begun)
    publish(stack, endpoint, begun, end, p99_ms=1500.0)
    stack.put_settings(endpoint, "sizing: {mode: act, latency_ms: 200}")
    stack.cloud.plant_faults(throttle={"DescribeEndpoint": 2, "RegisterScalableTarget": 1})

    answer = ask(stack, endpoint, begun)[VARIANT]
    assert answer["verdict"] == "OVERSIZED", answer
    assert answer["change"]["phase"] == "applying", answer
    [target] = targets(stack, endpoint)
    assert target["MinCapacity"] == 2
    working = json.loads(dict(stack.objects(stack.state_bucket, f"sizing/{endpoint}/{begun:%Y-%m-%d}"))[
        f"sizing/{endpoint}/{begun:%Y-%m-%d}.json"])["variants"][VARIANT]  # fmt: skip
    assert working["demand"]["days"] == 14
    assert working["workload"]["cpu"]["per_rps"] == pytest.approx(7, rel=0.05)
    assert "pricing_api" in working["prices_as_of"]
    assert list(stack.objects(stack.state_bucket, f"sizing/{endpoint}/hours/{VARIANT}/"))

    followed = ask(stack, endpoint, begun + 15 * MINUTE, command="follow")
    assert followed["phase"] == "promoted", followed
    assert ask(stack, endpoint, begun + 30 * MINUTE)[VARIANT]["verdict"] == "OVERSIZED"

    undone = ask(stack, endpoint, end, command="follow")
    assert undone["phase"] == "undoing", undone
    assert "p99 was over" in undone["reason"]
    assert ask(stack, endpoint, end + MINUTE, command="follow")["phase"] == "rolled_back"
    assert targets(stack, endpoint) == []
    wait_for(lambda: len(titles(stack, endpoint)) >= 5, 15, "the findings")
    told = titles(stack, endpoint)
    assert told[0].startswith(f"{endpoint} could run on")
    assert told[-1] == f"{endpoint} has the instances again that it had before"
    assert len(told) == 5


def test_an_endpoint_with_too_few_days_gets_no_answer(stack: Deployed, endpoint: str) -> None:
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    publish(stack, endpoint, end - 2 * DAY, end)
    answer = ask(stack, endpoint, end)[VARIANT]
    assert answer["verdict"] == "INSUFFICIENT_DATA"
    assert "of at least 7 days" in answer["reason"]
    assert titles(stack, endpoint) == []
