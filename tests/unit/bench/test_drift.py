import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, chi2_contingency, norm

from bench import drift_page
from bench.drift import replayed
from bench.drift_figures import added, found, order_figures, rate, tally_of_run, tally_of_windows
from bench.drift_plan import (
    FAULTS,
    HALF_SIGMA,
    LEAST_ROWS,
    QUIET,
    SIZES,
    STEADY,
    UNIT_CHANGE,
    Scenario,
    bars,
    generated_scenarios,
    recorded_scenarios,
)
from bench.drift_quality import replay_quality
from bench.drift_recorded import able, planted, recorded
from bench.drift_replay import Seen, drawn, in_order, watch, watch_for_weeks
from bench.drift_rules import KS_ANY, MONITOR, PSI_ANY, ROBUST, Compared, alarms_of_ks, alarms_of_profile, plain_psi
from bench.drift_sets import KNOWN, Manifest, find_sets, read_set
from bench.drift_simulate import run
from bench.drift_traffic import UNSEEN, Conditions, Fault, Generated, generated
from bench.drift_units import named_units
from trimtab.capture.profile import profile_table
from trimtab.capture.table import NumericColumn, TextColumn
from trimtab.drift.verdict import Verdict


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.fixture(scope="module")
def endpoint() -> Generated:
    return generated(Conditions("", wobble=0.0, season=0.3), np.random.default_rng(1))


def compared(endpoint):
    return Compared(endpoint.reference, endpoint.kept)


def columns(folder, rows, *, begin=0, change=None, seed=1):
    """A CSV file of two features, an answer and a label; from row `change` on the first feature moves."""
    random = np.random.default_rng(seed)
    number, kind = random.normal(10, 2, rows), random.choice(["a", "b", "c"], rows)
    if change is not None:
        number[change:] += 4
    said = number > 10
    truth = said ^ (random.random(rows) < 0.1)
    lines = ["id,at,number,kind,said,truth"]
    lines += [
        f"{begin + i},{begin + i:06d},{number[i]:.3f},{kind[i]},{int(said[i])},{int(truth[i])}" for i in range(rows)
    ]
    folder.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path):
    columns(tmp_path / "before.csv", 4000)
    columns(tmp_path / "now.csv", 6000, begin=4000, change=3000, seed=2)
    manifest = {
        "title": "own",
        "reference": ["before.csv"],
        "current": ["now.csv"],
        "order": "at",
        "ignore": ["id"],
        "prediction": "said",
        "label": "truth",
        "changes": [{"row": 3000, "kind": "covariate"}],
    }
    (tmp_path / "dataset.json").write_text(json.dumps(manifest))
    return tmp_path


def own(folder):
    return read_set(*next(find_sets(folder)))


@pytest.mark.parametrize("fault", [None, *FAULTS], ids=lambda fault: fault.kind + str(fault.size) if fault else "none")
def test_counts_drawn_at_once_are_distributed_as_those_of_rows(endpoint, random, fault):
    now = endpoint.with_fault(fault, random) if fault else endpoint
    by_rows = profile_table(now.table(20_000, 7, random), endpoint.reference.grid)
    at_once = now.profile(20_000, 7, random)
    p_values = []
    for name, one in by_rows.columns.items():
        other = at_once.columns[name]
        both = np.array([[*one.counts, one.missing], [*other.counts, other.missing]])
        both = both[:, both.sum(axis=0) >= 10]
        p_values.append(chi2_contingency(both).pvalue if both.shape[1] > 1 else 1.0)
        assert other.cells == one.cells == 20_000
        if one.valid and other.total:
            assert other.total / other.valid == pytest.approx(one.total / one.valid, rel=0.2)
    assert min(p_values) > 1e-5


def test_a_shift_has_the_psi_that_theory_gives(random):
    """J-divergence of two normal distributions δ standard deviations apart is δ²; deciles keep 0.238 of 0.25."""
    steady = generated(STEADY, random)
    shifted = steady.with_fault(HALF_SIGMA, random)
    psi = plain_psi(steady.reference, shifted.profile(1_000_000, 0, random))
    assert psi[shifted.faulty[0]] == pytest.approx(0.238, rel=0.1)
    assert max(value for name, value in psi.items() if name not in shifted.faulty) < 0.01


def test_a_daily_wave_comes_back_every_day(random):
    wave = generated(Conditions("", season=0.6), random)
    means = [wave.profile(100_000, hour, random).columns["normal_0"].total / 100_000 for hour in (3, 15, 27)]
    assert means[0] == pytest.approx(means[2], abs=0.3)
    assert means[0] + means[1] == pytest.approx(200.0, abs=0.5)  # opposite phases, around the mean of 100


