"""What CloudWatch tells of Trimtab's own queues and functions."""

from collections.abc import Sequence
from datetime import datetime

from trimtab.aws.cloudwatch_metrics import MetricQuery, read_metrics


def read_queue_ages(queue_urls: Sequence[str], start: datetime, end: datetime) -> list[float | None]:
    """For how many minutes the oldest message of each queue had waited when it was last looked at; None: not known."""
    queries = [
        MetricQuery(
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            (("QueueName", url.rpartition("/")[2]),),
            statistic="Maximum",
            period=60,
        )
        for url in queue_urls
    ]
    series = read_metrics(queries, start, end)
    return [each.points[max(each.points)] / 60 if each.points else None for each in series]


def read_function_faults(
    names: Sequence[str], start: datetime, end: datetime
) -> list[tuple[float | None, float | None]]:
    """Errors and throttled calls of each function; None: not known."""
    queries = [
        MetricQuery("AWS/Lambda", fault, (("FunctionName", name),), statistic="Sum", period=300)
        for name in names
        for fault in ("Errors", "Throttles")
    ]
    series = read_metrics(queries, start, end)
    return [(errors.total(), throttles.total()) for errors, throttles in zip(series[::2], series[1::2], strict=True)]


def read_failed_hours(
    namespace: str, service: str, success: str, failures: Sequence[str], start: datetime, end: datetime
) -> list[int | None]:
    """In how many hours a function counted each of these metrics, which it does only where something failed; None: not
    known. `success` is one that it counts in every run: where that is not there, the others tell nothing."""
    queries = [
        MetricQuery(namespace, name, (("service", service),), statistic="Sum", period=3600)
        for name in (success, *failures)
    ]
    runs, *failed = read_metrics(queries, start, end)
    return [len(each.points) if runs.points and each.is_complete else None for each in failed]
