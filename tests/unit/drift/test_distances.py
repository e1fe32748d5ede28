import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, ks_2samp, wasserstein_distance

from tests.unit.drift.builders import numbers, one_column
from trimtab.drift.chi_square import chi_square_sf
from trimtab.drift.distances import jensen_shannon, kolmogorov_smirnov, wasserstein

ORACLE = Path(__file__).parents[4] / "shared" / "data" / "oracles" / "deequ_distance.json"


@given(st.integers(1, 12).flatmap(lambda k: st.tuples(*[st.lists(st.integers(0, 900), min_size=k, max_size=k)] * 2)))
def test_jensen_shannon_agrees_with_scipy(pair):
    before, after = np.array(pair[0]), np.array(pair[1])
    if before.any() and after.any():
        assert jensen_shannon(before, after) == pytest.approx(jensenshannon(before, after, base=2), abs=1e-7)


def test_jensen_shannon_of_disjoint_histograms_is_one():
    assert jensen_shannon(np.array([5, 0]), np.array([0, 7])) == pytest.approx(1)


@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0, 5.0])
def test_kolmogorov_smirnov_on_bins_is_near_the_exact_one(shift):
    rng = np.random.default_rng(1)
    before, after = rng.normal(size=5000), rng.normal(size=2000) + shift
    _, reference, current = one_column(numbers(before), numbers(after))
    exact = ks_2samp(before, after).statistic
    assert exact - 0.02 <= kolmogorov_smirnov(reference.counts, current.counts) <= exact + 1e-12


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(lambda r: r.normal(size=5000), lambda r: r.normal(size=2000) + 0.5, id="shifted"),
        pytest.param(lambda r: r.normal(size=5000), lambda r: r.normal(size=2000) * 1.5, id="wider"),
        pytest.param(lambda r: r.normal(5, 1, 5000), lambda r: r.normal(5, 1, 2000) * 1000, id="other unit"),
        pytest.param(lambda r: r.normal(size=5000), lambda r: r.normal(size=2000) - 1e6, id="far below"),
        pytest.param(lambda r: r.integers(0, 2, 5000), lambda r: r.random(2000) < 0.8, id="binary"),
        pytest.param(lambda r: r.choice([0, 1, 9], 5000), lambda r: r.choice([0, 1, 9, 9, 9], 2000), id="few"),
        pytest.param(lambda r: r.exponential(size=5000), lambda r: r.exponential(size=2000) * 2, id="skewed"),
        pytest.param(lambda r: r.poisson(200, 5000), lambda r: r.poisson(230, 2000), id="counts"),
    ],
)  # fmt: skip
def test_wasserstein_on_bins_is_near_the_exact_one(before, after):
    rng = np.random.default_rng(2)
    old, new = before(rng).astype(float), after(rng).astype(float)
    bins, reference, current = one_column(numbers(old), numbers(new))
    assert wasserstein(bins, reference, current) == pytest.approx(wasserstein_distance(old, new) / old.std(), rel=0.03)


def test_wasserstein_without_spread_is_not_defined():
    assert wasserstein(*one_column(numbers([3.3] * 50), numbers([4.0] * 50))) is None


def _deequ(function, method):
    if not ORACLE.exists():
        pytest.skip("oracle data is not there")
    cases = json.loads(ORACLE.read_text())["cases"]
    return [case for case in cases if (case["function"], case["method"]) == (function, method)]


def test_kolmogorov_smirnov_agrees_with_deequ():
    for case in _deequ("numericalDistance", "linf"):
        _, reference, current = one_column(numbers(case["baseline"]), numbers(case["sample"]))
        gap = kolmogorov_smirnov(reference.counts, current.counts)
        n, m = len(case["sample"]), len(case["baseline"])
        robust = max(0.0, gap - 1.8 * ((n + m) / (n * m)) ** 0.5)
        assert (gap if case["low_sample_correction"] else robust) == pytest.approx(case["expected"])


def test_chi_square_tail_agrees_with_deequ():
    checked = 0
    for case in _deequ("categoricalDistance", "chisquare"):
        sample, baseline = case["sample"], case["baseline"]
        if case["low_sample_correction"] or case["expected"] == "NaN" or len(baseline) < 3:
            continue
        # the sample's counts of the baseline's categories, against the baseline scaled to their sum
        observed = np.array([sample.get(value, 0) for value in baseline], dtype=float)
        expected = np.array(list(baseline.values())) / sum(baseline.values()) * observed.sum()
        statistic = float(((observed - expected) ** 2 / expected).sum())
        assert chi_square_sf(statistic, len(baseline) - 1) == pytest.approx(case["expected"], rel=1e-9)
        assert chi_square_sf(statistic, len(baseline) - 1) == pytest.approx(chi2.sf(statistic, len(baseline) - 1))
        checked += 1
    assert checked == 2