def test_a_fault_befalls_as_many_columns_as_it_says(endpoint, random):
    for fault in FAULTS:
        now = endpoint.with_fault(fault, random)
        assert len(now.faulty) == fault.columns
        assert {name for name in now.sources if now.sources[name] != endpoint.sources[name]} == set(now.faulty)


def test_rules_of_others_say_what_they_are_known_to_say(random):
    steady = generated(STEADY, random)
    asked = compared(steady)
    quiet = [alarms_of_profile(asked, steady.profile(2000, 0, random)) for _ in range(8)]
    assert not any(any(alarms.values()) for alarms in quiet)
    noisy = [alarms_of_ks(asked, steady.table(500, 0, random))[KS_ANY] for _ in range(8)]
    assert 1 <= sum(noisy) <= 8  # 1 - 0.95^20 is 64 %
    shifted = alarms_of_profile(asked, steady.with_fault(Fault("shift", 1.0), random).profile(2000, 0, random))
    assert shifted == {PSI_ANY: True, ROBUST: True, MONITOR: True}
    nulls = alarms_of_profile(asked, steady.with_fault(Fault("nulls", 0.1), random).profile(2000, 0, random))
    assert nulls == {PSI_ANY: False, ROBUST: False, MONITOR: True}


def test_a_small_window_alone_makes_plain_psi_alarm(random):
    small = generated(Conditions("", reference_rows=200), random)
    alarms = [alarms_of_profile(compared(small), small.profile(200, 0, random))[PSI_ANY] for _ in range(30)]
    assert sum(alarms) > 3


def test_an_alert_is_raised_by_two_windows_and_counted_once(random):
    steady = generated(STEADY, random)
    loud = steady.with_fault(Fault("shift", 1.5), random)

    def windows():
        for number in range(8):
            yield (loud if number in (2, 5, 6, 7) else steady).profile(2000, number, random), None

    seen = watch(compared(steady), windows(), lambda number: (number == 6, False), evidently=False)
    assert [number for number, verdict in enumerate(seen.verdicts) if verdict is Verdict.ALERT] == [2, 5, 6, 7]
    assert seen.raised == [6]
    assert seen.alarms[PSI_ANY] == {6: True}
    tally = tally_of_windows(seen)
    assert (tally["windows"], tally["raised"], tally["verdicts"]["ALERT"]) == (8, 1, 4)
    assert tally["rules"][PSI_ANY] == {"asked": 1, "alarms": 1}


def test_only_windows_shown_to_rules_of_rows_have_rows(endpoint, random):
    windows = list(drawn(endpoint, 600, 4, lambda number: (True, number == 2), random))
    assert [table is not None for _, table in windows] == [False, False, True, False]
    assert all(profile.rows == 600 for profile, _ in windows)


def test_weeks_with_their_past_find_a_fault_after_them(random):
    steady = generated(STEADY, random)
    seen = watch_for_weeks(steady, 1000, 30, steady.with_fault(Fault("shift", 1.0), random), 24, random)
    assert seen.raised == [25]
    assert len(seen.verdicts) == 26


def test_rates_have_the_exact_binomial_bound():
    assert rate(0, 2996)["at_most"] == pytest.approx(1.0, abs=0.01)  # the rule of three
    most = rate(3, 500)["at_most"] / 1000
    assert binom.cdf(3, 500, most) == pytest.approx(0.05, abs=0.002)
    assert rate(5, 5) == {"windows": 5, "alarms": 5, "per_1000": 1000.0, "at_most": 1000.0}


def test_windows_to_find_a_fault_are_told_as_far_as_it_was_found():
    told = found([2] * 10 + [3] * 8 + [0, 0], latest=6)
    assert (told["found"], told["found_later"]) == (0.5, 0.9)
    assert (told["median"], told["p95"]) == (2, None)


def test_tallies_add():
    one = tally_of_run(Seen([Verdict.ALERT] * 2, [1], {"rule": {0: False, 1: True}}))
    other = tally_of_run(Seen([Verdict.WARN] * 2, [], {}))
    assert added([one, other]) == {"raised": [2, 0], "first": [1, 0], "warned": [1, 1], "rules": {"rule": [2]}}


