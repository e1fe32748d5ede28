"""One window's verdict, and those of real data sets one after another."""

import csv
import gzip
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.unit.quality.builders import answers, classes, numbers, texts
from trimtab.drift.verdict import Verdict
from trimtab.quality.alert import alerts
from trimtab.quality.assessment import assess_quality
from trimtab.quality.entry import Entry
from trimtab.quality.keyed_rows import keyed_rows, row_keys
from trimtab.quality.labelled import join_of_labelled, labelled_rows
from trimtab.quality.labels import LABEL, join
from trimtab.quality.reference import reference_of
from trimtab.quality.series import contradiction_before
from trimtab.quality.settings import QualitySettings
from trimtab.quality.windows import InputDrift

STILL = InputDrift()
SETTINGS = QualitySettings(positive="1")
START = datetime(2026, 3, 2, tzinfo=UTC)


def rows(seed, count=2000, flipped=0.0):
    random = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-random.normal(0, 2, count)))
    truth = (random.random(count) < scores) ^ (random.random(count) < flipped)
    return answers(numbers(scores), scores, prefix=f"r{seed}-"), labels(f"r{seed}-", classes(truth))


def labels(prefix, truth):
    keys = row_keys((f"{prefix}{row}" for row in range(len(truth))), (0 for _ in truth))
    return keyed_rows(keys, 86_400, texts={LABEL: texts(truth)})


def reference_from(answered, truth):
    return reference_of(join_of_labelled(labelled_rows(join(answered, truth))), SETTINGS)


@pytest.fixture(scope="module")
def reference():
    return reference_from(*rows(0))


def test_labels_decide_where_there_are_enough(reference):
    answered, truth = rows(1, flipped=0.3)
    found = assess_quality(answered, truth, reference, SETTINGS, drift=STILL)
    assert (found.judgement.basis, found.judgement.verdict) == ("realised", Verdict.ALERT)
    assert found.cause.cause == "concept_change"
    assert "estimated without them" in found.contradiction


def test_while_labels_are_waited_for_it_is_estimated(reference):
    answered, _ = rows(2)
    found = assess_quality(answered, None, reference, SETTINGS, drift=STILL)
    assert (found.judgement.basis, found.judgement.verdict) == ("estimated", Verdict.OK)
    assert (found.coverage, found.contradiction, found.cause) == (None, None, None)
    assert found.checks.keys() >= {"accuracy", "auc"}


def test_too_few_labels_leave_the_estimate(reference):
    answered, truth = rows(3)
    found = assess_quality(answered, truth.where(np.arange(len(truth)) < 50), reference, SETTINGS, drift=STILL)
    assert (found.judgement.basis, found.judgement.verdict) == ("estimated", Verdict.OK)
    assert found.judgement.reason.startswith("50 of 2,000 rows have a label, 200 are needed; accuracy is estimated")
    assert (found.coverage.usable, found.contradiction) == (50, None)


def test_estimates_that_labels_contradicted_are_withheld(reference):
    found = assess_quality(rows(4)[0], None, reference, SETTINGS, drift=STILL, contradicted="labels say otherwise")
    assert found.judgement.verdict is Verdict.INSUFFICIENT_DATA
    assert "labels say otherwise" in found.judgement.reason


@pytest.mark.parametrize("has_labels", [False, True])
def test_without_a_reference_it_cannot_be_known(has_labels):
    answered, truth = rows(5)
    found = assess_quality(answered, truth if has_labels else None, None, SETTINGS, drift=STILL)
    assert found.judgement.verdict is Verdict.INSUFFICIENT_DATA
    assert (found.joined is not None) is has_labels


@pytest.mark.parametrize("has_labels", [False, True])
def test_a_window_without_answers_cannot_be_known(reference, has_labels):
    nothing = rows(6)[0].where(np.zeros(2000, bool))
    truth = rows(6)[1] if has_labels else None
    assert (
        assess_quality(nothing, truth, reference, SETTINGS, drift=STILL).judgement.verdict is Verdict.INSUFFICIENT_DATA
    )


