import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.unit.rollout.minutes import counts
from trimtab.rollout.exact_test import binomial_sum_tails, canary_part, stratum_starts, tails

strata = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from([0.0, 1.0]) | st.floats(1e-6, 1.0)), min_size=1, max_size=5
)
VECTORS = [  # the reference implementation's: intervals, p of harm (1.1), p of safety (2)
    ([(20, 1000, 90, 9000)], 0.015031795301369465, 0.559390943491163),
    ([(12, 1000, 90, 9000)], 0.4343727478523563, 0.054863065490878694),
    ([(150, 10000, 900, 90000)], 0.0003968165343712352, 0.00044545393841916513),
    ([(3, 1000, 0, 9000)], 0.0012918554868916955, 1.0),
    ([(5, 1000, 30, 9000), (40, 5000, 20, 5000)], 0.015639655467438226, 0.419535368024515),
    ([(2, 1000, 18, 9000), (150, 5000, 150, 5000)], 0.813991903169898, 1.128172131352624e-09),
]


def one_run(*intervals):
    return counts(*intervals), np.arange(len(intervals))


@pytest.mark.parametrize(("intervals", "p_harm", "p_safe"), VECTORS)
def test_exact_tails_agree_with_the_reference_implementation(intervals, p_harm, p_safe):
    told, _ = one_run(*intervals)
    for relative_risk, tail, expected in ((1.1, 0, p_harm), (2.0, 1, p_safe)):
        part = canary_part(told.share, relative_risk)
        found = binomial_sum_tails(told.canary_bad.sum(keepdims=True), told.bad[None], part[None])
        assert found[tail][0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("intervals", "p_harm"),
    [([(10, 1000, 90, 9000)], 0.660), ([(20, 1000, 90, 9000)], 0.0150), ([(1200, 100_000, 9000, 900_000)], 0.0027)],
)
def test_a_look_agrees_with_the_worked_table_on_harm(intervals, p_harm):
    told, steps = one_run(*intervals)
    assert tails(told, steps, 1.1, 1.0)[0] == pytest.approx(p_harm, abs=0.0005)


@pytest.mark.parametrize(
    ("intervals", "p_safe"),
    [([(10, 1000, 90, 9000)], 0.0180), ([(12, 1000, 90, 9000)], 0.0549), ([(3, 1000, 0, 9000)], 1)],
)
def test_a_look_agrees_with_the_worked_table_on_safety(intervals, p_safe):
    told, steps = one_run(*intervals)
    assert tails(told, steps, 2.0, 1.0)[1] == pytest.approx(p_safe, abs=0.0005)


@given(strata, st.integers(0, 40))
def test_sums_of_binomials_agree_with_scipy(given, count):
    total = np.ones(1)
    for trials, chance in given:
        total = np.convolve(total, stats.binom.pmf(np.arange(trials + 1), trials, chance))
    trials, chance = (np.array(values, dtype=float)[None] for values in zip(*given, strict=True))
    at_least, at_most = binomial_sum_tails(np.array([float(count)]), trials, chance)
    assert at_least[0] == pytest.approx(total[count:].sum(), abs=1e-9)
    assert at_most[0] == pytest.approx(total[: count + 1].sum(), abs=1e-9)


def test_many_runs_are_tested_at_once():
    rng = np.random.default_rng(1)
    trials, chance = rng.integers(0, 80, (50, 4)).astype(float), rng.uniform(0.01, 0.6, (50, 4))
    count = rng.integers(0, 49, 50).astype(float)
    together = binomial_sum_tails(count, trials, chance)
    for run in range(50):
        alone = binomial_sum_tails(count[run : run + 1], trials[run : run + 1], chance[run : run + 1])
        assert together[0][run] == pytest.approx(alone[0][0], abs=1e-12)
        assert together[1][run] == pytest.approx(alone[1][0], abs=1e-12)


def test_from_fifty_errors_on_it_is_the_normal_approximation_with_every_minutes_own_share():
    told, steps = one_run((40, 1000, 90, 9000), (20, 2000, 30, 5000))
    part = canary_part(told.share, 1.1)
    z = (told.canary_bad - told.bad * part).sum() / np.sqrt(1.7 * (told.bad * part * (1 - part)).sum())
    at_least, at_most = tails(told, steps, 1.1, 1.7)
    assert at_least == pytest.approx(stats.norm.sf(z))
    assert at_most == pytest.approx(stats.norm.cdf(z))


def test_over_dispersion_weakens_an_exact_look():
    told, steps = one_run((20, 1000, 90, 9000))
    assert tails(told, steps, 1.1, 2.0)[0] == pytest.approx(stats.binom.sf(9, 55, 1.1 / 10.1))
    assert tails(told, steps, 1.1, 2.0)[0] > tails(told, steps, 1.1, 1.0)[0]


@given(st.lists(st.integers(0, 1), min_size=1, max_size=6), st.floats(1, 3))
def test_scaling_never_leaves_fewer_trials_than_successes(errors, dispersion):
    """Errors of the canary alone, one to a stratum: each scaled by itself might vanish."""
    told = counts(*((x, 10, 0, 90) for x in errors))
    at_least, _ = tails(told, np.arange(len(errors)), 1.1, dispersion)
    assert at_least > 0


@pytest.mark.parametrize("intervals", [[(0, 0, 5, 900)], [(0, 1000, 0, 9000)], [(60, 100, 0, 0)], [(5, 100, 0, 0)]])
def test_without_errors_or_without_a_second_arm_nothing_is_unlikely(intervals):
    told, steps = one_run(*intervals)
    at_least, at_most = tails(told, steps, 1.1, 1.0)
    assert at_least == pytest.approx(1)
    assert at_most == pytest.approx(1)


def test_strata_are_steps_by_the_hour():
    steps = np.repeat([0, 1, 2], [30, 100, 20])
    assert stratum_starts(steps).tolist() == [0, 30, 60, 120, 130]
