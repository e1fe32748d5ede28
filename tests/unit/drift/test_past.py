"""What came before a window, and what a judged window's document says of it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.drift.replay import A_WEEK, Replay
from tests.unit.drift.scores import HOUR, MONDAY, score, window
from trimtab.drift.deployments import Deployment
from trimtab.drift.history import History
from trimtab.drift.past import past_of, windows_to_read
from trimtab.drift.series import score_of_document, series_document, series_from_document
from trimtab.drift.thresholds import DriftThresholds


@pytest.fixture(scope="module")
def shifted():
    """A week of calm, then a shift that lasts. A deployment an hour before it."""
    deployment = Deployment(MONDAY + timedelta(days=7, hours=-1), "config-2")
    replay = Replay(lambda days: 1.0 if days >= 7 else 0.0, deployments=(deployment,))
    replay.weeks(0, 1)
    replay.documents += [replay.judge(A_WEEK + i) for i in range(3)]
    return replay


def test_documents_are_plain_json_and_make_the_series(shifted):
    for document in shifted.documents:
        assert json.loads(json.dumps(document, allow_nan=False)) == document
    made = tuple(score_of_document(document) for document in shifted.documents)
    assert made == shifted.series == series_from_document(series_document(shifted.series))


def test_the_trend_settles_on_the_new_level(shifted):
    calm, *after = shifted.documents[-4:]
    settled = [document["trend"]["ewma"]["columns"]["x"] for document in (calm, *after)]
    assert settled[0] < 0.01 < settled[1] < settled[2] < settled[3]
    level = [document["columns"]["x"]["psi_adjusted"] for document in after]
    assert settled[3] == pytest.approx(0.3 * level[2] + 0.21 * level[1] + 0.147 * level[0], rel=0.05)
    ewma = after[-1]["trend"]["ewma"]
    assert ewma["greatest"] == pytest.approx(settled[3], rel=0.05)
    assert ewma["mean"] == pytest.approx(settled[3] / 2, rel=0.05)


def test_the_change_is_dated(shifted):
    change = shifted.documents[-1]["trend"]["change_point"]
    assert (change["column"], change["began"]) == ("x", "2026-09-14T00:00:00Z")
    assert change["earliest"] <= change["began"] <= change["latest"]
    assert change["before"] < 0.01 < 0.5 < change["after"]
    assert all(document["trend"]["change_point"] is None for document in shifted.documents[:A_WEEK])


def test_a_jump_is_told_from_a_creeping_change(shifted):
    for document in shifted.documents[-3:]:
        assert document["previous"]["start"] == "2026-09-13T20:00:00Z"
        assert document["previous"]["sudden"] == ["x"]
        assert document["previous"]["psi_adjusted"]["x"] > 0.5
    creeping = Replay(lambda days: days / 12, reference_days=0)
    alert = next(each for each in creeping.weeks(0, 1) if each["verdict"] == "ALERT")
    assert alert["previous"]["sudden"] == []
    assert alert["previous"]["psi_adjusted"]["x"] < 0.05


def test_the_window_after_a_deployment_is_marked(shifted):
    marked = [document for document in shifted.documents if "deployment" in document]
    assert [document["window"]["start"] for document in marked] == ["2026-09-13T20:00:00Z"]
    assert marked[0]["deployment"] == {"at": "2026-09-13T23:00:00Z", "config": "config-2"}
    assert shifted.series[A_WEEK - 1].deployment == "config-2"


def test_a_window_without_a_verdict_has_no_trend():
    replay = Replay(lambda _: 0.0, rows=100)
    assert "trend" not in replay.judge(0)
    assert replay.series[0].psi_adjusted == {}


def past_at(replay, number, series):
    asked = window(number * 4 * HOUR, 4)
    profiles = replay.profiles
    return past_of(series, profiles, asked, replay.reference.grid, History(asked.start), replay.thresholds)


def test_a_window_judged_again_has_the_past_it_had(shifted):
    number = A_WEEK + 1
    then = past_at(shifted, number, shifted.series[:number])
    assert past_at(shifted, number, shifted.series) == then
    assert past_at(shifted, number, shifted.series[:number] + tuple(reversed(shifted.series[number:]))) == then


def test_the_past_on_another_grid_does_not_count(shifted):
    former = tuple(replace(each, grid="former") for each in shifted.series)
    past = past_at(shifted, A_WEEK + 3, former)
    assert (past.scores, past.season, past.quiet, past.calibrated) == ((), None, None, None)


def test_profiles_that_are_gone_are_done_without(shifted):
    asked = window((A_WEEK + 3) * 4 * HOUR, 4)
    past = past_of(shifted.series, {}, asked, shifted.reference.grid, History(), shifted.thresholds)
    assert past.quiet is None
    assert len(past.scores) == A_WEEK + 3


def test_a_noisy_column_alerts_less_once_it_is_calibrated():
    past = [score(i * 6 * HOUR, psi={"x": 0.18 if i % 20 == 0 else 0.02}) for i in range(160)]
    replay = Replay(lambda days: 0.4 if days > 1 else 0.0, reference_days=1)
    series = tuple(replace(each, grid=replay.reference.grid.name) for each in past)
    assert replay.judge(1000)["verdict"] == "ALERT"
    replay.series = series
    document = replay.judge(300)
    assert document["calibration"] == {"x": pytest.approx(0.15)}
    assert document["columns"]["x"]["verdict"] == "WARN"
    assert "maybe less than 0.15" in document["columns"]["x"]["reason"]


def test_only_few_windows_are_read_again():
    past = [score(i * HOUR) for i in range(24 * 40)]
    asked = window(24 * 40 * HOUR)
    starts = windows_to_read(past, asked, "g", DriftThresholds())
    assert [(asked.start - start) / HOUR for start in starts] == [4 * 168, 3 * 168, 2 * 168, 168, 1]
    assert len(windows_to_read(past, asked, "g", DriftThresholds(seasonal_weeks=0))) == 1
    assert windows_to_read(past, asked, "another", DriftThresholds()) == ()
