import json

import numpy as np
import pytest

from tests.unit.model_monitor.builders import reference, sketch, window
from trimtab.model_monitor.constraints import Constraints, suggested_constraints
from trimtab.model_monitor.statistics import UNSEEN, statistics_of_profile, statistics_of_sketch


def by_name(document):
    return {feature["name"]: feature for feature in document["features"]}


def test_training_data_is_described_in_model_monitors_schema():
    found = statistics_of_sketch(sketch(x=[1.0, 2.0, np.nan, 4.0], c=["a", "b", "a", None]))
    x, c = found["features"]
    assert found["version"] == 0.0
    assert found["dataset"] == {"item_count": 4}
    numeric = x["numerical_statistics"]
    assert x["inferred_type"] == "Integral"
    assert numeric["common"] == {"num_present": 3, "num_missing": 1}
    assert numeric["mean"] == pytest.approx(7 / 3)
    assert numeric["std_dev"] == pytest.approx(np.std([1, 2, 4]))
    assert (numeric["sum"], numeric["min"], numeric["max"]) == (7, 1, 4)
    assert c == {
        "name": "c",
        "inferred_type": "String",
        "string_statistics": {
            "common": {"num_present": 3, "num_missing": 1},
            "distinct_count": 2.0,
            "distribution": {"categorical": {"buckets": [{"value": "a", "count": 2}, {"value": "b", "count": 1}]}},
        },
    }


@pytest.mark.parametrize(
    ("cells", "inferred"),
    [([1, 2, 3], "Integral"), ([1, 2.5], "Fractional"), (["1", "b"], "String"), ([np.nan, np.nan], "Unknown")],
)
def test_infers_types(cells, inferred):
    assert statistics_of_sketch(sketch(x=cells))["features"][0]["inferred_type"] == inferred
    made = reference(x=cells)
    assert statistics_of_profile(made.profile, made.grid)["features"][0]["inferred_type"] == inferred


def test_numbers_that_are_codes_are_categories_where_the_settings_say_so():
    feature = statistics_of_sketch(sketch(x=[1.0, 2.0, 1.0]), categorical=frozenset("x"))["features"][0]
    assert feature["string_statistics"]["distribution"]["categorical"]["buckets"][0] == {"value": "1", "count": 2}


def test_too_many_values_are_counted_and_not_listed():
    text = statistics_of_sketch(sketch(x=[f"v{i}" for i in range(121)]))["features"][0]["string_statistics"]
    assert text["distinct_count"] == 121
    assert "distribution" not in text
    assert (
        "string_constraints"
        not in suggested_constraints(statistics_of_sketch(sketch(x=[f"v{i}" for i in range(121)])))["features"][0]
    )


def test_a_window_tells_everything_but_buckets_exactly():
    rng = np.random.default_rng(0)
    made, values = reference(x=rng.normal(size=5000)), rng.normal(1, 2, 999)
    numeric = by_name(statistics_of_profile(window(made, x=values), made.grid))["x"]["numerical_statistics"]
    assert numeric["mean"] == pytest.approx(values.mean(), rel=1e-9)
    assert numeric["std_dev"] == pytest.approx(values.std(), rel=1e-9)
    assert (numeric["min"], numeric["max"]) == (values.min(), values.max())


def test_numbers_far_from_zero_deviate_by_no_more_than_their_range_allows():
    def deviation(*cells):
        (feature,) = statistics_of_sketch(sketch(x=cells))["features"]
        return feature["numerical_statistics"]["std_dev"]

    assert deviation(*[1.7e18 + 1000.0] * 1001) == 0
    assert deviation(*np.linspace(1.7e18, 1.7e18 + 4096, 1001)) <= 2048


def test_a_window_counts_values_that_the_baseline_lacks_together():
    made = reference(c=["a", "b"] * 10)
    text = statistics_of_profile(window(made, c=["a", "z", "y"]), made.grid)["features"][0]["string_statistics"]
    assert text["distribution"]["categorical"]["buckets"] == [
        {"value": UNSEEN, "count": 2},
        {"value": "a", "count": 1},
    ]


def test_an_empty_window_is_plain_json():
    made = reference(x=[1.0, 2.5], c=["a", "b"])
    empty = statistics_of_profile(window(made, x=[np.nan], c=[np.nan]), made.grid)
    assert [feature["inferred_type"] for feature in empty["features"]] == ["Unknown", "Unknown"]
    json.dumps(suggested_constraints(empty), allow_nan=False)


def test_suggests_the_constraints_that_the_data_satisfies():
    made = suggested_constraints(
        statistics_of_sketch(sketch(x=[1.0, np.nan], y=[-1.5, 2], c=["b", "a"], n=[np.nan, np.nan]))
    )
    assert made["features"] == [
        {
            "name": "x",
            "inferred_type": "Integral",
            "completeness": 0.5,
            "num_constraints": {"is_non_negative": True},
        },
        {
            "name": "y",
            "inferred_type": "Fractional",
            "completeness": 1.0,
            "num_constraints": {"is_non_negative": False},
        },
        {
            "name": "c",
            "inferred_type": "String",
            "completeness": 1.0,
            "string_constraints": {"domains": ["a", "b"]},
        },
        {"name": "n", "inferred_type": "Unknown", "completeness": 0.0},
    ]
    read = Constraints.model_validate(made)
    assert read.config_of(read.features[0]).distribution_constraints.categorical_threshold == 0.1


@pytest.mark.parametrize(
    "edited",
    [
        {"string_constraints": {"domains": ["a"], "monitoring_config_overrides": {"evaluate_constraints": "Disabled"}}},
        {"monitoring_config_overrides": {"evaluate_constraints": "Disabled"}},
        {
            "monitoring_config_overrides": {"evaluate_constraints": "Enabled"},
            "monitoringConfigOverrides": {"evaluate_constraints": "Disabled"},
        },
    ],
)
def test_overrides_hold_wherever_the_sdk_has_written_them(edited):
    read = Constraints.model_validate({"features": [{"name": "c", **edited}], "monitoring_config": {}})
    assert read.config_of(read.features[0]).evaluate_constraints == "Disabled"


def test_overrides_are_laid_over_the_configuration_of_all():
    read = Constraints.model_validate(
        {
            "features": [
                {
                    "name": "x",
                    "monitoringConfigOverrides": {"distribution_constraints": {"comparison_threshold": 0.3}},
                }
            ],
            "monitoring_config": {
                "datatype_check_threshold": 0.9,
                "distribution_constraints": {"comparison_threshold": 0.2, "comparison_method": "Simple"},
            },
        }
    )
    config = read.config_of(read.features[0])
    assert config.datatype_check_threshold == 0.9
    assert config.distribution_constraints.comparison_threshold == 0.3
    assert config.distribution_constraints.comparison_method == "Simple"
    assert config.distribution_constraints.categorical_threshold == 0.3
