"""Causes: on data of which the cause is known."""

import csv
import gzip

import numpy as np
import pytest

from tests.unit.quality.builders import answers, classes, labelled, numbers, texts
from trimtab.drift.verdict import Verdict
from trimtab.quality.cause import contradiction, likely_cause
from trimtab.quality.judgement import judge_estimate, judge_realised
from trimtab.quality.performance import realised
from trimtab.quality.reference import estimate, reference_of
from trimtab.quality.settings import QualitySettings
from trimtab.quality.windows import InputDrift

SETTINGS = QualitySettings(positive="1")


def window(random, rows, *, spread=2.0, flipped=0.0, region=None, moment=0):
    """A model that tells probabilities as they are, until `flipped` of the labels are turned around."""
    scores = 1 / (1 + np.exp(-random.normal(0, spread, rows)))
    if region is not None:
        scores = np.where(region, np.clip(scores, 0.3, 0.7), np.where(scores > 0.5, 0.97, 0.03))
    truth = random.random(rows) < scores
    truth ^= random.random(rows) < flipped
    segments = None if region is None else {"region": texts(np.where(region, "hard", "easy").tolist())}
    given = answers(numbers(scores), scores, segments=segments, moment=moment)
    return labelled(given, classes(truth))


def cause_of(reference, joined, drifted, *, faulty=(), without_estimate=False):
    current, coverage = realised(joined, SETTINGS)
    found = judge_realised(reference.performance, current, coverage, SETTINGS, is_closed=True)
    told = None if without_estimate else estimate(reference, joined.rows, SETTINGS)
    drift = None if drifted is None else InputDrift(frozenset(drifted), frozenset(faulty))
    return found, likely_cause(found, reference=reference.performance, current=current, estimate=told, drift=drift)


@pytest.fixture(scope="module")
def reference():
    random = np.random.default_rng(1)
    return reference_of(window(random, 4000, region=random.random(4000) < 0.2), SETTINGS)


def test_no_loss_has_no_cause(reference):
    random = np.random.default_rng(2)
    found, hint = cause_of(reference, window(random, 3000, region=random.random(3000) < 0.2), ())
    assert found.verdict is Verdict.OK
    assert hint is None


def test_labels_that_disagree_while_inputs_did_not_move_are_a_concept_change(reference):
    random = np.random.default_rng(3)
    changed = window(random, 3000, region=random.random(3000) < 0.2, flipped=0.1)
    found, hint = cause_of(reference, changed, ())
    assert (found.verdict, hint.cause) == (Verdict.ALERT, "concept_change")
    assert abs(hint.explained) < hint.change / 2
    assert "no input moved" in hint.text
    assert cause_of(reference, changed, (), without_estimate=True)[1].cause == "concept_change"
    assert "does not explain it" in cause_of(reference, changed, ("age",))[1].text


def test_a_loss_that_comes_with_a_mere_fault_of_the_data_is_one(reference):
    random = np.random.default_rng(3)
    changed = window(random, 3000, region=random.random(3000) < 0.2, flipped=0.1)
    _, hint = cause_of(reference, changed, (), faulty=("age",))
    assert (hint.cause, hint.text) == ("data_fault", "the data of age is at fault, and no other input moved")
    assert cause_of(reference, changed, ("income",), faulty=("age",))[1].cause == "concept_change"


def test_more_rows_of_a_hard_segment_are_a_traffic_mix(reference):
    random = np.random.default_rng(4)
    found, hint = cause_of(reference, window(random, 3000, region=random.random(3000) < 0.6), ("region",))
    assert (found.verdict, hint.cause) == (Verdict.ALERT, "traffic_mix")
    assert "region" in hint.text
    assert hint.explained > hint.change / 2


def test_harder_rows_without_segments_are_a_covariate_shift():
    random = np.random.default_rng(5)
    reference = reference_of(window(random, 4000), SETTINGS)
    harder = window(random, 3000, spread=0.8)
    found, hint = cause_of(reference, harder, ("age", "income"))
    assert (found.verdict, hint.cause) == (Verdict.ALERT, "covariate_shift")
    assert "age, income moved" in hint.text
    without = judge_estimate(reference.performance, estimate(reference, harder.answered, SETTINGS), SETTINGS)
    assert without.verdict is Verdict.ALERT
    moved = InputDrift(frozenset({"age"}))
    told = likely_cause(without, reference=reference.performance, current=None, estimate=None, drift=moved)
    assert told.cause == "covariate_shift"


