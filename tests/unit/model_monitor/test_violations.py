import json
import re

import numpy as np
import pytest

from tests.unit.model_monitor.builders import CREATED, SOURCE, reference, sketch, window
from trimtab.capture.profile import Profile
from trimtab.capture.reference import decode_reference, encode_reference
from trimtab.model_monitor.baseline import reference_from_model_monitor
from trimtab.model_monitor.constraints import Constraints, suggested_constraints
from trimtab.model_monitor.reports import constraints_of
from trimtab.model_monitor.statistics import statistics_of_profile, statistics_of_sketch
from trimtab.model_monitor.violations import baseline_drifts, find_violations, violations_document

RNG = np.random.default_rng(0)
X = RNG.normal(size=3000).tolist()
N = RNG.integers(0, 5, 3000).tolist()
C = RNG.choice(["a", "b", "c"], 3000).tolist()
BASELINE = reference(x=X, n=N, c=C)


def constraints(of=BASELINE, features=None, **config):
    document = suggested_constraints(statistics_of_profile(of.profile, of.grid))
    document["monitoring_config"] |= config
    for feature in document["features"]:
        feature |= (features or {}).get(feature["name"], {})
    return Constraints.model_validate(document)


def check(rules=None, columns=frozenset("xnc"), ignore=frozenset(), **cells):
    cells = {"x": X[:1000], "n": N[:1000], "c": C[:1000]} | cells
    return find_violations(BASELINE, window(BASELINE, **cells), rules or constraints(), columns=columns, ignore=ignore)


def test_a_window_like_the_baseline_violates_nothing():
    assert check() == []


def test_says_of_wrong_types_what_model_monitor_says():
    (found,) = check(n=[*N[:999], 1.5])
    assert (found.feature_name, found.constraint_check_type) == ("n", "data_type_check")
    assert found.description == (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        "Observed: Only 99.9% of data is Integral."
    )


def test_whole_numbers_and_missing_ones_are_no_wrong_type():
    rules = constraints(features={"x": {"completeness": 0.0}})
    assert [
        each for each in check(rules, x=[1.0, np.nan] * 500) if each.constraint_check_type == "data_type_check"
    ] == []


def called(of, name, inferred_type, **cells):
    """The violations of a window, where the constraints of a baseline of these columns name one's type so."""
    statistics = statistics_of_sketch(sketch(**of))
    document = suggested_constraints(statistics)
    next(each for each in document["features"] if each["name"] == name)["inferred_type"] = inferred_type
    made = reference_from_model_monitor(json.dumps(statistics).encode(), json.dumps(document).encode(), SOURCE, CREATED)
    kept = decode_reference(encode_reference(made))
    return find_violations(kept, window(kept, **cells), constraints_of(kept), columns=frozenset(of))


def test_numbers_that_the_constraints_call_string_are_no_strings():
    (found,) = called({"n": N}, "n", "String", n=N[:1000])
    assert (found.feature_name, found.constraint_check_type) == ("n", "data_type_check")
    assert found.description.endswith("Expected match: 100.0%. Observed: Only 0.0% of data is String.")
    many = RNG.choice(np.arange(0, 4000) / 8, 9000).tolist()  # more than a vocabulary lists
    assert "Only 0.0% of data is String." in called({"x": many}, "x", "String", x=many[:3000])[0].description


def test_texts_that_come_where_the_constraints_call_numbers_string_are_strings():
    found = called({"n": N}, "n", "String", n=["a", "b"] * 500)
    assert "data_type_check" not in {each.constraint_check_type for each in found}


def test_texts_of_the_baseline_are_strings_though_they_spell_numbers():
    zips = RNG.choice(["10115", "80331", "4b"], 3000).tolist()
    found = called({"zip": zips}, "zip", "String", zip=["10115", "80331"] * 500)
    assert "data_type_check" not in {each.constraint_check_type for each in found}


def test_texts_that_the_constraints_call_numbers_are_none():
    (found,) = called({"c": ["1", "2.5", "a", "b"] * 500}, "c", "Fractional", c=["1", "2.5", "a", "b"] * 250)
    assert found.description.endswith("Observed: Only 50.0% of data is Fractional.")
    (found,) = called({"c": ["1", "2.5", "a", "b"] * 500}, "c", "Integral", c=["1", "2.5", "a", "b"] * 250)
    assert found.description.endswith("Observed: Only 25.0% of data is Integral.")


def test_fewer_need_to_match_where_the_threshold_says_so():
    assert check(constraints(datatype_check_threshold=0.99), n=[*N[:995], *[1.5] * 5]) == []


def test_missing_values_are_a_completeness_violation():
    (found,) = check(x=[*X[:990], *[np.nan] * 10])
    assert (found.feature_name, found.constraint_check_type) == ("x", "completeness_check")
    assert "Expected completeness: 100.0%. Observed: Only 99.0% of data is complete." in found.description


def test_a_shift_is_said_so_that_aws_samples_can_parse_it():
    (found,) = check(x=[value + 1 for value in X[:1000]])
    assert (found.feature_name, found.constraint_check_type) == ("x", "baseline_drift_check")
    distance, threshold = re.search("distance: (.+) exceeds threshold: (.+)", found.description).groups()
    assert 0.2 < float(distance) < 0.4
    assert float(threshold) == 0.1


