import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.rollout.minutes import after, series, series_of_run, simulated
from trimtab.rollout.decision_table import TABLES
from trimtab.rollout.judgement import Decision, decide_each_minute, first_minute, judge
from trimtab.rollout.series import Series
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.traffic import traffic_of

THRESHOLDS = CanaryThresholds()
SHARED = {"share": 0.1}
HEALTHY = (60, 0, 540, 5)  # a minute of ten requests a second, of which the canary gets a tenth


def judged(rows, minutes=None, *, thresholds=THRESHOLDS, extra_looks=(), **how):
    minutes = len(rows) if minutes is None else minutes
    return judge(series(rows, **(SHARED | how)), thresholds, after(minutes), extra_looks)


def outcome(judgement):
    return judgement.decision, judgement.rule


def every(minute, minutes):
    return [minute] * minutes


def errors_in_turn(canary_errors, production_errors, minutes, *, canary=60, production=540):
    """So many errors in all, spread evenly over the minutes."""
    spread = [
        np.diff(np.floor(np.linspace(0, total, minutes + 1))).astype(int)
        for total in (canary_errors, production_errors)
    ]
    return [(canary, int(x), production, int(y)) for x, y in zip(*spread, strict=True)]


def test_waits_before_the_first_minute_is_complete():
    judgement = judged([HEALTHY], 0)
    assert outcome(judgement) == (Decision.HOLD, "undecided")
    assert judgement.evidence.minutes == 0
    assert judgement.evidence.canary_requests == 0
    assert judgement.reason == "no complete minute yet"


def test_counts_only_minutes_that_are_complete():
    evidence = judged(every(HEALTHY, 10), 7).evidence
    assert (evidence.minutes, evidence.canary_requests, evidence.production_errors) == (7, 420, 35)


def test_data_that_are_not_whole_hold_however_bad_they_look():
    judgement = judged(every((60, 60, 540, 0), 30), problem="CloudWatch answered PartialData")
    assert outcome(judgement) == (Decision.HOLD, "data")
    assert judgement.reason.endswith("CloudWatch answered PartialData")


def test_minutes_that_stopped_coming_hold():
    judgement = judged(every(HEALTHY, 60), 70)
    assert outcome(judgement) == (Decision.HOLD, "data")
    assert judgement.reason.endswith("the last 10 minutes are not there")
    assert judged(every(HEALTHY, 60), 69).decision is Decision.PROMOTE


def test_data_that_are_not_whole_at_the_deadline_are_inconclusive():
    assert outcome(judged([], 240)) == (Decision.INCONCLUSIVE, "data at the deadline")


def test_a_canary_that_fails_most_requests_is_rolled_back_in_its_first_minute():
    judgement = judged([(60, 55, 540, 5)])
    assert outcome(judgement) == (Decision.ROLL_BACK, "guardrail")
    assert judgement.evidence.minutes == 1


def test_a_canary_that_fails_too_often_is_rolled_back_on_weaker_evidence():
    rows = every((20, 3, 180, 6), 8)
    assert outcome(judged(rows)) == (Decision.ROLL_BACK, "guardrail")
    assert judged(rows).evidence.ln_e_harm < judged(rows).evidence.ln_e_alarm
    assert (
        judged(rows[: judged(rows).evidence.minutes], thresholds=CanaryThresholds(max_error_rate=0.3)).decision
        is Decision.HOLD
    )


def test_rolls_back_nothing_by_evidence_in_the_first_minutes():
    bad = every((600, 25, 5400, 30), 5)
    assert judged(bad[:4]).decision is Decision.HOLD
    assert outcome(judged(bad)) == (Decision.ROLL_BACK, "evidence of harm")


def test_an_environment_in_trouble_holds_and_is_inconclusive_at_the_deadline():
    sick = every((60, 12, 540, 108), 240)
    assert outcome(judged(sick[:30])) == (Decision.HOLD, "incident")
    assert outcome(judged(sick[:60])) == (Decision.HOLD, "incident")
    assert outcome(judged(sick)) == (Decision.INCONCLUSIVE, "incident at the deadline")


def test_a_canary_that_makes_an_incident_worse_is_rolled_back():
    assert judged(every((60, 40, 540, 108), 30)).decision is Decision.ROLL_BACK


def test_five_times_the_errors_are_found_within_the_hour():
    judgement = judged(errors_in_turn(50, 90, 60, canary=17, production=150))
    assert outcome(judgement) == (Decision.ROLL_BACK, "evidence of harm")
    assert "reached 4.61" in judgement.reason


