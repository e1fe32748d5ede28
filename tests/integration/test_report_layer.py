"""The function that makes reports, as it is built: within Lambda's size, and able to make a whole one by itself."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.built import BUILD, BuiltFunction, built_functions, runtime_command, runtime_environment, unzipped_bytes
from tests.integration.deployed import Deployed

pytestmark = pytest.mark.integration

LIMIT = 262_144_000
"""Bytes of a function with all its layers, unzipped (AWS Lambda quotas: 250 MB)."""
SPARE = 10_000_000
ROWS = 10_000


@pytest.fixture(scope="module")
def function(stack: Deployed) -> BuiltFunction:
    del stack  # it was built for this
    return next(each for each in built_functions() if each.name == "report_drift")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report") / "drift.html"


@pytest.fixture(scope="module")
def made(function: BuiltFunction, page: Path) -> dict[str, Any]:
    """What making a report of 21 columns came to, in a process that has the built artefacts alone, on one core."""
    script = Path(__file__).with_name("drift_report.py")
    command = ["taskset", "--cpu-list", "0", *runtime_command(str(script), str(ROWS), str(page))]
    printed = subprocess.check_output(command, env=runtime_environment(function), cwd=page.parent, text=True)
    made: dict[str, Any] = json.loads(printed)
    return made


def test_the_function_and_its_layers_leave_room_within_lambdas_limit(function: BuiltFunction) -> None:
    assert [layer.name for layer in function.layers] == ["CoreLayer", "EvidentlyLayer"]
    total = sum(map(unzipped_bytes, (function.code, *function.layers)))
    assert total <= LIMIT - SPARE


def test_the_layer_is_bytecode_alone(function: BuiltFunction) -> None:
    """Sources and bytecode together would not fit, and without bytecode every cold start compiles 3,000 modules."""
    assert BUILD / "EvidentlyLayer" in function.layers
    folder = BUILD / "EvidentlyLayer" / "python"
    assert not list(folder.rglob("*.py"))
    assert (folder / "evidently" / "__init__.pyc").is_file()
    assert not (folder / "numpy").exists()


def test_a_report_of_10_000_rows_takes_at_most_a_minute_and_1_500_mb_on_one_core(made: dict[str, Any]) -> None:
    assert made["rows"] == [ROWS, ROWS]
    assert made["seconds"] <= 60
    assert made["peak_mib"] <= 1_500


def test_the_report_has_every_column_with_fixed_tests_and_the_same_numbers_each_time(made: dict[str, Any]) -> None:
    scores = made["scores"]
    assert len(scores) == 20
    assert {method for method, *_ in scores.values()} == {"wasserstein", "jensenshannon"}
    assert scores["few"][0] == "jensenshannon"
    assert {name for name, (_, _, is_drifted) in scores.items() if is_drifted} == {"number 03", "text ‹1›"}
    assert made["left_out"] == {"gone": "without any value in the current rows"}
    assert made["is_repeatable"]


def test_where_evidently_and_trimtab_differ_the_page_says_why(made: dict[str, Any]) -> None:
    assert made["verdicts"]["number 04"] == "ALERT"
    assert "missing values" in made["whys"]["number 04"]
    assert not [name for name, why in made["whys"].items() if why and name not in {"number 04", "gone"}]


def test_the_page_loads_nothing_and_takes_no_markup_from_the_data(made: dict[str, Any], page: Path) -> None:
    del made
    html = page.read_text()
    head = html[: html.index("<body>")]
    assert not re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)\s*=", html)
    assert "Content-Security-Policy" in head
    assert "document.title='taken'" in html
    assert "<script>document.title" not in html
    for part in ("Two ways to look at it", "Data Drift Summary", "Dataset Summary", "Classification Model Performance"):
        assert part in html
