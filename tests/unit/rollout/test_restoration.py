from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.findings import Origin
from trimtab.rollout.alarm_event import AlarmChange
from trimtab.rollout.good_configs import (
    ConfigHistory,
    Served,
    alarmed,
    began_deployment,
    history_of,
    in_service,
    proven_good,
    rolled_back,
)
from trimtab.rollout.restoration import Answer, Health, decide, environment_sickness, together
from trimtab.rollout.restoration_change import (
    Order,
    Restoration,
    ended,
    intended,
    next_order,
    noticed,
    restoration_id,
    restoration_of,
)
from trimtab.rollout.restoration_evidence import decision_finding, restoration_finding
from trimtab.rollout.rollback_settings import RollbackSettings

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DEPLOYED = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SINCE = DEPLOYED + 40 * MINUTE
ALARM = AlarmChange("churn-5xx", "arn", "ALARM", "OK", SINCE, "99 was greater than 10")
SETTINGS = RollbackSettings()
HISTORY = ConfigHistory(
    served=(
        Served(config="c2", since=DEPLOYED),
        Served(config="c1", since=DEPLOYED - 72 * HOUR, seen_good=DEPLOYED - MINUTE),
    )
)


def present(**other):
    return HISTORY.model_copy(update={"served": (HISTORY.served[0].model_copy(update=other), HISTORY.served[1])})


def decided(alarm=ALARM, *, history=HISTORY, good="c1", status="InService", changing="", sickness=""):
    return decide(
        alarm,
        status=status,
        history=history,
        good=good,
        changing=changing,
        sickness=sickness,
        settings=SETTINGS,
        now=SINCE + MINUTE,
    )


def alarm(**other):
    values = {name: getattr(ALARM, name) for name in ALARM.__dataclass_fields__}
    return AlarmChange(**{**values, **other})


def test_the_last_good_configuration_is_put_back():
    outcome = decided()
    assert (outcome.answer, outcome.good) == (Answer.RESTORE, "c1")
    assert "40 minutes after c2 was deployed" in outcome.reason


@pytest.mark.parametrize(
    ("given_that", "answer", "rule"),
    [
        ({"alarm": alarm(state="OK")}, Answer.LEAVE, "no alarm"),
        ({"alarm": alarm(state="INSUFFICIENT_DATA")}, Answer.LEAVE, "no alarm"),
        ({"alarm": alarm(is_suppressed=True)}, Answer.LEAVE, "suppressed"),
        ({"changing": "rollout"}, Answer.LEAVE, "change in progress"),
        ({"changing": "restoration", "status": "Updating"}, Answer.LEAVE, "change in progress"),
        ({"status": "Updating"}, Answer.WAIT, "being updated"),
        ({"status": "SystemUpdating"}, Answer.WAIT, "being updated"),
        ({"status": "RollingBack"}, Answer.WAIT, "being updated"),
        ({"status": "Failed"}, Answer.REFUSE, "not in service"),
        ({"status": "UpdateRollbackFailed"}, Answer.REFUSE, "not in service"),
        ({"history": ConfigHistory()}, Answer.REFUSE, "no good config"),
        ({"alarm": alarm(since=DEPLOYED - MINUTE)}, Answer.REFUSE, "alarm before deployment"),
        ({"alarm": alarm(since=DEPLOYED + 25 * HOUR)}, Answer.REFUSE, "deployment too old"),
        ({"alarm": alarm(since=DEPLOYED + 23 * HOUR)}, Answer.RESTORE, "restore"),
        ({"history": present(is_put_back=True)}, Answer.REFUSE, "already put back"),
        ({"history": present(is_put_back=True), "alarm": alarm(since=DEPLOYED - MINUTE)}, Answer.LEAVE, "answered"),
        ({"good": ""}, Answer.REFUSE, "no good config"),
        ({"sickness": "every variant fails alike"}, Answer.REFUSE, "environment"),
    ],
)
def test_the_first_row_that_holds_decides(given_that, answer, rule):
    outcome = decided(**given_that)
    assert (outcome.answer, outcome.rule) == (answer, rule)
    assert outcome.reason.endswith(".")
    assert bool(outcome.good) == (answer is Answer.RESTORE)


