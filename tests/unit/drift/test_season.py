"""Which drift is only seasonal: on replayed traffic, and rule by rule."""

from math import pi, sin

import pytest

from tests.unit.drift.builders import numbers
from tests.unit.drift.replay import A_WEEK, Replay, explained, raised, verdicts
from tests.unit.drift.scores import DAY, HOUR, MONDAY, WEEK, score, window
from trimtab.drift.season import seasonal_scores
from trimtab.drift.thresholds import DriftThresholds


def daily(amplitude):
    return lambda days: amplitude * sin(2 * pi * days)


@pytest.fixture(scope="module")
def known():
    """Three weeks of traffic with a daily season, compared with the mean of a whole week."""
    replay = Replay(daily(0.8))
    replay.weeks(0, 3)
    return replay


def test_a_daily_season_alarms_no_more_once_two_weeks_are_known(known):
    first, second, third = (known.documents[i * A_WEEK : (i + 1) * A_WEEK] for i in range(3))
    assert verdicts(first)["ALERT"] > 10
    assert verdicts(second)["ALERT"] > 10
    assert verdicts(third)["ALERT"] == raised(third[1:]) == 0  # the last alert of the second week clears
    assert explained(third) > 10


def test_a_seasonal_column_is_said_to_be_so(known):
    document = next(each for each in reversed(known.documents) if each["seasonal"]["explains"])
    column, seasonal = document["columns"]["x"], document["seasonal"]
    assert column["verdict"] == document["verdict"] == "WARN"
    assert "as at these hours of past weeks, PSI 0.0" in column["reason"]
    assert "as at these hours of past weeks" in document["reason"]
    assert document["drifted"] == []
    assert (seasonal["explains"], seasonal["weeks"], seasonal["rows"]) == (["x"], 2, 2000)
    assert seasonal["columns"]["x"]["verdict"] == "OK"
    assert len(seasonal["windows"]) == 2


def test_a_real_shift_on_top_of_a_season_is_found_and_never_becomes_one():
    replay = Replay(lambda days: daily(0.8)(days) + (1.0 if days >= 14 else 0.0))
    replay.weeks(0, 2)
    assert {document["verdict"] for document in replay.weeks(2, 3)[:2]} == {"ALERT"}
    replay.weeks(3, 6)
    week = replay.weeks(6, 7)  # no window from before the shift is within four weeks
    assert raised(week) > A_WEEK / 2
    assert explained(week) < A_WEEK / 10


def test_a_shift_of_another_column_is_found_at_once_in_seasonal_traffic(known):
    calm = known.columns
    known.columns = lambda days, rows: calm(days, rows) | {"calm": numbers(known.rng.normal(1, 1, rows))}
    found = known.weeks(3, 4)
    assert {document["verdict"] for document in found} == {"ALERT"}
    assert all("calm" in document["drifted"] for document in found)
    assert raised(found[1:]) == len(found) - 1


def test_a_lasting_shift_of_steady_traffic_is_never_its_own_season():
    replay = Replay(lambda days: 0.6 if days >= 7 else 0.0)
    assert raised(replay.weeks(0, 1)) == 0
    assert verdicts(replay.weeks(1, 4)) == {"ALERT": 3 * A_WEEK}


def test_a_lasting_shift_that_not_every_window_is_certain_of_is_no_season():
    replay = Replay(lambda _: 0.0)
    replay.mean = lambda _: 0.42
    found = replay.weeks(0, 4)
    assert 0.5 * len(found) < verdicts(found)["ALERT"] < len(found)
    assert explained(found) == 0


def test_a_shift_that_pauses_for_a_day_is_no_season():
    replay = Replay(lambda days: 0.6 if days >= 7 and not 28 <= days < 29 else 0.0)
    replay.weeks(0, 4)
    assert verdicts(replay.weeks(4, 5)) == {"ALERT": A_WEEK - 6, "OK": 6}


def test_a_creeping_shift_is_no_season():
    replay = Replay(lambda days: days / 50, reference_days=0)
    replay.weeks(0, 4)
    assert raised(replay.weeks(4, 5)) == A_WEEK


