"""The simulated queues against what queueing theory knows exactly."""

import numpy as np
import pytest

from bench.queue_simulation import SHAPES, Shape, curve, lognormal, serve, two_kinds, windows
from trimtab.sizing.queueing import erlang_c

EXPONENTIAL = next(each for each in SHAPES if each.name == "exponential")
CONSTANT = Shape("constant", lambda rng, size: np.ones(size), 1.0)  # noqa: ARG005


def simulated(shape, workers, load, requests=6000, lanes=60, warm_up=1500):
    rng = np.random.default_rng(3)
    size = (warm_up + requests, lanes)
    arrivals = np.cumsum(rng.exponential(1 / (load * workers), size), axis=0)
    services = shape.draw(rng, size)
    return (serve(arrivals, services, np.full(lanes, workers)) - services)[warm_up:]


@pytest.mark.parametrize(("workers", "load"), [(1, 0.6), (2, 0.7), (4, 0.8), (8, 0.85)])
def test_exponential_service_waits_as_erlang_c_says(workers, load):
    waits = simulated(EXPONENTIAL, workers, load)
    waiting = erlang_c(workers, workers * load)
    assert np.mean(waits > 1e-9) == pytest.approx(waiting, rel=0.04)
    assert waits.mean() == pytest.approx(waiting / (workers * (1 - load)), rel=0.08)
    beyond = np.mean(waits > 1 / workers)  # P(W > t) = C exp(-(k - a) t)
    assert beyond == pytest.approx(waiting * np.exp(-(1 - load)), rel=0.06)


def test_constant_service_waits_half_as_long():
    """Pollaczek and Khinchine: the wait of M/D/1 is half that of M/M/1."""
    assert simulated(CONSTANT, 1, 0.7).mean() == pytest.approx(0.5 * 0.7 / 0.3, rel=0.05)


def test_requests_one_at_a_time_never_wait():
    arrivals, services = np.arange(10.0)[:, None] * 2, np.ones((10, 1))
    assert serve(arrivals, services, np.array([1])).ravel() == pytest.approx(np.ones(10))


def test_who_comes_together_is_served_by_who_is_free():
    arrivals, services = np.zeros((4, 2)), np.full((4, 2), 3.0)
    assert serve(arrivals, services, np.array([1, 2])).T.tolist() == [[3, 6, 9, 12], [3, 3, 6, 6]]


def test_what_never_arrives_has_no_latency():
    latency = serve(np.array([[0.0], [np.inf]]), np.ones((2, 1)), np.array([1]))
    assert np.isnan(latency).tolist() == [[False], [True]]


@pytest.mark.parametrize("shape", [*SHAPES, lognormal(0.7), two_kinds(0.2, 3)], ids=lambda each: each.name)
def test_shapes_have_mean_one_and_the_percentile_they_say(shape):
    drawn = shape.draw(np.random.default_rng(1), (400_000,))
    assert drawn.mean() == pytest.approx(1, rel=0.02)
    assert np.quantile(drawn, 0.95) == pytest.approx(shape.p95, rel=0.02)


def test_curves_rise_with_the_load_and_are_turned_around():
    seen = curve(EXPONENTIAL, 2)
    assert (np.diff(seen.p95) >= 0).all()
    assert seen.p95[0] == pytest.approx(3.0, rel=0.05)
    target = float(np.interp(0.7, seen.loads, seen.p95))
    assert seen.load_at(target) == pytest.approx(0.7, abs=0.03)
    assert seen.load_at(2.0) == 0
    assert seen.load_at(1e9) == seen.loads[-1]
    assert curve(EXPONENTIAL, 2, 2.0, 50.0).load_at(target) < 0.6


def test_windows_have_as_many_requests_as_their_minutes_say():
    rates = np.tile([2.0, 10.0, 5.0], (40, 1))
    latency, minute = windows(
        rates, np.full(40, 8), np.full(40, 0.1), EXPONENTIAL, 1.5, np.full(40, 30.0), np.random.default_rng(2)
    )
    counts = np.bincount(minute.ravel(), minlength=4)[:3] / 40
    assert counts == pytest.approx([60, 300, 150], rel=0.05)
    assert np.isnan(latency[minute == 3]).all()
    assert np.isfinite(latency[minute < 3]).all()


def test_a_long_window_is_a_queue_in_equilibrium():
    load, workers = 0.75, 2
    rates = np.full((200, 12), load * workers / 0.2)
    latency, minute = windows(
        rates, np.full(200, workers), np.full(200, 0.2), EXPONENTIAL, 1.0, np.full(200, 60.0), np.random.default_rng(2)
    )
    settled = latency[(minute >= 4) & (minute < 12)]
    assert np.quantile(settled, 0.95) / 0.2 == pytest.approx(np.interp(load, *_p95(workers)), rel=0.06)


def _p95(workers):
    seen = curve(EXPONENTIAL, workers)
    return seen.loads, seen.p95


@pytest.mark.parametrize("load", [0.4, 0.6])
def test_curves_of_bursts_are_those_of_simulated_bursts(load):
    """Bursts of 40 service times at twice the rate; at 0.6 they are more than can be served."""
    service, workers, peak = 0.5, 4, 2.0
    rates = np.full((300, 6), load * workers / service)
    latency, minute = windows(
        rates, np.full(300, workers), np.full(300, service), EXPONENTIAL, peak, np.full(300, 60.0),
        np.random.default_rng(4),
    )  # fmt: skip
    settled = latency[(minute >= 1) & (minute < 6)] / service
    seen = curve(EXPONENTIAL, workers, peak, 40.0)
    assert np.quantile(settled, 0.95) == pytest.approx(np.interp(load, seen.loads, seen.p95), rel=0.25)
    assert settled.mean() == pytest.approx(np.interp(load, seen.loads, seen.mean), rel=0.2)