def test_two_errors_of_the_canary_never_roll_back():
    rows = every((5, 0, 45, 0), 60)
    rows[3] = rows[7] = (5, 1, 45, 0)
    assert judged(rows).decision is Decision.HOLD


def test_a_look_rolls_back_what_evidence_alone_does_not():
    judgement = judged(errors_in_turn(24, 90, 60, canary=17, production=150))
    assert outcome(judgement) == (Decision.ROLL_BACK, "look: harm")
    assert judgement.evidence.look == 60
    assert judgement.evidence.p_harm < 0.02
    assert judged(errors_in_turn(24, 90, 60, canary=17, production=150)[:59]).decision is Decision.HOLD


def test_a_roll_back_that_was_due_stays_due():
    """A run that was missed is made up for, whatever came after."""
    rows = every((60, 20, 540, 5), 10) + every((60, 0, 540, 5), 90)
    then, later = judged(rows[:10]), judged(rows)
    assert then.decision is later.decision is Decision.ROLL_BACK
    assert later.evidence.minutes <= 10


def test_an_identical_canary_is_promoted_at_the_first_look():
    rows = errors_in_turn(36, 324, 60)
    assert judged(rows[:59]).decision is Decision.HOLD
    judgement = judged(rows)
    assert judgement.decision is Decision.PROMOTE
    assert judgement.evidence.p_safe < 0.05


def test_without_any_error_a_negligible_difference_promotes():
    judgement = judged(every((20, 0, 180, 0), 60))
    assert outcome(judgement) == (Decision.PROMOTE, "look: safe")
    assert "at most 0.25 %" in judgement.reason


def test_evidence_of_safety_promotes_between_the_looks_but_not_before_the_first():
    few, many = (
        errors_in_turn(2, 22, 60, canary=4, production=36),
        errors_in_turn(36, 324, 30, canary=120, production=1080),
    )
    assert judged(few).decision is Decision.HOLD
    assert outcome(judged(few + many)) == (Decision.PROMOTE, "evidence of safety")
    early = judged(many)
    assert early.evidence.ln_e_safe > 3
    assert early.decision is Decision.HOLD
    assert judged(many, extra_looks=(30,)).decision is Decision.PROMOTE


def test_an_extra_look_promotes_but_never_rolls_back():
    good, worse = errors_in_turn(18, 162, 30), errors_in_turn(32, 162, 30)
    assert judged(good).decision is Decision.HOLD
    assert judged(good, extra_looks=(30,)).decision is Decision.PROMOTE
    judgement = judged(worse, extra_looks=(30,))
    assert judgement.evidence.p_harm < 0.02
    assert judgement.decision is Decision.HOLD


def test_an_extra_look_that_does_not_pass_undoes_an_older_one_that_did():
    rows = errors_in_turn(0, 16, 60, canary=10, production=90) + errors_in_turn(6, 11, 40, canary=10, production=90)
    assert judged(rows[:60]).decision is judged(rows).decision is Decision.PROMOTE
    judgement = judged(rows, extra_looks=(100,))
    assert outcome(judgement) == (Decision.HOLD, "undecided")
    assert judgement.evidence.look == 100


def test_too_few_requests_promote_nothing_and_are_inconclusive_at_the_deadline():
    rows = every((1, 0, 9, 0), 240)
    assert judged(rows[:120]).decision is Decision.HOLD
    assert outcome(judged(rows)) == (Decision.INCONCLUSIVE, "too few requests")


def test_without_any_traffic_the_deadline_is_inconclusive():
    assert outcome(judged(every((0, 0, 0, 0), 240))) == (Decision.INCONCLUSIVE, "too few requests")
    assert outcome(judged(every((0, 0, 600, 6), 240), share=None)) == (Decision.INCONCLUSIVE, "too few requests")
    assert outcome(judged(every((0, 0, 600, 6), 240), share=0.0)) == (Decision.INCONCLUSIVE, "too few requests")


def test_a_canary_that_gets_nothing_although_it_should_holds_and_then_rolls_back():
    few, many = every((0, 0, 20, 1), 60), every((0, 0, 100, 1), 20)
    assert judged(few[:9]).rule == "undecided"
    assert outcome(judged(few[:10])) == (Decision.HOLD, "sample ratio")
    assert outcome(judged(few)) == (Decision.HOLD, "sample ratio")
    assert outcome(judged(many[:19])) == (Decision.HOLD, "sample ratio")
    assert outcome(judged(many)) == (Decision.ROLL_BACK, "no canary traffic")


