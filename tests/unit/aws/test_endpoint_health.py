from datetime import UTC, datetime, timedelta

import pytest

from trimtab.aws import clients, endpoint_health
from trimtab.aws.cloudwatch_metrics import Series
from trimtab.aws.endpoint_health import others_health, read_health
from trimtab.rollout.alarm_event import AlarmMetric

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
HOUR = timedelta(hours=1)
PLACES = [("churn", "a"), ("churn", "b")]


def publish(metric, values, endpoint="churn", variant="a"):
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    data = [
        {"MetricName": metric, "Dimensions": dimensions, "Timestamp": NOW - (i + 1) * HOUR / 60, "Value": value}
        for i, value in enumerate(values)
    ]
    clients.cloudwatch().put_metric_data(Namespace="AWS/SageMaker", MetricData=data)


@pytest.mark.usefixtures("aws")
def test_requests_and_errors_are_those_of_each_variant():
    publish("Invocations", [100, 200])
    publish("InvocationModelErrors", [3, 4])
    publish("ModelLatency", [90_000, 110_000, 500_000])
    publish("Invocations", [50], variant="b")
    latency = AlarmMetric("AWS/SageMaker", "ModelLatency", (), "Average", 60)
    first, second = read_health(PLACES, "InvocationModelErrors", NOW - HOUR, NOW, latency)
    assert (first.name, first.requests, first.errors, first.latency) == ("a", 300, 7, 110_000)
    assert (second.requests, second.errors, second.latency) == (50, 0, None)


def test_what_was_withheld_is_not_known(monkeypatch):
    series = [Series({NOW: 5.0}, is_complete=False), Series({NOW: 1.0}, is_complete=True)]
    monkeypatch.setattr(endpoint_health, "read_metrics", lambda *_: series)
    [health] = read_health(PLACES[:1], "InvocationModelErrors", NOW - HOUR, NOW)
    assert (health.requests, health.errors, health.error_rate) == (None, None, None)


def test_nothing_is_asked_for_no_variant():
    assert read_health([], "InvocationModelErrors", NOW - HOUR, NOW) == []


@pytest.mark.usefixtures("aws")
def test_other_endpoints_are_taken_as_a_whole():
    client = clients.sagemaker()
    client.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/r")
    for name in ("churn", "fraud"):
        variants = [
            {"VariantName": each, "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            for each in ("a", "b")
        ]
        client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        for variant in ("a", "b"):
            publish("Invocations", [100], name, variant)
            publish("InvocationModelErrors", [10], name, variant)
    [fraud] = others_health("churn", "InvocationModelErrors", NOW - HOUR, NOW)
    assert (fraud.name, fraud.requests, fraud.errors) == ("fraud", 200, 20)