@given(
    st.sampled_from(["OK", "ALARM", "INSUFFICIENT_DATA"]),
    st.sampled_from(["InService", "Updating", "Failed", "OutOfService", "RollingBack"]),
    st.integers(-100, 3000),
    st.sampled_from(["", "rollout", "restoration"]),
    st.sampled_from(["", "ill"]),
    st.sampled_from(["", "c1"]),
)
def test_nothing_is_put_back_without_every_reason_for_it(state, status, minutes, changing, sickness, good):
    outcome = decided(
        alarm(state=state, since=DEPLOYED + minutes * MINUTE),
        status=status,
        changing=changing,
        sickness=sickness,
        good=good,
    )
    has_reason = (state, status, changing, sickness, good) == ("ALARM", "InService", "", "", "c1")
    assert (outcome.answer is Answer.RESTORE) == (has_reason and 0 <= minutes <= 24 * 60)


def health(name, requests, errors, latency=None):
    return Health(name, requests, errors, latency)


@pytest.mark.parametrize(
    ("variants", "others", "is_ill"),
    [
        ([health("a", 1000, 90), health("b", 500, 60)], [], True),
        ([health("a", 1000, 90), health("b", 500, 200)], [], False),  # b is more than twice as bad
        ([health("a", 1000, 90), health("b", 500, 5)], [], False),
        ([health("a", 1000, 90), health("b", 20, 3)], [], True),
        ([health("a", 1000, 90), health("b", 20, 1)], [], False),  # one failure of twenty proves nothing
        ([health("a", 1000, 90), health("b", None, None)], [], False),
        ([health("a", 1000, 900)], [], False),
        ([], [], False),
        ([health("a", 1000, 90)], [health("x", 100, 50), health("y", 100, 60)], True),
        ([health("a", 1000, 90)], [health("x", 100, 50), health("y", 100, 0)], False),
        ([health("a", 1000, 90)], [health("x", 100, 50), health("y", None, None)], True),
        ([health("a", 1000, 90)], [health("x", 0, 0)], False),
    ],
)
def test_an_environment_is_ill_when_everything_is_equally_bad(variants, others, is_ill):
    assert bool(environment_sickness(variants, others, SETTINGS)) == is_ill


def test_latency_is_compared_with_the_alarms_own_limit():
    both = [health("a", 100, 0, 300_000), health("b", 100, 0, 250_000)]
    assert "a 300 ms, b 250 ms" in environment_sickness(both, [], SETTINGS, 200_000)
    assert not environment_sickness(both, [], SETTINGS, 280_000)
    assert not environment_sickness(both, [], SETTINGS)
    assert not environment_sickness(both[:1], [], SETTINGS, 200_000)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=6))
def test_the_health_of_an_endpoint_is_that_of_its_variants_together(counts):
    variants = [health(str(i), requests, min(errors, requests)) for i, (requests, errors) in enumerate(counts)]
    whole = together("e", [*variants, health("unknown", None, 3)])
    assert whole.requests == (sum(each.requests for each in variants) if variants else None)
    assert whole.error_rate is None or 0 <= whole.error_rate <= 1


# --- which configurations are good ---


def test_a_deployment_began_when_it_was_first_seen():
    history = in_service(ConfigHistory(), "c1", DEPLOYED)
    history = began_deployment(history, "c2", DEPLOYED + HOUR)
    history = began_deployment(history, "c2", DEPLOYED + 2 * HOUR)
    history = in_service(history, "c2", DEPLOYED + 3 * HOUR)
    assert [(each.config, each.since) for each in history.served] == [("c2", DEPLOYED + HOUR), ("c1", DEPLOYED)]
    assert history.pending is None


def test_what_changes_weights_and_counts_is_no_deployment():
    history = in_service(HISTORY, "c2", DEPLOYED + 5 * HOUR)
    assert history == HISTORY


def test_a_deployment_that_was_taken_back_explains_the_alarms_of_its_time():
    history = in_service(began_deployment(HISTORY, "c3", SINCE - MINUTE), "c2", SINCE + MINUTE)
    assert decided(history=history).rule == "answered"
    assert decided(alarm(since=SINCE + 2 * MINUTE), history=history).answer is Answer.RESTORE


