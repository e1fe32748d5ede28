import math
import random

import pytest

from trimtab.sizing.queueing import p95_latency

HEADER = "minute,invocations,latency_ms_avg,latency_ms_p95,cpu_percent,memory_percent"
DAY = 1440


@pytest.fixture
def series(tmp_path):
    """A file of the worked example's minutes: 3 × ml.m5.xlarge, a daily wave, 0.052 vCPU-seconds a request."""

    def write(days=14, scale=1.0, instances=3):
        chance = random.Random(42)
        lines = [f"{HEADER},concurrency"]
        for minute in range(days * DAY):
            wave = 1 + 0.6 * math.sin(((minute % DAY) / 60 - 9) / 24 * 2 * math.pi)
            rps = scale * max(0.0, 20 * wave * (1 + chance.gauss(0, 0.08)))
            each = min(rps / instances, 0.97 * 4 / 0.05)
            p95 = 1000 * p95_latency(4, each, 0.05, 0.0973, 0.25)
            cpu = 6 + 5.2 * each + chance.gauss(0, 1.5)
            served = f"{50 + (p95 - 97.3) / 3:.2f},{p95:.2f}" if rps else ","
            lines.append(f"{minute},{60 * rps:.0f},{served},{max(cpu, 0):.2f},15.6,{3 if rps else 0}")
        path = tmp_path / "churn.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture
def size(run):
    def call(path, *argv, instance_type="ml.m5.xlarge", count=3, latency=200):
        return run("size", path, "--instance-type", instance_type, "--count", count, "--latency-ms", latency, *argv)

    return call


def test_an_oversized_endpoint_gets_a_proposal_in_one_document(size, series):
    ran = size(series(), "--json")
    document = ran.document
    assert ran.code == 3
    assert document["name"] == "churn"
    assert document["verdict"] == "OVERSIZED"
    assert document["now"] == {"instance_type": "ml.m5.xlarge", "count": 3, "monthly_usd": 503.7}
    proposal = document["proposal"]
    assert {"instance_type", "count", "monthly_usd", "policy", "simulation"} <= set(proposal)
    low, middle, high = document["saving_usd"]
    assert low <= middle <= high
    assert middle == pytest.approx(503.7 - proposal["monthly_usd"], abs=0.02)
    assert 0.4 <= document["confidence"] <= 1
    assert document["confidence_reasons"]
    assert document["simulation"]["proposed"]["minutes_over_target"] <= 0.001
    assert len(document["top"]) == 3
    assert {"ml.m5.24xlarge", "ml.t2.medium", "ml.g5.xlarge"} <= {
        each["instance_type"] for each in document["rejected"]
    }
    assert all(each["reason"] for each in document["rejected"])
    assert {"name", "answer", "reason", "obstacles"} == set(document["advice"][0])
    assert document["prices"]["region"] == "us-east-1"


def test_people_read_the_same(size, series):
    ran = size(series())
    assert ran.code == 3
    assert ran.out.startswith("OVERSIZED: ")
    for word in ("today", "proposed", "3 × ml.m5.xlarge", "503.70", "saving", "confidence", "rejected", "advice"):
        assert word in ran.out


def test_what_fits_stays(size, series):
    few = size(series(scale=0.02), "--json", instance_type="ml.c5.large", count=2, latency=300)
    assert (few.code, few.document["verdict"], few.document["proposal"]) == (0, "RIGHT_SIZED", None)
    assert few.document["saving_usd"] is None


def test_what_is_too_small_is_told_so(size, series):
    ran = size(series(scale=10), "--json")
    assert (ran.code, ran.document["verdict"]) == (3, "UNDERSIZED")
    assert ran.document["simulation"]["today"]["minutes_over_target"] > 0.001


def test_an_idle_endpoint_should_go(size, series):
    ran = size(series(scale=0), "--json")
    assert (ran.code, ran.document["verdict"], ran.document["proposal"]) == (3, "IDLE", None)
    assert ran.document["now"]["monthly_usd"] == 503.7


def test_five_days_are_not_enough(size, series):
    ran = size(series(days=5), "--json")
    assert (ran.code, ran.document["verdict"], ran.document["proposal"]) == (4, "INSUFFICIENT_DATA", None)
    assert ran.document["confidence"] is None
    assert size(series(days=5)).out.startswith("INSUFFICIENT_DATA: ")


def test_empty_cells_are_unknown_not_zero(size, tmp_path):
    path = tmp_path / "blind.csv"
    path.write_text("\n".join([HEADER, *(f"{minute},600,50,97,," for minute in range(14 * DAY))]))
    ran = size(path, "--json")
    assert (ran.code, ran.document["reason"]) == (4, "CPUUtilization was not read")


def test_nothing_known_is_not_idle(size, tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("\n".join([HEADER, *(f"{minute},,,,," for minute in range(14 * DAY))]))
    assert size(path).code == 4


def test_settings_are_taken_from_a_file_and_the_option_goes_before(size, run, series, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("sizing: {latency_ms: 60}\n")
    path = series()
    by_file = run("size", path, "--instance-type", "ml.m5.xlarge", "--count", 3, "--settings", settings, "--json")
    assert by_file.document["target_ms"] == 60
    assert size(path, "--settings", settings, "--json").document["target_ms"] == 200


def test_other_regions_have_other_prices(size, series):
    there = size(series(), "--json", "--region", "eu-central-1").document
    assert there["prices"]["region"] == "eu-central-1"
    assert there["now"]["monthly_usd"] > 503.7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("minute,invocations\n0,1\n", "line 1: no column latency_ms_avg, latency_ms_p95, cpu_percent, memory_percent"),
        (HEADER, "no minute in it"),
        (f"{HEADER}\n0,1,50,97,20\n", "line 2: 5 values, and the header has 6 columns"),
        (f"{HEADER}\n0,1,50,97,20,15\n0,1,50,97,20,15\n", "line 3: this minute stands in line 2 already"),
        (f"{HEADER}\n0,many,50,97,20,15\n", "line 2: invocations is 'many', no number from 0 on"),
        (f"{HEADER}\n0,1,-50,97,20,15\n", "line 2: latency_ms_avg is '-50', no number from 0 on"),
        (f"{HEADER}\n0,1,nan,97,20,15\n", "line 2: latency_ms_avg is 'nan', no number from 0 on"),
        (f"{HEADER}\n0,1,50,97,450,15\n", "line 2: cpu_percent is 450, and more than 400 cannot be"),
        (f"{HEADER}\n0,1,50,97,20,150\n", "line 2: memory_percent is 150, and more than 100 cannot be"),
        (f"{HEADER}\n0,1,50,97,20,15\n9000000,1,50,97,20,15\n", "line 3: more than 60 days after"),
    ],
)
def test_names_the_file_and_the_line_at_fault(size, tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    ran = size(path)
    assert (ran.code, ran.out) == (2, "")
    assert str(path) in ran.err
    assert message in ran.err


def test_options_that_mean_nothing_are_refused(size, series):
    path = series(days=1)
    assert "ml.x9.large" in size(path, instance_type="ml.x9.large").err
    assert "mars-north-1" in size(path, "--region", "mars-north-1").err
    assert "--latency-ms 0" in size(path, latency=0).err
    assert size(path, latency="nan").code == 2
    assert size(path.with_name("none.csv")).code == 2
