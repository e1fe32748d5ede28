import json
import time

import numpy as np
import pytest

from tests.unit.data_quality.builders import generator, sample_of
from tests.unit.drift.builders import HOUR, numbers, reference_of, texts
from trimtab.capture.profile import profile_table
from trimtab.capture.table import Table
from trimtab.diagnosis.multivariate import rows_to_compare, separate, separation_document
from trimtab.diagnosis.settings import MultivariateSettings
from trimtab.drift.assessment import assess
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict

SETTINGS = MultivariateSettings()
ROWS = 1_000


def rows(seed, columns=8, correlation=0.0, shift=0.0):
    random = generator(seed)
    x = random.normal(size=(ROWS, columns))
    x[:, 1] = correlation * x[:, 0] + np.sqrt(1 - correlation**2) * x[:, 1]
    x[:, 2] += shift
    named = {f"x{place}": numbers(x[:, place]) for place in range(columns)}
    return named | {"plan": texts(random.choice(["a", "b", "c"], ROWS).tolist())}


def separated(before, after, seed=0, **settings):
    samples = sample_of(before, 1), sample_of(after, 2)
    return separate(*samples, before.keys(), MultivariateSettings(**settings), seed=seed)


def test_without_drift_hardly_a_window_is_told_apart():
    found = [separated(rows(seed, columns=4), rows(1_000 + seed, columns=4), max_rows=500) for seed in range(16)]
    assert [each.verdict for each in found] == [Verdict.OK] * 16
    assert np.mean([each.auc for each in found]) == pytest.approx(0.5, abs=0.02)


def test_a_broken_correlation_that_no_column_shows_is_found_with_its_columns():
    found = separated(rows(0, correlation=0.8), rows(1))
    assert found.verdict is Verdict.WARN
    assert {name for name, _ in found.columns[:2]} == {"x0", "x1"}
    assert set(found.pairs[0][:2]) == {"x0", "x1"}
    assert found.pairs[0][2] > 0.7
    assert abs(found.pairs[0][3]) < 0.1
    assert "x0" in found.reason


def test_a_column_that_moved_is_named():
    found = separated(rows(0), rows(1, shift=1.0))
    assert (found.verdict, found.columns[0][0]) == (Verdict.WARN, "x2")
    assert found.auc == pytest.approx(0.76, abs=0.04)  # Φ(1/√2)


def test_a_wobble_is_harmless():
    assert separated(rows(0), rows(1, shift=0.1)).verdict is Verdict.OK


def test_equal_samples_and_seeds_give_equal_results():
    assert separated(rows(0), rows(1, shift=0.5)) == separated(rows(0), rows(1, shift=0.5))


def test_a_column_that_became_text_is_compared_as_text():
    before, after = {"x": numbers(np.arange(ROWS) % 7)}, {"x": texts([f"v{row % 7}" for row in range(ROWS)])}
    assert separated(before, after).verdict is Verdict.WARN


def test_of_too_many_columns_the_first_ones_named_are_looked_at():
    before, after = rows(0), rows(1, shift=1.0)
    samples, few = (sample_of(before, 1), sample_of(after, 2)), MultivariateSettings(max_columns=3)
    first = separate(*samples, ["x2", "not there", "x5", "x1", "x0"], few)
    assert (first.verdict, first.compared) == (Verdict.WARN, (3, 4))
    assert "by 3 of 4 columns" in first.reason
    assert first == separate(*samples, ["x1", "x2", "x5", "x0"], few)
    last = separate(*samples, ["x5", "x1", "x0", "x2"], few)
    assert (last.verdict, last.compared) == (Verdict.OK, (3, 4))
    assert separated(before, after).compared == (9, 9)


def test_small_samples_and_other_columns_tell_nothing():
    small = {"x": numbers(np.arange(50.0))}
    assert separated(small, rows(0)).verdict is Verdict.INSUFFICIENT_DATA
    assert separated(rows(0), {"y": numbers(np.arange(500.0))}).verdict is Verdict.INSUFFICIENT_DATA


def test_the_document_is_plain_json():
    json.dumps(separation_document(separated(rows(0), rows(1, shift=1.0))))


def test_twenty_columns_take_less_than_a_second():
    samples = sample_of(rows(0, columns=20), 1), sample_of(rows(1, columns=20, shift=0.5), 2)
    began = time.process_time()
    separate(*samples, samples[0].columns, SETTINGS)
    assert time.process_time() - began < 1


def test_rows_of_a_request_that_was_learnt_from_prove_nothing():
    """Users of ten rows each were known again by trees that had learnt some of them."""
    random = generator(5)

    def traffic(requests, size):
        users = {f"user{i}": np.repeat(random.normal(size=requests), size) for i in range(3)}
        cells = users | {f"item{i}": random.normal(size=requests * size) for i in range(3)}
        return {name: numbers(each) for name, each in cells.items()}

    before = traffic(10_000, 1)
    most, window = _most(before, traffic(500, 10), 10)
    assert most == (10_000, 500)
    samples = sample_of(before, 1), sample_of(window.columns, 2, 5_000)
    many = separate(*samples, before, MultivariateSettings(max_rows=5_000))
    assert many.verdict is Verdict.WARN
    few = separate(*samples, before, MultivariateSettings(max_rows=5_000), most=most)
    assert (few.verdict, few.rows) == (Verdict.OK, (2_000, 500)), few.reason


def test_rows_that_differ_within_requests_are_all_compared():
    """Also where a column has one value only, of which requests cannot be known."""
    random = generator(6)
    before, after = ({"x": numbers(random.normal(size=n)), "flag": texts(["no"] * n)} for n in (10_000, 5_000))
    before["flag"] = texts(["no"] * 9_950 + ["yes"] * 50)
    assert _most(before, after, 1)[0] == (10_000, 5_000)
    assert _most(before, after, 10)[0][1] > 4_500


def _most(before, after, size):
    """What to compare of a window of requests of so many rows; and the window."""
    reference = reference_of(before)
    rows = len(next(iter(after.values())))
    window = Table(HOUR, rows, rows // size, after, counts=np.full(rows // size, size))
    profile = profile_table(window, reference.grid)
    return rows_to_compare(assess(reference, profile, DriftThresholds()), profile), window
