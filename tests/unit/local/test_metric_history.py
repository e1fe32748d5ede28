"""Metrics made of a known load: whoever reads them finds what they were made of."""

from datetime import UTC, datetime

import numpy as np
import pytest

from local.metric_history import (
    INSTANCES,
    REQUESTS,
    SHARES,
    Instance,
    MetricSeries,
    Request,
    arrivals,
    latency_groups,
    metric_history,
)

START = datetime(2026, 11, 2, tzinfo=UTC)
REQUEST = Request(service_s=0.05, cv=0.5, cpu_s=0.04, workers=4, idle_percent=6, memory_percent=30)


def history(requests: np.ndarray, request: Request = REQUEST, gpus: int = 0) -> dict[str, MetricSeries]:
    made = metric_history(START, requests, request, Instance(cores=4, gpus=gpus), count=3)
    return {each.metric: each for each in made}


def totals(series: MetricSeries) -> list[float]:
    return [sum(contents[1]) if contents else 0.0 for contents in series.minutes]


def means(series: MetricSeries) -> np.ndarray:
    return np.array([np.average(each[0], weights=each[1]) if each else np.nan for each in series.minutes])


def test_every_request_is_counted_once_in_each_metric_of_requests() -> None:
    requests = arrivals(np.linspace(0, 60, 500), seed=1)
    found = history(requests)
    for name in ("Invocations", "InvocationsPerInstance", "ModelLatency"):
        assert totals(found[name]) == requests.tolist()
        assert found[name].namespace == REQUESTS
    assert found["ModelLatency"].unit == "Microseconds"
    assert np.nanmax(means(found["InvocationsPerInstance"])) == pytest.approx(1 / 3)


def test_minutes_without_requests_have_datapoints_of_instances_alone() -> None:
    found = history(np.zeros(60, dtype=np.int64))
    for series in found.values():
        assert all(contents is None for contents in series.minutes) == (series.namespace == REQUESTS)
    assert found["CPUUtilization"].namespace == INSTANCES
    assert totals(found["CPUUtilization"]) == [3.0] * 60
    assert np.nanmean(means(found["CPUUtilization"])) == pytest.approx(6, rel=0.01)


def test_utilisation_is_that_of_the_utilisation_law_over_all_cores() -> None:
    requests = arrivals(np.linspace(1, 150, 2000))
    slope, idle = np.polyfit(requests / 180, means(history(requests)["CPUUtilization"]), 1)
    assert idle == pytest.approx(6, abs=1)
    assert slope == pytest.approx(4, rel=0.01)


def test_there_are_gpu_metrics_where_there_are_gpus() -> None:
    requests = np.full(100, 1800)
    assert not any(name.startswith("GPU") for name in history(requests))
    found = history(requests, Request(0.05, 0.5, 0.04, 1, gpu_s=0.02, gpu_memory_percent=40), gpus=1)
    assert np.mean(means(found["GPUUtilization"])) == pytest.approx(20, rel=0.02)
    assert np.mean(means(found["GPUMemoryUtilization"])) == pytest.approx(40, rel=0.02)


def test_latency_is_service_alone_while_there_is_no_load() -> None:
    sigma = np.sqrt(np.log1p(REQUEST.cv**2))
    groups = latency_groups(REQUEST, 0.0)
    assert np.diff(SHARES) @ groups == pytest.approx(REQUEST.service_s, rel=0.01)
    assert groups[3] == pytest.approx(REQUEST.service_s * np.exp(1.645 * sigma - sigma**2 / 2), rel=0.02)
    assert (np.diff(groups) > 0).all()


def test_the_mean_wait_is_that_of_the_queue() -> None:
    # M/M/1: the mean time in the system is service / (1 - busy), and it is exponential
    one = Request(service_s=0.1, cv=1.0, cpu_s=0.1, workers=1)
    for busy in (0.3, 0.6, 0.8):
        assert np.diff(SHARES) @ latency_groups(one, busy) == pytest.approx(0.1 / (1 - busy), rel=0.03)


def test_latency_and_concurrency_rise_with_load() -> None:
    found = history(arrivals(np.repeat([20.0, 120.0, 220.0], 200)))
    for name in ("ModelLatency", "ConcurrentRequestsPerModel"):
        quiet, middle, busy = means(found[name]).reshape(3, 200).mean(axis=1)
        assert quiet < middle < busy


def test_the_same_load_gives_the_same_metrics() -> None:
    requests = arrivals(np.full(100, 20.0), seed=4)
    assert (requests == arrivals(np.full(100, 20.0), seed=4)).all()
    assert history(requests) == history(requests)
