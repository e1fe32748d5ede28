import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.grid import (
    Grid,
    Vocabulary,
    grid_document,
    grid_from_document,
    numeric_bins,
    quantiles,
    vocabulary,
)
from trimtab.capture.table import canonical_text

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


def bins_of(values):
    distinct, weights = np.unique(np.asarray(values, float), return_counts=True)
    return numeric_bins(distinct, weights)


@given(st.lists(finite, min_size=1, max_size=200))
def test_quantiles_are_those_of_numpy(values):
    distinct, weights = np.unique(np.asarray(values), return_counts=True)
    probabilities = np.linspace(0, 1, 11)
    ours = quantiles(distinct, weights, probabilities, interpolate=True)
    np.testing.assert_allclose(ours, np.quantile(values, probabilities), rtol=1e-9, atol=1e-30)


@given(st.lists(finite, min_size=1, max_size=300))
def test_edges_increase_and_hold_the_whole_reference(values):
    bins = bins_of(values)
    assert (np.diff(bins.edges) > 0).all()
    assert bins.edges[0] <= min(values)
    assert bins.edges[-1] > max(values)
    assert 0 <= bins.low < bins.high <= len(bins.edges) - 1
    assert set(bins.cuts) <= set(range(1, len(bins.edges)))


def test_cuts_of_a_continuous_column_are_its_deciles():
    values = np.random.default_rng(1).normal(size=10_000)
    bins = bins_of(values)
    np.testing.assert_allclose(bins.edges[bins.cuts], np.quantile(values, np.arange(1, 10) / 10), rtol=1e-12)


@given(st.lists(st.one_of(finite, st.integers(-9, 9).map(float)), min_size=1, max_size=80), st.integers(0, 2**32))
def test_positions_are_those_of_a_search(reference, seed):
    edges = bins_of(reference).edges
    rng = np.random.default_rng(seed)
    at_edges = np.concatenate([edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)])
    between = rng.normal(rng.choice(edges, 5000), np.abs(rng.choice(edges, 5000)))
    values = np.concatenate([at_edges, between, np.linspace(edges[0], edges[-1], 1000)])
    np.testing.assert_array_equal(bins_of(reference).positions(values), np.searchsorted(edges, values, side="right"))


def test_a_column_of_few_values_has_an_edge_at_each():
    bins = bins_of([0, 1, 1, 2, 2, 2])
    assert bins.edges[:-1].tolist() == [0, 1, 2]
    assert bins.edges[bins.cuts].tolist() == [1, 2]


def test_an_atom_gets_a_psi_bin_of_its_own():
    values = np.concatenate([np.zeros(700), np.random.default_rng(1).lognormal(size=300)])
    bins = bins_of(values)
    counts = np.histogram(values, np.concatenate([[-np.inf], bins.edges[bins.cuts], [np.inf]]))[0]
    assert counts[0] == 700


def shares_between_cuts(values):
    bins = bins_of(values)
    places = np.searchsorted(bins.edges[bins.cuts], values, side="right")
    return (np.bincount(places) / len(values)).tolist()


@pytest.mark.parametrize("atom", [0, -1, 1e6])
def test_beside_a_value_that_is_most_of_all_the_psi_bins_are_fifths_of_the_others(atom):
    values = np.concatenate([np.full(9000, atom), np.random.default_rng(1).lognormal(size=1000)])
    found = shares_between_cuts(values)
    assert sorted(found) == [pytest.approx(0.02, abs=2e-4)] * 5 + [0.9]


def test_others_on_both_sides_of_a_value_that_is_most_of_all_are_kept_apart():
    values = np.concatenate([np.zeros(9000), np.random.default_rng(1).normal(size=1000)])
    assert shares_between_cuts(values) == pytest.approx([0.02, 0.02, 0.01, 0.9, 0.01, 0.02, 0.02], abs=0.005)


def test_no_psi_bin_is_empty_beside_a_value_that_is_most_of_all():
    values = np.concatenate([np.full(90, 7.0), np.repeat(np.arange(-60.0, 0, 5), 2), np.arange(10, 60, 5)])
    assert min(shares_between_cuts(values)) > 0


@given(st.lists(st.one_of(finite, st.just(3.0), st.just(3.0)), min_size=1, max_size=200))
def test_edges_lie_on_boundaries_of_small_bins(values):
    distinct, weights = np.unique(np.asarray(values, float), return_counts=True)
    uppers = np.append(distinct[1:], np.nextafter(distinct[-1], np.inf))
    bins = numeric_bins(distinct, weights, uppers)
    assert set(bins.edges) <= set(distinct) | set(uppers)


def test_a_value_of_less_than_half_of_all_leaves_the_deciles():
    values = np.concatenate([np.zeros(4500), np.random.default_rng(1).lognormal(size=5500)])
    assert shares_between_cuts(values) == pytest.approx([0.45, 0.05, *[0.1] * 5], abs=0.001)


def test_a_constant_column_is_one_bin():
    bins = bins_of([3.5, 3.5])
    assert bins.edges.tolist() == [3.5, np.nextafter(3.5, np.inf)]
    assert len(bins.cuts) == 0


def test_vocabulary_keeps_the_most_frequent_values_in_order():
    bins = vocabulary(Counter({"b": 2, "a": 2, "c": 5}))
    assert bins.values == ("c", "a", "b")
    assert [bins.position(value) for value in ("c", "b", "new")] == [0, 2, 4]


def test_rare_values_of_the_reference_are_other_and_not_unseen():
    bins = vocabulary({f"v{i:04}": 1000 - i for i in range(300)})
    assert len(bins.values) == 254
    assert bins.position("v0299") == 254
    assert bins.position("v0300") == 255


def test_nothing_is_unseen_when_the_reference_had_too_many_values_to_list():
    bins = vocabulary({"a": 3}, is_open=True)
    assert bins.position("new") == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_grid_survives_json_and_its_name_is_its_content(seed):
    rng = np.random.default_rng(seed)
    grid = Grid({"x": bins_of(rng.normal(size=500)), "c": vocabulary({"a": 3, "b": 1})})
    again = grid_from_document(json.loads(json.dumps(grid_document(grid.columns))))
    assert again.name == grid.name
    assert list(again.columns) == ["x", "c"]
    assert grid.name != Grid({"x": bins_of(rng.normal(size=500)), "c": vocabulary({"a": 3, "b": 1})}).name


@given(st.lists(st.sampled_from(["a", "b", " a", "1", "1.0", "True", "true", "new", "x" * 300]), max_size=20))
def test_bins_of_many_texts_are_those_of_each(texts):
    bins = Vocabulary(values=("a", "1", "true"), others=frozenset({"b"}))
    for _ in range(2):
        assert bins.positions_of(texts) == [bins.position(canonical_text(text)) for text in texts]
