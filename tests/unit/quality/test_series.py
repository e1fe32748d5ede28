"""The series of verdicts: in order of time, as long as they matter, and read as they were written."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.quality.builders import entries, entry
from trimtab.drift.verdict import Verdict
from trimtab.quality.intervals import Metric
from trimtab.quality.series import contradiction_before, series_document, series_of_document, with_entry
from trimtab.quality.settings import QualitySettings

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
SETTINGS = QualitySettings()


def test_the_latest_labels_before_a_window_say_whether_estimates_hold():
    known = (entry(0, contradiction="wrong"), entry(1, contradiction=""), entry(2, contradiction="worse"), entry(3))
    assert [contradiction_before(known, START + day * DAY) for day in range(5)] == ["", "wrong", "", "worse", "worse"]


@given(st.permutations(range(6)))
def test_the_order_of_judging_does_not_matter(days):
    known = ()
    for day in days:
        known = with_entry(known, entry(day, Verdict.WARN), SETTINGS)
    assert known == entries(*[Verdict.WARN] * 6)


def test_a_window_that_is_judged_again_has_one_entry():
    again = entry(1, Verdict.ALERT, looks=1)
    assert with_entry(entries(Verdict.OK, Verdict.OK, Verdict.OK), again, SETTINGS)[1] == again


def test_entries_of_90_days_are_kept_in_order_of_time():
    known = ()
    for day in (100, 3, 20, 3):
        known = with_entry(known, entry(day), SETTINGS)
    assert [each.start for each in known] == [START + 20 * DAY, START + 100 * DAY]


def test_a_series_is_plain_json_and_read_as_it_was_written():
    known = (
        entry(
            0,
            Verdict.ALERT,
            metrics={"accuracy": Metric(0.9, 0.8, 0.95)},
            labels_share=0.5,
            looks=2,
            cause="concept_change",
        ),
        entry(1, Verdict.INSUFFICIENT_DATA, basis="estimated", reference="a", contradiction="wrong", withheld=True),
    )
    document = json.loads(json.dumps(series_document(known, SETTINGS)))
    assert series_of_document(document) == known
    assert [each["state"] for each in document["entries"]] == ["raised", "raised"]
    assert series_of_document(None) == ()
