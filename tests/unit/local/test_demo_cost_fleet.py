"""The cost demo's fleet: each endpoint is to get the right kind of answer, from its metrics alone."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from local.demo_cost_answers import floor_of, minutes_of_week
from local.demo_cost_fleet import FLEET, Member
from local.metric_history import MetricSeries
from trimtab.cost.catalogue import bundled_catalogue
from trimtab.sizing.endpoint import Endpoint
from trimtab.sizing.observations import Observations
from trimtab.sizing.recommendation import Recommendation, recommend
from trimtab.sizing.settings import SizingSettings

DAY = 24 * 60
NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
BY_NAME = {member.name: member for member in FLEET}


def answer(member: Member, days: int = 14) -> Recommendation:
    start, seed = NOW - timedelta(days=days), FLEET.index(member)
    requests = member.requests(start, days * DAY, seed)
    found = {series.metric: series for series in member.history(start, requests, seed)}

    def mean(name: str, factor: float = 1.0) -> np.ndarray | None:
        return factor * told(found[name], lambda v, c: np.dot(v, c) / np.sum(c)) if name in found else None

    observations = Observations(
        start,
        requests.astype(float),
        instances=np.full(len(requests), float(member.count)),
        invocations_per_instance=requests / member.count,
        cpu_percent=mean("CPUUtilization"),
        memory_percent=mean("MemoryUtilization"),
        gpu_percent=mean("GPUUtilization"),
        gpu_memory_percent=mean("GPUMemoryUtilization"),
        latency_ms=mean("ModelLatency", 1e-3),
        latency_p95_ms=1e-3 * told(found["ModelLatency"], lambda v, c: v[np.searchsorted(np.cumsum(c) / sum(c), 0.95)]),
        concurrency=mean("ConcurrentRequestsPerModel"),
    )
    long_ago = NOW - timedelta(days=90)
    endpoint = Endpoint(member.instance_type, member.count, created=long_ago, changed=long_ago, other_requests=0)
    prices = {name: price.usd for name, price in bundled_catalogue().priced_in("us-east-1").items()}
    settings = SizingSettings(latency_ms=member.target_ms)
    return recommend(observations, endpoint, bundled_catalogue().types, prices, settings, NOW)


def told(series: MetricSeries, statistic: Any) -> np.ndarray:
    return np.array([statistic(*contents) if contents else np.nan for contents in series.minutes])


def test_the_over_sized_one_gets_fewer_cores() -> None:
    found = answer(BY_NAME["over-sized"])
    assert found.verdict == "OVERSIZED"
    assert found.proposal
    assert found.proposal.saving
    assert found.proposal.saving.mid > 900


def test_the_idle_one_is_to_be_deleted_by_somebody() -> None:
    found = answer(BY_NAME["idle"])
    assert found.verdict == "IDLE"
    assert "delete" in found.reason


def test_the_bursty_one_is_scaled_on_the_fast_metric() -> None:
    found = answer(BY_NAME["bursty"])
    assert found.demand
    assert (found.demand.burst or 0) > 1
    assert found.proposal
    assert found.proposal.policy
    assert found.proposal.policy.maximum > found.proposal.policy.minimum
    assert "high_resolution_scaling" in {each.name for each in found.advice if each.answer == "yes"}


def test_the_seasonal_one_gets_a_schedule() -> None:
    found = answer(BY_NAME["seasonal"])
    assert found.verdict == "OVERSIZED"
    assert found.proposal
    assert found.proposal.policy
    policy = found.proposal.policy
    floor = floor_of([asdict(each) for each in policy.scheduled], policy.minimum)
    assert np.array_equal(floor, policy.floor)


def test_the_gpu_that_is_hardly_used_is_to_be_benchmarked_on_cpus_first() -> None:
    found = answer(BY_NAME["gpu-hardly-used"])
    assert found.proposal is None
    assert "benchmark_on_cpu" in {each.name for each in found.advice if each.answer == "yes"}
    assert {each.rule for each in found.rejected if each.instance_type.startswith("ml.m5.")} == {"benchmark"}


def test_the_right_sized_one_stays_as_it_is() -> None:
    found = answer(BY_NAME["right-sized"])
    assert (found.verdict, found.proposal) == ("RIGHT_SIZED", None)


def test_with_too_few_days_there_is_no_answer() -> None:
    found = answer(BY_NAME["over-sized"], days=5)
    assert (found.verdict, found.proposal) == ("INSUFFICIENT_DATA", None)
    assert "5 of at least 7 days" in found.reason


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [
        ("cron(45 6 ? * MON-FRI *)", [day * DAY + 405 for day in range(5)]),
        ("cron(0 0 ? * SUN,SAT *)", [5 * DAY, 6 * DAY]),
        ("cron(0 1 ? * * *)", [day * DAY + 60 for day in range(7)]),
        ("cron(30 1 ? * WED *)", [2 * DAY + 90]),
    ],
)
def test_a_schedule_acts_at_these_minutes_of_the_week(cron: str, minutes: list[int]) -> None:
    assert minutes_of_week(cron) == minutes
