import json
from dataclasses import asdict

import numpy as np
import pytest

from tests.unit.drift.builders import coded, numbers, one_column, texts
from trimtab.capture.grid import Vocabulary
from trimtab.capture.profile import ColumnProfile
from trimtab.drift.columns import assess_column
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict

DEFAULTS = DriftThresholds()
NAN = float("nan")


def judge(before, after, thresholds=DEFAULTS):
    return assess_column(*one_column(before, after), thresholds)


def fired(assessment):
    return {(reason.rule, reason.verdict) for reason in assessment.reasons}


def normal(size, seed=0, **kwargs):
    return np.random.default_rng(seed).normal(size=size, **kwargs)


def test_numeric_column_carries_all_its_numbers():
    found = judge(numbers(normal(10_000)), numbers(normal(1000, 1) + 0.5))
    assert found.kind == "numeric"
    assert found.rows == (10_000, 1000)
    assert found.psi_bins == 10
    assert found.psi == pytest.approx(0.24, abs=0.06)
    assert found.psi_adjusted == pytest.approx(found.psi - 9 * 0.0011)
    assert found.p < 0.01 > found.p_any
    assert found.ks == pytest.approx(0.2, abs=0.04)
    assert found.wasserstein == pytest.approx(0.5, abs=0.08)
    assert 0.1 < found.jensen_shannon < 0.3
    assert found.mean == (pytest.approx(0, abs=0.05), pytest.approx(0.5, abs=0.1))
    assert found.unseen is None
    assert found.out_of_range < 0.02
    json.dumps(asdict(found), allow_nan=False)


def test_categorical_column_carries_all_its_numbers():
    found = judge(texts(["a", "b"] * 5000), texts(["a"] * 450 + ["b"] * 450 + ["c"] * 100))
    assert found.kind == "categorical"
    assert found.psi == pytest.approx(0, abs=1e-3)
    assert found.unseen == 0.1
    assert found.jensen_shannon > 0.2
    assert (found.ks, found.wasserstein, found.mean, found.out_of_range) == (None, None, None, None)
    json.dumps(asdict(found), allow_nan=False)


def test_new_category_alerts_when_certainly_above_the_threshold():
    def with_new(count):
        return judge(texts(["a", "b"] * 5000), texts(["a"] * (1000 - count) + ["new"] * count))

    # one-sided Wilson bound at 1 % passes 1 % (and what chance may bring, 0.02 %) from 18 of 1000
    assert ("unseen", Verdict.ALERT) in fired(with_new(18))
    assert "unseen" not in {rule for rule, _ in fired(with_new(17))}
    assert "1.8 % of the values are not in the reference" in with_new(18).reasons[-1].text


def test_open_vocabulary_has_no_unseen_values():
    bins = Vocabulary(values=("a", "b"), others=frozenset(), open=True)
    reference, current = (
        ColumnProfile(counts=np.array(counts)) for counts in ([6000, 3000, 1000, 0], [600, 300, 100, 0])
    )
    found = assess_column(bins, reference, current, DEFAULTS)
    assert found.unseen is None
    assert found.verdict is Verdict.OK


def test_values_that_never_repeat_are_not_called_unseen():
    found = judge(coded(np.arange(3000)), coded(np.arange(5000, 7000)))
    assert found.unseen == 1
    assert found.reasons == ()
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert found.skipped == "no value is frequent enough in the reference"


def test_unseen_values_that_chance_brings_are_no_alert():
    rng = np.random.default_rng(8)
    for values in (200, 1000):
        for _ in range(10):
            before, after = (coded(rng.integers(0, values, size)) for size in (1000, 10_000))
            assert judge(before, after).reasons == ()


def test_missing_values_alert_in_both_directions():
    clean, holed = normal(10_000), np.where(np.arange(1000) < 60, NAN, normal(1000))
    appeared = judge(numbers(clean), numbers(holed))
    assert fired(appeared) == {("missing", Verdict.ALERT)}
    assert appeared.reasons[0].text == "missing values went from 0 % to 6 %"
    half = np.where(np.arange(10_000) % 2, NAN, clean)
    assert ("missing", Verdict.ALERT) in fired(judge(numbers(half), numbers(normal(1000))))


def test_missing_values_need_the_change_and_the_certainty():
    clean = numbers(normal(10_000))
    assert judge(clean, numbers(np.where(np.arange(1000) < 49, NAN, normal(1000)))).reasons == ()
    few = numbers(np.where(np.arange(10_000) % 2, NAN, normal(10_000)))
    slightly_more = numbers(np.where(np.arange(520) < 286, NAN, normal(520)))  # 55 % of 520, p 0.03
    assert "missing" not in {rule for rule, _ in fired(judge(few, slightly_more))}


