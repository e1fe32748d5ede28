import json
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from bench import canary_figures, canary_page, canary_plan, canary_timing
from bench.canary import judging_bar, simulate_part, simulated
from bench.canary_figures import Outcomes, figures, joined, median_of, outcomes, share
from bench.canary_traffic import (
    MINUTES,
    SLOW_SHARE,
    Latency,
    Scenario,
    draw,
    error_rate_by_minute,
    generator,
    series_of_run,
    shares_by_minute,
)
from trimtab.rollout.e_process import ln_e_harm
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.traffic import traffic_of

STEADY = Scenario("steady", 0.01, 10, 2.0, runs=40)
RAMP = Scenario("ramp", 0.003, 20, 1.0, runs=40, rises_to=0.03, shares=(0.10, 0.25, 0.50))
COUNTED = ("canary_requests", "canary_errors", "production_requests", "production_errors")


def drawn(scenario, runs=40, seed=1):
    return draw(scenario, runs, generator(scenario, 0, seed))


def assert_near(total, expected, *, deviations=5.0):
    """Within what a Poisson count varies by."""
    assert abs(total - expected) < deviations * sqrt(expected)


def test_counts_have_the_expected_means():
    traffic = drawn(STEADY)
    minutes = 40 * MINUTES
    assert_near(traffic.canary_requests.sum(), minutes * 60)
    assert_near(traffic.production_requests.sum(), minutes * 540)
    assert_near(traffic.canary_errors.sum(), minutes * 60 * 0.02)
    assert_near(traffic.production_errors.sum(), minutes * 540 * 0.01)


def test_counts_have_one_row_a_run_and_one_column_a_minute():
    traffic = drawn(RAMP, runs=3)
    assert all(getattr(traffic, name).shape == (3, MINUTES) for name in COUNTED)
    assert traffic.share.shape == traffic.steps.shape == (MINUTES,)
    assert traffic.canary_slow is None
    assert (traffic.canary_errors <= traffic.canary_requests).all()


def test_the_same_seed_draws_the_same_and_another_does_not():
    one, same, other = drawn(STEADY, seed=1), drawn(STEADY, seed=1), drawn(STEADY, seed=2)
    assert (one.canary_errors == same.canary_errors).all()
    assert (one.canary_errors != other.canary_errors).any()
    next_part = draw(STEADY, 40, generator(STEADY, 1, 1))
    assert (one.canary_errors != next_part.canary_errors).any()


def test_a_ramp_raises_share_and_errors_in_the_first_hour():
    assert shares_by_minute(RAMP)[[0, 19, 20, 39, 40, 59, 60, 239]].tolist() == [0.1, 0.1, 0.25, 0.25] + [0.5] * 4
    assert error_rate_by_minute(RAMP)[[0, 59, 60, 239]].tolist() == [0.003, 0.03, 0.03, 0.03]
    assert drawn(RAMP, 1).steps[[0, 20, 40, 239]].tolist() == [0, 1, 2, 2]


def test_the_pooled_ratio_of_a_ramp_deceives():
    traffic = drawn(RAMP)
    canary, production = (
        getattr(traffic, f"{arm}_errors")[:, :60].sum() / getattr(traffic, f"{arm}_requests")[:, :60].sum()
        for arm in ("canary", "production")
    )
    assert canary > 1.3 * production


def test_harm_begins_at_the_onset():
    traffic = drawn(replace(STEADY, relative_risk=5.0, onset=30))
    before, after = traffic.canary_errors[:, :30].sum(), traffic.canary_errors[:, 30:].sum()
    assert_near(before, 40 * 30 * 60 * 0.01)
    assert_near(after, 40 * 210 * 60 * 0.05)


def test_bursts_keep_the_mean_and_strike_each_arm_by_itself():
    steady = Scenario("bursts", 0.01, 1000, 1.0, runs=40)
    bursty = drawn(replace(steady, bursts=1.0))
    canary, production = bursty.canary_errors.ravel(), bursty.production_errors.ravel()
    assert canary.mean() == pytest.approx(60, rel=0.05)
    assert canary.std() / canary.mean() == pytest.approx(1.0, rel=0.05)
    assert abs(np.corrcoef(canary, production)[0, 1]) < 0.05
    quiet = drawn(steady).canary_errors
    assert quiet.std() / quiet.mean() == pytest.approx(1 / sqrt(60), rel=0.05)


