from datetime import UTC, datetime, timedelta

from trimtab.rollout.baking import promotion_looks
from trimtab.rollout.comparison import compare
from trimtab.rollout.judgement import Decision
from trimtab.rollout.readings import Readings, VariantReadings
from trimtab.rollout.request import parse_request
from trimtab.rollout.state import Before, Phase, Rollout, ShareTaken
from trimtab.rollout.thresholds import CanaryThresholds

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def rollout(*ladder, **values):
    return Rollout(
        id="1f2e",
        request=parse_request({"endpoint": "churn", "model": "v2"}),
        variant="AllTraffic",
        model="v2",
        phase=Phase.BAKING,
        phase_since=START,
        started=START,
        thresholds=CanaryThresholds(),
        latency_ms=None,
        error_metric="InvocationModelErrors",
        before=Before(config="old", document={}, weight=1.0, instances=1),
        ladder=ladder,
        **values,
    )


def taken(step, share, since, until=None):
    return ShareTaken(
        step=step, share=share, since=START + since * MINUTE, until=None if until is None else START + until * MINUTE
    )


def readings(count, canary_errors=6, canary=600, production=5400):
    times = [START + i * MINUTE for i in range(count)]
    return Readings(
        VariantReadings(dict.fromkeys(times, canary), dict.fromkeys(times, canary_errors)),
        VariantReadings(dict.fromkeys(times, production), dict.fromkeys(times, 54)),
    )


def test_nothing_is_compared_before_there_was_traffic_side_by_side():
    assert compare(rollout(), readings(5), START) is None
    assert compare(rollout(taken(0, 1.0, 0)), readings(5), START + 9 * MINUTE) is None


def test_harm_is_seen_and_equality_promotes():
    ladder = taken(0, 0.1, 0)
    assert compare(rollout(ladder), readings(20, canary_errors=30), START + 20 * MINUTE).decision is Decision.ROLL_BACK
    assert compare(rollout(ladder), readings(60), START + 63 * MINUTE).decision is Decision.PROMOTE


def test_the_judgement_stands_still_once_the_canary_serves_alone():
    alone = rollout(taken(0, 0.1, 0, until=20), taken(3, 1.0, 21))
    after = Readings(readings(20).canary, readings(20).production)
    judged = [compare(alone, after, START + minute * MINUTE) for minute in (23, 60, 300)]
    assert judged[0] == judged[1] == judged[2]
    assert judged[0].evidence.minutes == 20
    assert judged[0].decision is not Decision.INCONCLUSIVE


def test_a_pause_puts_the_deadline_off():
    quiet = readings(0)
    late = START + 250 * MINUTE
    assert compare(rollout(taken(0, 0.1, 0)), quiet, late).decision is Decision.INCONCLUSIVE
    paused = rollout(taken(0, 0.1, 0), paused_since=START + 10 * MINUTE)
    assert compare(paused, quiet, late).decision is Decision.HOLD


def test_the_last_shared_step_has_a_look_at_its_end():
    assert promotion_looks(rollout(taken(0, 0.1, 0, 8), taken(1, 0.25, 9))) == ()
    assert promotion_looks(rollout(taken(0, 0.1, 0, 8), taken(1, 0.25, 9, 17), taken(2, 0.5, 18))) == (23,)