def test_alerts_before_a_known_change_are_told_from_those_after_it():
    seen = Seen([Verdict.OK] * 10, [1, 6], {"rule": {0: True, 1: False, 5: True, 9: True}})
    told = order_figures(seen, 100, [(450, "covariate")])
    assert (told["clean_windows"], told["early"], told["delay"]) == (4, 1, 2)
    assert told["rules"]["rule"]["before"]["per_1000"] == 500
    assert told["rules"]["rule"]["after"]["per_1000"] == 1000
    assert order_figures(Seen([Verdict.OK] * 4), 100, [])["delay"] is None


def test_the_plan_covers_every_size_and_fault():
    planned = list(generated_scenarios())
    assert {each.rows for each in planned} == set(SIZES)
    assert {(each.source, each.rows) for each in planned if each.fault is None} == {
        (conditions, rows) for conditions in QUIET for rows in SIZES
    }
    assert {each.fault for each in planned if each.rows == 1_000 and each.fault} >= set(FAULTS)
    held = [each for each in planned if each.source == STEADY and each.fault == HALF_SIGMA]
    assert sum(each.parts * each.times for each in held) >= 1000
    assert all(each.parts * each.times >= 1000 for each in planned if each.fault is None and each.rows >= LEAST_ROWS)


def test_a_folder_of_ones_own_is_read(folder):
    data = own(folder)
    assert (data.reference.rows, data.current.rows, data.clean) == (4000, 6000, 3000)
    assert set(data.current.columns) == {"number", "kind", "said"}
    assert data.current.outputs == {"said"}
    assert len(data.labels[1]) == 6000
    windows = list(in_order(data, recorded(data).reference, 2500))
    assert [profile.rows for profile, _ in windows] == [2500, 2500]


def test_rows_are_ordered_and_labels_joined_by_their_key(folder):
    lines = (folder / "now.csv").read_text().splitlines()
    (folder / "now.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    before = own(folder).current.columns["number"].values
    truth = [line.split(",")[0] + "," + line.split(",")[5] for line in lines[1:]]
    (folder / "truth.csv").write_text("\n".join(["id,truth", *reversed(truth)]) + "\n")
    manifest = json.loads((folder / "dataset.json").read_text()) | {"labels": ["truth.csv"], "key": "id"}
    (folder / "dataset.json").write_text(json.dumps(manifest))
    data = own(folder)
    assert (data.current.columns["number"].values == before).all()
    assert before[:2] == pytest.approx([float(line.split(",")[2]) for line in lines[1:3]])
    assert [data.labels[1].values[code] for code in data.labels[1].codes] == [line.split(",")[1] for line in truth]


def test_a_reference_may_be_the_head_of_the_rows(folder):
    manifest = {"title": "one file", "current": ["now.csv"], "reference_rows": 2000, "ignore": ["id", "at", "said"]}
    (folder / "dataset.json").write_text(json.dumps(manifest))
    data = own(folder)
    assert (data.reference.rows, data.current.rows, data.clean) == (2000, 4000, 4000)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"current": ["absent.csv"]}, "absent.csv"),
        ({"changes": [{"row": -1, "kind": "covariate"}]}, "changes"),
        ({"order": "absent"}, "absent"),
        ({"titel": ""}, "titel"),
    ],
    ids=["file", "row", "column", "key"],
)
def test_what_is_wrong_with_a_manifest_is_said(folder, change, said):
    manifest = json.loads((folder / "dataset.json").read_text()) | change
    (folder / "dataset.json").write_text(json.dumps(manifest))
    with pytest.raises(SystemExit, match=rf"(?s)dataset\.json.*{said}"):
        own(folder)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"no dataset\.json"):
        list(find_sets(tmp_path))


def test_known_manifests_are_valid():
    assert {Manifest.model_validate_json(path.read_text()).title for path in KNOWN.glob("*.json")} == {
        "car loan",
        "car price",
        "SEA",
        "churn",
    }


def test_recorded_rows_drawn_again_keep_their_distribution(folder, random):
    source = recorded(own(folder))
    at_once, rows = source.profile(50_000, 0, random), source.table(50_000, 0, random)
    by_rows = profile_table(rows, source.reference.grid)
    for name, column in by_rows.columns.items():
        both = np.array([column.counts, at_once.columns[name].counts])
        assert chi2_contingency(both[:, both.sum(axis=0) > 0]).pvalue > 1e-4


