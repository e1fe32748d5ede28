from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.clusters import (
    RequestSquares,
    coarse_bins,
    design_effect,
    gap_effect,
    in_bins,
    request_rows,
    request_squares,
    request_squares_of_numbers,
    sum_by_request,
)
from trimtab.capture.grid import numeric_bins, vocabulary

sizes = st.one_of(
    st.lists(st.integers(1, 6), min_size=1, max_size=30),  # pairs, or a table of counts
    st.lists(st.sampled_from([1, 70, 90]), min_size=1, max_size=4),  # too large for pairs
)


def squares_of(requests):
    """By the definition: `requests` are lists of bins, None for a gap."""
    return RequestSquares(
        cells=sum(len(cells) ** 2 for cells in requests),
        valid=sum(sum(cell is not None for cell in cells) ** 2 for cells in requests),
        alike=sum(sum(n * n for cell, n in Counter(cells).items() if cell is not None) for cells in requests),
        gaps=sum(sum(cell is None for cell in cells) ** 2 for cells in requests),
    )


def constant(counts, random, bins=10):
    return np.repeat(random.integers(0, bins, len(counts)), counts)


def effect_of(codes, counts, bins=10):
    rows = request_rows(np.asarray(counts))
    squares = rows and request_squares(rows, codes, np.zeros(len(codes), bool), bins)
    return design_effect(np.bincount(codes, minlength=bins), squares)


@given(sizes, st.sampled_from([2, 5, 300]), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 99))
def test_sums_are_those_of_their_definition(counts, bins, gaps, seed):
    random = np.random.default_rng(seed)
    rows = request_rows(np.array(counts))
    if rows is None:
        assert max(counts) == 1
        return
    codes = random.integers(0, bins, sum(counts))
    is_gap = random.random(len(codes)) < gaps
    cells = [None if gap else int(code) for code, gap in zip(codes, is_gap, strict=True)]
    ends = np.cumsum(counts)
    expected = squares_of([cells[end - count : end] for count, end in zip(counts, ends, strict=True)])
    assert request_squares(rows, codes[~is_gap], is_gap, bins) == expected
    assert request_squares_of_numbers(rows, codes[~is_gap] / 7.0 - 3, is_gap) == expected


def test_requests_of_one_row_have_nothing_to_sum():
    assert request_rows(None) is None
    assert request_rows(np.ones(5, np.int64)) is None
    assert sum_by_request([(None, 3, 1), (None, 2, 0)]) is None
    assert sum_by_request([]) is None


def test_parts_with_one_row_a_request_add_to_parts_with_more():
    assert sum_by_request([(None, 3, 1), (RequestSquares(9, 4, 2, 1), 2, 1)]) == RequestSquares(13, 7, 5, 2)


def test_rows_as_different_as_any_have_no_design_effect():
    random = np.random.default_rng(1)
    assert effect_of(random.integers(0, 10, 20_000), np.full(1_000, 20)) == pytest.approx(1, abs=0.05)


def test_rows_that_are_all_the_same_count_as_one_a_request():
    random = np.random.default_rng(2)
    counts = random.integers(1, 30, 2_000)
    kish = (counts**2).sum() / counts.sum()
    assert effect_of(constant(counts, random), counts) == pytest.approx(kish, rel=0.05)
    assert effect_of(constant(np.full(500, 20), random), np.full(500, 20)) == pytest.approx(20)


def test_variance_of_shares_is_inflated_by_the_design_effect():
    """Half of the rows have their request's bin, the others any: the correlation is a quarter."""
    random = np.random.default_rng(3)
    counts = np.full(200, 10)

    def draw():
        own = random.random(2_000) < 0.5
        return np.where(own, constant(counts, random), random.integers(0, 10, 2_000))

    shares = np.array([np.bincount(draw(), minlength=10) / 2_000 for _ in range(200)])
    inflation = shares.var(axis=0).mean() / (0.09 / 2_000)
    assert inflation == pytest.approx(1 + 9 / 4, rel=0.12)
    assert np.mean([effect_of(draw(), counts) for _ in range(50)]) == pytest.approx(1 + 9 / 4, rel=0.05)


def test_one_request_shows_nothing_of_how_requests_differ():
    random = np.random.default_rng(4)
    assert effect_of(random.integers(0, 10, 5_000), [5_000]) == 1
    assert effect_of(np.zeros(5_000, np.int64), [5_000]) == 1
    assert design_effect(np.zeros(3, np.int64), RequestSquares(4, 0, 0, 4)) == 1
    with_gaps, with_another = RequestSquares(25, 9, 5, 4), RequestSquares(13, 9, 5, 4)
    assert design_effect(np.array([2, 1]), with_gaps) == 1
    assert design_effect(np.array([3, 0]), replace(with_another, alike=9)) == 3


def test_where_all_cells_have_one_bin_rows_of_a_request_may_all_be_the_same():
    assert effect_of(np.zeros(5_000, np.int64), [2_000, 3_000]) == 2_600
    assert effect_of(np.zeros(5_000, np.int64), np.full(500, 10)) == 10


def test_gaps_of_whole_requests_have_an_effect_and_scattered_ones_none():
    random = np.random.default_rng(5)
    rows = request_rows(np.full(1_000, 10))
    codes = random.integers(0, 10, 10_000)
    for is_gap, expected in ((np.repeat(random.random(1_000) < 0.2, 10), 10), (random.random(10_000) < 0.2, 1)):
        squares = request_squares(rows, codes[~is_gap], is_gap, 10)
        assert gap_effect(int((~is_gap).sum()), int(is_gap.sum()), squares) == pytest.approx(expected, rel=0.05)


def test_sums_by_values_become_sums_by_bins_of_the_same_effect():
    random = np.random.default_rng(6)
    rows = request_rows(np.full(500, 20))
    none = np.zeros(10_000, bool)
    for values, expected in ((np.repeat(random.random(500), 20), 20), (random.random(10_000), 1)):
        equal = float(np.square(np.unique(values, return_counts=True)[1] / 10_000).sum())
        counts = np.bincount((values * 10).astype(int), minlength=10)
        binned = in_bins(request_squares_of_numbers(rows, values, none), equal, counts)
        assert design_effect(counts, binned) == pytest.approx(expected, rel=0.01)


def test_bins_of_the_psi_are_those_between_its_cuts():
    bins = numeric_bins(*np.unique(np.arange(1000.0), return_counts=True))
    coarse = coarse_bins(bins)
    starts = [0, *(bins.cuts + 1)]
    fine = np.arange(bins.bins)
    assert np.bincount(coarse, weights=fine).tolist() == np.add.reduceat(fine, starts).tolist()
    assert coarse_bins(vocabulary({"a": 3, "b": 2})).tolist() == [0, 1, 2, 3]
