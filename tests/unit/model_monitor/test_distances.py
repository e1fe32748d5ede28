import json
from math import isnan, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trimtab.model_monitor.distances import CRITICAL, categorical_distance, chi_square, numeric_distance, robust

counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 300), min_size=1)


def on_common_bins(sample, baseline):
    edges = np.unique([*sample, *baseline])
    return (np.array([np.sum(np.array(side) == edge) for edge in edges]) for side in (sample, baseline))


def distance_of(case):
    """A case of Deequ's own tests, by the name that its function has here."""
    sample, baseline = case["sample"], case["baseline"]
    if case["method"] == "chisquare":
        statistic, p = chi_square(sample, baseline)
        return statistic if case["low_sample_correction"] else p
    if case["function"] == "numericalDistance":
        n, m = len(sample), len(baseline)
        distance = numeric_distance(*on_common_bins(sample, baseline))
    else:
        n, m = sum(sample.values()), sum(baseline.values())
        distance = categorical_distance(sample, baseline)
    critical = CRITICAL if case["alpha"] is None else sqrt(-log(case["alpha"] / 2) / 2)
    return distance if case["low_sample_correction"] else robust(distance, n, m, critical)


def test_gives_what_deequ_gives(shared):
    cases = json.loads((shared / "data" / "oracles" / "deequ_distance.json").read_text())["cases"]
    mapped = [case for case in cases if case["function"] != "populationStabilityIndex"]
    assert len(mapped) == 19
    for case in mapped:
        expected = float(case["expected"])
        found = distance_of(case)
        assert (isnan(found) and isnan(expected)) or found == pytest.approx(expected, rel=1e-9, abs=1e-12), case["name"]


@given(counts, counts)
def test_a_distance_is_a_share_that_does_not_depend_on_the_side(a, b):
    assert 0 <= categorical_distance(a, b) == categorical_distance(b, a) <= 1
    assert categorical_distance(a, a) == 0


@pytest.mark.filterwarnings("ignore:divide by zero")  # in the p-value, which is not asked for
@given(st.lists(st.integers(0, 9), min_size=1), st.lists(st.integers(0, 9), min_size=1))
def test_the_numeric_distance_is_that_of_kolmogorov_and_smirnov(a, b):
    expected = stats.ks_2samp(a, b, method="asymp").statistic
    assert numeric_distance(*on_common_bins(a, b)) == pytest.approx(expected, abs=1e-12)


def test_two_samples_of_one_distribution_are_robustly_no_way_apart():
    rng = np.random.default_rng(0)
    far = 0
    for _ in range(300):
        a, b = rng.multinomial(400, [0.1] * 10), rng.multinomial(4000, [0.1] * 10)
        far += robust(numeric_distance(a, b), 400, 4000) > 0
    assert far <= 3


def test_well_filled_categories_are_tested_as_scipy_does():
    current, baseline = {"a": 60, "b": 80, "c": 110}, {"a": 300, "b": 300, "c": 400}
    expected = stats.chisquare([60, 80, 110], [75, 75, 100])
    assert chi_square(current, baseline) == pytest.approx((expected.statistic, expected.pvalue))
