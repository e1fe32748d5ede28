import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.drift.builders import coded, numbers, one_column, texts
from trimtab.capture.grid import Vocabulary
from trimtab.capture.profile import ColumnProfile
from trimtab.drift.binning import psi_counts
from trimtab.drift.psi import adjusted_psi, psi


def _adjusted(bins, reference, current):
    before, after = psi_counts(bins, reference, current)
    return adjusted_psi(psi(before, after), len(before), int(after.sum()), int(before.sum()))


def test_numeric_bins_are_the_reference_deciles():
    rng = np.random.default_rng(3)
    before, after = psi_counts(*one_column(numbers(rng.normal(size=10_000)), numbers(rng.normal(size=1000))))
    assert before.tolist() == [1000] * 10
    assert after.sum() == 1000


def test_numeric_psi_is_that_of_the_exact_deciles():
    rng = np.random.default_rng(4)
    old, new = rng.lognormal(size=10_000), rng.lognormal(0.3, size=1000)
    cuts = np.quantile(old, np.arange(1, 10) / 10)
    exact = [np.bincount(np.searchsorted(cuts, values, side="right"), minlength=10) for values in (old, new)]
    before, after = psi_counts(*one_column(numbers(old), numbers(new)))
    assert before.tolist() == exact[0].tolist()
    assert after.tolist() == exact[1].tolist()


def test_values_beyond_the_reference_belong_to_the_outer_bins():
    rng = np.random.default_rng(5)
    _, after = psi_counts(*one_column(numbers(rng.normal(size=10_000)), numbers([-99.0] * 300 + [99.0] * 700)))
    assert after.tolist() == [300, 0, 0, 0, 0, 0, 0, 0, 0, 700]


def test_rare_neighbours_become_one_bin_and_a_lone_rare_one_stays():
    # expected of 1000: 500, 2, 2, 494, 2
    before, after = psi_counts(
        *one_column(
            numbers(np.repeat([0.0, 1, 2, 3, 4], [5000, 20, 20, 4940, 20])),
            numbers(np.repeat([0.0, 3, 4], [500, 490, 10])),
        )
    )
    assert before.tolist() == [5000, 40, 4940, 20]
    assert after.tolist() == [500, 0, 490, 10]


def test_a_rare_flag_that_becomes_frequent_is_seen():
    bins, reference, current = one_column(texts(["no"] * 9990 + ["yes"] * 10), texts(["no"] * 800 + ["yes"] * 200))
    assert _adjusted(bins, reference, current) > 0.5
    bins, reference, current = one_column(numbers([0] * 9990 + [1] * 10), numbers([0] * 800 + [1] * 200))
    assert _adjusted(bins, reference, current) > 0.5


def test_rare_categories_are_counted_together():
    old = ["a"] * 6000 + ["b"] * 3900 + ["c"] * 40 + ["d"] * 40 + ["e"] * 20
    before, after = psi_counts(*one_column(texts(old), texts(["a"] * 600 + ["b"] * 390 + ["c"] * 3 + ["e"] * 7)))
    assert before.tolist() == [6000, 3900, 100]
    assert after.tolist() == [600, 390, 10]


def test_rare_categories_that_are_many_are_counted_in_groups():
    rng = np.random.default_rng(7)
    before, after = psi_counts(*one_column(coded(rng.integers(0, 200, 1000)), coded(rng.integers(0, 200, 1000))))
    assert len(before) == 10
    assert before.min() >= 75
    assert after.min() >= 50


def test_many_rare_categories_that_become_few_are_seen():
    rng = np.random.default_rng(8)
    bins, reference, current = one_column(coded(rng.integers(0, 200, 1000)), coded(rng.integers(0, 10, 1000)))
    assert _adjusted(bins, reference, current) > 0.5


def test_groups_of_rare_categories_do_not_look_at_the_current_data():
    rng = np.random.default_rng(9)
    old = coded(rng.integers(0, 100, 1000))
    news = [coded(np.repeat(np.arange(100), counts)) for counts in (10, np.arange(100) % 2 * 20)]
    befores = [psi_counts(*one_column(old, new))[0].tolist() for new in news]
    assert befores[0] == befores[1]


def test_rare_categories_of_which_too_many_stand_there_once_are_one_group():
    rng = np.random.default_rng(10)
    before, _ = psi_counts(*one_column(coded(rng.integers(0, 250, 500)), coded(rng.integers(0, 250, 1000))))
    assert len(before) == 1


def test_groups_of_rare_categories_move_no_more_than_chance_moves_them():
    """The PSI over 1/n + 1/m is chi-square with one degree of freedom less than bins: mean 9, variance 18."""
    rng = np.random.default_rng(11)
    found = []
    for _ in range(200):
        before, after = psi_counts(*one_column(coded(rng.integers(0, 150, 1000)), coded(rng.integers(0, 150, 1000))))
        assert len(before) == 10
        found.append(psi(before, after) / (1 / before.sum() + 1 / after.sum()))
    assert np.mean(found) == np.clip(np.mean(found), 8, 10)
    assert np.var(found) < 27


def test_unseen_values_and_values_seen_once_are_left_out_of_a_whole_vocabulary():
    old = ["a"] * 6000 + ["b"] * 3900 + ["c"] * 98 + ["once", "too"]
    before, after = psi_counts(*one_column(texts(old), texts(["a"] * 500 + ["b"] * 300 + ["c"] * 20 + ["new"] * 180)))
    assert before.tolist() == [6000, 3900, 98, 0]
    assert after.tolist() == [500, 300, 20, 0]


def test_unseen_values_join_the_rest_of_a_vocabulary_that_is_cut_off():
    bins = Vocabulary(values=("a", "b"), others=frozenset({"c", "d"}))
    reference, current = (ColumnProfile(counts=np.array(c)) for c in ([600, 300, 100, 0], [60, 30, 4, 6]))
    before, after = psi_counts(bins, reference, current)
    assert before.tolist() == [600, 300, 100]
    assert after.tolist() == [60, 30, 10]


def test_equal_distributions_of_many_values_have_no_psi_whatever_the_samples():
    """Rare values are picked by the reference's counts; that must not look like drift."""
    rng = np.random.default_rng(6)
    for values in (5, 50, 200, 400, 2000):
        weights = np.arange(1, values + 1.0) ** -rng.choice([0.0, 0.5, 1.0])
        weights /= weights.sum()
        for m, n in ((1000, 10_000), (10_000, 1000), (10_000, 50_000)):
            old, new = (coded(rng.choice(values, size, p=weights)) for size in (m, n))
            bins, reference, current = one_column(old, new)
            before, _ = psi_counts(bins, reference, current)
            assert len(before) < 2 or _adjusted(bins, reference, current) < 0.05


@given(st.lists(st.integers(0, 30), min_size=1, max_size=300), st.lists(st.integers(0, 40), min_size=1, max_size=300))
def test_no_count_is_lost_or_negative(old, new):
    bins, reference, current = one_column(numbers(old), numbers(new))
    before, after = psi_counts(bins, reference, current)
    assert (before.sum(), after.sum()) == (len(old), len(new))
    bins, reference, current = one_column(coded(np.array(old)), coded(np.array(new)))
    before, after = psi_counts(bins, reference, current)
    assert len(before) == len(after)
    assert before.min(initial=0) >= 0
    assert after.sum() == len(new) - current.counts[-1]
