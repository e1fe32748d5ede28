from dataclasses import replace

import numpy as np
import pytest

from tests.unit.drift.replay import A_WEEK, Replay, raised
from tests.unit.drift.scores import DAY, HOUR, score
from trimtab.drift.calibration import calibrate
from trimtab.drift.thresholds import DriftThresholds

DEFAULTS = DriftThresholds()


def history(days=40, a_day=4, psi=None, **how):
    """So many days with windows every few hours; column x scores `psi` of the window's number."""
    return [
        score(day * DAY + i * 6 * HOUR, psi={"x": psi(day * a_day + i) if psi else 0.01}, **how)
        for day in range(days)
        for i in range(a_day)
    ]


def wobble(seed):
    values = np.random.default_rng(seed).uniform(0, 0.15, 1000)
    return lambda i: float(values[i])


def test_a_column_that_wobbles_gets_its_99th_percentile():
    past = history(psi=wobble(1))
    expected = np.percentile([each.psi_adjusted["x"] for each in past], 99)
    assert calibrate(past, DEFAULTS) == {"x": pytest.approx(expected)}


def test_a_calm_column_keeps_the_threshold_of_all():
    assert calibrate(history(), DEFAULTS) == {}


def test_no_column_becomes_undetectable():
    assert calibrate(history(psi=lambda _: 5.0), DEFAULTS) == {"x": pytest.approx(0.15)}
    assert calibrate(history(psi=lambda _: 5.0), DriftThresholds(psi=0.05)) == {"x": pytest.approx(0.075)}


def test_the_threshold_never_falls():
    assert calibrate(history(psi=wobble(2)), DriftThresholds(psi=0.16)) == {}


@pytest.mark.parametrize(("days", "a_day"), [(29, 4), (40, 2)])
def test_without_enough_days_or_windows_nothing_is_calibrated(days, a_day):
    assert calibrate(history(days, a_day, wobble(3)), DEFAULTS) is None


def test_calibration_can_be_switched_off():
    assert calibrate(history(90, psi=wobble(4)), DriftThresholds(calibration_days=0)) is None


def test_unusual_windows_do_not_count():
    calm = history()
    for how in (
        {"verdict": "INSUFFICIENT_DATA"},
        {"seasonal": ("x",)},
        {"deployment": "config-2"},
        {"verdict": "ALERT", "since": 40 * DAY},
    ):
        spoilt = [score(41 * DAY + i * HOUR, psi={"x": 9.0}, **how) for i in range(20)]
        assert calibrate([*calm, *spoilt], DEFAULTS) == {}


def test_windows_within_a_day_of_a_deployment_do_not_count():
    deployed = [score(41 * DAY, psi={"x": 9.0}, deployment="config-2")]
    after = [score(41 * DAY + (1 + i) * HOUR, psi={"x": 9.0}) for i in range(24)]
    assert calibrate([*history(), *deployed, *after], DEFAULTS) == {}
    late = [score(43 * DAY + i * HOUR, psi={"x": 9.0}) for i in range(10)]
    assert calibrate([*history(), *deployed, *after, *late], DEFAULTS) == {"x": pytest.approx(0.15)}


@pytest.mark.parametrize("hours", [-20, 30])
def test_windows_within_a_day_of_an_alert_do_not_count(hours):
    alert = [score(41 * DAY + i * HOUR, "ALERT", psi={"x": 9.0}, since=41 * DAY) for i in range(10)]
    near = [score(41 * DAY + (hours + i) * HOUR, psi={"x": 9.0}) for i in range(4)]
    assert calibrate([*history(), *alert, *near], DEFAULTS) == {}
    far = [score(44 * DAY + i * HOUR, psi={"x": 9.0}) for i in range(10)]
    assert calibrate([*history(), *alert, *near, *far], DEFAULTS) == {"x": pytest.approx(0.15)}


def test_a_shift_about_the_size_of_the_threshold_does_not_raise_it():
    replay = Replay(lambda days: 0.4 if days >= 14 else 0.0)
    replay.weeks(0, 5)
    assert raised(replay.weeks(5, 6)) > A_WEEK / 2


def test_the_first_window_of_an_alert_does_not_count_though_it_was_not_raised_yet():
    first = [score(41 * DAY + i * HOUR, "ALERT", psi={"x": 9.0}) for i in range(10)]
    raised = score(41 * DAY + 10 * HOUR, "ALERT", psi={"x": 9.0}, since=41 * DAY)
    assert calibrate([*history(), *first, raised], DEFAULTS) == {}


def test_an_alarm_of_a_single_window_counts_for_it_was_false():
    past = history(60)
    past = [replace(each, psi_adjusted={"x": 0.13}) if i % 50 == 0 else each for i, each in enumerate(past)]
    assert calibrate(past, DEFAULTS) == {"x": pytest.approx(0.13)}
