"""What a function loads when it starts."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent.name for path in (PROJECT / "functions").glob("*/app.py"))
HEAVY = {"pandas", "evidently", "scipy", "matplotlib", "moto"}
WITH_ARROW = {"profile_capture", "build_reference"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_light_functions_load_nothing_heavy(function):
    code = f"import sys, functions.{function}.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & HEAVY
    if function not in WITH_ARROW:
        assert "pyarrow" not in loaded
        assert "trimtab.capture.decode" not in done.stdout.split()
