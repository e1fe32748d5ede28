from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimtab.sizing.autoscaling import instances_needed
from trimtab.sizing.capacity import Workload, capacity, workload
from trimtab.sizing.endpoint import Benchmark
from trimtab.sizing.service import ServiceTime, slow_hours, typical_p95_ms
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.utilisation import UtilisationLaw, utilisation_law

DEFAULTS = SizingSettings()
SERVICE = ServiceTime(0.05, 0.0973, 0.25)


@pytest.fixture(scope="module")
def load(worked, catalogue):
    """The worked example's: the law from its minutes, service time as given."""
    law = utilisation_law(worked.rps / 3, worked.cpu)
    return Workload(catalogue["ml.m5.xlarge"], law, None, SERVICE, 4, 3.0, None)


@pytest.mark.parametrize(
    ("name", "rate", "count", "monthly"),
    [
        ("ml.m5.large", 25.76, 4, 335.80),
        ("ml.m5.xlarge", 52.67, 2, 335.80),
        ("ml.m5.2xlarge", 106.48, 2, 673.06),
        ("ml.c5.xlarge", 52.67, 2, 297.84),
    ],
)
def test_the_worked_example(load, catalogue, prices, name, rate, count, monthly):
    able = capacity(load, catalogue[name], 0.2, DEFAULTS)
    assert able.rps == pytest.approx(rate, abs=0.01)
    assert instances_needed(46.284, able, DEFAULTS) == count
    assert count * prices[name] * 730 == pytest.approx(monthly)


def test_what_was_put_in_is_found_again(worked, observe, catalogue):
    observed = observe(worked.rps, cpu_percent=worked.cpu)
    found = workload(observed, catalogue["ml.m5.xlarge"], observed.instances, DEFAULTS)
    assert found.service.mean_s == pytest.approx(0.05, rel=0.01)
    assert found.service.p95_s == pytest.approx(0.0973, rel=0.01)
    assert found.service.cv2 == pytest.approx(0.25, abs=0.02)
    assert found.workers == 4
    assert found.memory_gib == pytest.approx(0.156 * 16 * 1.2)
    assert found.doubts == ()


def test_fewer_workers_than_cores_show_in_latency(worked, observe, catalogue):
    """A model server with one process on 4 vCPUs queues although its CPUs are idle."""
    observed = observe(worked.rps, vcpus=1)
    found = workload(observed, catalogue["ml.m5.xlarge"], observed.instances, DEFAULTS)
    assert found.workers == 1
    assert capacity(found, catalogue["ml.m5.xlarge"], 0.2, DEFAULTS).rps < 15


def test_a_server_with_fewer_workers_than_cores_keeps_them_on_larger_types(worked, observe, catalogue):
    observed = observe(worked.rps, vcpus=1)
    found = workload(observed, catalogue["ml.m5.xlarge"], observed.instances, DEFAULTS)
    here, larger = (capacity(found, catalogue[f"ml.m5.{size}"], 0.2, DEFAULTS) for size in ("xlarge", "2xlarge"))
    assert (larger.rps, larger.limit) == (here.rps, "latency")


def test_as_many_workers_as_were_at_work_are_there_however_slow_it_gets(worked, observe, catalogue):
    """7 requests a second of 0.3 s keep more than two workers busy: bursts are not taken for a single worker."""
    observed = observe(worked.rps, service_s=0.3, p95_s=0.5, cpu_per_rps=30)
    slow = np.where(worked.rps > 25, 9000.0, observed.latency_p95_ms)
    found = workload(replace(observed, latency_p95_ms=slow), catalogue["ml.m5.xlarge"], observed.instances, DEFAULTS)
    assert found.workers >= 3


def test_a_mean_over_p95_is_a_tail_of_unknown_length(worked, observe, catalogue):
    observed = observe(worked.rps)
    short = replace(observed, latency_p95_ms=0.9 * observed.latency_ms)
    found = workload(short, catalogue["ml.m5.xlarge"], observed.instances, DEFAULTS)
    assert found.service.cv2 == DEFAULTS.assumed_cv**2
    assert found.service.p95_s == found.service.mean_s
    assert "p95 is below the mean" in found.doubts[0]


def test_latency_that_no_queue_explains_is_a_doubt(worked, observe, catalogue):
    observed = observe(worked.rps)
    slow = np.where(worked.rps > 25, 900.0, observed.latency_p95_ms)
    found = workload(replace(observed, latency_p95_ms=slow), catalogue["ml.m5.xlarge"], observed.instances, DEFAULTS)
    assert found.workers == 1
    assert "higher than queueing explains" in found.doubts[0]


