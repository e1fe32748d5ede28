import json

import pytest

from bench import bars
from bench.bars import bar, conclude


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(bars, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_a_bench_whose_bars_hold_ends_well_and_writes_its_page(results, capsys):
    pages = []
    with pytest.raises(SystemExit) as ended:
        conclude({"bars": [bar("speed", 1.0, 2)]}, "tried", pages.append, quick=False)
    assert ended.value.code == 0
    assert len(pages) == 1
    assert json.loads((results / "tried.json").read_text())["bars"][0]["holds"]
    assert "1 of 1 bars hold" in capsys.readouterr().out


def test_a_missed_bar_is_said_and_ends_badly(capsys):
    missed = [bar("found", 0.9, 0.95, is_most=False, where="here"), bar("never measured", None, 1)]
    with pytest.raises(SystemExit) as ended:
        conclude({"bars": missed}, "tried", None, quick=False)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "MISSED found: 0.9 against 0.95 (here)" in said
    assert "MISSED never measured: nothing measured against 1" in said


def test_a_quick_run_leaves_the_page_and_the_full_results_alone(results):
    pages = []
    with pytest.raises(SystemExit):
        conclude({"bars": []}, "tried", pages.append, quick=True)
    assert pages == []
    assert [path.name for path in results.iterdir()] == ["tried-quick.json"]
