"""`VECTORS` and `TABLE` are those of the reference implementation that this judge was specified with."""

import json
from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.unit.rollout.minutes import counts, simulated
from trimtab.rollout.e_process import (
    dispersion,
    ln_e_above,
    ln_e_below,
    ln_e_harm,
    ln_e_safe,
    log_likelihood_ratio,
    mantel_haenszel,
    relative_risk_interval,
    step_bounds,
)

VECTORS = {  # (canary errors, requests, production errors, requests) …: ln E harm (1.1), ln E safe (2), interval, RR
    "twice": ([(20, 1000, 90, 9000)], 1.292527268964933, -4.714767362523543, (0.83807183720, 4.144578147341), 2.0),
    "few": ([(12, 1000, 90, 9000)], -1.2342299912279189, 0.39937100838768913, (0.38972522793, 2.849394131552), 1.2),
    "1.5": ([(150, 10000, 900, 90000)], 3.9200581804724015, -5.282682586840836, (1.1082438428, 1.988770618152), 1.5),
    "equal": (
        [(1000, 100000, 9000, 900000)],
        -21.535356011203707,
        258.5683231221823,
        (0.8679514984402, 1.147597983871),
        1.0,
    ),
    "many": (
        [(1200, 100000, 9000, 900000)],
        1.0828619433344453,
        139.00092297105812,
        (1.046115602969, 1.371564623047),
        1.2,
    ),
    "no production errors": ([(3, 1000, 0, 9000)], 4.309575171726926, -2.696945881850467, (1.67374838037, inf), inf),
    "no errors": ([(0, 1000, 0, 9000)], 0.0, 0.0, (0.0, inf), None),
    "ramp": (
        [(5, 1000, 30, 9000), (40, 5000, 20, 5000)],
        1.2889092773732564,
        -4.896837424832185,
        (0.886633641738, 3.925416493921),
        1.8846153846153846,
    ),
    "simpson": (
        [(2, 1000, 18, 9000), (150, 5000, 150, 5000)],
        -3.495462786674473,
        16.842543376028136,
        (0.688781311124, 1.450516643812),
        1.0,
    ),
}
TABLE = [  # the worked table: canary errors, requests, production errors, requests: ln E harm, interval
    ((10, 1000, 90, 9000), -1.640, (0.290, 2.512)),
    ((12, 1000, 90, 9000), -1.234, (0.390, 2.849)),
    ((20, 1000, 90, 9000), 1.293, (0.838, 4.145)),
    ((50, 1000, 90, 9000), 28.07, (2.779, 8.711)),
    ((150, 10_000, 900, 90_000), 3.920, (1.108, 1.989)),
    ((1200, 100_000, 9000, 900_000), 1.083, (1.046, 1.372)),
    ((1000, 100_000, 9000, 900_000), -21.54, (0.868, 1.148)),
    ((3, 1000, 0, 9000), 4.310, (1.674, inf)),
    ((6, 1000, 0, 9000), 9.891, (6.664, inf)),
    ((0, 1000, 0, 9000), 0.0, (0.0, inf)),
]
minute = st.tuples(st.integers(0, 40), st.integers(0, 400), st.integers(0, 60), st.integers(0, 900)).map(
    lambda each: (min(each[0], each[1]), each[1], min(each[2], each[3]), each[3])
)
intervals = st.lists(minute, min_size=1, max_size=12)
margins = st.sampled_from([1.0, 1.1, 1.25, 2.0])


@pytest.mark.parametrize(("given", "harm", "safe", "interval", "relative_risk"), VECTORS.values(), ids=list(VECTORS))
def test_agrees_with_the_reference_implementation(given, harm, safe, interval, relative_risk):
    told = counts(*given)
    assert ln_e_harm(told, 1.1)[-1] == pytest.approx(harm, rel=1e-12, abs=1e-12)
    assert ln_e_safe(told, 2.0)[-1] == pytest.approx(safe, rel=1e-12, abs=1e-12)
    assert relative_risk_interval(told) == pytest.approx(interval, rel=1e-9)
    estimate = mantel_haenszel(told)[-1]
    assert np.isnan(estimate) if relative_risk is None else estimate == pytest.approx(relative_risk)


@pytest.mark.parametrize(("given", "harm", "interval"), TABLE)
def test_agrees_with_the_worked_table(given, harm, interval):
    assert ln_e_harm(counts(given), 1.1)[-1] == pytest.approx(harm, abs=0.005)
    assert relative_risk_interval(counts(given)) == pytest.approx(interval, abs=0.0006)


