"""Verdicts on quality, with labels and without."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.quality.builders import answers, classes, labelled, texts
from trimtab.drift.verdict import Verdict
from trimtab.quality.comparison import worsening
from trimtab.quality.estimate import Estimate
from trimtab.quality.intervals import Metric, wilson
from trimtab.quality.judgement import judge_estimate, judge_realised
from trimtab.quality.performance import Performance, realised
from trimtab.quality.settings import QualitySettings

SETTINGS = QualitySettings(positive="1", metrics=("accuracy",))


def window(rows, accuracy, *, labels=None, segment=None):
    """A window with just so many right answers, spread evenly, of which the first `labels` rows have a label."""
    right = np.floor(np.arange(1, rows + 1) * accuracy) > np.floor(np.arange(rows) * accuracy)
    segments = {"region": segment} if segment is not None else None
    truth = classes(right)
    known = dict(enumerate(truth[: rows if labels is None else labels]))
    return realised(labelled(answers(texts(["1"] * rows), segments=segments), known), SETTINGS)


REFERENCE, _ = window(5000, 0.944)


def judged(rows, accuracy, *, is_closed=True, reference=REFERENCE, settings=SETTINGS, labels=None):
    performance, coverage = window(rows, accuracy, labels=labels)
    return judge_realised(reference, performance, coverage, settings, is_closed=is_closed)


@pytest.mark.parametrize(
    ("accuracy", "rows", "verdict"),
    [
        (0.944, 5000, Verdict.OK),
        (0.96, 5000, Verdict.OK),
        (0.928, 5000, Verdict.WARN),
        (0.914, 5000, Verdict.ALERT),
        (0.914, 300, Verdict.OK),
        (0.85, 300, Verdict.ALERT),
    ],
)
def test_a_loss_is_judged_by_its_size_and_certainty(accuracy, rows, verdict):
    found = judged(rows, accuracy)
    assert found.verdict is verdict
    assert "accuracy is" in found.reason


def test_labels_that_may_still_come_are_waited_for():
    found = judged(5000, 0.5, is_closed=False, labels=4000)
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert "others may still come" in found.reason
    assert judged(5000, 0.5, is_closed=False).verdict is Verdict.ALERT


@settings(max_examples=20)
@given(st.integers(0, 1999))
def test_fewer_labels_than_are_needed_are_never_good_news(labels):
    found = judged(2000, 0.944, labels=labels, settings=QualitySettings(min_labels=2000, metrics=("accuracy",)))
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert f"{labels:,} of 2,000 rows have a label" in found.reason


def test_a_small_share_of_labels_is_told():
    assert "min_label_share" in judged(10_000, 0.944, labels=300).reason


def test_selective_labels_warn_at_most():
    scores = np.linspace(0, 1, 4000)
    given_answers = answers(texts(["1"] * 4000), scores)
    known = {row: "0" if row % 4 == 0 else "1" for row in range(2000, 4000)}
    performance, coverage = realised(labelled(given_answers, known), SETTINGS)
    found = judge_realised(REFERENCE, performance, coverage, SETTINGS, is_closed=True)
    assert found.verdict is Verdict.WARN
    assert "Cramér's V" in found.reason
    trusting = QualitySettings(positive="1", metrics=("accuracy",), selection=1)
    assert judge_realised(REFERENCE, performance, coverage, trusting, is_closed=True).verdict is Verdict.ALERT


def test_without_a_reference_only_limits_are_judged():
    assert judged(5000, 0.914, reference=None).verdict is Verdict.INSUFFICIENT_DATA
    limited = QualitySettings(positive="1", metrics=("accuracy",), limits={"accuracy": 0.93, "brier": 0.2})
    assert judged(5000, 0.944, reference=None, settings=limited).verdict is Verdict.OK
    found = judged(5000, 0.914, reference=None, settings=limited)
    assert (found.verdict, found.beyond) == (Verdict.ALERT, ("accuracy",))
    assert "beyond the limit 0.93" in found.reason


def test_a_reference_of_another_problem_is_refused():
    other = Performance("regression", 100, {"mae": Metric(1, 0.9, 1.1)}, {})
    assert "the reference is a regression" in judged(5000, 0.944, reference=other).reason


def test_one_segment_that_got_worse_is_named():
    regions = texts(["north"] * 4500 + ["south"] * 500)
    before, _ = window(5000, 0.944, segment=regions)
    right = np.arange(5000) % 18 > 0
    right[4500:] = np.arange(500) % 4 > 0
    joined = labelled(answers(texts(["1"] * 5000), segments={"region": regions}), classes(right))
    now, coverage = realised(joined, SETTINGS)
    loose = QualitySettings(positive="1", metrics=("accuracy",), harmless_drop=0.05)
    found = judge_realised(before, now, coverage, loose, is_closed=True)
    assert found.verdict is Verdict.WARN
    assert [(each.column, each.value, each.rows) for each in found.segments] == [("region", "south", 500)]
    assert "where region is south" in found.reason


def test_an_estimate_is_judged_by_its_interval():
    sure = Estimate("binary_classification", 5000, {"accuracy": Metric(0.911, 0.902, 0.92)}, 0.0, "")
    found = judge_estimate(REFERENCE, sure, SETTINGS)
    assert (found.verdict, found.basis) == (Verdict.ALERT, "estimated")
    assert "accuracy is estimated at 0.911" in found.reason
    vague = Estimate("binary_classification", 5000, {"accuracy": Metric(0.911, 0.86, 0.96)}, 0.0, "")
    assert judge_estimate(REFERENCE, vague, SETTINGS).verdict is Verdict.OK


def test_an_estimate_that_is_not_known_is_no_verdict():
    none = Estimate("binary_classification", 5000, {}, 0.2, "scores are new")
    assert judge_estimate(REFERENCE, none, SETTINGS).verdict is Verdict.INSUFFICIENT_DATA
    known = Estimate("binary_classification", 5000, {"accuracy": Metric(0.944, 0.93, 0.96)}, 0.0, "")
    found = judge_estimate(REFERENCE, known, SETTINGS, contradiction="labels say otherwise")
    assert (found.verdict, found.metrics) == (Verdict.INSUFFICIENT_DATA, {})
    assert "labels say otherwise" in found.reason


def test_clean_windows_raise_no_alarm():
    """1,000 windows of 500 rows with the reference's accuracy."""
    random, alarms = np.random.default_rng(1), 0
    for right in random.binomial(500, 0.944, 1000).tolist():
        lower, upper = wilson(right, 500, 0.99)
        worse = worsening("accuracy", REFERENCE.metrics["accuracy"], Metric(right / 500, lower, upper))
        alarms += worse.lower > SETTINGS.harmless_drop
    assert alarms <= 1


