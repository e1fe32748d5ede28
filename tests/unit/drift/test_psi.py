import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.drift.psi import adjusted_psi, p_any_drift, p_more_than, psi, psi_noise

ORACLE = Path(__file__).parents[4] / "shared" / "data" / "oracles" / "deequ_distance.json"

REFERENCE = np.full(10, 1000)
SLIGHT = np.array([60, 80, 90, 95, 100, 105, 110, 115, 120, 125])
STRONG = np.array([30, 45, 60, 75, 90, 110, 125, 140, 155, 170])

COUNTS = st.lists(st.integers(0, 5000), min_size=2, max_size=20).filter(any)


def test_slight_drift_has_the_worked_numbers():
    value = psi(REFERENCE, SLIGHT)
    assert value == pytest.approx(0.03831183971347478, rel=1e-12)
    assert adjusted_psi(value, 10, 1000, 10000) == pytest.approx(0.02841183971347478, rel=1e-12)
    assert p_any_drift(value, 10, 1000, 10000) == pytest.approx(6.386760083353748e-05, rel=1e-9)
    assert p_more_than(0.1, value, 10, 1000, 10000) == pytest.approx(0.9999843221954543, abs=1e-9)


def test_strong_drift_has_the_worked_numbers():
    value = psi(REFERENCE, STRONG)
    assert value == pytest.approx(0.23528904421797656, rel=1e-12)
    assert adjusted_psi(value, 10, 1000, 10000) == pytest.approx(0.22538904421797656, rel=1e-12)
    assert p_any_drift(value, 10, 1000, 10000) == pytest.approx(4.0103960910766993e-41, rel=1e-9)
    assert p_more_than(0.1, value, 10, 1000, 10000) == pytest.approx(9.957534418316822e-07, rel=1e-8)


def test_critical_value_is_the_worked_one():
    below, above = 0.14700546, 0.14700547
    assert p_more_than(0.1, below, 10, 1000, 10000) > 0.05 > p_more_than(0.1, above, 10, 1000, 10000)


# spec E.1, columns n_cur, n_ref, E[PSI] without drift, PSI at 5 % for "PSI > 0.1" and for "PSI > 0.2"
@pytest.mark.parametrize(
    ("n", "m", "noise", "critical_01", "critical_02"),
    [
        (50, 10_000, 0.181, 0.509, 0.660),
        (200, 10_000, 0.046, 0.236, 0.365),
        (1_000, 10_000, 0.010, 0.147, 0.261),
        (10_000, 10_000, 0.002, 0.117, 0.223),
        (200, 200, 0.090, 0.329, 0.467),
        (100_000, 100_000, 0.0002, 0.105, 0.207),
    ],
)
def test_table_of_sample_sizes(n, m, noise, critical_01, critical_02):
    assert psi_noise(10, n, m) == pytest.approx(noise, abs=6e-4)
    for tau, critical in ((0.1, critical_01), (0.2, critical_02)):
        assert p_more_than(tau, critical - 0.001, 10, n, m) > 0.05 > p_more_than(tau, critical + 0.001, 10, n, m)


@given(COUNTS)
def test_equal_shares_have_no_psi(counts):
    assert psi(np.array(counts), np.array(counts)) == pytest.approx(0, abs=1e-12)


@given(st.data())
def test_psi_is_symmetric_and_not_negative(data):
    before = np.array(data.draw(COUNTS))
    after = np.array(data.draw(st.lists(st.integers(0, 5000), min_size=len(before), max_size=len(before)).filter(any)))
    assert psi(before, after) >= 0
    assert psi(before, after) == pytest.approx(psi(after, before))


def test_an_empty_bin_adds_little_in_a_small_sample():
    assert psi(np.full(10, 1000), np.array([0, 22, 22, 22, 22, 22, 22, 22, 23, 23])) < 0.65


@pytest.mark.skipif(not ORACLE.exists(), reason="oracle data is not there")
def test_psi_agrees_with_deequ_which_does_not_smooth():
    cases = [case for case in json.loads(ORACLE.read_text())["cases"] if case["function"] == "populationStabilityIndex"]
    assert cases
    for case in cases:
        before, after = (np.array([count for _, _, count in case[key]]) for key in ("baseline", "sample"))
        assert psi(before, after, smoothing=0) == pytest.approx(case["expected"], rel=1e-9)
        assert psi(before, after) == pytest.approx(case["expected"], rel=0.01)
