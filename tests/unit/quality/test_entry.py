"""What is remembered of a judged window, and when it is judged again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.quality.builders import entry
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window
from trimtab.quality.assessment import QualityAssessment
from trimtab.quality.cause import CauseHint
from trimtab.quality.entry import entry_of, is_due, kept_for, looks_due, may_change_until
from trimtab.quality.intervals import Metric
from trimtab.quality.judgement import QualityJudgement
from trimtab.quality.performance import LabelCoverage
from trimtab.quality.settings import QualitySettings

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
SETTINGS = QualitySettings()
METRICS = {name: Metric(0.9, 0.8, 0.95) for name in ("accuracy", "auc", "brier", "f1", "precision")}


def assessed(basis="realised", **others):
    return QualityAssessment(QualityJudgement(basis, Verdict.WARN, "", 5000, METRICS), **others)


def shortened(assessment, settings=SETTINGS, *, contradicted=False):
    window = Window(START, START + DAY, (START,), 5000)
    return entry_of(window, assessment, settings, looks=2, reference="a", contradicted=contradicted)


def test_of_a_window_what_decided_is_remembered():
    coverage = LabelCoverage(5000, 2600, 2500, 0, 0, None, None, None)
    cause = CauseHint("concept_change", "labels disagree", "accuracy", 0.2, 0.01)
    found = shortened(assessed(coverage=coverage, cause=cause, contradiction="wrong"))
    assert found.window == Window(START, START + DAY, (), 5000)
    assert (found.basis, found.verdict, found.looks, found.reference) == ("realised", Verdict.WARN, 2, "a")
    assert found.metrics.keys() == {"accuracy", "auc"}
    assert (found.labels_share, found.cause, found.contradiction) == (coverage.share, "concept_change", "wrong")


def test_metrics_that_the_settings_name_are_remembered_instead():
    assert shortened(assessed(), QualitySettings(metrics=("f1",))).metrics.keys() == {"f1"}


def test_what_is_not_known_of_a_window_is_not_made_up():
    found = shortened(assessed("estimated"))
    assert (found.labels_share, found.cause, found.contradiction) == (None, "", None)


@pytest.mark.parametrize("contradicted", [False, True])
@pytest.mark.parametrize("basis", ["estimated", "realised"])
def test_only_an_estimate_is_ever_withheld(basis, contradicted):
    assert shortened(assessed(basis), contradicted=contradicted).withheld is (contradicted and basis == "estimated")


@pytest.mark.parametrize(("hours", "looks"), [(23, 0), (24, 1), (47, 1), (48, 2), (24 * 8, 3), (9999, 3)])
def test_labels_are_looked_at_when_they_are_due_and_a_day_and_a_week_later(hours, looks):
    assert looks_due(START, START + timedelta(hours=hours), SETTINGS) == looks


def test_an_estimate_is_made_again_when_it_would_be_another():
    told = entry(0, basis="estimated", reference="a")
    now = START + DAY
    assert not is_due(told, now, SETTINGS, reference="a", contradicted=False)
    assert is_due(told, now, SETTINGS, reference="b", contradicted=False)
    assert is_due(told, now, SETTINGS, reference="a", contradicted=True)
    assert is_due(told, now + DAY, SETTINGS, reference="a", contradicted=False)
    assert not is_due(entry(0, looks=1), now + DAY, SETTINGS, reference="b", contradicted=True)


def test_what_is_asked_for_is_judged_again_but_not_for_a_moment_before_its_labels_were_looked_at():
    def asked(since, now):
        return is_due(entry(1, looks=1), START + now * DAY, SETTINGS, reference="", contradicted=False, again=since)

    assert asked(START + DAY, 3.5)
    assert not asked(START + DAY + timedelta(hours=1), 3.5)
    assert not asked(START + DAY, 2.5)


@given(st.integers(0, 24 * 365), st.integers(1, 24 * 90))
def test_entries_are_kept_until_nothing_can_change_them(delay, longest):
    settings = QualitySettings(label_delay_hours=delay, max_window_hours=longest)
    last = entry(0)
    assert kept_for(settings) >= 90 * DAY
    assert last.end + kept_for(settings) > may_change_until(last, settings)
    assert looks_due(last.end, may_change_until(last, settings), settings) == 3
