import numpy as np
import pytest

from tests.unit.data_quality.builders import generator, judged, sample_of
from tests.unit.drift.builders import numbers, reference_of, texts, window_of
from trimtab.data_quality.faults import data_verdict, find_faults
from trimtab.data_quality.settings import DataQualitySettings
from trimtab.drift.assessment import assess
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict

PLANS = np.array(["basic", "big plan", "family"])


def people(rows, seed, **changed):
    random = generator(seed)
    columns = {
        "age": numbers(random.normal(40, 12, rows)),
        "income": numbers(random.lognormal(10, 0.5, rows)),
        "plan": texts(random.choice(PLANS, rows, p=[0.6, 0.3, 0.1]).tolist()),
    }
    return {name: changed[name](column) if name in changed else column for name, column in columns.items()}


def kinds(faults):
    return [(each.column, each.kind) for each in faults]


def with_gaps(share, invalid=False):
    def change(column):
        values = column.values.copy()
        gone = int(len(values) * share)
        values[:gone] = np.nan
        return numbers(values, invalid=gone if invalid else 0)

    return change


def respelt(change):
    return lambda column: type(column)(column.codes, tuple(change(value) for value in column.values))


@pytest.mark.parametrize("seed", range(1, 9))
def test_clean_data_has_no_fault(seed):
    faults, faulty, assessment = judged(people(10_000, 0), people(1_000, seed))
    assert (kinds(faults), faulty) == ([], ())
    assert data_verdict(assessment, faults) is Verdict.OK


@pytest.mark.parametrize(
    ("column", "change", "kind"),
    [
        ("age", with_gaps(0.2), "missing"),
        ("age", with_gaps(0.2, invalid=True), "type"),
        ("age", with_gaps(1.0, invalid=True), "type"),
        ("age", lambda column: numbers(np.full(len(column), 40.0)), "constant"),
        ("plan", lambda column: texts(["family"] * len(column)), "constant"),
        ("income", lambda column: numbers(column.values * 1_000), "unit"),
        ("income", lambda column: numbers(column.values / 100), "unit"),
        ("plan", respelt(str.upper), "spelling"),
        ("plan", respelt(lambda value: f" {value.replace(' ', '_')}x".strip("x").title()), "spelling"),
        ("plan", respelt(lambda value: str(len(value))), "type"),
    ],
)
def test_a_mistake_in_the_data_explains_the_drift_of_its_column(column, change, kind):
    faults, faulty, assessment = judged(people(10_000, 0), people(2_000, 1, **{column: change}))
    assert (column, kind) in kinds(faults)
    assert faulty == assessment.drifted == (column,)
    assert data_verdict(assessment, faults) is Verdict.ALERT
    told = next(each for each in faults if each.kind == kind)
    assert told.measured.lower <= told.measured.value <= told.measured.upper


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("age", lambda column: numbers(column.values + 15)),
        ("income", lambda column: numbers(column.values * 1.9)),
        ("plan", lambda column: texts(["new"] * 500 + ["basic"] * (len(column) - 500))),
        ("age", lambda column: with_gaps(0.3)(numbers(column.values + 15))),  # the ages that are there moved too
    ],
)
def test_values_that_moved_are_no_mere_mistake(column, change):
    _, faulty, assessment = judged(people(10_000, 0), people(2_000, 1, **{column: change}))
    assert assessment.drifted == (column,)
    assert faulty == ()


def test_new_values_and_values_out_of_range_are_told_but_may_be_true():
    changed = {
        "age": lambda column: numbers(np.where(np.arange(len(column)) % 20, column.values, 200.0)),
        "plan": lambda column: texts(["new"] * 500 + ["basic"] * (len(column) - 500)),
    }
    faults, _, _ = judged(people(10_000, 0), people(2_000, 1, **changed))
    assert {("age", "range"), ("plan", "domain")} <= set(kinds(faults))
    assert not any(each.is_wrong for each in faults)


def test_what_a_mistake_brings_with_it_is_not_told_besides():
    faults, _, _ = judged(people(10_000, 0), people(2_000, 1, income=lambda column: numbers(column.values * 1_000)))
    assert kinds(faults) == [("income", "unit")]
    assert "multiplied by a thousand" in faults[0].text


def test_kinds_can_be_left_out():
    changed = people(2_000, 1, age=with_gaps(0.2))
    assert judged(people(10_000, 0), changed, skip={"missing"})[0] == ()


def test_without_a_row_sample_only_what_counts_show_is_found():
    scaled = people(2_000, 1, income=lambda column: numbers(column.values * 1_000), plan=respelt(str.upper))
    faults, faulty, _ = judged(people(10_000, 0), scaled, sampled=False)
    assert kinds(faults) == [("plan", "domain"), ("income", "unit")] or kinds(faults) == [
        ("income", "unit"),
        ("plan", "domain"),
    ]
    assert faulty == ("income",)


def test_a_window_that_is_not_judged_says_nothing_of_its_data():
    faults, _, assessment = judged(people(10_000, 0), people(100, 1, age=with_gaps(0.9)))
    assert faults == ()
    assert data_verdict(assessment, faults) is Verdict.INSUFFICIENT_DATA


def test_a_value_that_nearly_all_had_before_may_be_all_there_is():
    mostly = {"flag": numbers((np.arange(10_000) % 1_000 == 0).astype(float))}
    faults, _, _ = judged(mostly, {"flag": numbers(np.zeros(1_000))})
    assert faults == ()


def test_rows_sent_twice_are_a_fault_of_no_column():
    once = people(1_500, 1)
    twice = {
        name: type(column)(*(np.repeat(each, 2) if isinstance(each, np.ndarray) else each for each in cells(column)))
        for name, column in once.items()
    }
    faults, faulty, _ = judged(people(10_000, 0), twice)
    assert kinds(faults) == [(None, "duplicates")]
    assert faulty == ()


def cells(column):
    return (column.codes, column.values) if hasattr(column, "codes") else (column.values, column.invalid)


def test_a_feed_that_always_repeats_rows_is_in_order_where_not_all_objects_have_a_sample():
    def feed(rows, seed):
        chosen = np.minimum(generator(seed).integers(0, 2 * rows, rows), np.arange(rows))  # about a fifth repeat
        return {"age": numbers(generator(seed + 1).normal(40, 12, rows)[chosen])}

    before, sampled, others = feed(10_000, 1), feed(1_000, 3), feed(3_000, 5)
    reference = reference_of(before)
    window = window_of({"age": numbers(np.concatenate([sampled["age"].values, others["age"].values]))}, reference)
    assessment = assess(reference, window, DriftThresholds())
    samples = sample_of(before, 1, 10_000), sample_of(sampled, 2)
    assert find_faults(reference, window, assessment, samples, DataQualitySettings(), DriftThresholds()) == ()


def test_gaps_make_rows_alike_that_were_not_sent_twice():
    few = {"age": people(10_000, 0)["age"], "plan": people(10_000, 0)["plan"]}
    gaps = people(2_000, 1, age=with_gaps(0.4))
    faults, _, _ = judged(few, {name: gaps[name] for name in few})
    assert kinds(faults) == [("age", "missing")]