def test_a_spread_that_was_not_measured_is_assumed_and_doubted(worked, observe, catalogue):
    observed = replace(observe(worked.rps), latency_p95_ms=None)
    found = workload(observed, catalogue["ml.m5.xlarge"], observed.instances, DEFAULTS)
    assert found.service.is_assumed
    assert found.service.p95_s > 2 * found.service.mean_s
    assert "assumed" in found.doubts[0]


@pytest.mark.parametrize(
    ("missing", "reason"), [("latency_ms", "ModelLatency was not read"), ("cpu_percent", "CPUUtilization was not read")]
)
def test_missing_metrics_are_a_reason_and_no_capacity(worked, observe, catalogue, missing, reason):
    observed = replace(observe(worked.rps), **{missing: None})
    assert workload(observed, catalogue["ml.m5.xlarge"], observed.instances, DEFAULTS) == reason


def test_gpus_limit_by_their_own_law(worked, observe, catalogue):
    busy = 2 + 3 * worked.rps / 3
    observed = observe(worked.rps, vcpus=1, service_s=0.01, p95_s=0.02, gpu_percent=busy)
    found = workload(observed, catalogue["ml.g5.xlarge"], observed.instances, DEFAULTS)
    able = capacity(found, catalogue["ml.g5.xlarge"], 0.2, DEFAULTS)
    assert (able.limit, able.rps) == ("gpu", pytest.approx((70 - 2) / 3))
    assert found.workers == 1
    without = replace(observed, gpu_percent=None)
    assert "GPUUtilization" in workload(without, catalogue["ml.g5.xlarge"], observed.instances, DEFAULTS)


def test_burstable_types_are_loaded_less(load, catalogue):
    assert capacity(load, catalogue["ml.t2.medium"], 0.2, DEFAULTS).rps == pytest.approx(
        load.cpu.rate(2, 0.5), rel=1e-9
    )


def test_a_benchmark_overrides_the_model(load, catalogue):
    able = capacity(load, catalogue["ml.m5.large"], 0.2, DEFAULTS, Benchmark(6000))
    assert (able.rps, able.limit) == (pytest.approx(70), "benchmark")


def test_a_faster_family_takes_more(load, catalogue):
    faster = SizingSettings(performance={"c5": 1.2})
    plain = capacity(load, catalogue["ml.c5.xlarge"], 0.2, DEFAULTS).rps
    assert capacity(load, catalogue["ml.c5.xlarge"], 0.2, faster).rps == pytest.approx(1.2 * plain)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 64),
    st.integers(1, 64),
    st.floats(0.1, 50),
    st.floats(0.001, 1),
    st.floats(1, 8),
    st.floats(1, 3),
)
def test_more_cores_and_laxer_targets_never_take_less(make_type, vcpus, more, per_rps, service, slack, laxer):
    here = make_type("ml.m5.here", vcpus, 16)
    there = make_type("ml.m5.there", vcpus + more, 16)
    load = Workload(
        here, UtilisationLaw(3, per_rps, 1, 50), None, ServiceTime(service, 2 * service, 0.5), vcpus, None, None
    )
    target = 2 * service * slack
    able = capacity(load, here, target, DEFAULTS)
    assert capacity(load, there, target, DEFAULTS).rps >= able.rps * (1 - 1e-9)
    assert capacity(load, here, target * laxer, DEFAULTS).rps >= able.rps * (1 - 1e-9)
    assert able.breaking_rps >= able.rps * (1 - 1e-9)
    assert able.failure_rps >= able.rps * (1 - 1e-9)


def test_usual_latency_is_that_of_most_requests(observe):
    observed = observe(np.tile([1.0, 50.0], 5000), latency_p95_ms=np.tile([900.0, 100.0], 5000))
    assert typical_p95_ms(observed) == 100
    assert typical_p95_ms(replace(observed, latency_p95_ms=None)) is None


def test_slow_quiet_hours_are_not_explained_by_load(worked, observe):
    observed = observe(worked.rps)
    assert slow_hours(observed, 200) == 0
    slow = observed.latency_p95_ms.copy()
    slow[: 3 * 1440] = 500
    assert slow_hours(replace(observed, latency_p95_ms=slow), 200) > 0.1