def test_a_share_that_is_not_what_the_weights_say_holds():
    judgement = judged(every((90, 1, 510, 6), 60))
    assert outcome(judgement) == (Decision.HOLD, "sample ratio")
    assert judgement.evidence.sample_ratio_z > 5
    assert judged(every((90, 1, 510, 6), 60), share=None).decision is Decision.PROMOTE


def test_a_share_that_is_wrong_at_the_deadline_is_inconclusive():
    assert outcome(judged(every((90, 1, 510, 6), 240))) == (Decision.INCONCLUSIVE, "sample ratio at the deadline")


def test_a_tiny_deviation_of_the_share_is_tolerated_however_certain():
    judgement = judged(every((60_500, 500, 539_500, 4_500), 60))
    assert judgement.evidence.sample_ratio_z > 5
    assert judgement.decision is Decision.PROMOTE


UNDECIDED = errors_in_turn(19, 115, 240, canary=6, production=54)


def test_an_undecided_canary_is_rolled_back_at_the_deadline():
    assert outcome(judged(UNDECIDED[:239])) == (Decision.HOLD, "undecided")
    assert outcome(judged(UNDECIDED)) == (Decision.ROLL_BACK, "deadline")


def test_the_settings_may_promote_an_undecided_canary_without_sign_of_harm():
    lenient = CanaryThresholds(at_deadline="promote", unacceptable=1.2, slow_margin=1.1, absolute_difference=0)
    fine = errors_in_turn(14, 130, 240, canary=6, production=54)
    assert outcome(judged(fine, thresholds=lenient)) == (Decision.PROMOTE, "deadline without sign of harm")
    assert outcome(judged(UNDECIDED, thresholds=lenient)) == (Decision.ROLL_BACK, "deadline")


def test_slow_requests_alone_roll_back():
    rows = [(60, 0, 540, 5, 20, 27) for _ in range(30)]
    judgement = judged(rows)
    assert outcome(judgement) == (Decision.ROLL_BACK, "evidence of harm")
    assert "slow requests" in judgement.reason
    assert judgement.evidence.ln_e_harm < judgement.evidence.ln_e_alarm <= judgement.evidence.ln_e_harm_slow


def test_slow_requests_of_the_first_minutes_are_warm_up():
    rows = [(60, 0, 540, 5, 30 if minute < 5 else 3, 27) for minute in range(60)]
    judgement = judged(rows)
    assert judgement.evidence.canary_slow == 165
    assert judgement.decision is Decision.PROMOTE


def test_what_is_slower_is_not_promoted_for_having_no_errors():
    rows = [(20, 0, 180, 0, 2, 9) for _ in range(60)]
    assert judged([row[:4] for row in rows]).decision is Decision.PROMOTE
    assert judged(rows).decision is not Decision.PROMOTE


def test_the_error_level_is_split_only_when_latency_is_measured():
    rows = errors_in_turn(36, 324, 60)
    timed = [(*row, 3, 27) for row in rows]
    assert judged(rows).evidence.ln_e_alarm == pytest.approx(4.605, abs=1e-3)
    assert judged(timed).evidence.ln_e_alarm == pytest.approx(5.298, abs=1e-3)


def test_evidence_says_how_much_is_missing():
    evidence = judged(errors_in_turn(6, 54, 10)).evidence
    assert evidence.requests_needed == pytest.approx(1_175 - 600, abs=2)
    assert evidence.estimated_minutes == pytest.approx(evidence.requests_needed / 60)
    assert evidence.relative_risk == pytest.approx(1)
    assert evidence.ratio_rule is Decision.PROMOTE
    assert 0.2 < evidence.ratio_rule_false_alarms < 0.5


def test_evidence_is_plain_json():
    rows = [(60, 0, 540, 5, 3, 27) for _ in range(60)]
    for told in (rows, [(0, 0, 0, 0)], [(5, 5, 0, 0)], [(5, 0, 90, 0)]):
        text = json.dumps(asdict(judged(told).evidence), allow_nan=False)
        assert json.loads(text)["minutes"] == len(told)


