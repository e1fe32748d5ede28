import json

import numpy as np
import pytest

from bench.page import table, write_parts
from bench.sizing import bars, simulate, summary
from bench.sizing_endpoints import DAY, DAYS, TRAFFIC, draw_endpoint, observe
from bench.sizing_fleets import fixed, grown, true_capacity, truth
from bench.sizing_page import PAGE, parts
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.utilisation import utilisation_law

SEED = 5


@pytest.fixture(scope="module")
def wave():
    return draw_endpoint(7, SEED)


def test_the_same_number_is_the_same_endpoint(wave):
    again, other = draw_endpoint(7, SEED), draw_endpoint(7, SEED + 1)
    assert again.today == wave.today
    assert np.array_equal(again.rps, wave.rps)
    assert not np.array_equal(other.rps, wave.rps)
    assert {draw_endpoint(number, SEED).traffic for number in range(len(TRAFFIC))} == set(TRAFFIC)


def test_what_is_shown_is_what_a_request_costs(wave):
    seen = observe(wave, SEED)
    assert len(seen.invocations) == DAYS * DAY
    law = utilisation_law(seen.rps / wave.instances, seen.cpu_percent)
    expected = 100 * wave.model.cpu_share * wave.model.service_on(wave.today)
    assert law.per_rps == pytest.approx(expected, rel=0.05)
    quiet = seen.rps <= np.nanquantile(seen.rps, 0.2)
    assert np.nanmedian(seen.latency_ms[quiet]) == pytest.approx(1000 * wave.model.service_on(wave.today), rel=0.1)


def test_ample_fleets_hold_and_scant_ones_do_not(wave):
    settings = SizingSettings(latency_ms=wave.target_ms)
    able = true_capacity(wave, wave.today)
    needed = wave.future.max() / able
    ample, scant = (fixed(wave, wave.today, max(int(needed * times), 1), 1.0) for times in (1.4, 0.5))
    assert truth(wave, ample, SEED).minutes == 0
    assert not truth(wave, scant, SEED).holds(settings)
    assert truth(grown(wave, 2.0), ample, SEED).minutes > 0


def test_every_minute_over_capacity_is_over_the_target(wave):
    able = true_capacity(wave, wave.today)
    drowned = fixed(wave, wave.today, 1, 1.0)
    busy = np.mean(wave.future > 1.2 * max(able, wave.model.workers_on(wave.today) / wave.model.service_on(wave.today)))
    assert truth(wave, drowned, SEED).minutes >= 0.9 * busy


def test_figures_are_told_as_tables(tmp_path):
    endpoints = [simulate(number, SEED) for number in (7, 8)]
    document = {**summary(endpoints), "endpoints": endpoints}
    document["speed"] = {"seconds": 0.2, "slowest_seconds": 0.3, "mb": 90, "runs": [1, 2]}
    document["bars"] = [bar | {"value": bar["value"] or 0.0} for bar in bars(document)]
    document["made"] = {
        "date": "2026-11-23", "processor": "x", "cores": 2, "python": "3.13", "versions": {}, "seed": SEED,
        "processes": 1, "seconds": 3.0,
    }  # fmt: skip
    json.dumps(document)
    assert [bar["what"] for bar in document["bars"]][2:] == ["seconds for one endpoint", "MB at the most"]
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    write_parts(page, parts(document), "make bench-sizing")
    assert "| Trimtab, high confidence |" in page.read_text()
    once = page.read_text()
    write_parts(page, parts(document), "make bench-sizing")
    assert page.read_text() == once
    with pytest.raises(SystemExit, match="no place for elsewhere"):
        write_parts(page, {"elsewhere": []}, "make bench-sizing")


def test_tables_align_figures_to_the_right():
    assert table(("a", "b"), [("x", "1")]) == ["| a | b |", "| --- | ---: |", "| x | 1 |"]
