import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from trimtab.sizing import advice
from trimtab.sizing.capacity import workload
from trimtab.sizing.demand import demand
from trimtab.sizing.endpoint import Benchmark
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import replay_counts

DEFAULTS = SizingSettings()
PRICES = {1: 0.00002, 2: 0.00004, 3: 0.00006, 4: 0.00008, 5: 0.0001, 6: 0.00012}  # USD a second, assumed


@pytest.fixture
def silent(observe):
    return observe(np.zeros(14 * 1440))


@pytest.fixture(scope="module")
def low(worked, observe, catalogue):
    """Little traffic on one hardly used instance: 0.02 of the worked example's."""
    observed = observe(worked.rps * 0.02, instances=2)
    return (
        observed,
        workload(observed, catalogue["ml.m5.xlarge"], observed.instances, DEFAULTS),
        demand(observed, DEFAULTS),
    )


@pytest.fixture
def small(endpoint):
    return replace(endpoint, request_mb=0.1, image_gb=2, model_gb=1)


def test_fourteen_silent_days_are_idle(silent, endpoint, now):
    found = advice.idle(silent, endpoint, 4, now, DEFAULTS)
    assert (found.answer, found.obstacles) == ("yes", ())
    assert "keep its configuration" in found.reason


@pytest.mark.parametrize(
    ("change", "answer", "why"),
    [
        ({"created": None}, "unknown", "age"),
        ({"other_requests": None}, "unknown", "other variants"),
        ({"other_requests": 5}, "no", "5 requests"),
        ({"kept": True}, "no", "keep=true"),
        ({"kind": "async"}, "no", "asynchronous"),
    ],
)
def test_idle_is_never_concluded_from_silence_alone(silent, endpoint, now, change, answer, why):
    found = advice.idle(silent, replace(endpoint, **change), 4, now, DEFAULTS)
    assert found.answer == answer
    assert why in found.obstacles[0]


def test_idle_needs_every_minute_and_quiet_cpus(silent, endpoint, now):
    judge = lambda observed: advice.idle(observed, endpoint, 4, now, DEFAULTS).answer  # noqa: E731
    assert judge(replace(silent, invocations=np.full(14 * 1440, np.nan))) == "unknown"
    assert judge(replace(silent, invocations=silent.invocations[:1440], **dict.fromkeys(
        ("instances", "invocations_per_instance", "cpu_percent", "memory_percent", "latency_ms", "latency_p95_ms")
    ))) == "unknown"  # fmt: skip
    assert judge(replace(silent, problem="not read whole: invocations")) == "unknown"
    assert judge(replace(silent, cpu_percent=None)) == "unknown"
    working = np.where(np.arange(14 * 1440) % 10, 5.0, 300.0)
    assert judge(replace(silent, cpu_percent=working)) == "no"
    young = replace(endpoint, created=now - timedelta(days=3))
    assert advice.idle(silent, young, 4, now, DEFAULTS).answer == "no"


def test_an_endpoint_with_requests_is_not_idle(low, endpoint, now):
    assert advice.idle(low[0], endpoint, 4, now, DEFAULTS) is None


def test_break_even_of_serverless(low, small):
    """Two ml.m5.large for 100 ms at 2 GB: 15.97 requests a second (prices assumed)."""
    observed, load, traffic = low
    load = replace(load, memory_gib=1.9, service=replace(load.service, mean_s=0.1))
    found = advice.serverless(small, load, traffic, observed, PRICES, 2 * 0.115 * 730, DEFAULTS)
    assert "break-even 15.97" in found.reason
    assert found.answer == "yes"


@pytest.mark.parametrize(
    ("change", "answer", "why"),
    [
        ({"data_capture": True}, "no", "no data capture"),
        ({"variants": 2}, "no", "no second variant"),
        ({"network_isolated": True}, "no", "VPC"),
        ({"multi_model": True}, "no", "multi-model"),
        ({"request_mb": 5.0}, "no", "at most 4"),
        ({"image_gb": 11.0}, "no", "at most 10"),
        ({"request_mb": None}, "unknown", "not known"),
    ],
)
def test_hard_limits_of_serverless(low, small, change, answer, why):
    observed, load, traffic = low
    load = replace(load, memory_gib=1.9)
    found = advice.serverless(replace(small, **change), load, traffic, observed, PRICES, 200, DEFAULTS)
    assert found.answer == answer
    assert any(why in each for each in found.obstacles)


def test_serverless_without_a_price_is_unknown(low, small):
    observed, load, traffic = low
    load = replace(load, memory_gib=1.9)
    for prices, usd in (({}, 200), ({2: None}, 200), ({2: 0.0}, 200), (PRICES, None)):
        assert advice.serverless(small, load, traffic, observed, prices, usd, DEFAULTS).answer == "unknown"


