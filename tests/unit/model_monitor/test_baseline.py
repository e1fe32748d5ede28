import json

import numpy as np
import pytest

from tests.unit.model_monitor.builders import CREATED, SOURCE, sketch
from trimtab.capture.grid import NumericBins
from trimtab.capture.reference import InvalidReferenceError, decode_reference, encode_reference, reference_from_sketch
from trimtab.model_monitor.baseline import reference_from_model_monitor
from trimtab.model_monitor.constraints import suggested_constraints
from trimtab.model_monitor.statistics import statistics_of_sketch

RNG = np.random.default_rng(0)
DATA = {
    "x": [*RNG.normal(50, 10, 1497), np.nan, np.nan, np.nan],
    "n": RNG.integers(0, 9, 1500).tolist(),
    "c": RNG.choice(["a", "b", "1.0"], 1500).tolist(),
}


def baseline(data=DATA, edit=lambda _: None, edit_constraints=lambda _: None):
    statistics = statistics_of_sketch(sketch(**data))
    constraints = suggested_constraints(statistics)
    edit(statistics)
    edit_constraints(constraints)
    return json.dumps(statistics).encode(), json.dumps(constraints).encode()


def read(statistics, constraints=None, **how):
    return reference_from_model_monitor(statistics, constraints, SOURCE, CREATED, **how)


def numeric(document, i=0):
    return document["features"][i]["numerical_statistics"]


def test_beside_a_value_that_is_most_of_all_the_cuts_stay_the_deciles():
    x = np.where(np.arange(3000) % 10, 0.0, np.random.default_rng(1).lognormal(size=3000))
    cuts = read(*baseline({"x": x.tolist()})).grid.columns["x"].cuts
    fifths = reference_from_sketch(sketch(x=x.tolist()), source=SOURCE, created=CREATED).grid.columns["x"].cuts
    assert len(cuts) < len(fifths) == 5


def test_is_the_reference_that_the_data_itself_makes():
    made = read(*baseline())
    direct = reference_from_sketch(sketch(**DATA), source=SOURCE, created=CREATED)
    assert made.grid.name == direct.grid.name
    for name, column in direct.profile.columns.items():
        found = made.profile.columns[name]
        assert found.counts.tolist() == column.counts.tolist()
        assert (found.missing, found.invalid, found.integral) == (column.missing, column.invalid, column.integral)
        assert (found.minimum, found.maximum) == (column.minimum, column.maximum)
        assert (found.total, found.squares) == pytest.approx((column.total, column.squares))


def test_the_constraints_come_along_and_stay():
    statistics, constraints = baseline()
    made = decode_reference(encode_reference(read(statistics, constraints)))
    assert made.constraints == json.loads(constraints)
    assert made.source == SOURCE
    assert read(statistics).constraints is None


def test_a_sketch_that_had_to_forget_gives_nearly_the_same_grid():
    values = RNG.lognormal(size=60_000)
    made = read(*baseline({"x": values}))
    bins, column = made.grid.columns["x"], made.profile.columns["x"]
    assert column.valid == 60_000
    assert (column.minimum, column.maximum) == (values.min(), values.max())
    ranks = np.searchsorted(np.sort(values), bins.edges[bins.cuts]) / len(values)
    np.testing.assert_allclose(ranks, np.arange(1, 10) / 10, atol=0.005)


def test_without_a_sketch_the_buckets_serve():
    values = RNG.normal(size=5000)
    made = read(*baseline({"x": values}, edit=lambda d: numeric(d)["distribution"]["kll"].pop("sketch")))
    bins = made.grid.columns["x"]
    assert isinstance(bins, NumericBins)
    assert made.profile.columns["x"].valid == 5000
    ranks = np.searchsorted(np.sort(values), bins.edges[bins.cuts]) / len(values)
    np.testing.assert_allclose(ranks, np.arange(1, 10) / 10, atol=0.05)


def test_settings_choose_features_and_name_the_outputs():
    made = read(*baseline(), columns=("c", "x"), predictions=("n",))
    assert list(made.grid.columns) == ["c", "x", "n"]
    assert made.outputs == {"n"}
    fewer = read(*baseline(), columns=("c", "x"))
    assert [feature["name"] for feature in fewer.constraints["features"]] == ["x", "c"]


def test_codes_are_categories_where_settings_or_constraints_say_so():
    assert not isinstance(read(*baseline(), categorical=frozenset("n")).grid.columns["n"], NumericBins)

    def as_text(constraints):
        constraints["features"][1]["inferred_type"] = "String"

    made = read(*baseline(edit_constraints=as_text))
    assert not isinstance(made.grid.columns["n"], NumericBins)
    assert made.called_texts == {"n"}
    assert read(*baseline(edit_constraints=as_text), categorical=frozenset("n")).called_texts == frozenset()


def test_values_that_an_owner_allows_are_known_though_the_baseline_had_none():
    def allow(constraints):
        constraints["features"][2]["string_constraints"]["domains"].append("d")

    made = read(*baseline(edit_constraints=allow))
    bins, column = made.grid.columns["c"], made.profile.columns["c"]
    assert column.counts[bins.position("d")] == 0
    assert bins.position("d") < len(bins.values)


def test_values_that_are_not_listed_leave_the_vocabulary_open():
    made = read(*baseline({"c": [f"v{i}" for i in range(500)]}))
    bins = made.grid.columns["c"]
    assert bins.open
    assert made.profile.columns["c"].valid == 500


def test_an_empty_feature_stops_nothing():
    made = read(*baseline({"x": [1.0, 2.0], "n": [np.nan, np.nan]}))
    assert made.profile.columns["n"].missing == 2