def test_what_was_put_back_keeps_its_good_name_and_what_was_taken_away_loses_it():
    history = rolled_back(present(seen_good=SINCE), "c2", "c1", SINCE + HOUR)
    assert (history.present.config, history.present.since, history.present.is_put_back) == ("c1", SINCE + HOUR, True)
    assert history.good_before() == ()
    again = in_service(history, "c2", SINCE + 2 * HOUR)
    assert (again.present.seen_good, again.present.is_rolled_back) == (None, False)
    assert [each.config for each in again.good_before()] == ["c1"]


@given(st.lists(st.sampled_from(["c1", "c2", "c3", "c4"]), max_size=30), st.booleans())
def test_each_configuration_is_in_the_history_once_and_the_last_is_present(configs, are_good):
    history = ConfigHistory()
    for i, config in enumerate(configs):
        history = in_service(history, config, DEPLOYED + i * HOUR)
        if are_good:
            history, _ = proven_good(history, requests=10, errors=0, settings=SETTINGS, now=DEPLOYED + (i + 0.9) * HOUR)
    names = [each.config for each in history.served]
    assert len(names) == len(set(names))
    assert names[:1] == configs[-1:]
    assert all(each.config != history.present.config for each in history.good_before())
    assert history_of(history.document()) == history
    if are_good:
        assert [each.config for each in history.good_before()] == names[1:]


@pytest.mark.parametrize(
    ("minutes", "requests", "errors", "why_not"),
    [
        (40, 1000, 10, ""),
        (40, 1000, 50, ""),
        (40, 1000, 51, "51 of 1,000"),
        (29, 1000, 10, "not served for 30 minutes"),
        (40, None, None, "not known"),
        (40, 0, 0, "nobody has asked"),
    ],
)
def test_a_configuration_proves_good_by_serving(minutes, requests, errors, why_not):
    now = DEPLOYED + minutes * MINUTE
    history, reason = proven_good(HISTORY, requests=requests, errors=errors, settings=SETTINGS, now=now)
    assert history.present.seen_good == (None if why_not else now)
    assert (why_not in reason) if why_not else not reason


@given(st.permutations([0, 5, 12, 20]))
def test_alarms_in_any_order_begin_the_time_of_proof_at_the_latest(minutes):
    history = HISTORY
    for minute in minutes:
        history = alarmed(history, DEPLOYED + minute * MINUTE)
    assert history.present.alarmed == DEPLOYED + 20 * MINUTE
    _, reason = proven_good(history, requests=10, errors=0, settings=SETTINGS, now=DEPLOYED + 45 * MINUTE)
    assert "without an alarm" in reason


# --- a restoration's steps ---


def restoration(**other):
    values = {
        "id": "r",
        "endpoint": "churn",
        "alarm": ALARM,
        "bad": "c2",
        "good": "c1",
        "mode": "act",
        "by": "Trimtab",
        "reason": "because",
        "phase": "restoring",
        "started": SINCE,
    }
    return Restoration(**{**values, **other})


def order(change, status="InService", config="c2", failure="", minutes=5):
    return next_order(change, status=status, config=config, failure=failure, now=SINCE + minutes * MINUTE)


CALLED = restoration(attempts=1, called=SINCE)


@pytest.mark.parametrize(
    ("change", "seen", "expected"),
    [
        (restoration(phase="waiting"), {"status": "Updating"}, Order.WAIT),
        (restoration(phase="waiting"), {}, Order.DECIDE),
        (restoration(), {}, Order.UPDATE),
        (restoration(), {"status": "SystemUpdating"}, Order.WAIT),
        (restoration(attempts=1), {}, Order.UPDATE),  # killed between writing it down and the call
        (restoration(attempts=1), {"status": "Updating"}, Order.WAIT),  # … or between the call and writing that down
        (restoration(attempts=1), {"config": "c1"}, Order.END),
        (restoration(attempts=1, failure_before="old"), {"failure": "old"}, Order.UPDATE),
        (CALLED, {"minutes": 0}, Order.WAIT),  # DescribeEndpoint is behind
        (CALLED, {"failure": "no capacity"}, Order.UPDATE),
        (restoration(attempts=3, called=SINCE), {"failure": "no capacity"}, Order.END),
        (CALLED, {"config": "c1"}, Order.END),
        (CALLED, {"config": "c9"}, Order.END),
        (CALLED, {"status": "Failed"}, Order.END),
        (restoration(phase="rolled_back"), {}, Order.END),
    ],
)
def test_the_next_step_follows_from_what_is_seen(change, seen, expected):
    assert order(change, **seen) is expected