def test_seasons_can_be_left_out_of_account():
    replay = Replay(daily(0.8), thresholds=DriftThresholds(seasonal_weeks=0))
    replay.weeks(0, 3)
    assert verdicts(replay.documents[2 * A_WEEK :])["ALERT"] > 10
    assert not any("seasonal" in document for document in replay.documents)


def test_steady_traffic_alarms_no_more_than_without_seasons():
    replay = Replay(lambda _: 0.0)
    assert verdicts(replay.weeks(0, 3)) == {"OK": 3 * A_WEEK}


def starts(past, asked):
    return [(each.start - MONDAY) / DAY for each in seasonal_scores(past, asked)]


def test_the_same_hours_of_the_last_four_weeks_tell():
    past = [score(week * WEEK + hour * HOUR) for week in range(5) for hour in range(24)]
    assert starts(past, window(5 * WEEK + 8 * HOUR)) == [7 * week + 8 / 24 for week in (1, 2, 3, 4)]


def test_a_longer_window_tells_when_half_of_it_lies_in_these_hours():
    past = [score(0 * HOUR, hours=4), score(4 * HOUR, hours=4), score(8 * HOUR, hours=4)]
    assert starts(past, window(WEEK + 2 * HOUR, hours=4)) == [0, 4 / 24]
    assert starts(past, window(WEEK + 3 * HOUR, hours=4)) == [4 / 24]


def test_a_window_of_a_week_has_no_hours_of_its_own():
    past = [score(week * WEEK, hours=168) for week in range(4)]
    assert starts(past, window(4 * WEEK, hours=168)) == []
    assert starts(past, window(4 * WEEK, hours=160)) == []


def test_windows_without_a_verdict_do_not_tell():
    past = [score(0 * DAY, "INSUFFICIENT_DATA"), score(WEEK, "WARN")]
    assert starts(past, window(2 * WEEK)) == [7]


def windows(*verdicts):
    """Six windows a day, four to each verdict."""
    return [score((i * 4 + j) * 4 * HOUR, verdict, hours=4) for i, verdict in enumerate(verdicts) for j in range(4)]


def test_an_alert_that_came_and_went_tells():
    assert starts(windows("OK", "ALERT", "OK"), window(WEEK + 16 * HOUR, hours=16)) == [i / 6 for i in range(4, 8)]


@pytest.mark.parametrize("verdicts", [["OK", *["ALERT"] * 6], [*["ALERT"] * 6, "OK"], ["ALERT"] * 7])
def test_an_alert_that_stayed_or_had_been_there_before_does_not_tell(verdicts):
    assert starts(windows(*verdicts), window(WEEK + 3 * 16 * HOUR, hours=16)) == []


def test_without_windows_around_it_an_alert_does_not_tell():
    assert starts([score(0 * DAY, "ALERT")], window(WEEK)) == []


def test_columns_that_take_turns_come_and_go_though_no_window_is_quiet():
    turns = [score(i * 4 * HOUR, "ALERT", hours=4, drifted=("x",) if i % 2 else ("z",)) for i in range(42)]
    assert starts(turns, window(WEEK + DAY, hours=4)) == [1]
    lasting = [score(i * 4 * HOUR, "ALERT", hours=4, drifted=("x", "z") if i % 2 else ("z",)) for i in range(42)]
    assert starts(lasting, window(WEEK + DAY, hours=4)) == []


def test_once_seasons_are_known_a_window_that_alerted_tells_no_more():
    before, after = windows("OK", "ALERT", "OK"), [score(WEEK, "WARN", weeks=2)]
    asked = window(2 * WEEK + 16 * HOUR, hours=16)
    again = [score(WEEK + (i + 1) * HOUR, "OK") for i in range(15)]
    again += [score(WEEK + 16 * HOUR, "ALERT"), score(WEEK + 17 * HOUR, "OK"), score(WEEK + 18 * HOUR, "WARN")]
    assert starts([*before, *after, *again], asked) == [*[i / 6 for i in range(4, 8)], 7 + 17 / 24, 7 + 18 / 24]
