"""Outcomes joined with the answers that were kept."""

from datetime import UTC, datetime, timedelta

import pytest

from trimtab.aws import outcome_files, s3
from trimtab.aws.outcome_files import canary_days, outcomes_of_day
from trimtab.aws.quality_rows import read_hours, write_rows
from trimtab.cost.outcome_values import read_values
from trimtab.quality.kept import answers_prefix, hour_folder
from trimtab.quality.keyed_rows import keyed_rows, row_keys
from trimtab.rollout.request import CANARY

pytestmark = pytest.mark.usefixtures("aws")
BUCKET = "state"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = datetime(2026, 11, 20, tzinfo=UTC)


def answer(variant, hour, *requests):
    folder = hour_folder(answers_prefix("churn", variant), hour)
    write_rows(BUCKET, folder, keyed_rows(row_keys(requests, [0] * len(requests)), int(hour.timestamp())))


def values(**worth):
    return read_values(["inference_id,value\n", *(f"{name},{value}\n" for name, value in worth.items())], "worth.csv")


def test_days_are_those_on_which_the_canary_answered():
    answer(CANARY, TODAY - 3 * DAY, "a")
    answer(CANARY, TODAY - HOUR, "b")
    answer("blue", TODAY - 2 * DAY, "c")
    days = [TODAY - back * DAY for back in (3, 2, 1, 0)]
    assert canary_days(BUCKET, "churn", days) == [TODAY - 3 * DAY, TODAY - DAY]
    assert canary_days(BUCKET, "churn", days[1:]) == [TODAY - DAY]
    assert canary_days(BUCKET, "other", days) == []
    assert canary_days(BUCKET, "churn", []) == []


def test_outcomes_of_a_day_are_told_apart_by_who_answered():
    answer(CANARY, TODAY, "a", "b")
    answer("blue", TODAY + 23 * HOUR, "c")
    answer("green", TODAY + 3 * HOUR, "d")
    answer("blue", TODAY + DAY, "e")
    canary, production = outcomes_of_day(BUCKET, "churn", values(a=1, b=3, c=10, d=20, e=99, f=99), TODAY)
    assert (canary.count, canary.mean) == (2, 2.0)
    assert (production.count, production.mean) == (2, 15.0)


def test_answers_that_are_joined_in_another_file_meanwhile_are_looked_for_again(monkeypatch):
    answer(CANARY, TODAY, "a")
    answer(CANARY, TODAY, "b")
    prefix, listed, seen = answers_prefix("churn", CANARY), outcome_files.row_files, []

    def list_and_join(*arguments):
        found = listed(*arguments)
        seen.append(len(found.get(TODAY, ())))
        list(read_hours(BUCKET, prefix, TODAY, TODAY + DAY, settled=TODAY + DAY))
        return found

    monkeypatch.setattr(outcome_files, "row_files", list_and_join)
    canary, _ = outcomes_of_day(BUCKET, "churn", values(a=1, b=3), TODAY)
    assert seen == [2, 1]
    assert canary.count == 2
    assert len(list(s3.list_keys(BUCKET, prefix))) == 1
