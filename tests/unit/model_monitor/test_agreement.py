"""Agreement with what Model Monitor itself wrote. What differs is listed in docs/model-monitor.md."""

import ast
import csv
import json

import pytest

from tests.unit.model_monitor.builders import CREATED, SOURCE
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sketch import EXACT_BINS, merge_sketches, sketch_table
from trimtab.capture.training import training_tables
from trimtab.model_monitor.baseline import reference_from_model_monitor
from trimtab.model_monitor.constraints import suggested_constraints
from trimtab.model_monitor.reports import constraints_of
from trimtab.model_monitor.statistics import statistics_of_profile, statistics_of_sketch
from trimtab.model_monitor.violations import Violation, find_violations, violations_document


def by_name(document):
    return {feature["name"]: feature for feature in document["features"]}


@pytest.fixture
def churn(shared):
    path = shared / "data" / "datasets" / "ase_churn" / "training-dataset-with-header.csv"
    with path.open("rb") as file:
        return merge_sketches(
            (sketch_table(table, most_bins=EXACT_BINS) for table in training_tables(file, path.name)),
            most_bins=EXACT_BINS,
        )


def published(shared, cell):
    with (shared / "data" / "model_monitor" / f"ase_churn_baseline_{cell}.csv").open() as file:
        return list(csv.DictReader(file))


def first_bucket(text):
    """The bounds of the first bucket as far as pandas has shown them."""
    lower, upper = text.split("'lower_bound': ")[1].split(", 'upper_bound': ")
    return float(lower), upper.split(",")[0].rstrip(".")


def test_statistics_of_churn_are_those_of_model_monitor(churn, shared):
    rows = published(shared, "cell31")
    found = by_name(statistics_of_sketch(churn))
    assert len(rows) == 10
    for row in rows:
        feature = found[row["name"]]
        numeric = feature["numerical_statistics"]
        key = "numerical_statistics."
        assert feature["inferred_type"] == row["inferred_type"]
        assert numeric["common"]["num_present"] == int(row[f"{key}common.num_present"])
        assert numeric["common"]["num_missing"] == int(row[f"{key}common.num_missing"])
        for name in ("mean", "sum", "std_dev", "min", "max"):
            assert numeric[name] == pytest.approx(float(row[key + name]), abs=5.1e-7), (row["name"], name)
        kll = numeric["distribution"]["kll"]
        lower, upper = first_bucket(row[f"{key}distribution.kll.buckets"])
        assert kll["buckets"][0]["lower_bound"] == lower
        assert str(kll["buckets"][0]["upper_bound"]).startswith(upper)
        assert kll["sketch"]["parameters"]["c"] == float(row[f"{key}distribution.kll.sketch.parameters.c"])
        assert kll["sketch"]["parameters"]["k"] == float(row[f"{key}distribution.kll.sketch.parameters.k"])


def test_constraints_of_churn_are_those_of_model_monitor(churn, shared):
    found = by_name(suggested_constraints(statistics_of_sketch(churn)))
    for row in published(shared, "cell32"):
        feature = found[row["name"]]
        assert feature["inferred_type"] == row["inferred_type"]
        assert feature["completeness"] == float(row["completeness"])
        assert feature["num_constraints"]["is_non_negative"] is ast.literal_eval(row["num_constraints.is_non_negative"])


def test_a_window_on_the_grid_keeps_all_but_buckets_of_churn(churn, shared):
    made = reference_from_sketch(churn, source="s3://b/k.csv", created=CREATED)
    exact, counted = by_name(statistics_of_sketch(churn)), by_name(statistics_of_profile(made.profile, made.grid))
    for name in (row["name"] for row in published(shared, "cell31")):
        a, b = exact[name]["numerical_statistics"], counted[name]["numerical_statistics"]
        for key in ("common", "mean", "sum", "std_dev", "min", "max"):
            assert a[key] == b[key]
        pairs = zip(a["distribution"]["kll"]["buckets"], b["distribution"]["kll"]["buckets"], strict=True)
        # interpolated, within one bin of the grid, which has 2 % of the rows
        assert max(abs(x["count"] - y["count"]) for x, y in pairs) <= 0.02 * churn.rows, name


def test_a_baseline_of_model_monitor_comes_back_as_it_was(shared):
    folder = shared / "data" / "model_monitor" / "sdk-pipeline" / "quality_check_step" / "data_quality"
    body = (folder / "statistics.json").read_bytes()
    made = reference_from_model_monitor(
        body, (folder / "good_cases" / "constraints.json").read_bytes(), SOURCE, CREATED
    )
    before, after = by_name(json.loads(body)), by_name(statistics_of_profile(made.profile, made.grid))
    assert before.keys() == after.keys()
    for name, feature in before.items():
        a, b = feature["numerical_statistics"], after[name]["numerical_statistics"]
        assert a["common"] == b["common"]
        for key in ("mean", "sum", "std_dev", "min", "max"):
            assert a[key] == pytest.approx(b[key], abs=1e-12)
        assert a["distribution"]["kll"]["buckets"] == b["distribution"]["kll"]["buckets"]
        assert [sorted(level) for level in a["distribution"]["kll"]["sketch"]["data"]] == b["distribution"]["kll"][
            "sketch"
        ]["data"]
        # it calls 1.0 fractional because of its text, which numbers no longer have
        assert (feature["inferred_type"], after[name]["inferred_type"]) == ("Fractional", "Integral")


@pytest.mark.parametrize(("case", "broken"), [("good_cases", []), ("bad_cases", ["_c5"])])
def test_a_quality_check_fails_where_that_of_the_sdks_tests_does(shared, case, broken):
    folder = shared / "data" / "model_monitor" / "sdk-pipeline" / "quality_check_step" / "data_quality"
    bodies = ((folder / name).read_bytes() for name in ("statistics.json", f"{case}/constraints.json"))
    made = reference_from_model_monitor(*bodies, SOURCE, CREATED)
    found = find_violations(made, made.profile, constraints_of(made), columns=frozenset(made.grid.columns))
    assert [each.feature_name for each in found] == broken
    assert {each.constraint_check_type for each in found} <= {"data_type_check"}


def test_a_baseline_of_texts_comes_back_as_it_was(shared):
    folder = shared / "data" / "model_monitor" / "sdk-monitor"
    body, constraints = ((folder / f"{name}.json").read_bytes() for name in ("statistics", "constraints"))
    made = reference_from_model_monitor(body, constraints, SOURCE, CREATED)
    assert statistics_of_profile(made.profile, made.grid) == json.loads(body)
    assert made.constraints == json.loads(constraints)


def test_violations_have_the_keys_of_model_monitors_own(shared):
    own = json.loads((shared / "data" / "model_monitor" / "sdk-monitor" / "constraint_violations.json").read_text())
    made = violations_document([Violation("x", "data_type_check", "…")])
    assert own.keys() == made.keys()
    assert {frozenset(each) for each in own["violations"]} == {frozenset(each) for each in made["violations"]}
