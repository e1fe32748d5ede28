import heapq
from math import inf, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.sizing.queueing import erlang_c, lognormal_cv2, max_rate, p95_latency, wait_quantile

WORKERS = st.integers(1, 64)
SERVICE = st.floats(0.001, 2)
CV2 = st.floats(0.01, 4)


# vectors of an independent prototype
@pytest.mark.parametrize(("workers", "load", "expected"), [(2, 1.4, 0.5764705882352941), (4, 2.8, 0.4286543182325373)])
def test_erlang_c_agrees_with_the_vectors(workers, load, expected):
    assert erlang_c(workers, load) == expected


def test_wait_agrees_with_the_vector():
    assert wait_quantile(4, 56, 0.05, 0.25, 0.95) == 0.05595384905403364


@pytest.mark.parametrize(("workers", "target", "expected"), [(4, 0.2, 56.0), (2, 0.12, 11.9912434786531)])
def test_max_rate_agrees_with_the_vectors(workers, target, expected):
    assert max_rate(workers, 0.05, 0.0973, 0.25, target, 0.7) == pytest.approx(expected, abs=1e-12)


@given(WORKERS, st.floats(0.01, 0.98))
def test_erlang_c_agrees_with_its_definition_by_poisson_terms(workers, busy):
    load = workers * busy
    waits = stats.poisson.pmf(workers, load) / (1 - busy)
    assert erlang_c(workers, load) == pytest.approx(waits / (stats.poisson.cdf(workers - 1, load) + waits), rel=1e-9)


def test_one_worker_is_the_m_m_1_queue():
    assert erlang_c(1, 0.8) == pytest.approx(0.8)
    assert wait_quantile(1, 8, 0.1, 1.0, 0.95) == pytest.approx(log(0.8 / 0.05) * 0.1 / 0.2)


def test_an_overloaded_queue_grows_without_end():
    assert erlang_c(2, 2.0) == 1
    assert wait_quantile(2, 40, 0.05, 1) == inf


def test_service_slower_than_the_target_leaves_no_rate():
    assert max_rate(4, 0.05, 0.0973, 0.25, 0.09) == 0


@given(WORKERS, SERVICE, CV2, st.floats(1, 10), st.floats(1, 3))
def test_a_laxer_target_and_more_workers_never_take_less(workers, service, cv2, slack, more):
    p95 = service * 2
    rate = max_rate(workers, service, p95, cv2, p95 * slack)
    assert max_rate(workers, service, p95, cv2, p95 * slack * more) >= rate * (1 - 1e-9)
    assert max_rate(workers + 1, service, p95, cv2, p95 * slack) >= rate * (1 - 1e-9)
    assert rate <= 0.7 * workers / service * (1 + 1e-9)
    if rate:
        assert p95_latency(workers, rate, service, p95, cv2) <= p95 * slack * (1 + 1e-9)


@given(st.floats(0.05, 1.6))
def test_the_spread_of_a_lognormal_is_found_again(sigma):
    mean, p95 = np.exp(sigma**2 / 2), stats.lognorm.ppf(0.95, sigma)
    assert lognormal_cv2(mean, p95) == pytest.approx(np.expm1(sigma**2), rel=1e-6)


@pytest.mark.parametrize("cv", [0.5, 1.0])
@pytest.mark.parametrize("workers", [2, 4])
def test_the_bound_on_p95_covers_a_simulated_queue(cv, workers):
    sigma = sqrt(np.log1p(cv**2))
    rng = np.random.default_rng(1)
    count, service, busy = 40_000, 0.05, 0.7
    arrivals = np.cumsum(rng.exponential(service / busy / workers, count))
    served = rng.lognormal(np.log(service) - sigma**2 / 2, sigma, count)
    free = [0.0] * workers
    latency = np.empty(count)
    for number, (arrival, length) in enumerate(zip(arrivals.tolist(), served.tolist(), strict=True)):
        start = max(heapq.heappop(free), arrival)
        heapq.heappush(free, start + length)
        latency[number] = start + length - arrival
    p95 = service * np.exp(1.645 * sigma - sigma**2 / 2)
    bound = p95_latency(workers, busy * workers / service, service, p95, cv**2)
    assert 1.0 <= bound / np.quantile(latency[2000:], 0.95) < 1.35
