"""What a canary earned, day by day."""

from datetime import UTC, datetime, timedelta

import pytest

from trimtab.cost.impact import day_document, days_due, interval_document, last_day, problem_document, with_days
from trimtab.cost.outcome_values import Outcomes
from trimtab.cost.predictions import Impact

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DELAY = timedelta(days=3)
FEW, MANY = Outcomes(199, 1.0, 0.1), Outcomes(400, 1.0, 0.1)


def test_days_are_due_when_their_outcomes_have_been_waited_for_and_cloudwatch_still_takes_them():
    due = [f"{day:%d}" for day in days_due({}, NOW, DELAY)]
    assert due == ["08", "09", "10", "11", "12", "13", "14", "15", "16"]


def test_a_day_is_judged_once_unless_its_files_could_not_be_read():
    known = {"2026-11-15": {"mid": 1.0}, "2026-11-16": problem_document("s3://b/k, line 3: …")}
    due = [f"{day:%d}" for day in days_due(known, NOW, DELAY)]
    assert "15" not in due
    assert "16" in due


def test_the_document_has_the_interval_and_what_it_rests_on():
    document, impact = day_document(Outcomes(400, 1.2, 0.1), MANY, 1000.0)
    assert impact
    assert (document["low"], document["mid"], document["high"]) == (impact.low, pytest.approx(200), impact.high)
    assert impact.low < 200 < impact.high
    assert document["reason"] == ""


@pytest.mark.parametrize(
    ("canary", "predictions", "reason"),
    [(FEW, 1000.0, "fewer than 200 outcomes"), (MANY, None, "the predictions are not known")],
)
def test_what_is_not_known_says_why(canary, predictions, reason):
    document, impact = day_document(canary, MANY, predictions)
    assert (impact, document["mid"], document["reason"]) == (None, None, reason)


def test_an_interval_is_known_whole_or_not_at_all():
    assert interval_document(Impact(-1.0, 2.0, 5.0)) == {"low": -1.0, "mid": 2.0, "high": 5.0}
    assert interval_document(None) == {"low": None, "mid": None, "high": None}


def test_the_last_day_is_told():
    document = with_days({"2026-11-09": {"mid": 1.0}}, {"2026-11-10": {"mid": 2.0}})
    assert last_day(document) == {"day": "2026-11-10", "mid": 2.0}
    assert last_day({}) is None
