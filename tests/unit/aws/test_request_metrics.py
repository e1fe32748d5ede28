"""Requests are known only where CloudWatch told all of them."""

from datetime import UTC, datetime, timedelta

from trimtab.aws import request_metrics
from trimtab.aws.cloudwatch_metrics import Series
from trimtab.aws.request_metrics import read_obstacles, read_requests

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPAN = NOON - timedelta(hours=3), NOON


def answer(monkeypatch, *series):
    asked = []

    def read_metrics(queries, start, end):
        assert (start, end) == SPAN
        asked.extend(queries)
        return list(series)

    monkeypatch.setattr(request_metrics, "read_metrics", read_metrics)
    return asked


def test_requests_that_were_withheld_or_not_counted_are_not_known(monkeypatch):
    points = {NOON: 5.0}
    asked = answer(monkeypatch, Series(points, is_complete=True), Series(points), Series({}, is_complete=True))
    places = [("churn", "blue"), ("churn", "green"), ("fraud", "blue")]
    assert read_requests(places, *SPAN) == {places[0]: points, places[1]: None, places[2]: None}
    assert [dict(each.dimensions) for each in asked] == [
        {"EndpointName": endpoint, "VariantName": variant} for endpoint, variant in places
    ]
    assert {(each.namespace, each.metric, each.statistic, each.period) for each in asked} == {
        ("AWS/SageMaker", "Invocations", "Sum", 60)
    }


def test_disks_are_told_in_another_namespace(monkeypatch):
    told = [Series({NOON: float(i)}, is_complete=True) for i in range(3)]
    asked = answer(monkeypatch, *told)
    assert list(read_obstacles(("churn", "blue"), *SPAN)) == told
    assert [(each.namespace, each.metric, each.statistic) for each in asked] == [
        ("AWS/SageMaker", "Invocation4XXErrors", "Sum"),
        ("AWS/SageMaker", "Invocation5XXErrors", "Sum"),
        ("/aws/sagemaker/Endpoints", "DiskUtilization", "Maximum"),
    ]