def test_a_feature_of_unknown_type_has_no_values():
    made = read(*baseline(edit=change(("features", 1), {"name": "n", "inferred_type": "Unknown"})))
    assert made.profile.columns["n"].missing == 1500


def test_missing_cells_among_the_buckets_are_no_category():
    def as_deequ(statistics):
        text = statistics["features"][2]["string_statistics"]
        text["common"] = {"num_present": 1500, "num_missing": 7}
        text["distribution"]["categorical"]["buckets"].append({"value": "NullValue", "count": 7})

    made = read(*baseline(edit=as_deequ))
    assert set(made.grid.columns["c"].values) == {"a", "b", "1"}
    assert (made.profile.columns["c"].valid, made.profile.columns["c"].missing) == (1500, 7)


def test_a_distribution_that_is_left_out_leaves_the_vocabulary_open():
    def as_of_late(statistics):  # as containers of 2024 write it, with an estimate of the distinct values
        text = statistics["features"][2]["string_statistics"]
        del text["distribution"]
        statistics["features"][2]["string_statistics"] = {**text, "distinct_count": 1534.0, "completeness": 1.0}

    made = read(*baseline(edit=as_of_late))
    assert made.grid.columns["c"].open
    assert made.profile.columns["c"].valid == 1500


def test_giants_and_what_they_make_of_mean_and_deviation_are_left_out():
    def with_a_giant(statistics):
        found = numeric(statistics)
        found["distribution"]["kll"]["sketch"]["data"][0][0] = 1.7976931348623157e308
        found |= {"mean": 1.2e305, "sum": 1.7e308, "std_dev": 4.6e306, "max": 1.7976931348623157e308}

    column = read(*baseline(edit=with_a_giant)).profile.columns["x"]
    assert (column.valid, column.invalid) == (1496, 1)
    assert column.total / column.valid == pytest.approx(50, abs=1)
    assert column.maximum < 100


def test_a_feature_of_nothing_that_counts_as_a_number_stops_nothing():
    def all_nan(statistics):
        found = numeric(statistics)
        found["distribution"]["kll"]["sketch"]["data"] = [["NaN"] * 1497]
        found |= dict.fromkeys(("mean", "sum", "std_dev", "min", "max"), "NaN")

    assert read(*baseline(edit=all_nan)).profile.columns["x"].valid == 1497


def test_buckets_serve_where_the_sketch_is_empty():
    made = read(*baseline(edit=change((*X, "distribution", "kll", "sketch"), {"parameters": {"c": 0.64}})))
    assert made.profile.columns["x"].valid == 1497


def change(path, value):
    def edit(document):
        *parents, last = path
        for key in parents:
            document = document[key]
        document[last] = value

    return edit


X = ("features", 0, "numerical_statistics")


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (change(("dataset",), {}), "dataset.item_count: Field required"),
        (change(("features",), []), "features: Tuple should have at least 1 item"),
        (change((*X, "common"), {"num_present": -1, "num_missing": 0}), "features.0.numerical_statistics.common"),
        (change((*X, "distribution"), None), "features, x.numerical_statistics: distribution.kll holds no numbers"),
        (change((*X, "distribution", "kll", "sketch", "data"), [["a"]]), "sketch.data.0.0: Input should be a valid"),
        (change((*X, "common", "num_present"), 3), "holds 1497 numbers, and common.num_present says 3"),
        (change((*X, "min"), 1000.0), "beyond min 1000.0"),
        (change(("features", 1, "name"), "x"), "features: a name stands there twice"),
        (change(("features", 0), {"name": "x"}), "features, x: has neither numerical_statistics nor"),
        (change(("features", 2, "string_statistics", "common", "num_present"), 1), "buckets hold 1500 values"),
    ],
)
def test_bad_statistics_are_refused_with_file_and_key(edit, problem):
    with pytest.raises(InvalidReferenceError) as caught:
        read(*baseline(edit=edit))
    assert str(caught.value).startswith(SOURCE)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (change(("features", 0, "inferred_type"), "Number"), "features.0.inferred_type"),
        (change(("features", 0, "completeness"), 2), "features.0.completeness"),
        (
            change(("monitoring_config", "distribution_constraints", "comparison_method"), "Best"),
            "monitoring_config for x: distribution_constraints.comparison_method",
        ),
        (
            change(("features", 1, "monitoringConfigOverrides"), {"datatype_check_threshold": "all"}),
            "monitoring_config for n: datatype_check_threshold",
        ),
    ],
)
def test_bad_constraints_are_refused_with_file_and_key(edit, problem):
    with pytest.raises(InvalidReferenceError) as caught:
        read(*baseline(edit_constraints=edit))
    assert str(caught.value).startswith("s3://baselines/churn/constraints.json: ")
    assert problem in str(caught.value)


def test_a_faulty_feature_is_the_only_fault_that_is_told():
    with pytest.raises(InvalidReferenceError) as caught:
        read(*baseline({"x": DATA["x"]}, edit=change((*X, "common", "num_present"), -1)))
    assert "features.0.numerical_statistics.common.num_present: Input should be greater" in str(caught.value)
    assert "Tuple should have" not in str(caught.value)


def test_what_is_no_json_is_refused():
    with pytest.raises(InvalidReferenceError, match=r"statistics\.json: not JSON"):
        read(b"\xff")


def test_a_column_that_the_settings_name_must_be_there():
    with pytest.raises(InvalidReferenceError, match="none is called age"):
        read(*baseline(), columns=("age", "x"))
