import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model_monitor.builders import reference, sketch, window
from trimtab.model_monitor.distribution import (
    SKETCH_SIZE,
    buckets,
    kll_document,
    segments_of_bins,
    segments_of_sketch,
)

numbers = st.lists(st.integers(-500, 500).map(lambda x: x / 4), min_size=1, max_size=300)


def exact(values):
    return segments_of_sketch(sketch(x=values).columns["x"].numbers)


def on_grid(made, values):
    return segments_of_bins(made.grid.columns["x"], window(made, x=values).columns["x"])


def items(document):
    """Every item of a sketch as often as it counts, in increasing order."""
    levels = document["sketch"]["data"]
    return np.sort(np.concatenate([np.repeat(level, 1 << i) for i, level in enumerate(levels)]))


@given(numbers)
def test_buckets_of_training_data_are_numpys_histogram(values):
    low, high = min(values), max(values)
    found = buckets(exact(values), low, high)
    bounds = [low + (high - low) * i / 10 for i in range(11)]
    assert [bucket["lower_bound"] for bucket in found] == bounds[:-1]
    if low < high:
        assert [bucket["count"] for bucket in found] == np.histogram(values, bounds)[0].tolist()
    assert sum(bucket["count"] for bucket in found) == len(values)


@given(numbers, numbers)
def test_buckets_of_a_window_hold_every_number_once(before, values):
    segments = on_grid(reference(x=before), values)
    found = [bucket["count"] for bucket in buckets(segments, min(values), max(values))]
    assert sum(found) == len(values)
    assert min(found) >= 0
    assert len(items(kll_document(segments, min(values), max(values)))) == len(values)


def test_few_values_are_all_in_the_sketch_as_they_stand():
    values = [3.0, 1.0, 3.0, 2.0]
    assert kll_document(exact(values), 1, 3)["sketch"] == {
        "parameters": {"c": 0.64, "k": 2048.0},
        "data": [[1.0, 2.0, 3.0, 3.0]],
    }


def test_a_large_sketch_holds_few_items_and_keeps_every_rank():
    values = np.random.default_rng(0).normal(size=100_000)
    document = kll_document(exact(values), values.min(), values.max())
    assert all(len(level) <= SKETCH_SIZE for level in document["sketch"]["data"])
    expanded = items(document)
    assert len(expanded) == len(values)
    gap = np.abs(np.searchsorted(expanded, np.sort(values)) / 1e5 - np.arange(100_000) / 1e5).max()
    assert gap < 0.005


@pytest.mark.parametrize("draw", [np.random.Generator.normal, np.random.Generator.lognormal])
def test_buckets_of_a_window_are_nearly_those_of_its_numbers(draw):
    rng = np.random.default_rng(1)
    made, values = reference(x=draw(rng, size=20_000)), draw(rng, size=5000)
    found = buckets(on_grid(made, values), values.min(), values.max())
    expected = np.histogram(values, 10, (values.min(), values.max()))[0]
    assert np.abs(np.array([bucket["count"] for bucket in found]) - expected).max() < 0.01 * 5000


def test_whole_numbers_lie_on_the_edges_of_their_bins():
    rng = np.random.default_rng(2)
    made, values = reference(x=rng.poisson(7, 5000)), rng.poisson(8, 2000)
    assert set(items(kll_document(on_grid(made, values), values.min(), values.max()))) <= set(range(30))
