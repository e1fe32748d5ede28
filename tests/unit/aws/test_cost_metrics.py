from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from trimtab.aws import cost_metrics
from trimtab.aws.cloudwatch_metrics import Series
from trimtab.aws.cost_metrics import count_predictions_of_endpoint
from trimtab.aws.sagemaker_deployments import NotFoundError

END = datetime(2026, 11, 20, 8, tzinfo=UTC)
START = END - timedelta(days=30)


@pytest.fixture
def count(monkeypatch):
    """Counts the predictions of an endpoint of whose variants CloudWatch has counted so much, hour by hour."""

    def read_metrics(counted, queries, start, end):
        assert (start, end) == (START, END)
        hours = [counted[dict(query.dimensions)["VariantName"]] for query in queries]
        return [
            Series({START + n * timedelta(hours=1): v for n, v in enumerate(each)}, is_complete=True) for each in hours
        ]

    def counting(counted):
        monkeypatch.setattr(cost_metrics, "describe_deployment", lambda _: SimpleNamespace(variants=counted))
        monkeypatch.setattr(cost_metrics, "read_metrics", lambda *asked: read_metrics(counted, *asked))
        return count_predictions_of_endpoint("churn", START, END)

    return counting


def test_the_predictions_of_an_endpoint_are_those_of_all_its_variants(count):
    assert count({"a": [1.0, 2.0], "b": [4.0]}) == 7


def test_predictions_that_are_not_known_are_none(count):
    assert count({"a": []}) is None
    assert count({}) is None
    assert count({"a": [], "b": [0.0, 4.0]}) == 4


def test_an_endpoint_that_is_not_there_has_no_predictions(monkeypatch):
    def describe_deployment(name):
        raise NotFoundError(name)

    monkeypatch.setattr(cost_metrics, "describe_deployment", describe_deployment)
    assert count_predictions_of_endpoint("churn", START, END) is None