def test_one_minute_against_one_alternative():
    assert log_likelihood_ratio(counts((20, 1000, 90, 9000)), 2.0, 1.1)[0] == pytest.approx(2.5671566305, abs=1e-10)


@pytest.mark.parametrize("relative_risk", [0.3, 0.9, 1.1])
@given(st.integers(0, 60), st.floats(0.001, 0.999))
def test_a_canary_within_the_margin_expects_no_evidence_of_harm(relative_risk, bad, share):
    """Given the bad requests of a minute, the expected e-value is at most 1, and 1 at the margin."""
    told = counts(*((x, 1000 * share, bad - x, 1000 * (1 - share)) for x in range(bad + 1)))
    each = np.exp(log_likelihood_ratio(told, 3.0, 1.1))
    part = relative_risk * share / (1 + (relative_risk - 1) * share)
    expected = stats.binom.pmf(np.arange(bad + 1), bad, part) @ each
    assert expected <= 1 + 1e-9
    if relative_risk == 1.1:
        assert expected == pytest.approx(1)


@pytest.mark.parametrize("relative_risk", [2.0, 3.0])
@given(st.integers(0, 60), st.floats(0.001, 0.999))
def test_an_unacceptable_canary_expects_no_evidence_of_safety(relative_risk, bad, share):
    told = counts(*((x, 1000 * share, bad - x, 1000 * (1 - share)) for x in range(bad + 1)))
    part = relative_risk * share / (1 + (relative_risk - 1) * share)
    chances = stats.binom.pmf(np.arange(bad + 1), bad, part)
    one_minute = [exp(ln_e_safe(told.each(lambda v, x=x: v[x : x + 1]), 2.0)[0]) for x in range(bad + 1)]
    assert chances @ np.array(one_minute) <= 1 + 1e-9


@pytest.mark.parametrize("relative_risk", [1.0, 1.1])
def test_evidence_of_harm_rarely_ever_reaches_what_it_takes(relative_risk):
    """Ville: looked at after every minute, at most 5 % of harmless canaries ever reach 20."""
    rng = np.random.default_rng(7)
    traffic = simulated(rng, 2000, requests_per_second=10, error_rate=0.02, relative_risk=relative_risk, minutes=120)
    reached = (ln_e_harm(traffic.errors(), 1.1) >= log(20)).any(axis=-1)
    assert reached.mean() <= 0.05


@given(intervals, margins, st.integers(0, 11))
def test_more_errors_of_the_canary_are_more_evidence(given, margin, where):
    told, more = counts(*given), counts(*given)
    index = where % len(given)
    more.canary_bad[index] = min(more.canary_bad[index] + 1, more.canary_requests[index])
    assert ln_e_harm(more, margin)[-1] >= ln_e_harm(told, margin)[-1] - 1e-9


@given(intervals, st.integers(2, 5))
def test_splitting_a_minute_with_one_share_changes_nothing(given, parts):
    whole = counts(*(tuple(parts * value for value in each) for each in given))
    split = counts(*(each for each in given for _ in range(parts)))
    assert ln_e_harm(split, 1.1)[-1] == pytest.approx(ln_e_harm(whole, 1.1)[-1], abs=1e-6)
    assert ln_e_safe(split, 2.0)[-1] == pytest.approx(ln_e_safe(whole, 2.0)[-1], abs=1e-6)


@given(intervals, st.randoms())
def test_the_order_of_minutes_does_not_matter(given, random):
    other = random.sample(given, len(given))
    assert ln_e_harm(counts(*other), 1.1)[-1] == pytest.approx(ln_e_harm(counts(*given), 1.1)[-1], abs=1e-9)


@given(st.integers(0, 50), st.integers(0, 500), margins)
def test_a_minute_in_which_one_arm_got_nothing_says_nothing(bad, requests, margin):
    bad = min(bad, requests)
    for only in ((0, 0, bad, requests), (bad, requests, 0, 0)):
        assert ln_e_harm(counts(only), margin)[-1] == pytest.approx(0, abs=1e-9)
        assert ln_e_safe(counts(only), 2.0)[-1] == pytest.approx(0, abs=1e-9)