def test_faults_are_planted_in_recorded_rows(folder, random):
    source = recorded(own(folder))
    table, kept = source.table(5000, 0, random), source.kept
    before = table.columns["number"].values
    assert able(Fault("new category", 0.05), kept) == ["kind"]
    assert able(HALF_SIGMA, kept) == ["number"]  # the answer is none of the features

    def number(fault):
        return planted(table, fault, ("number",), kept, random).columns["number"].values

    assert (number(HALF_SIGMA) - before).mean() == pytest.approx(1.0, rel=0.05)
    assert number(Fault("scale", 1.5)).std() == pytest.approx(1.5 * before.std(), rel=1e-6)
    assert np.isnan(number(Fault("nulls", 0.1))).mean() == pytest.approx(0.1, abs=0.02)
    assert (number(UNIT_CHANGE) == 1000 * before).all()
    kind = planted(table, Fault("new category", 0.05), ("kind",), kept, random).columns["kind"]
    assert isinstance(kind, TextColumn)
    assert (kind.codes == kind.values.index(UNSEEN)).mean() == pytest.approx(0.05, abs=0.015)
    assert isinstance(table.columns["number"], NumericColumn)


def test_a_change_of_units_is_named(folder, random):
    told = named_units("own", recorded(own(folder)), random, 5)
    assert (told["named"], told["false"]) == (1.0, 0.0)


def test_labels_tell_of_ones_own_data(folder):
    columns(folder / "now.csv", 11_000, begin=4000, change=6000, seed=2)
    manifest = json.loads((folder / "dataset.json").read_text()) | {"changes": [{"row": 6000, "kind": "covariate"}]}
    (folder / "dataset.json").write_text(json.dumps(manifest))
    told = replay_quality(own(folder))
    assert [window["row"] for window in told["windows"]] == [0, 5000]
    assert told["windows"][0]["verdict"] == "OK"
    assert told["after"]["moved"] == ["number"]
    assert told["planted"]["concept"] == {"found": 20, "named": 20}
    assert told["planted"]["delay"]["waits"] == 20


def test_a_tiny_replay_writes_results_and_a_page(folder, tmp_path, monkeypatch):
    planned = [
        Scenario(STEADY, 1_000, times=3, by_rows=3),
        Scenario(STEADY, 1_000, HALF_SIGMA, times=2, by_rows=2),
    ]
    monkeypatch.setattr(
        "bench.drift.recorded_scenarios",
        lambda source, data, *, quick: [  # noqa: ARG005
            replace(each, times=2, by_rows=3)
            for each in recorded_scenarios(source, data, quick=True)
            if each.rows == 1_000 and (each.in_order or each.fault in (None, HALF_SIGMA))
        ],
    )
    document = replayed(planned, list(find_sets(folder)), 1, quick=True, evidently=False)
    document["made"] |= {"processes": 1, "seconds": 0.0}
    assert json.loads(json.dumps(document))["sets"] == ["own"]
    assert [each["trimtab"]["windows"] for each in document["quiet"]] == [3, 2]
    assert document["in_order"][0]["delay"] == 2
    assert run((planned[0], 0, 1, False)) == run((planned[0], 0, 1, False))

    page = tmp_path / "page.md"
    page.write_text(drift_page.PAGE.read_text() + "and after\n")
    for _ in range(2):  # the second time replaces the first
        drift_page.write_page(document, page)
    text = page.read_text()
    assert text.count("| own | 1,000 | 3 | 0 | 2 |") == 1
    assert text.endswith("and after\n")


def test_bars_are_missed_on_the_wrong_side_only():
    quiet = {"source": "x", "rows": 500, "trimtab": {"per_1000": 1.01}}
    order = {"source": "y", "rows": 1000, "early": 0, "alerts": 1, "expected": True, "delay": None}
    document = {"quiet": [quiet], "faults": [], "in_order": [order], "units": [], "quality": []}
    told = {each["what"]: each["holds"] for each in bars(document)}
    assert told == {
        "alerts per 1,000 windows without drift": False,
        "alerts before the known change": True,
        "windows from the change to the alert": False,
    }
    small = {**document, "quiet": [{**quiet, "rows": 200}], "in_order": [{**order, "expected": False, "delay": 1}]}
    assert {each["what"]: each["holds"] for each in bars(small)} == {
        "alerts before the known change": True,
        "alerts where no input moves": False,
    }


def test_normal_quantiles_of_the_wobble_are_as_drawn(random):
    """The mean of windows wobbles by as many standard deviations as it is told to."""
    wobbling = generated(Conditions("", wobble=0.2), random)
    means = [wobbling.profile(1_000_000, hour, random).columns["normal_0"].counts for hour in range(60)]
    below = np.array([counts[: len(counts) // 2].sum() / counts.sum() for counts in means])
    assert norm.ppf(below).std() == pytest.approx(0.2, rel=0.35)