def read(path):
    with gzip.open(path, "rt") as file:
        found = list(csv.DictReader(file))
    return {name: [row[name] for row in found] for name in found[0]}


def windows_of(said, scores, truth, size):
    """Answers and labels of consecutive windows."""
    for first in range(0, len(truth) - size + 1, size):
        inside = slice(first, first + size)
        yield answers(said(inside), scores[inside], prefix=f"w{first}-"), labels(f"w{first}-", truth[inside])


def series_of(windows, reference, drift):
    """Every window estimated, and then judged by its labels: entries of both."""
    estimated, realised = [], []
    for number, (answered, truth) in enumerate(windows):
        start = START + timedelta(days=number)
        for entries, known in ((estimated, None), (realised, truth)):
            withheld = contradiction_before(realised, start)
            found = assess_quality(answered, known, reference, SETTINGS, drift=drift(number), contradicted=withheld)
            cause = found.cause.cause if found.cause else ""
            judged = found.judgement
            entries.append(
                Entry(start, start + timedelta(days=1), judged.rows, judged.basis, judged.verdict, judged.metrics,
                      contradiction=found.contradiction, cause=cause)
            )  # fmt: skip
    return estimated, realised


def test_car_loan_alerts_at_the_change_without_labels_and_the_labels_confirm_it(shared):
    folder = shared / "data" / "datasets" / "nannyml"
    before, now, target = (
        read(folder / f"synthetic_car_loan_{part}.csv.gz") for part in ("reference", "analysis", "analysis_target")
    )
    as_known = [str(int(float(each))) for each in before["repaid"][:10_000]]
    said = texts(before["y_pred"][:10_000])
    reference = reference_from(
        answers(said, np.array(before["y_pred_proba"][:10_000], float), prefix="r"), labels("r", as_known)
    )
    truth = [str(int(float(each))) for each in target["repaid"]]
    windows = windows_of(lambda inside: texts(now["y_pred"][inside]), np.array(now["y_pred_proba"], float), truth, 5000)
    moved = InputDrift(frozenset({"car_value"}))
    estimated, realised = series_of(windows, reference, lambda number: moved if number >= 5 else STILL)
    for entries in (estimated, realised):
        assert [each.state.value for each in alerts(entries, SETTINGS)] == ["cleared"] * 5 + ["raised"] * 5
        assert {each.cause for each in entries[5:]} == {"covariate_shift"}
    for told, known in zip(estimated, realised, strict=True):
        assert told.metrics["accuracy"].lower <= known.metrics["accuracy"].value <= told.metrics["accuracy"].upper
    mean = [np.mean([each.metrics["accuracy"].value for each in part]) for part in (realised[:5], realised[5:])]
    assert mean == pytest.approx([0.944, 0.914], abs=0.003)


def test_sea_alerts_by_its_labels_alone_and_then_withholds_estimates(shared):
    """A linear model of the first concept; at row 12,500 the concept changes, and the inputs do not."""
    rows_of = read(shared / "data" / "datasets" / "streams" / "sea_concept_drift_vlosing.csv.gz")
    inputs = np.column_stack([np.ones(50_000), *(np.array(rows_of[f"attrib{each}"], float) for each in (1, 2, 3))])
    truth = np.array(rows_of["class"], int)
    weights, *_ = np.linalg.lstsq(inputs[:4000], truth[:4000].astype(float), rcond=None)
    scores = 1 / (1 + np.exp(-4 * (inputs @ weights - 0.5)))
    known = [str(each) for each in truth.tolist()]
    reference = reference_from(
        answers(numbers(scores[4000:9000]), scores[4000:9000], prefix="r"), labels("r", known[4000:9000])
    )
    later = scores[9000:21_000]
    windows = windows_of(lambda inside: numbers(later[inside]), later, known[9000:21_000], 3500)
    estimated, realised = series_of(windows, reference, lambda _: STILL)
    assert [each.state.value for each in alerts(realised, SETTINGS)] == ["cleared", "raised", "raised"]
    assert {each.cause for each in realised[1:]} == {"concept_change"}
    assert [each.verdict for each in estimated] == [Verdict.OK, Verdict.OK, Verdict.INSUFFICIENT_DATA]