def test_robust_forgives_what_few_rows_may_be_apart_and_simple_does_not():
    few = {"x": [value + 0.4 for value in X[:100]], "n": N[:100], "c": C[:100]}
    assert check(**few) == []
    simple = constraints(distribution_constraints={"comparison_method": "Simple"})
    assert "baseline_drift_check" in {each.constraint_check_type for each in check(simple, **few)}


def test_categories_are_compared_by_the_greatest_difference_of_shares():
    (found,) = check(c=["a"] * 500 + C[:500])
    assert (found.feature_name, found.constraint_check_type) == ("c", "baseline_drift_check")
    counts = {value: C[:500].count(value) for value in "abc"}
    simple = max(abs((counts[v] + 500 * (v == "a")) / 1000 - C.count(v) / 3000) for v in "abc")
    expected = simple - 1.8 * np.sqrt(4000 / (3000 * 1000))
    assert float(found.description.split()[3]) == pytest.approx(expected)


def test_chi_squared_compares_one_less_the_p_value():
    rules = constraints(
        distribution_constraints={"categorical_drift_method": "ChiSquared", "categorical_comparison_threshold": 0.01}
    )
    assert check(rules) == []
    (found,) = check(rules, c=["a"] * 100 + C[:900])
    assert found.constraint_check_type == "baseline_drift_check"
    assert found.description.endswith("exceeds threshold: 0.99")


def test_values_outside_the_domain_are_a_violation():
    (found,) = check(c=["new", *C[:999]])
    assert (found.feature_name, found.constraint_check_type) == ("c", "categorical_values_check")
    assert "Observed: Only 99.9% of values are known." in found.description
    assert check(constraints(domain_content_threshold=0.9), c=["new", *C[:999]]) == []


def test_a_domain_that_an_owner_has_narrowed_holds():
    rules = constraints(features={"c": {"string_constraints": {"domains": ["a", "b"]}}})
    assert [each.constraint_check_type for each in check(rules)] == ["categorical_values_check"]


def test_missing_and_extra_columns_are_told_with_their_numbers_and_names():
    missing, extra = check(columns=frozenset({"x", "c", "new", "other"}), n=[np.nan] * 1000)
    assert (missing.feature_name, missing.constraint_check_type) == ("Missing columns", "missing_column_check")
    assert missing.description == (
        "There are missing columns in current dataset. Number of columns in current dataset: 4, "
        "Number of columns in baseline constraints: 3. Missing: n"
    )
    assert (extra.feature_name, extra.constraint_check_type) == ("Extra columns", "extra_column_check")
    assert extra.description.endswith("Extra: new, other")


def test_ignored_columns_are_not_checked():
    assert check(columns=frozenset({"x", "c", "id"}), ignore=frozenset({"n", "id"}), n=[np.nan] * 1000) == []


def test_nothing_is_checked_where_it_is_disabled():
    broken = {"n": [1.5] * 1000, "x": [5.0] * 1000}
    assert check(constraints(evaluate_constraints="Disabled"), columns=frozenset("xncz"), **broken) == []
    one = constraints(features={"n": {"monitoringConfigOverrides": {"evaluate_constraints": "Disabled"}}})
    assert {each.feature_name for each in check(one, **broken)} == {"x"}
    no_drift = constraints(distribution_constraints={"perform_comparison": "Disabled"})
    assert {each.constraint_check_type for each in check(no_drift, **broken)} == {"data_type_check"}


def test_a_window_without_values_has_no_distance_and_is_no_pass():
    empty = {"x": [np.nan] * 10, "n": [np.nan] * 10, "c": [np.nan] * 10}
    assert {each.constraint_check_type for each in check(**empty)} == {"completeness_check"}
    assert baseline_drifts(BASELINE, window(BASELINE, **empty), constraints()) == {}


def test_constraints_may_name_features_that_statistics_lack():
    rules = Constraints.model_validate({"features": [{"name": "gone", "completeness": 1.0}]})
    found = check(rules)
    assert [each.feature_name for each in found] == ["Missing columns", "Extra columns"]


def test_a_reference_without_constraints_suggests_its_own():
    assert constraints_of(BASELINE) == constraints()


def test_the_document_is_model_monitors():
    made = violations_document(check(n=[*N[:999], 1.5]))
    assert list(made["violations"][0]) == ["feature_name", "constraint_check_type", "description"]


def test_the_distance_on_a_grid_is_nearly_that_of_the_numbers():
    current = RNG.normal(0.3, 1.2, 2000)
    profile: Profile = window(BASELINE, x=current, n=N[:2000], c=C[:2000])
    rules = constraints(distribution_constraints={"comparison_method": "Simple"})
    found = baseline_drifts(BASELINE, profile, rules)["x"].distance
    both = np.sort(np.concatenate([X, current]))
    cdf = [np.searchsorted(np.sort(side), both, side="right") / len(side) for side in (X, current)]
    exact = np.abs(cdf[0] - cdf[1]).max()
    assert exact - 0.02 <= found <= exact