def test_the_ratio_policy_compares_once_and_says_how_often_that_errs():
    ratio = CanaryThresholds(policy="ratio")
    worse, fine = errors_in_turn(12, 90, 60, canary=17, production=150), errors_in_turn(9, 90, 60)
    assert judged(worse[:59], thresholds=ratio).decision is Decision.HOLD
    judgement = judged(worse, thresholds=ratio)
    assert outcome(judgement) == (Decision.ROLL_BACK, "ratio above margin")
    assert "% of identical models" in judgement.reason
    assert outcome(judged(fine, thresholds=ratio)) == (Decision.PROMOTE, "ratio within margin")
    later = judged(fine + every((60, 30, 540, 0), 30), thresholds=ratio)
    assert later.decision is Decision.PROMOTE
    assert later.evidence.minutes == 60


def test_the_ratio_policy_promotes_nothing_without_data():
    ratio = CanaryThresholds(policy="ratio")
    assert judged(every((0, 0, 600, 6), 60), thresholds=ratio).decision is Decision.HOLD
    assert judged(every((0, 0, 600, 6), 240), thresholds=ratio).decision is Decision.INCONCLUSIVE
    assert judged([], 240, thresholds=ratio).decision is Decision.INCONCLUSIVE
    assert judged(every(HEALTHY, 60), thresholds=ratio, problem="no answer").decision is Decision.HOLD


def test_failure_wins_over_success_as_in_argo_rollouts(shared):
    """Argo's truth table of a failure and a success condition, met by series in which both, one or neither holds."""
    oracle = json.loads((shared / "data" / "oracles" / "argo_rollouts_evaluate.json").read_text())
    of_conditions = {  # (success: not unacceptable, failure: worse than the margin)
        ("true", "false"): errors_in_turn(600, 5400, 60, canary=1000, production=9000),
        ("true", "true"): errors_in_turn(732, 5400, 60, canary=1000, production=9000),
        ("false", "false"): errors_in_turn(2, 14, 60, canary=10, production=90),
    }
    phases = {"Successful": Decision.PROMOTE, "Failed": Decision.ROLL_BACK, "Inconclusive": Decision.HOLD}
    cases = {(case["success_condition"], case["failure_condition"]): case["expected_phase"] for case in oracle["cases"]}
    for conditions, rows in of_conditions.items():
        assert judged(rows).decision is phases[cases[conditions]]
    both = judged(of_conditions["true", "true"]).evidence
    assert both.p_safe < 0.05
    assert both.p_harm < 0.02


# laws

minute_rows = st.tuples(
    st.integers(0, 80), st.integers(0, 30), st.integers(0, 700), st.integers(0, 60), st.none() | st.integers(0, 50)
).map(lambda each: (*each[:4], each[4], each[4]))
rows_lists = st.lists(minute_rows, min_size=1, max_size=80)


@settings(max_examples=30)
@given(rows_lists, st.randoms(), st.data())
def test_the_decision_depends_on_the_set_of_minutes_alone(rows, random, data):
    told = series(rows, share=0.1)
    again = data.draw(st.lists(st.sampled_from(told.minutes), max_size=5))
    shuffled = [*told.minutes, *again]
    random.shuffle(shuffled)
    now = after(len(rows))
    assert judge(Series(tuple(shuffled), told.started), THRESHOLDS, now) == judge(told, THRESHOLDS, now)


@settings(max_examples=30)
@given(rows_lists, st.integers(0, 90))
def test_minutes_that_come_late_are_judged_as_if_they_had_come_in_time(rows, until):
    """What is not complete yet does not count; when it is, it counts as if it had been there from the start."""
    told = series(rows, share=0.1)
    known = Series(told.minutes[:until], told.started)
    now = after(min(until, len(rows)))
    assert judge(told, THRESHOLDS, now) == judge(known, THRESHOLDS, now)


@settings(max_examples=30)
@given(rows_lists, st.booleans())
def test_missing_data_never_promote(rows, is_late):
    minutes = 240 if is_late else len(rows)
    broken = series(rows, share=0.1, problem="a call failed")
    assert judge(broken, THRESHOLDS, after(minutes)).decision in (Decision.HOLD, Decision.INCONCLUSIVE)
    nothing = series([(0, 0, row[2], row[3]) for row in rows])
    assert judge(nothing, THRESHOLDS, after(minutes)).decision in (Decision.HOLD, Decision.INCONCLUSIVE)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 90)), min_size=1, max_size=60))
def test_a_canary_without_weight_gives_no_evidence(production):
    evidence = judge(
        series([(0, 0, *each) for each in production], share=0.0), THRESHOLDS, after(len(production))
    ).evidence
    assert evidence.ln_e_harm == pytest.approx(0)
    assert evidence.ln_e_safe == pytest.approx(0)
    assert evidence.interval == (0.0, None)


