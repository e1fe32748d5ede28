import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.drift.scores import DAY, HOUR, MONDAY, score
from trimtab.drift.hysteresis import AlertState
from trimtab.drift.series import (
    KEPT,
    Alert,
    Score,
    alerts_of,
    before,
    score_of_document,
    series_document,
    series_from_document,
    windows_to_enter,
    with_score,
)
from trimtab.drift.verdict import Verdict

NAMES = st.sampled_from(["a", "b", "ø"])
SCORES = st.builds(
    lambda hours, **rest: Score(start=MONDAY + hours * HOUR, end=MONDAY + (hours + 1) * HOUR, **rest),
    hours=st.integers(0, 4000),
    rows=st.integers(0, 10**9),
    verdict=st.sampled_from(Verdict),
    state=st.sampled_from(AlertState),
    coverage=st.floats(0, 1),
    grid=st.sampled_from(["g", "h"]),
    psi_adjusted=st.dictionaries(NAMES, st.floats(0, 100).map(lambda x: float(f"{x:.3g}"))),
    since=st.none() | st.integers(0, 4000).map(lambda hours: MONDAY + hours * HOUR),
    drifted=st.lists(NAMES, unique=True).map(tuple),
    seasonal=st.lists(NAMES, unique=True).map(tuple),
    weeks=st.integers(0, 4),
    deployment=st.sampled_from(["", "config-2"]),
)


def made(scores):
    series = ()
    for each in scores:
        series = with_score(series, each)
    return series


@given(st.lists(SCORES, max_size=8))
def test_a_series_survives_being_stored(scores):
    series = made(scores)
    assert series_from_document(json.loads(json.dumps(series_document(series), allow_nan=False))) == series


@given(st.lists(SCORES, max_size=8, unique_by=lambda each: each.start), st.randoms())
def test_the_order_of_windows_does_not_matter_and_twice_is_once(scores, random):
    mixed = scores * 2
    random.shuffle(mixed)
    assert made(mixed) == made(scores)


def test_a_window_judged_again_takes_the_place_of_what_was_said_before():
    series = made([score(0 * HOUR), score(HOUR), score(2 * HOUR)])
    again = replace(series[1], verdict=Verdict.ALERT, rows=4000)
    assert with_score(series, again) == (series[0], again, series[2])


def test_windows_older_than_ninety_days_are_left_out():
    series = made([score(0 * HOUR), score(2 * HOUR), score(KEPT)])
    assert [each.start - MONDAY for each in series] == [2 * HOUR, KEPT]


def test_only_windows_that_had_ended_and_on_the_same_grid_are_before():
    series = made([score(0 * HOUR, grid="former"), score(HOUR), score(2 * HOUR, hours=3), score(5 * HOUR)])
    assert before(series, MONDAY + 5 * HOUR, "g") == series[1:3]
    assert before(series, MONDAY + 4 * HOUR, "g") == series[1:2]


def test_an_alert_lasts_from_its_first_alerting_window_to_the_last_in_which_it_stood():
    series = [
        score(0 * HOUR, "ALERT"),
        score(1 * HOUR, "ALERT", since=0 * HOUR),
        score(2 * HOUR, "OK", since=0 * HOUR),
        score(3 * HOUR),
        score(9 * HOUR, "ALERT", since=7 * HOUR),
    ]
    hour = [MONDAY + i * HOUR for i in range(11)]
    assert alerts_of(series) == (Alert(hour[0], hour[3]), Alert(hour[7], hour[10]))


DOCUMENT = {
    "window": {"start": "2026-11-20T08:00:00Z", "end": "2026-11-20T09:00:00Z", "rows": 1200, "hours": 1},
    "verdict": "ALERT",
    "state": "raised",
    "since": "2026-11-20T07:00:00Z",
    "reference": {"source": "s3://t/t.csv", "rows": 1500, "grid": "g"},
    "coverage": {"share": 0.97},
    "drifted": ["b"],
    "columns": {"b": {"psi_adjusted": 0.123456}, "a": {"psi_adjusted": 0.0}, "c": {"psi_adjusted": None}},
}


def test_of_a_window_little_is_kept():
    kept = score_of_document(DOCUMENT)
    assert series_document([kept])["windows"] == [
        {
            "start": "2026-11-20T08:00:00Z",
            "end": "2026-11-20T09:00:00Z",
            "rows": 1200,
            "verdict": "ALERT",
            "state": "raised",
            "coverage": 0.97,
            "grid": "g",
            "psi_adjusted": {"a": 0.0, "b": 0.123},
            "since": "2026-11-20T07:00:00Z",
            "drifted": ["b"],
        }
    ]


def test_what_the_past_said_of_a_window_is_kept_too():
    more = {
        "seasonal": {"explains": ["a"], "weeks": 3},
        "deployment": {"at": "2026-11-20T08:12:00Z", "config": "config-2"},
    }
    kept = score_of_document(DOCUMENT | more)
    assert (kept.seasonal, kept.weeks, kept.deployment) == (("a",), 3, "config-2")


def test_windows_that_are_stored_and_not_entered_are_found():
    series = made([score(0 * HOUR), score(HOUR), score(2 * HOUR)])
    written = datetime(2026, 9, 7, 5, tzinfo=UTC)
    stored = {
        MONDAY: written - DAY,
        MONDAY + HOUR: written + timedelta(seconds=1),  # judged again since
        MONDAY + 2 * HOUR: written,  # S3's clock has whole seconds: it may be that it came after
        MONDAY + 3 * HOUR: written - DAY,  # a write of the series was lost
    }
    assert windows_to_enter(series, stored, written) == [MONDAY + i * HOUR for i in (1, 2, 3)]
    assert windows_to_enter((), stored, None) == sorted(stored)
