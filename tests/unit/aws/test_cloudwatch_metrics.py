"""Series of CloudWatch: pages are joined, and what was withheld is not taken for zero."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from trimtab.aws import clients
from trimtab.aws.cloudwatch_metrics import MetricQuery, Series, read_metrics

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
END = START + timedelta(hours=1)
QUERY = MetricQuery("AWS/SageMaker", "Invocations", (("EndpointName", "churn"), ("VariantName", "blue")), "Sum", 60)


@pytest.fixture
def stub():
    clients.client.cache_clear()
    with Stubber(clients.cloudwatch()) as stubber:
        yield stubber
    clients.client.cache_clear()


def asked(count, **token):
    query = {
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SageMaker",
                "MetricName": "Invocations",
                "Dimensions": [{"Name": "EndpointName", "Value": "churn"}, {"Name": "VariantName", "Value": "blue"}],
            },
            "Period": 60,
            "Stat": "Sum",
        }
    }
    queries = [{"Id": f"q{i}", **query} for i in range(count)]
    return {"MetricDataQueries": queries, "StartTime": START, "EndTime": END, **token}


def result(identity, minutes, status):
    return {
        "Id": identity,
        "Timestamps": [START + timedelta(minutes=minute) for minute in minutes],
        "Values": [float(minute) for minute in minutes],
        "StatusCode": status,
    }


def test_a_series_over_several_pages_is_joined(stub):
    pages = [
        {"MetricDataResults": [result("q0", [3, 2], "PartialData")], "NextToken": "more"},
        {"MetricDataResults": [result("q0", [1], "Complete")]},
    ]
    stub.add_response("get_metric_data", pages[0], asked(1))
    stub.add_response("get_metric_data", pages[1], asked(1, NextToken="more"))
    [series] = read_metrics([QUERY], START, END)
    assert series.total() == 6
    assert series.largest() == 3
    assert len(series.points) == 3


@pytest.mark.parametrize("status", ["PartialData", "InternalError"])
def test_what_was_withheld_is_not_known(stub, status):
    stub.add_response("get_metric_data", {"MetricDataResults": [result("q0", [1], status)]}, asked(1))
    [series] = read_metrics([QUERY], START, END)
    assert series.total() is None
    assert not series.is_complete


def test_no_datapoints_are_no_zero(stub):
    stub.add_response("get_metric_data", {"MetricDataResults": [result("q0", [], "Complete")]}, asked(2))
    series = read_metrics([QUERY, QUERY], START, END)
    assert [each.total() for each in series] == [None, None]
    assert series[1] == Series({}, is_complete=False)  # CloudWatch did not answer for it at all


def test_five_hundred_series_go_in_one_call(stub):
    for count in (500, 1):
        stub.add_response("get_metric_data", {"MetricDataResults": []}, asked(count))
    assert len(read_metrics([QUERY] * 501, START, END)) == 501
    stub.assert_no_pending_responses()
    assert read_metrics([], START, END) == []