@pytest.mark.parametrize("policy", ["sequential", "ratio"])
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32), risk=st.sampled_from([1.0, 2.0, 5.0]), error_rate=st.sampled_from([0.001, 0.02, 0.08])
)
def test_simulation_and_judgement_are_one_code(policy, seed, risk, error_rate):
    thresholds = CanaryThresholds(policy=policy, looks=((20, 0.02), (40, 0.01)), latest_minutes=45)
    shares = np.repeat([0.1, 0.25, 0.5], 20)
    traffic = simulated(
        np.random.default_rng(seed),
        2,
        requests_per_second=5,
        error_rate=error_rate,
        relative_risk=risk,
        share=shares,
        minutes=60,
    )
    rows = decide_each_minute(traffic, thresholds, (15,))
    names = [rule.name for rule in TABLES[policy]]
    for run in range(2):
        told = series_of_run(traffic, run)
        for minutes in (1, 5, 15, 20, 21, 40, 44, 45, 60):
            expected = names[rows[run, minutes - 1]]
            assert judge(told, thresholds, after(minutes), (15,)).rule == expected


def test_first_minute_of_each_run():
    rows = np.array([[-1, -1, 2, 2], [-1, -1, -1, -1], [2, 2, 2, 2]]) % len(TABLES["sequential"])
    assert first_minute(rows, THRESHOLDS, Decision.ROLL_BACK).tolist() == [3, 0, 1]
    assert first_minute(rows, THRESHOLDS, Decision.ROLL_BACK, but_by={"guardrail"}).tolist() == [0, 0, 0]


def test_slow_requests_are_simulated_too():
    rows = [(60, 0, 540, 5, 20, 27) for _ in range(30)]
    traffic = traffic_of(series(rows, share=0.1), 30)
    many = replace(
        traffic,
        **{
            name: np.stack([getattr(traffic, name)] * 3)
            for name in (
                "canary_requests",
                "canary_errors",
                "production_requests",
                "production_errors",
                "canary_slow",
                "production_slow",
            )
        },
    )
    assert (decide_each_minute(many, THRESHOLDS) == decide_each_minute(traffic, THRESHOLDS)).all()


# operating characteristics; docs and bench have the whole table


@pytest.mark.parametrize(("risk", "most"), [(1.0, 0.02), (1.1, 0.05)])
@pytest.mark.parametrize(("requests_per_second", "error_rate"), [(1, 0.01), (10, 0.01), (100, 0.001)])
def test_harmless_canaries_are_rarely_rolled_back_by_evidence(requests_per_second, error_rate, risk, most):
    traffic = simulated(
        np.random.default_rng(5),
        400,
        requests_per_second=requests_per_second,
        error_rate=error_rate,
        relative_risk=risk,
    )
    rows = decide_each_minute(traffic, THRESHOLDS)
    assert (first_minute(rows, THRESHOLDS, Decision.ROLL_BACK, but_by={"deadline"}) > 0).mean() <= most


def test_harmful_canaries_are_found():
    traffic = simulated(
        np.random.default_rng(6), 300, requests_per_second=10, error_rate=0.01, relative_risk=2, minutes=60
    )
    rows = decide_each_minute(traffic, THRESHOLDS)
    assert (first_minute(rows, THRESHOLDS, Decision.ROLL_BACK) > 0).mean() > 0.93


def test_errors_that_rise_with_the_share_do_not_roll_back():
    """Simpson's paradox: an identical canary, of which the pooled rate is twice production's."""
    traffic = simulated(
        np.random.default_rng(7),
        300,
        requests_per_second=20,
        error_rate=np.linspace(0.003, 0.03, 60),
        relative_risk=1,
        share=np.repeat([0.1, 0.25, 0.5], 20),
        minutes=60,
    )
    rows = decide_each_minute(traffic, THRESHOLDS)
    assert (first_minute(rows, THRESHOLDS, Decision.ROLL_BACK) > 0).mean() <= 0.02


def test_bursts_of_one_arm_do_not_roll_back():
    for requests_per_second, error_rate in ((100, 0.01), (100, 0.05)):
        traffic = simulated(
            np.random.default_rng(8),
            300,
            requests_per_second=requests_per_second,
            error_rate=error_rate,
            relative_risk=1.1,
            minutes=120,
            burst=1.0,
        )
        rows = decide_each_minute(traffic, THRESHOLDS)
        assert (first_minute(rows, THRESHOLDS, Decision.ROLL_BACK) > 0).mean() <= 0.07
