from datetime import UTC, datetime, timedelta

from trimtab.rollout.readings import Readings, VariantReadings, series_of, share_at, shared
from trimtab.rollout.state import ShareTaken

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LADDER = (
    ShareTaken(step=0, share=0.1, since=START + timedelta(seconds=20), until=START + 5 * MINUTE),
    ShareTaken(step=1, share=1.0, since=START + timedelta(minutes=5, seconds=30)),
)


def at(*minutes):
    return {START + minute * MINUTE: 60.0 for minute in minutes}


def readings(canary, production, **more):
    return Readings(VariantReadings(at(*canary), {}), VariantReadings(at(*production), {}), **more)


def seen(series):
    return {
        (minute.at - START) // MINUTE: (minute.canary.requests, minute.production.requests) for minute in series.minutes
    }


def test_minutes_begin_with_the_first_whole_one():
    series = series_of(readings([0, 1], [0, 1]), LADDER, 3, START + 2 * MINUTE)
    assert seen(series) == {1: (60, 60)}
    assert series.started == LADDER[0].since


def test_a_minute_without_data_is_no_requests_only_when_the_other_has_some_or_it_is_old():
    series = series_of(readings([1], [1, 3]), LADDER, 3, START + 6 * MINUTE)
    assert seen(series) == {1: (60, 60), 2: (0, 0), 3: (0, 60)}
    assert 4 not in seen(series)


def test_problems_are_passed_on():
    assert series_of(readings([], [], problem="withheld"), LADDER, 3, START).problem == "withheld"


def test_slow_requests_are_unknown_only_when_they_were_not_asked_for():
    timed = VariantReadings(at(1), {}, {START + 2 * MINUTE: 5.0})
    series = series_of(Readings(timed, VariantReadings(at(1), {})), LADDER, 0, START + 3 * MINUTE)
    assert [minute.canary.slow for minute in series.minutes] == [0, 0]  # no more than requests
    assert [minute.production.slow for minute in series.minutes] == [None, None]


def test_the_share_is_known_in_minutes_in_which_the_weights_did_not_change():
    shares = [share_at(LADDER, START + minute * MINUTE) for minute in range(8)]
    assert shares == [None, 0.1, 0.1, 0.1, 0.1, None, 1.0, 1.0]
    assert shared(LADDER) == LADDER[:1]