@given(intervals)
def test_what_was_known_after_a_minute_is_what_its_minutes_say(given):
    told, steps = counts(*given), np.zeros(len(given), dtype=np.int64)
    spread = dispersion(told, steps, 2.0, 10.0)
    harm, relative_risk = ln_e_harm(told, 1.1, spread), mantel_haenszel(told)
    for last in range(1, len(given) + 1):
        until = told.each(lambda values, last=last: values[:last])
        spread_then = dispersion(until, steps[:last], 2.0, 10.0)
        assert spread_then[-1] == pytest.approx(spread[last - 1])
        assert ln_e_harm(until, 1.1, spread_then)[-1] == pytest.approx(harm[last - 1], abs=1e-9)
        np.testing.assert_allclose(mantel_haenszel(until)[-1], relative_risk[last - 1])


@given(intervals, st.floats(0.02, 0.2))
def test_the_interval_is_what_the_evidence_rules_out(given, level):
    told, enough = counts(*given), log(2 / level)
    lower, upper = relative_risk_interval(told, level)
    assert lower <= upper
    if lower > 0:
        assert ln_e_above(told, lower * 0.999, 1.0)[-1] >= enough > ln_e_above(told, lower * 1.001, 1.0)[-1]
    if upper < inf:
        assert ln_e_below(told, upper * 1.001, 1.0)[-1] >= enough > ln_e_below(told, upper * 0.999, 1.0)[-1]


def test_over_dispersion_widens_the_interval():
    told = counts((50, 1000, 90, 9000))
    narrow, wide = relative_risk_interval(told), relative_risk_interval(told, dispersion=2.0)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_relative_risk_agrees_with_scipys_own_tests(shared):
    oracle = json.loads((shared / "data" / "oracles" / "relative_risk.json").read_text())
    for case in oracle["cases"]:
        told = counts(
            (case["exposed_cases"], case["exposed_total"], case["control_cases"], case["control_total"]),
        )
        np.testing.assert_allclose(mantel_haenszel(told)[-1], float(case["rr"]))
        if "ci95" in case:  # what holds at every minute is wider than what holds at one
            lower, upper = relative_risk_interval(told)
            assert lower < case["ci95"][0] < case["ci95"][1] < upper


def one_step(told):
    return np.zeros(len(told.canary_bad), dtype=np.int64)


@given(intervals)
def test_dispersion_is_pearsons_heterogeneity_shrunk_towards_the_prior(given):
    told = counts(*given)
    x, d = told.canary_bad, told.bad
    part = (x.sum() + 0.5) / (d.sum() + 1)
    with_errors = d > 0
    spread = ((x - d * part)[with_errors] ** 2 / (d[with_errors] * part * (1 - part))).sum()
    freedom = max(0, with_errors.sum() - 1)
    supposed = max(1.0, (10 * 2 + spread) / (10 + freedom))
    found = dispersion(told, one_step(told), 2.0, 10.0)[-1]
    assert found >= supposed - 1e-9
    if spread <= freedom + 3 * (2 * freedom) ** 0.5:  # no more than chance
        assert found == pytest.approx(supposed)


def test_dispersion_of_two_steps_adds_within_them():
    """A share that rises is no over-dispersion."""
    rng = np.random.default_rng(3)
    traffic = simulated(
        rng,
        200,
        requests_per_second=100,
        error_rate=0.02,
        relative_risk=1,
        share=np.repeat([0.1, 0.5], 60),
        minutes=120,
    )
    by_step = dispersion(traffic.errors(), traffic.steps, 2.0, 10.0)[:, -1]
    pooled = dispersion(traffic.errors(), np.zeros(120, dtype=np.int64), 2.0, 10.0)[:, -1]
    assert np.median(by_step) < 1.2
    assert np.median(pooled) > 10


def test_shocks_that_strike_both_arms_are_no_over_dispersion():
    rates = np.where(np.arange(120) % 20 < 3, 0.2, 0.01)
    traffic = simulated(
        np.random.default_rng(3), 200, requests_per_second=100, error_rate=rates, relative_risk=1, minutes=120
    )
    assert np.median(dispersion(traffic.errors(), traffic.steps, 2.0, 10.0)[:, -1]) < 1.2


def test_bursts_of_one_arm_are_over_dispersion():
    traffic = simulated(
        np.random.default_rng(3), 200, requests_per_second=100, error_rate=0.01, relative_risk=1, minutes=60, burst=1.0
    )
    assert np.quantile(dispersion(traffic.errors(), traffic.steps, 2.0, 10.0)[:, -1], 0.05) > 5


def test_steps_have_bounds():
    assert step_bounds(np.array([0, 0, 1, 1, 1, 4])) == [(0, 2), (2, 5), (5, 6)]
