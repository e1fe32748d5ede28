from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.pages.sample_fleet import DAY, NOW, cost_hours, cost_row, judged
from trimtab.pages.endpoint_status import statuses
from trimtab.pages.sources import EndpointSources, VariantSources

VARIANT = judged(windows=4)
RAISED = judged(windows=6, drift_from=2)


def side(name, **how):
    return statuses(EndpointSources("e", **how), NOW)[name]


def change(phase, **how):
    since = (NOW - timedelta(hours=1)).isoformat()
    told = side("change", change={"kind": "rollout", "phase": phase, "phase_since": since, "started": since} | how)
    return told.level, told.word


def test_an_alert_that_stands_is_bad_and_says_since_when():
    told = side("drift", variants=(VARIANT, RAISED))
    assert (told.level, told.word) == ("bad", "drift")
    assert told.since == RAISED.scores[2].start.isoformat()


@pytest.mark.parametrize(
    ("verdict", "level"), [("OK", "good"), ("WARN", "warn"), ("ALERT", "warn"), ("INSUFFICIENT_DATA", "unknown")]
)
def test_a_verdict_has_its_level(verdict, level):
    judged_so = replace(VARIANT, window=VARIANT.window | {"verdict": verdict})
    assert side("drift", variants=(judged_so,)).level == level


def test_without_a_verdict_drift_is_not_known():
    assert side("drift").level == "unknown"
    assert side("drift", variants=(VariantSources("v"),)).level == "unknown"


def test_a_change_under_way_shows_its_share_and_what_holds_it():
    assert change("baking", ladder=[{"share": 0.25}]) == ("busy", "canary 25 %")
    assert change("baking", held={"reason": "too few requests"}) == ("warn", "canary")
    assert change("failed") == ("bad", "canary failed")
    assert change("rolled_back") == ("warn", "rolled back")
    assert change("promoted") == ("good", "promoted")
    assert change("promoted", phase_since=(NOW - 8 * DAY).isoformat()) == ("none", "none")


def test_cost_that_is_not_known_is_not_as_usual():
    assert side("cost").level == "none"
    assert side("cost", cost=cost_row(), hours=cost_hours(days=2)).level == "good"
    assert side("cost", cost=cost_row(unpriced=["ml.x"]), hours=cost_hours(days=2, unknown=range(3))).level == "unknown"
    assert (
        side("cost", cost=cost_row(anomaly={"state": "raised", "since": None}), hours=cost_hours(days=2)).level == "bad"
    )


def test_captures_are_fine_only_when_they_are_seen_and_read():
    assert side("captures").level == "unknown"
    assert side("captures", variants=(VARIANT,)).level == "good"
    lost = VARIANT.window | {"coverage": VARIANT.window["coverage"] | {"share": 0.9}}
    assert side("captures", variants=(replace(VARIANT, window=lost),)).level == "warn"
    off = {"checks": {"capture_off": {"state": "raised", "since": NOW.isoformat()}}}
    assert side("captures", variants=(VARIANT,), health=off).word == "capture off"


def test_quality_is_raised_since_the_first_window_of_the_alert():
    def entry(number, state, verdict="OK"):
        start = (NOW - number * DAY).isoformat()
        metrics = {"zeta": {"value": 1.0}, "auc": {"value": 0.81, "lower": 0.8, "upper": 0.82}}
        return {
            "start": start,
            "end": start,
            "verdict": verdict,
            "state": state,
            "basis": "realised",
            "metrics": metrics,
        }

    entries = (entry(4, "raised"), entry(3, "cleared"), entry(2, "raised", "ALERT"), entry(1, "raised", "ALERT"))
    told = side("quality", variants=(replace(VARIANT, quality=entries),))
    assert (told.level, told.detail, told.since) == ("bad", "auc 0.810", (NOW - 2 * DAY).isoformat())
    unknown = side("quality", variants=(replace(VARIANT, quality=(entry(1, "cleared", "INSUFFICIENT_DATA"),)),))
    assert unknown.level == "unknown"


def test_of_an_endpoint_that_is_gone_nothing_more_is_to_be_known():
    told = statuses(EndpointSources("e", cost=cost_row(ended=NOW.isoformat())), NOW)
    assert {each.level for each in told.values()} == {"none"}
