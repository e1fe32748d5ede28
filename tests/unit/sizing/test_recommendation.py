from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.sizing.confidence import CEILING, MARGIN
from trimtab.sizing.endpoint import Endpoint
from trimtab.sizing.recommendation import Verdict, recommend
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import replay_counts

TARGET = SizingSettings(latency_ms=200)


@pytest.fixture(scope="module")
def observed(worked, observe):
    return observe(worked.rps, cpu_percent=worked.cpu, concurrency=np.full(len(worked.rps), 3.0))


@pytest.fixture(scope="module")
def size(catalogue, prices, now):
    def answer(observations, endpoint, settings=TARGET, prices=prices, **others):
        return recommend(observations, endpoint, catalogue, prices, settings, now, **others)

    return answer


def test_the_worked_example_is_oversized(size, observed, endpoint, catalogue):
    found = size(observed, endpoint)
    assert found.verdict is Verdict.OVERSIZED
    assert found.today.monthly_usd(0.23) == pytest.approx(503.70)
    assert found.demand.design == pytest.approx(46.28, abs=0.01)
    assert found.capacity_today.rps == pytest.approx(52.67, abs=0.01)
    assert found.proposal is found.top[0]
    assert found.proposal.instance_type == "ml.m5.large"  # as many as traffic takes, hour by hour; fixed it would be 4
    costs = {each.instance_type: each for each in found.top}
    assert costs["ml.c5.xlarge"].monthly_usd == pytest.approx(297.84)
    assert costs["ml.m5.xlarge"].monthly_usd == pytest.approx(335.80)
    assert round(costs["ml.m5.xlarge"].policy.target_value) == 2456
    assert costs["ml.m5.xlarge"].confidence.level == "high"
    assert {each.instance_type for each in found.rejected} | set(costs) == set(catalogue)
    assert found.proposal.saving.low <= found.proposal.saving.mid <= found.proposal.saving.high


def test_high_confidence_is_for_what_the_metrics_can_tell(size, observed, endpoint, catalogue):
    """Neither for more vCPUs than were measured, nor for what holds only if its capacity is just as estimated."""
    found = size(observed, endpoint).top
    for each in found:
        breaking_rps = each.capacity.breaking_rps / MARGIN
        if each.confidence.level == "high":
            assert catalogue[each.instance_type].vcpus <= catalogue[endpoint.instance_type].vcpus
            assert replay_counts(observed.rps, each.replay.serving, breaking_rps).holds(TARGET)
    assert "high" in {each.confidence.level for each in found}


def test_accelerators_that_no_metric_tells_of_are_not_judged_by_the_cpu(size, observed, endpoint):
    found = size(observed, replace(endpoint, instance_type="ml.inf1.xlarge"))
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert found.reason == "how busy the accelerators of ml.inf1.xlarge are is not measured: benchmark it first"


def test_what_holds_by_a_hair_is_of_medium_confidence(size, observe, endpoint):
    """A minute of much more traffic every twelve hours: what just carries it has no margin."""
    rps = np.full(14 * 1440, 60.0)
    rps[::720] = 140.0
    found = size(observe(rps, concurrency=np.full(len(rps), 8.0)), endpoint)
    scarce = [
        each
        for each in found.top
        if not replay_counts(rps, each.replay.serving, each.capacity.breaking_rps / MARGIN).holds(TARGET)
    ]
    assert scarce
    for each in scarce:
        assert each.confidence.level != "high"
        if each.confidence.value == CEILING:
            assert "times less capacity" in each.confidence.reasons[-1]


def test_every_proposal_held_the_target_in_simulation(size, observed, endpoint):
    for each in size(observed, endpoint).top:
        assert each.replay.holds(TARGET)
        assert each.count >= 2


def test_what_was_adopted_is_not_changed_again(worked, observe, size, endpoint, catalogue):
    """No flapping: each adopted proposal is followed by none on the same traffic, or by one that costs clearly less."""
    costs = [3 * 0.23 * 730]
    now, counts = endpoint, 3
    for _ in range(4):
        vcpus = catalogue[now.instance_type].vcpus
        found = size(observe(worked.rps, instances=counts, vcpus=vcpus), now)
        if found.proposal is None:
            break
        costs.append(found.proposal.monthly_usd)
        counts = found.proposal.replay.instances
        now = replace(now, instance_type=found.proposal.instance_type, instances=int(counts[-1]))
    assert found.verdict is Verdict.RIGHT_SIZED
    assert len(costs) <= 3
    assert all(after <= 0.85 * before for before, after in pairwise(costs))


