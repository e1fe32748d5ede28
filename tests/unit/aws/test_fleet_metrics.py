from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from trimtab.aws import fleet_metrics
from trimtab.aws.cloudwatch_metrics import Series
from trimtab.aws.fleet_metrics import read_fleets

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
START = NOW - timedelta(minutes=30)


def read(monkeypatch, answer, latency_ms=120.5):
    asked = []

    def read_metrics(queries, start, end):
        asked.extend(queries)
        assert (start, end) == (START, NOW)
        return [answer(number, query) for number, query in enumerate(queries)]

    monkeypatch.setattr(fleet_metrics, "read_metrics", read_metrics)
    limits = {"error_metric": "InvocationModelErrors", "latency_ms": latency_ms}
    return read_fleets("churn", "churn-2", ["a", "b"], START, NOW, **limits), asked


def test_the_new_fleet_has_a_third_dimension_and_slow_requests_are_counted_in_microseconds(monkeypatch):
    (fleets, problem), asked = read(monkeypatch, lambda number, _: Series({NOW: float(number)}, is_complete=True))
    assert problem == ""
    assert [query.metric for query in asked[:3]] == ["Invocations", "InvocationModelErrors", "ModelLatency"]
    assert [query.statistic for query in asked[:3]] == ["Sum", "Sum", "TC(120500:)"]
    both = (("EndpointName", "churn"), ("VariantName", "a"))
    assert {query.dimensions for query in asked[:3]} == {(*both, ("EndpointConfigName", "churn-2"))}
    assert {query.dimensions for query in asked[3:6]} == {both}
    (new, old), (other, _) = fleets
    assert (new.requests[NOW], new.errors[NOW], new.slow[NOW]) == (0, 1, 2)
    assert (old.requests[NOW], other.requests[NOW]) == (3, 6)


def test_without_a_limit_latency_is_not_asked_for(monkeypatch):
    (fleets, _), asked = read(monkeypatch, lambda *_: Series({}, is_complete=True), latency_ms=None)
    assert len(asked) == 8
    assert all(each.slow is None for pair in fleets for each in pair)


def test_what_was_withheld_is_a_problem(monkeypatch):
    (fleets, problem), _ = read(monkeypatch, lambda number, _: Series({}, is_complete=number != 3))
    assert len(fleets) == 2
    assert problem == "CloudWatch withheld 1 of 12 series"


def test_no_answer_is_a_problem(monkeypatch):
    def refuse(*_):
        raise ClientError({"Error": {"Code": "Throttling", "Message": "slow down"}}, "GetMetricData")

    (fleets, problem), _ = read(monkeypatch, refuse)
    assert fleets == []
    assert "slow down" in problem
