"""What CloudWatch did not tell of Trimtab's own parts is not known, never fine."""

from datetime import UTC, datetime, timedelta

from trimtab.aws import installation_metrics
from trimtab.aws.cloudwatch_metrics import Series
from trimtab.aws.installation_metrics import read_failed_hours, read_function_faults, read_queue_ages

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SPAN = NOON - 15 * MINUTE, NOON
NOTHING = Series({}, is_complete=True)


def complete(*values):
    """Points in the order of time, the last at noon."""
    return Series({NOON - i * MINUTE: float(value) for i, value in enumerate(reversed(values))}, is_complete=True)


def answer(monkeypatch, *series):
    asked = []

    def read_metrics(queries, start, end):
        assert (start, end) == SPAN
        asked.extend(queries)
        return list(series)

    monkeypatch.setattr(installation_metrics, "read_metrics", read_metrics)
    return asked


def test_the_age_of_a_queue_is_the_latest_in_minutes(monkeypatch):
    asked = answer(monkeypatch, complete(7200, 90), NOTHING)
    assert read_queue_ages(["https://sqs.eu-west-1/1/captures", "https://sqs.eu-west-1/1/alerts"], *SPAN) == [1.5, None]
    assert [each.dimensions for each in asked] == [(("QueueName", "captures"),), (("QueueName", "alerts"),)]


def test_each_function_has_its_errors_and_throttles(monkeypatch):
    asked = answer(monkeypatch, complete(1, 2), complete(0), NOTHING, Series({NOON: 9.0}))
    assert read_function_faults(["detect", "send"], *SPAN) == [(3.0, 0.0), (None, None)]
    assert [(each.metric, each.dimensions[0][1]) for each in asked] == [
        ("Errors", "detect"),
        ("Throttles", "detect"),
        ("Errors", "send"),
        ("Throttles", "send"),
    ]


def failed_hours():
    return read_failed_hours("Trimtab", "detect_drift", "EndpointsJudged", ["A", "B"], *SPAN)


def test_hours_with_a_failure_are_counted_whatever_their_number(monkeypatch):
    asked = answer(monkeypatch, complete(1), complete(5, 1), NOTHING)
    assert failed_hours() == [2, 0]
    assert [each.metric for each in asked] == ["EndpointsJudged", "A", "B"]
    assert {(each.namespace, each.dimensions, each.period) for each in asked} == {
        ("Trimtab", (("service", "detect_drift"),), 3600)
    }


def test_no_failures_without_a_run_prove_nothing(monkeypatch):
    answer(monkeypatch, NOTHING, complete(5), NOTHING)
    assert failed_hours() == [None, None]
    answer(monkeypatch, complete(1), Series({NOON: 5.0}), NOTHING)
    assert failed_hours() == [None, 0]
