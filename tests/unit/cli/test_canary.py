import random
from pathlib import Path

import pytest

HEADER = "minute,canary_requests,canary_errors,production_requests,production_errors"


@pytest.fixture
def series(tmp_path):
    """A file of minutes in which both arms fail at random with these rates, the canary getting a tenth."""

    def write(minutes, requests, canary, production, slow=None):
        chance = random.Random(7)

        def fails(n, rate):
            return sum(chance.random() < rate for _ in range(n))

        header = HEADER + (",canary_slow,production_slow" if slow else "")
        lines = [header]
        for minute in range(minutes):
            few, many = requests // 10, requests - requests // 10
            cells = [minute, few, fails(few, canary), many, fails(many, production)]
            cells += [fails(few, slow[0]), fails(many, slow[1])] if slow else []
            lines.append(",".join(map(str, cells)))
        path = tmp_path / "series.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_rolls_back_a_canary_with_five_times_the_errors(run, series):
    ran = run("canary", series(30, 1000, 0.05, 0.01))
    assert ran.code == 3
    assert ran.out.startswith("ROLL_BACK: ")
    assert "relative risk" in ran.out
    assert "simple rule" in ran.out


def test_promotes_an_identical_canary_and_says_so_in_json(run, series):
    ran = run("canary", series(61, 2000, 0.01, 0.01), "--json")
    document = ran.document
    assert ran.code == 0
    assert document["decision"] == "PROMOTE"
    assert document["minutes"] == 61
    risk = document["relative_risk"]
    assert risk["lower"] < 1 < risk["upper"]
    assert 0 < document["naive"]["false_alarm_rate"] < 1
    assert document["evidence"]["canary_requests"] == 61 * 200
    assert [row["relative_risk"] for row in document["power"]] == [1.25, 1.5, 2, 3, 5, 10]
    requests = [row["canary_requests"] for row in document["power"]]
    assert requests == sorted(requests, reverse=True)


def test_rolls_back_a_slow_canary(run, series):
    ran = run("canary", series(40, 1000, 0.01, 0.01, slow=(0.2, 0.05)))
    assert ran.code == 3
    assert "slow requests" in ran.out


def test_says_how_much_is_missing_when_it_cannot_tell(run, series):
    ran = run("canary", series(10, 100, 0.01, 0.01))
    assert ran.code == 4
    assert ran.out.startswith("HOLD: ")
    assert "still needed" in ran.out


def test_never_promotes_a_canary_without_traffic(run, tmp_path):
    path = tmp_path / "idle.csv"
    path.write_text("\n".join([HEADER, *(f"{minute},0,0,0,0" for minute in range(241))]))
    ran = run("canary", path, "--json")
    assert ran.code == 4
    assert ran.document["decision"] == "INCONCLUSIVE"
    assert ran.document["relative_risk"]["estimate"] is None
    assert ran.document["power"] == []


def test_the_simple_rule_is_a_policy(run, series):
    path = series(61, 200, 0.012, 0.01)
    assert run("canary", path, "--policy", "ratio", "--json").document["rule"].startswith("ratio")


def test_takes_thresholds_from_a_settings_file_and_options_before_it(run, series, tmp_path):
    path = series(30, 1000, 0.05, 0.01)
    settings = tmp_path / "settings.yaml"
    settings.write_text("rollout: {thresholds: {margin: 12, unacceptable: 20}}")
    assert run("canary", path, "--settings", settings).code != 3
    assert run("canary", path, "--settings", settings, "--margin", "1.1").code == 3


def test_checks_the_share_it_is_told(run, series):
    ran = run("canary", series(30, 2000, 0.01, 0.01), "--share", "0.5", "--json")
    assert ran.document["rule"] == "sample ratio"
    assert ran.code == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--margin", "3"], "--margin 3.0: unacceptable (2.0) must be above margin"),
        (["--margin", "0.5"], "--margin 0.5: "),
        (["--share", "1.5"], "--share 1.5: a share between 0 and 1"),
    ],
)
def test_refuses_options_that_make_no_sense(run, series, options, message):
    ran = run("canary", series(3, 100, 0.01, 0.01), *options)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


def test_bad_input_names_file_and_line(run, tmp_path):
    path = tmp_path / "broken.csv"
    path.write_text(f"{HEADER}\n0,10,1,90,x\n")
    ran = run("canary", path)
    assert ran.code == 2
    assert f"{Path(path)}, line 2: production_errors is 'x', no count" in ran.err
    assert ran.out == ""