@pytest.mark.parametrize(
    ("seen", "phase", "why"),
    [
        ({"config": "c1"}, "rolled_back", "c1 serves again"),
        ({"config": "c9"}, "failed", "c9 was deployed meanwhile"),
        ({"failure": "no capacity"}, "failed", "fell back to c2 1 times: no capacity"),
        ({"status": "Failed", "failure": "gone"}, "failed", "The endpoint is Failed: gone"),
    ],
)
def test_how_it_ended_is_told(seen, phase, why):
    state = {"status": "InService", "config": "c2", "failure": "", **seen}
    over = ended(CALLED, **state, now=SINCE + HOUR)
    assert (over.phase, over.is_over) == (phase, True)
    assert why in over.why


def test_an_attempt_that_was_killed_is_no_new_one():
    first = intended(restoration(), "old", {"config": "c2"})
    assert (first.attempts, first.failure_before) == (1, "old")
    assert intended(first, "old", {}) == first
    called = first.changed(called=SINCE)
    assert intended(called, "no capacity", {}).attempts == 2
    assert noticed(first, "c1", SINCE).called == SINCE
    assert noticed(first, "c9", SINCE) == first
    assert noticed(called, "c1", SINCE + HOUR) == called


def test_a_restoration_is_the_same_after_it_was_stored():
    change = restoration(before={"config": "c2"}, called=SINCE, ended=SINCE)
    assert restoration_of(change.document()) == change


def test_an_alarm_told_twice_is_one_restoration():
    assert restoration_id("churn", "c2", ALARM) == restoration_id("churn", "c2", alarm(reason="other words"))
    assert restoration_id("churn", "c2", ALARM) != restoration_id("churn", "c2", alarm(since=SINCE + MINUTE))
    assert restoration_id("churn", "c2", ALARM) != restoration_id("churn", "c3", ALARM)


# --- findings ---

ORIGIN = Origin("123456789012", "eu-west-1", "churn", "*")


def finding(mode="observe", outcome=None, now=SINCE):
    return decision_finding(ORIGIN, ALARM, outcome or decided(), mode, HISTORY, [health("a", 100, 9)], now)


def test_findings_say_what_was_decided_why_and_in_which_mode():
    told = finding()
    assert (told.detail_type, told.severity, told.state) == ("Rollback", "critical", "raised")
    assert (told.action.mode, told.action.outcome) == ("observe", "would put back c1")
    assert told.evidence["health"][0]["error_rate"] == 0.09
    assert told.evidence["alarm"]["name"] == "churn-5xx"
    assert '{"endpoint": "churn", "command": "approve"' in finding("propose").action.outcome
    refused = finding("act", decided(good=""))
    assert (refused.severity, refused.action.outcome) == ("warning", "nothing was done")


def test_the_same_decision_is_the_same_finding_whenever_it_is_made():
    assert finding().id == finding(now=SINCE + HOUR).id
    assert finding().id != finding("propose").id != finding("propose", decided(good="")).id


def test_the_phases_of_a_restoration_are_findings_of_their_own():
    phases = [restoration(), restoration(phase="rolled_back"), restoration(phase="failed", why="no capacity")]
    told = [restoration_finding(ORIGIN, each, SINCE) for each in phases]
    told.append(restoration_finding(ORIGIN, phases[0], SINCE, late="the endpoint is being updated"))
    assert len({each.id for each in told}) == 4
    assert [each.severity for each in told] == ["critical", "info", "critical", "critical"]
    assert [each.state for each in told] == ["raised", "cleared", "raised", "raised"]