@pytest.mark.parametrize(("variation", "times"), [(0.3, 1.87), (0.5, 1.49), (1.0, 1.26)])
def test_a_tenth_slower_makes_so_many_times_more_slow_requests(variation, times):
    """Specification of the canary decision, §B.5."""
    assert Latency(1.1, variation).slow_share / SLOW_SHARE == pytest.approx(times, abs=0.006)


def test_slow_requests_have_the_expected_means():
    traffic = drawn(replace(STEADY, latency=Latency(1.5, 0.5)))
    assert_near(traffic.canary_slow.sum(), 40 * MINUTES * 60 * Latency(1.5, 0.5).slow_share)
    assert_near(traffic.production_slow.sum(), 40 * MINUTES * 540 * SLOW_SHARE)
    assert Latency(1.0, 0.5).slow_share == pytest.approx(SLOW_SHARE)


def test_a_run_as_a_series_is_the_same_traffic():
    scenario = replace(RAMP, latency=Latency(1.5, 0.5))
    traffic = drawn(scenario, runs=2)
    again = traffic_of(series_of_run(traffic, 1), MINUTES)
    for name in (*COUNTED, "canary_slow", "production_slow"):
        assert (getattr(traffic, name)[1] == getattr(again, name)).all()
    assert (traffic.steps == again.steps).all()


def test_the_naive_rule_looks_at_all_minutes_so_far():
    """An error of the canary in the sixth minute: its rate is above production's until that has errors enough."""
    traffic = drawn(replace(STEADY, error_rate=0.0), runs=1)
    traffic.canary_errors[0, 5] = 1
    traffic.production_errors[0, 12] = 1000
    found = outcomes(traffic, CanaryThresholds())
    assert (found.worse.tolist(), found.worse_at_hour.tolist()) == ([10], [0])


def test_the_first_decision_is_final():
    found = Outcomes(
        found_harmful=np.array([10, 60, 200, 0, 0]),
        promoted=np.array([60, 0, 60, 0, 90]),
        worse=np.array([5, 0, 60, 0, 0]),
        worse_at_hour=np.array([60, 0, 60, 0, 0]),
    )
    told = figures(found, is_harmful=True)
    ours = {name: figure["value"] for name, figure in told["ours"].items() if figure}
    assert ours == {
        "rolled_back": 0.4,
        "missed_detections": 0.6,
        "median_minutes": 35,
        "rolled_back_by_60": 0.4,
        "promoted_at_60": 0.2,
        "held_at_60": 0.4,
        "promoted": 0.4,
        "undecided_at_the_deadline": 0.2,
        "rolled_back_if_never_promoted": 0.6,
    }
    assert told["naive_at_60"]["promoted_at_60"]["value"] == 0.6
    assert told["naive_any_check"]["median_minutes"]["value"] == 32.5
    assert figures(found, is_harmful=False)["ours"]["false_rollbacks"]["value"] == 0.4