def test_a_window_of_clean_and_changed_rows_whose_inputs_did_not_move_is_no_covariate_shift():
    """Rows got harder by chance, so that the estimate explains most of the loss, and some labels are turned besides."""
    random = np.random.default_rng(8)
    reference = reference_of(window(random, 4000), SETTINGS)
    mixed = window(random, 3000, spread=1.3, flipped=0.03)
    found, hint = cause_of(reference, mixed, ())
    assert found.verdict in (Verdict.WARN, Verdict.ALERT)
    assert hint.change / 2 < hint.explained < hint.change
    assert (hint.cause, "no input moved" in hint.text) == ("concept_change", True)
    assert cause_of(reference, mixed, ("age",))[1].cause == "covariate_shift"
    assert cause_of(reference, mixed, None)[1].cause == "covariate_shift"


def test_a_loss_that_the_estimate_explains_though_no_input_moved_has_no_known_cause():
    random = np.random.default_rng(9)
    reference = reference_of(window(random, 4000), SETTINGS)
    harder = window(random, 3000, spread=0.8)
    without = judge_estimate(reference.performance, estimate(reference, harder.answered, SETTINGS), SETTINGS)
    told = likely_cause(without, reference=reference.performance, current=None, estimate=None, drift=InputDrift())
    assert (told.cause, "no input moved" in told.text) == ("unknown", True)


def test_without_estimate_or_drift_the_cause_is_not_known(reference):
    random = np.random.default_rng(6)
    changed = window(random, 3000, region=random.random(3000) < 0.2, flipped=0.1)
    assert cause_of(reference, changed, None, without_estimate=True)[1].cause == "unknown"


def test_labels_that_contradict_estimates_put_these_out_of_use(reference):
    random = np.random.default_rng(7)
    changed = window(random, 3000, region=random.random(3000) < 0.2, flipped=0.1)
    as_ever = window(random, 3000, region=random.random(3000) < 0.2)
    assert "estimated without them" in contradiction(
        estimate(reference, changed.rows, SETTINGS), realised(changed, SETTINGS)[0]
    )
    assert contradiction(estimate(reference, as_ever.rows, SETTINGS), realised(as_ever, SETTINGS)[0]) == ""


def read(path):
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_car_loan_is_a_covariate_shift_and_told_without_labels(shared):
    folder = shared / "data" / "datasets" / "nannyml"
    before, now, truth = (
        read(folder / f"synthetic_car_loan_{part}.csv.gz") for part in ("reference", "analysis", "analysis_target")
    )

    def joined(rows, labels, first, last):
        said = texts(rows["y_pred"][first:last])
        given = answers(said, np.array(rows["y_pred_proba"][first:last], float), moment=first)
        return labelled(given, [str(int(float(each))) for each in labels[first:last]])

    reference = reference_of(joined(before, before["repaid"], 0, 50_000), SETTINGS)
    for start in range(0, 50_000, 10_000):
        rows = joined(now, truth["repaid"], start, start + 5000)
        told = estimate(reference, rows.answered, SETTINGS)
        without = judge_estimate(reference.performance, told, SETTINGS)
        found, hint = cause_of(reference, rows, ("car_value",))
        if start < 25_000:
            assert without.verdict is Verdict.OK
            assert found.verdict is not Verdict.ALERT
        else:
            assert without.verdict is Verdict.ALERT
            assert found.verdict in (Verdict.ALERT, Verdict.WARN)
            assert hint.cause == "covariate_shift"
        assert contradiction(told, realised(rows, SETTINGS)[0]) == ""


def test_sea_is_a_concept_change_that_only_labels_tell(shared):
    """A linear model of the first concept; at row 12,500 the concept changes, and the inputs do not."""
    rows = read(shared / "data" / "datasets" / "streams" / "sea_concept_drift_vlosing.csv.gz")
    inputs = np.column_stack([np.ones(50_000), *(np.array(rows[f"attrib{each}"], float) for each in (1, 2, 3))])
    truth = np.array(rows["class"], int)
    weights, *_ = np.linalg.lstsq(inputs[:4000], truth[:4000].astype(float), rcond=None)
    scores = 1 / (1 + np.exp(-4 * (inputs @ weights - 0.5)))

    def joined(first, last):
        given = answers(numbers(scores[first:last]), scores[first:last], moment=first)
        return labelled(given, [str(each) for each in truth[first:last].tolist()])

    reference = reference_of(joined(4000, 9000), SETTINGS)
    found, hint = cause_of(reference, joined(9000, 12_500), ())
    assert found.verdict is Verdict.OK
    changed = joined(13_000, 18_000)
    told = estimate(reference, changed.rows, SETTINGS)
    assert judge_estimate(reference.performance, told, SETTINGS).verdict is Verdict.OK
    found, hint = cause_of(reference, changed, ())
    assert found.verdict is Verdict.ALERT
    assert hint.cause == "concept_change"
    assert contradiction(told, realised(changed, SETTINGS)[0])