def test_column_that_vanished_alerts():
    assert ("missing", Verdict.ALERT) in fired(judge(numbers(normal(10_000)), numbers([NAN] * 1000)))
    assert judge(texts(["a", "b"] * 5000), texts([None] * 1000)).verdict is Verdict.ALERT


def test_invalid_cells_alert_unless_the_reference_has_as_many():
    holed = np.where(np.arange(1000) < 40, NAN, normal(1000))
    assert fired(judge(numbers(normal(10_000)), numbers(holed, invalid=40))) == {("invalid", Verdict.ALERT)}
    before = numbers(np.where(np.arange(10_000) % 25 == 0, NAN, normal(10_000)), invalid=400)
    assert judge(before, numbers(holed, invalid=40)).verdict is Verdict.OK


def test_values_out_of_range_warn():
    after = np.concatenate([normal(970), np.full(30, 50.0)])
    found = judge(numbers(normal(10_000)), numbers(after))
    assert fired(found) == {("range", Verdict.WARN)}
    assert found.verdict is Verdict.WARN
    assert found.out_of_range == pytest.approx(0.032, abs=0.003)


def test_small_reference_is_left_without_more_warnings_than_the_error_level():
    rng = np.random.default_rng(9)
    found = [judge(numbers(rng.normal(size=150)), numbers(rng.normal(size=1000))) for _ in range(400)]
    assert sum(each.out_of_range > 0.02 for each in found) > 40
    assert sum(bool(each.reasons) for each in found) <= 9  # 4 are expected


def test_constant_column_is_quiet_while_it_stays_and_alerts_when_it_moves():
    same = judge(numbers([7.5] * 10_000), numbers([7.5] * 1000))
    assert (same.verdict, same.skipped, same.psi, same.unseen) == (Verdict.OK, "constant", None, 0)
    for value in (7.4, 7.6, 7500.0):
        moved = judge(numbers([7.5] * 10_000), numbers([7.5] * 950 + [value] * 50))
        assert fired(moved) == {("unseen", Verdict.ALERT)}
        assert moved.unseen == 0.05
    assert judge(texts(["x"] * 10_000), texts(["y"] * 1000)).verdict is Verdict.ALERT


def test_empty_reference_column_cannot_be_judged_but_alerts_when_it_fills():
    bins, empty = Vocabulary(values=()), ColumnProfile(counts=np.zeros(2, np.int64), missing=10_000)
    still = assess_column(bins, empty, ColumnProfile(counts=np.zeros(2, np.int64), missing=1000), DEFAULTS)
    assert (still.verdict, still.skipped) == (Verdict.INSUFFICIENT_DATA, "no reference values")
    filled = assess_column(bins, empty, ColumnProfile(counts=np.array([0, 1000])), DEFAULTS)
    assert filled.verdict is Verdict.ALERT


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_absurd_numbers_give_a_verdict_and_plain_json():
    for absurd in (1e200, -1e308, 1.7e308):
        found = judge(numbers(normal(10_000)), numbers([absurd] * 1000))
        assert found.invalid[1] == 1
        assert found.verdict is Verdict.ALERT
        json.dumps(asdict(found), allow_nan=False)
        json.dumps(asdict(judge(numbers([0, absurd] * 1000), numbers(normal(1000)))), allow_nan=False)


def test_too_few_values_are_insufficient_data():
    found = judge(numbers(normal(10_000)), numbers(normal(499) + 5))
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert found.psi > 1
    assert found.p is None
    assert judge(numbers(normal(10_000)), numbers(normal(500))).verdict is Verdict.OK


def test_column_that_is_mostly_missing_as_ever_is_insufficient_data():
    before = np.where(np.arange(10_000) % 10 == 0, normal(10_000), NAN)
    after = np.where(np.arange(1000) % 10 == 0, normal(1000), NAN)
    assert judge(numbers(before), numbers(after)).verdict is Verdict.INSUFFICIENT_DATA


def test_rules_only_warn_below_the_rows_of_an_alert():
    before = texts(["a", "b"] * 5000)
    assert judge(before, texts(["new"] * 999)).verdict is Verdict.WARN
    assert judge(before, texts(["new"] * 1000)).verdict is Verdict.ALERT


def test_many_columns_share_the_error_level_of_the_missing_rule():
    before = numbers(np.where(np.arange(10_000) % 2, NAN, normal(10_000)))
    after = numbers(np.where(np.arange(1000) < 550, NAN, normal(1000)))  # 55 %, p 0.003
    assert assess_column(*one_column(before, after), DEFAULTS, columns=1).reasons
    assert not assess_column(*one_column(before, after), DEFAULTS, columns=20).reasons