def test_rolled_back_before_the_onset_is_false_and_not_missed():
    found = Outcomes(*(np.array([20, 42, 0]) for _ in range(4)))
    ours = figures(replace(found, promoted=np.zeros(3)), is_harmful=True, onset=30)["ours"]
    assert ours["false_rollbacks"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert ours["missed_detections"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert ours["median_minutes"]["value"] == 12


def test_standard_errors_are_those_of_a_share_and_a_median():
    assert share(200, 1000)["se"] == pytest.approx(sqrt(0.2 * 0.8 / 1000), rel=0.01)
    assert 0 < share(0, 1000)["se"] < 0.001
    values = np.random.default_rng(1).normal(1000, 100, 10_000)
    assert median_of(values)["se"] == pytest.approx(100 * sqrt(np.pi / 2 / 10_000), rel=0.2)
    assert median_of(np.array([], dtype=int)) is None
    assert median_of(np.array([7])) == {"value": 7.0, "se": 0.0}


def test_the_plan_covers_the_table_and_every_bar():
    planned = canary_plan.scenarios()
    steady = {(s.error_rate, s.requests_per_second, s.relative_risk) for s in planned if s.group == "steady"}
    assert len(steady) == 3 * 4 * 6
    assert len({scenario.title for scenario in planned}) == len(planned)
    assert all(scenario.runs >= (2000 if not canary_plan.is_harmful(scenario) else 1000) for scenario in planned)
    nothing = figures(Outcomes(*(np.zeros(100, dtype=int) for _ in range(4))), is_harmful=False)["ours"]
    checked = [bar for scenario in planned for bar in canary_plan.bars(scenario, nothing)]
    assert sum(bar.what == "power" for bar in checked) == 3 * 4 * 4 + 2
    assert {bar.limit for bar in checked if bar.is_most} == {0.01, 0.02, 0.05, 0.07}
    assert all(bar.allowed == 0 for bar in checked if bar.is_most)


def test_a_bar_is_missed_on_the_wrong_side_only():
    assert canary_plan.Bar("", "", 0.05, is_most=True).holds(0.05)
    assert not canary_plan.Bar("", "", 0.05, is_most=True).holds(0.0501)
    assert canary_plan.Bar("", "", 0.9, is_most=False, allowed=0.02).holds(0.89)
    assert not canary_plan.Bar("", "", 0.9, is_most=False, allowed=0.02).holds(0.87)
    assert judging_bar(19.9)["holds"]
    assert not judging_bar(20.1)["holds"]


def test_parts_join_to_all_runs():
    scenario = replace(STEADY, runs=260)
    parts = [simulate_part((scenario, part, 3)) for part in (0, 1)]
    assert [len(part.promoted) for part in parts] == [250, 10]
    assert len(joined(parts).promoted) == 260


def test_a_tiny_run_writes_results_and_a_page(tmp_path):
    planned = [
        replace(STEADY, runs=20),
        replace(STEADY, runs=20, relative_risk=1.0),
        replace(RAMP, runs=20),
        Scenario("slow", 0.01, 10, 1.0, 20, latency=Latency(1.5, 0.5)),
    ]
    document = simulated(planned, 1, quick=True)
    document["judge"] = canary_timing.time_judge(1, 1)
    document["made"] |= {"processes": 1, "seconds": 0.0}
    assert json.loads(json.dumps(document))["scenarios"][0]["ours"]["rolled_back"]["value"] > 0.8
    assert [each["is_harmful"] for each in document["scenarios"]] == [True, False, False, True]
    assert document["scenarios"][2]["naive_at_60"]["false_rollbacks"]["value"] > 0.9  # Simpson's paradox
    assert document["scenarios"][2]["ours"]["false_rollbacks"]["value"] < 0.2
    assert document["scenarios"][3]["ours"]["rolled_back"]["value"] > 0.8
    for each in document["scenarios"]:
        ours = each["ours"]
        assert sum(
            ours[name]["value"] for name in ("rolled_back", "promoted", "undecided_at_the_deadline")
        ) == pytest.approx(1)
    assert simulated(planned[:1], 1, quick=True)["scenarios"] == document["scenarios"][:1]

    page = tmp_path / "page.md"
    page.write_text(canary_page.PAGE.read_text() + "and after\n")
    for _ in range(2):  # the second time replaces the first
        canary_page.write_page(document, page)
    text = page.read_text()
    assert text.count("| 1 % | 10 | 2 |") == 1
    assert text.count("| 0.3 % to 3 % | 20 | 1 |") == 1
    assert text.endswith("and after\n")


def test_a_page_without_a_place_for_a_table_says_so(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    document = simulated([replace(STEADY, runs=2)], 1)
    document["judge"] = {"cases": {}, "rounds": 1, "reference": ""}
    document["made"] |= {"processes": 1, "seconds": 0.0}
    with pytest.raises(SystemExit, match="no place for made"):
        canary_page.write_page(document, page)


def test_the_reference_workload_computes_the_same_evidence():
    scenario = replace(STEADY, relative_risk=1.5)
    traffic = drawn(scenario, runs=1)
    expected = ln_e_harm(traffic.errors(), 1.1)[0, -1]
    assert canary_timing.reference_ln_e(series_of_run(traffic, 0), 1.1) == pytest.approx(expected)


def test_checks_are_every_five_minutes_of_the_first_hour():
    assert canary_figures.CHECKS == (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60)
