import json

import pytest
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from local.ministack_logs import embedded_metrics


def test_what_powertools_prints_becomes_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics(namespace="Trimtab", service="watch_self")
    metrics.add_metric(name="Heartbeat", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="Heartbeat", unit=MetricUnit.Count, value=2)
    metrics.add_dimension(name="Name", value="trimtab")
    metrics.flush_metrics()
    [(namespace, datum)] = embedded_metrics(capsys.readouterr().out)
    assert namespace == "Trimtab"
    assert datum.pop("Timestamp") > 1.6e9
    dimensions = {each["Name"]: each["Value"] for each in datum.pop("Dimensions")}
    assert dimensions == {"service": "watch_self", "Name": "trimtab"}
    assert datum == {"MetricName": "Heartbeat", "Unit": "Count", "Values": [1.0, 2.0]}


def test_every_set_of_dimensions_is_a_metric_of_its_own() -> None:
    directive = {
        "Namespace": "N",
        "Dimensions": [[], ["a"], ["a", "gone"]],
        "Metrics": [{"Name": "m"}, {"Name": "text"}],
    }
    line = {"_aws": {"Timestamp": 1000, "CloudWatchMetrics": [directive]}, "a": 1, "m": 5, "text": "five"}
    found = [datum for _, datum in embedded_metrics(json.dumps(line))]
    assert [(datum["MetricName"], datum["Dimensions"]) for datum in found] == [
        ("m", []),
        ("m", [{"Name": "a", "Value": "1"}]),
    ]
    assert [datum["Values"] for datum in found] == [[5], [5]]


@pytest.mark.parametrize(
    "line", ["START RequestId", '{"_aws": 1}', '{"_aws": {"CloudWatchMetrics": [1]}}', '{"_aws":', '["_aws"]']
)
def test_other_lines_are_left_alone(line: str) -> None:
    assert list(embedded_metrics(line)) == []