def test_too_small_an_endpoint_is_told_so_whatever_it_costs(worked, observe, size, endpoint):
    found = size(observe(worked.rps * 10, instances=3), replace(endpoint, instances=3))
    assert found.verdict is Verdict.UNDERSIZED
    assert found.proposal.monthly_usd > found.today.monthly_usd(0.23)
    assert found.proposal.replay.holds(TARGET)
    assert not found.today.holds(TARGET)


def test_a_queue_that_measured_latency_contradicts_is_not_believed(worked, observe, size, endpoint):
    fast = observe(worked.rps * 10, instances=3)
    found = size(replace(fast, latency_p95_ms=np.full(len(worked.rps), 97.3)), replace(endpoint, instances=3))
    assert found.verdict is not Verdict.UNDERSIZED


def test_latency_that_was_measured_over_the_target_is_never_right_sized(worked, observe, size, endpoint):
    """The queue breaks in nearly all minutes, measured latency only in a fifth of them: still too small."""
    fast = observe(worked.rps * 10, instances=3)
    p95 = np.where(np.arange(len(worked.rps)) % 5, 97.3, 250.0)
    found = size(replace(fast, latency_p95_ms=p95), replace(endpoint, instances=3))
    assert found.verdict is Verdict.UNDERSIZED
    assert "breaks 200 ms in 20.00% of minutes" in found.reason


def test_six_days_since_a_change_are_not_enough(size, observed, endpoint, now):
    found = size(observed, replace(endpoint, changed=now - timedelta(days=6)))
    assert (found.verdict, found.proposal) == (Verdict.INSUFFICIENT_DATA, None)
    assert "6 of at least 7 days" in found.reason


def test_a_recent_change_rests(size, observed, endpoint, now):
    found = size(observed, replace(endpoint, changed=now - timedelta(days=13)))
    assert found.proposal is None
    assert found.top


@pytest.mark.parametrize("field", ["cpu_percent", "latency_ms"])
def test_a_missing_metric_is_a_verdict(size, observed, endpoint, field):
    found = size(replace(observed, **{field: None}), endpoint)
    assert (found.verdict, found.proposal, found.top) == (Verdict.INSUFFICIENT_DATA, None, ())


def test_a_reading_with_a_problem_is_not_judged(size, observed, endpoint):
    found = size(replace(observed, problem="not read whole: cpu_percent"), endpoint)
    assert (found.verdict, found.reason) == (Verdict.INSUFFICIENT_DATA, "not read whole: cpu_percent")


def test_nothing_read_is_not_idle(size, observed, endpoint):
    found = size(replace(observed, invocations=np.full(len(observed.invocations), np.nan)), endpoint)
    assert found.verdict is Verdict.INSUFFICIENT_DATA


def test_idle_is_its_own_verdict(size, observe, endpoint):
    found = size(observe(np.zeros(14 * 1440)), endpoint)
    assert (found.verdict, found.proposal) == (Verdict.IDLE, None)


@pytest.mark.parametrize("kind", ["serverless", "async", "inference_components"])
def test_other_kinds_of_endpoint_are_not_sized(size, observed, endpoint, kind):
    assert kind in size(observed, replace(endpoint, kind=kind)).reason


def test_an_unknown_price_of_today_is_no_saving(size, observed, endpoint, prices):
    found = size(observed, endpoint, prices={**prices, "ml.m5.xlarge": None})
    assert (found.verdict, found.proposal) == (Verdict.INSUFFICIENT_DATA, None)
    assert "price of ml.m5.xlarge" in found.reason
    assert all(each.saving is None for each in found.top)


def test_types_without_a_price_are_never_proposed(size, observed, endpoint):
    found = size(observed, endpoint, prices={"ml.m5.xlarge": 0.23, "ml.m5.large": None})
    assert [each.instance_type for each in found.top] == ["ml.m5.xlarge"]
    assert {each.rule for each in found.rejected if each.instance_type == "ml.m5.large"} == {"price"}


def test_an_unknown_type_is_a_verdict(size, observed):
    assert "no type of the catalogue" in size(observed, Endpoint("ml.x9.large", 2)).reason