def test_differences_have_the_coverage_they_say():
    random, held = np.random.default_rng(2), 0
    for before, now in zip(random.binomial(400, 0.95, 500), random.binomial(300, 0.9, 500), strict=True):
        one, other = Metric(before / 400, *wilson(before, 400, 0.95)), Metric(now / 300, *wilson(now, 300, 0.95))
        worse = worsening("accuracy", one, other)
        held += worse.lower <= 0.05 <= worse.upper
    assert held / 500 == pytest.approx(0.95, abs=0.03)


def test_errors_are_compared_as_shares():
    worse = worsening("rmse", Metric(100, 95, 105), Metric(110, 104, 117))
    assert worse.value == pytest.approx(0.1)
    assert 0 < worse.lower < 0.1 < worse.upper
    assert worsening("rmse", Metric(0, None, None), Metric(1, 0.9, 1.1)) is None
    assert worsening("mae", Metric(1, None, None), Metric(1, 0.9, 1.1)) is None
    assert worsening("brier", Metric(0.1, 0.09, 0.11), Metric(0.2, 0.18, 0.22)).value == pytest.approx(0.1)


@pytest.mark.parametrize("key", ["metrics", "limits"])
def test_unknown_metrics_are_refused(key):
    with pytest.raises(ValueError, match="precison is no metric"):
        QualitySettings(**{key: {"precison": 0.5} if key == "limits" else ("precison",)})
