import random
from datetime import timedelta

import numpy as np
import pytest

from trimtab.sizing.observations import Observations, ObservationsError, from_datapoints


@pytest.fixture
def start(now):
    return now - timedelta(hours=1)


def minutes(start, values):
    return [(start + timedelta(minutes=index), value) for index, value in enumerate(values) if value is not None]


def test_latency_comes_in_microseconds(start, now):
    read = from_datapoints(
        {"latency_ms": [(start, 50_000.0)], "latency_p95_ms": [(start, 97_300.0)]}, start=start, end=now
    )
    assert (read.latency_ms[0], read.latency_p95_ms[0]) == (50, 97.3)


def test_the_order_and_repetition_of_datapoints_do_not_matter(start, now):
    points = minutes(start, [float(n) for n in range(60)])
    mixed = points * 2
    random.Random(0).shuffle(mixed)
    straight = from_datapoints({"invocations": points}, start=start, end=now)
    assert np.array_equal(
        straight.invocations, from_datapoints({"invocations": mixed}, start=start, end=now).invocations
    )


def test_a_minute_without_requests_is_zero_only_where_an_instance_ran(start, now):
    read = from_datapoints(
        {"invocations": minutes(start, [60.0]), "instances": minutes(start, [2.0, 2.0])}, start=start, end=now
    )
    assert read.invocations[:2].tolist() == [60, 0]
    assert np.isnan(read.invocations[2:]).all()


def test_nothing_at_all_is_unknown_and_not_idle(start, now):
    """Asking by EndpointName alone answers no datapoints: these metrics are by variant too."""
    assert np.isnan(from_datapoints({}, start=start, end=now).invocations).all()


def test_what_a_partial_reading_lacks_is_unknown(start, now):
    read = from_datapoints(
        {"invocations": minutes(start, [60.0]), "instances": minutes(start, [2.0] * 60)},
        start=start,
        end=now,
        incomplete=["invocations"],
    )
    assert np.isnan(read.invocations[1:]).all()
    assert "not read whole: invocations" in read.problem


def test_samples_count_instances_by_how_often_they_publish(start, now):
    read = from_datapoints({"instances": [(start, 12.0)]}, start=start, end=now, publish_seconds=10)
    assert read.instances[0] == 2


def test_minutes_before_a_change_are_discarded(start):
    read = Observations(start=start, invocations=np.arange(60.0), cpu_percent=np.arange(60.0))
    later = read.since(start + timedelta(minutes=10, seconds=30))
    assert (later.start, later.invocations[0], later.cpu_percent[0]) == (start + timedelta(minutes=11), 11, 11)
    assert len(read.since(start + timedelta(days=1)).invocations) == 0
    assert read.since(None) is read


@pytest.mark.parametrize(
    "series", [{"cpu_percent": np.ones(3)}, {"cpu_percent": -np.ones(60)}, {"latency_ms": np.full(60, np.inf)}]
)
def test_impossible_series_are_refused_by_name(start, series):
    with pytest.raises(ObservationsError, match=next(iter(series))):
        Observations(start=start, invocations=np.ones(60), **series)


def test_times_need_a_zone_and_fields_a_name(start, now):
    with pytest.raises(ObservationsError, match="invocations: a time without a zone"):
        from_datapoints({"invocations": [(start.replace(tzinfo=None), 1.0)]}, start=start, end=now)
    with pytest.raises(ObservationsError, match="cpu: no field"):
        from_datapoints({"cpu": []}, start=start, end=now)
