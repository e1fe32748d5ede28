import numpy as np
import pytest

from trimtab.capture.grid import numeric_bins, vocabulary
from trimtab.capture.profile import ColumnProfile, count_numbers
from trimtab.capture.table import NumericColumn
from trimtab.pages.distribution import distribution


def shares_of(before, after):
    bins = numeric_bins(*np.unique(before, return_counts=True))
    return distribution(bins, *(count_numbers(NumericColumn(np.asarray(each)), bins) for each in (before, after)))


def test_a_column_has_a_tenth_of_its_reference_in_each_bin():
    rng = np.random.default_rng(1)
    shares = shares_of(rng.normal(0, 1, 20_000), rng.normal(1, 1, 5_000))
    assert len(shares) == 10
    assert [each.reference for each in shares] == pytest.approx([0.1] * 10, abs=0.001)
    assert sum(each.current for each in shares) == pytest.approx(1)
    # P(N(1, 1) < the standard normal's first decile, -1.2816) = 0.01126
    assert shares[0].current == pytest.approx(0.0113, abs=0.005)
    assert shares[0].name == "below -1.29"


def test_a_column_of_few_values_has_a_bin_for_each():
    shares = shares_of([0.0, 1.0, 1.0, 2.0], [1.0, 1.0, 5.0])
    assert [(each.name, each.reference, each.current) for each in shares] == [
        ("below 1", 0.25, 0.0), ("1", 0.5, pytest.approx(2 / 3)), ("2 or more", 0.25, pytest.approx(1 / 3)),
    ]  # fmt: skip


def test_of_a_constant_column_one_sees_what_is_not_so_any_more():
    shares = shares_of([5.0, 5.0], [5.0, 6.0, 7.0, 5.0])
    assert [(each.name, each.reference, each.current) for each in shares] == [("5", 1.0, 0.5), ("above 5", 0.0, 0.5)]


def test_what_is_missing_or_no_number_is_a_share_of_its_own():
    bins = numeric_bins(np.array([1.0, 2.0]), np.array([1, 1]))
    counts = np.array([0, 2, 2])
    shares = distribution(bins, ColumnProfile(counts), ColumnProfile(counts, missing=3, invalid=1))
    assert [(each.name, each.current) for each in shares[-2:]] == [("missing", 0.375), ("no number", 0.125)]


def test_the_most_frequent_values_are_shown_and_the_rest_together():
    bins = vocabulary({f"v{n:02}": 100 - n for n in range(20)})
    before, after = np.array([*range(100, 80, -1), 0, 0]), np.array([0] * 19 + [500, 0, 9])
    shares = distribution(bins, ColumnProfile(before), ColumnProfile(after))
    assert [each.name for each in shares] == [
        *(f"v{n:02}" for n in range(9)),
        "v19",
        "other values",
        "never in the reference",
    ]
    assert sum(each.reference for each in shares) == pytest.approx(1)
    assert shares[-1].current == pytest.approx(9 / 509)


def test_an_empty_window_has_no_shares():
    bins = vocabulary({"a": 1})
    assert [
        each.current for each in distribution(bins, ColumnProfile(np.array([5, 0, 0])), ColumnProfile(np.zeros(3, int)))
    ] == [0]