def test_serverless_is_refused_for_memory_traffic_and_cold_starts(low, small):
    observed, load, traffic = low
    judge = lambda *changed: advice.serverless(small, *changed, PRICES, 200, DEFAULTS)  # noqa: E731
    assert "at most 6" in judge(replace(load, memory_gib=7), traffic, observed).obstacles[0]
    heavy = judge(replace(load, memory_gib=1.9), replace(traffic, mean=1000), observed)
    assert "costs too much" in heavy.obstacles[-1]
    rare = np.where(np.arange(14 * 1440) % 30 == 0, 2.0, 0.0)
    assert advice.cold_share(replace(observed, invocations=rare), DEFAULTS) == pytest.approx(0.5)
    cold = judge(replace(load, memory_gib=1.9), traffic, replace(observed, invocations=rare))
    assert any("start cold" in each for each in cold.obstacles)


def test_least_outstanding_requests_is_free(worked, observe, endpoint, catalogue):
    """4 × 2 workers, 70 % busy, 50 ms, CV 0.5: p95 falls (by simulation from 185 to 104 ms)."""
    observed = observe(worked.rps * 2, instances=4, vcpus=2)
    load = replace(workload(observed, catalogue["ml.m5.large"], observed.instances, DEFAULTS), workers=2)
    traffic = replace(demand(observed, DEFAULTS), peak=0.7 * 2 / 0.05 * 4)
    pooled_ms, alone_ms = (
        int(found) for found in re.findall(r"(\d+) ms", advice.routing(endpoint, load, traffic, 4).reason)
    )
    assert 104 <= pooled_ms <= 1.3 * 104
    assert 185 <= alone_ms <= 1.3 * 185
    pooled = replace(endpoint, routing="LEAST_OUTSTANDING_REQUESTS")
    assert advice.routing(pooled, load, traffic, 4) is None
    assert advice.routing(endpoint, load, traffic, 1) is None


def test_asynchronous_only_where_minutes_are_acceptable(low, small):
    traffic = replace(low[2], idle_share=0.5)
    patient = SizingSettings(latency_ms=120_000)
    assert advice.asynchronous(small, traffic, DEFAULTS) is None
    assert advice.asynchronous(small, traffic, patient).answer == "yes"
    assert advice.asynchronous(replace(small, request_mb=2000), traffic, patient).answer == "no"
    assert advice.asynchronous(replace(small, request_mb=None), traffic, patient).answer == "unknown"


def test_scaling_to_zero_takes_inference_components(low, endpoint):
    assert advice.scale_to_zero(endpoint, replace(low[2], longest_idle=30)) is None
    found = advice.scale_to_zero(endpoint, replace(low[2], longest_idle=600))
    assert found.answer == "unknown"
    assert "inference components" in found.obstacles[0]


def test_low_use_may_share_instances(low, endpoint):
    _, load, traffic = low
    assert advice.multi_model(endpoint, load, traffic, DEFAULTS).name == "multi_model"
    assert advice.multi_model(endpoint, load, replace(traffic, mean=5), DEFAULTS) is None
    assert advice.multi_model(replace(endpoint, multi_model=True), load, traffic, DEFAULTS) is None


def test_a_hardly_used_gpu_is_benchmarked_on_cpus_first(endpoint, catalogue):
    idle = np.full(1000, 2.0)
    g5 = catalogue["ml.g5.xlarge"]
    assert advice.gpu(endpoint, g5, idle, DEFAULTS).name == "benchmark_on_cpu"
    assert advice.gpu(endpoint, g5, idle * 20, DEFAULTS) is None
    assert advice.gpu(endpoint, g5, None, DEFAULTS) is None
    assert advice.gpu(replace(endpoint, benchmarks={"ml.m5.large": Benchmark(1)}), g5, idle, DEFAULTS) is None
    assert advice.gpu(endpoint, catalogue["ml.m5.large"], None, DEFAULTS) is None


def test_bursts_scale_on_the_ten_second_metric(low):
    assert advice.bursts(replace(low[2], burst=1.0, lead_growth=0.3)) is None
    assert "HighResolution" in advice.bursts(replace(low[2], burst=2.0, lead_growth=0.3)).reason
    assert "HighResolution" in advice.bursts(replace(low[2], burst=None, lead_growth=2)).reason


def test_one_instance_is_told(endpoint):
    assert advice.availability(endpoint) is None
    assert advice.availability(replace(endpoint, instances=1)).name == "availability"


def test_a_savings_plan_covers_the_cheapest_hour_of_the_right_size():
    counts = np.repeat([2.0, 5.0], 720)
    replayed = replay_counts(np.ones(1440), counts, 100)
    assert "0.230 USD an hour" in advice.savings_plan(replayed, 0.115).reason
    assert advice.savings_plan(replayed, None) is None