def test_a_target_below_the_service_time_has_no_answer(size, observed, endpoint):
    found = size(observed, endpoint, SizingSettings(latency_ms=60))
    assert (found.proposal, found.top) == (None, ())
    assert "service alone takes 97 ms" in found.reason


def test_without_a_target_latency_may_not_get_worse_than_now(size, observed, endpoint):
    found = size(observed, endpoint, SizingSettings())
    assert 97 < found.target_ms < 130
    blind = size(replace(observed, latency_p95_ms=None), endpoint, SizingSettings())
    assert "no latency_ms is set" in blind.reason


def test_quotas_and_limits_reject_counts(size, observed, endpoint):
    found = size(observed, replace(endpoint, quotas={"ml.m5.large": 3}))
    assert "takes 4 instances, of at most 3" in {each.reason for each in found.rejected}


def test_slow_hours_without_load_lower_the_confidence(size, observed, endpoint):
    slow = observed.latency_p95_ms.copy()
    slow[: 4 * 1440] = 500
    found = size(replace(observed, latency_p95_ms=slow), endpoint)
    assert found.proposal is None or found.proposal.confidence.value < 0.5
    assert any("average load or less" in reason for each in found.top for reason in each.confidence.reasons)


def test_the_seed_table_is_held_to_the_same_simulation(size, observed, endpoint):
    by_table = SizingSettings(latency_ms=200, policy="seed_table")
    assert "model's size" in size(observed, endpoint, by_table).reason
    found = size(observed, replace(endpoint, model_gb=2), by_table)
    assert found.proposal is None
    assert [(each.instance_type, each.rule) for each in found.rejected] == [("ml.g5.2xlarge", "benchmark")]


def test_real_traffic_is_answered_either_way(size, observe, endpoint):
    """Shapes of a real load balancer's day: a burst each few hours over next to nothing."""
    rng = np.random.default_rng(5)
    spikes = np.where(rng.random(14 * 1440) < 0.002, 60.0, 0.0)
    rps = rng.gamma(2, 2, 14 * 1440) + np.convolve(spikes, np.ones(5), "same")
    found = size(observe(rps), endpoint)
    assert found.reason
    assert any(each.name == "high_resolution_scaling" for each in found.advice)
    for each in found.top:
        assert each.replay.holds(TARGET)


@pytest.mark.parametrize(
    ("series", "verdict"),
    [
        ("elb_request_count_8c0756", Verdict.OVERSIZED),
        ("rds_cpu_utilization_e47b3b", Verdict.OVERSIZED),
        ("ec2_network_in_257a54", Verdict.UNDERSIZED),  # one spike of 70 times the usual, with a fifth of all requests
    ],
)
def test_real_series_of_cloudwatch_as_load(shared, size, observe, endpoint, series, verdict):
    """Series of the Numenta Anomaly Benchmark, scaled so that 95 % of the minutes are below 30 requests a second."""
    path = shared / "data" / "metrics" / "nab" / f"{series}.csv"
    if not path.exists():
        pytest.skip("needs the series of the Numenta Anomaly Benchmark")
    values = np.loadtxt(path, delimiter=",", skiprows=1, usecols=1)
    rps = np.repeat(values / np.quantile(values, 0.95) * 30, 5)[: 14 * 1440]
    found = size(observe(np.random.default_rng(0).poisson(rps * 60) / 60), endpoint)
    assert found.verdict is verdict
    for each in found.top:
        assert each.replay.holds(TARGET)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_missing_minutes_never_make_a_saving(size, worked, observe, endpoint, seed, share):
    """A right-sized endpoint stays one, or is not judged, whichever minutes are lost."""
    whole = observe(worked.rps, instances=2)
    lost = np.random.default_rng(seed).random(len(worked.rps)) < share
    names = ("invocations", "cpu_percent", "latency_ms", "latency_p95_ms", "memory_percent")
    part = replace(whole, **{name: np.where(lost, np.nan, getattr(whole, name)) for name in names})
    found = size(part, replace(endpoint, instances=2), prices={"ml.m5.xlarge": 0.23, "ml.m5.2xlarge": 0.461})
    assert found.verdict in {Verdict.RIGHT_SIZED, Verdict.INSUFFICIENT_DATA}
    assert found.proposal is None
