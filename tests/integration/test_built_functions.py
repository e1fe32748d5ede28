"""Each function as `sam build` left it, in a process that has the Lambda runtime and nothing else."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest

from local.built import BUILD, BuiltFunction, built_functions, runtime_command, runtime_environment, unzipped_bytes
from local.cloud import ROOT
from local.history import replay
from tests.integration.deployed import START, Deployed, traffic
from tests.integration.lambda_process import Answer, LambdaProcess, running

pytestmark = pytest.mark.integration

NAMES = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
SAMPLES = sorted((ROOT / "events").glob("*/*.json"))
MEGABYTE = 1_000_000
HEAVY = {"pyarrow", "pandas", "scipy", "evidently", "matplotlib", "pytest", "moto"}


@pytest.fixture(scope="module")
def functions(stack: Deployed) -> dict[str, BuiltFunction]:
    del stack  # it was built for this
    return {function.name: function for function in built_functions()}


@pytest.fixture(scope="module")
def invoke(stack: Deployed, functions: dict[str, BuiltFunction]) -> Iterator[Callable[[str, Any], Answer]]:
    """Invoke a built function, against the local cloud, with the variables that it was deployed with."""
    processes: dict[str, LambdaProcess] = {}
    with ExitStack() as open_processes:

        def call(name: str, event: Any) -> Answer:
            if name not in processes:
                deployed = stack.cloud.client("lambda").get_function_configuration(FunctionName=stack.function(name))
                variables = dict(stack.cloud.env) | deployed["Environment"]["Variables"]
                processes[name] = open_processes.enter_context(running(functions[name], variables))
            return processes[name].invoke(event)

        yield call


@pytest.fixture(scope="module", autouse=True)
def sample_objects(stack: Deployed) -> None:
    """The objects that the sample events name."""
    s3 = stack.cloud.client("s3")
    samples = [path.read_text() for path in SAMPLES if path.parent.name == "profile_capture"]
    keys = re.compile(r"[\w+-]*/?churn[\w-]*/[^\"\\]+\.jsonl?\b")
    named = {unquote_plus(key) for text in samples for key in keys.findall(text)}
    captures = {key for key in named if key.endswith(".jsonl")}
    training = json.loads((ROOT / "events/build_reference/training_data_named.json").read_text())["source"]
    training_bucket, _, training_key = training.removeprefix("s3://").partition("/")
    for bucket in ("example-captures", training_bucket):
        s3.create_bucket(Bucket=bucket)
    rows = traffic(1)
    (made,) = replay(rows, endpoint="churn", destination="s3://any", start=START, rotation=timedelta(days=1))
    for key in captures:
        s3.put_object(Bucket="example-captures", Key=key, Body=made.body)
    data_file = json.dumps([{"prefix": "s3://example-captures/jobs/churn.csv"}, ""])
    for key in named - captures:
        s3.put_object(Bucket="example-captures", Key=key, Body=data_file.encode())
    s3.put_object(Bucket="example-captures", Key="jobs/churn.csv", Body=rows.rows.to_csv(index=False).encode())
    s3.put_object(Bucket=training_bucket, Key=training_key, Body=rows.rows.to_csv(index=False).encode())


def test_every_function_is_built_with_the_layers_that_the_template_gives_it(
    functions: dict[str, BuiltFunction],
) -> None:
    assert sorted(functions) == NAMES
    with_arrow = {name for name, each in functions.items() if BUILD / "ArrowLayer" in each.layers}
    assert with_arrow == {"profile_capture", "build_reference"}
    assert all(each.layers[0] == BUILD / "CoreLayer" for each in functions.values())


REFUSALS = {
    **dict.fromkeys(
        (f"judge_canary/{word}_ordered" for word in ("pause", "resume", "promote", "abort")), "NoRolloutError"
    ),
    "release_model/confirmed": "NothingToConfirmError",
    **dict.fromkeys(
        (f"report_drift/{path.stem}" for path in SAMPLES if path.parent.name == "report_drift"), "WindowNotFoundError"
    ),
    "rightsize_endpoints/approved": "NothingProposedError",
    "roll_back_endpoint/approved": "NothingProposedError",
    "start_retraining/approved": "NothingProposedError",
}
"""What a person says about something that is not there, here, is refused by name."""


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_answers_its_sample_events(sample: Path, invoke: Callable[[str, Any], Answer]) -> None:
    answer = invoke(sample.parent.name, json.loads(sample.read_text()))
    if refusal := REFUSALS.get(f"{sample.parent.name}/{sample.stem}"):
        assert (answer.how, answer.body["errorType"]) == ("error", refusal)
        return
    assert answer.how == "response", answer.body
    match sample.parent.name:
        case "profile_capture" if '"Items"' in sample.read_text():  # the backfill's
            assert answer.body["rows"] == len(traffic(1)) * answer.body["objects"] > 0
        case "profile_capture" | "send_alert":
            assert answer.body == {"batchItemFailures": []}
        case "build_reference":
            assert answer.body["rows"] == len(traffic(1))
        case "detect_drift":
            assert answer.body.keys() == {"endpoints"}


def test_what_a_function_does_not_ship_it_does_not_find(tmp_path: Path) -> None:
    """The process is the Lambda runtime: what stands around this project's own interpreter is not there."""
    (tmp_path / "app.py").write_text("import moto")
    lacking = BuiltFunction("lacking", "Lacking", "app.lambda_handler", tmp_path, (), 128)
    with running(lacking, {}) as process:
        told = process.answer()
    assert told.body["errorMessage"] == "Unable to import module 'app': No module named 'moto'"


@pytest.mark.parametrize("name", NAMES)
def test_a_function_loads_nothing_heavy_when_it_starts(name: str, functions: dict[str, BuiltFunction]) -> None:
    function = functions[name]
    module = function.handler.rpartition(".")[0]
    command = runtime_command("-c", f"import sys, {module}; print(*sys.modules)")
    own = {"POWERTOOLS_SERVICE_NAME": name, "POWERTOOLS_METRICS_NAMESPACE": "Trimtab"}
    printed = subprocess.check_output(command, env=runtime_environment(function) | own, cwd=function.code, text=True)
    loaded = printed.split()
    allowed = {"pyarrow"} if BUILD / "ArrowLayer" in function.layers else set()
    assert not {module.partition(".")[0] for module in loaded} & HEAVY - allowed
    if not allowed:
        assert "trimtab.capture.decode" not in loaded


def test_layers_stay_small(functions: dict[str, BuiltFunction]) -> None:
    core, arrow = unzipped_bytes(BUILD / "CoreLayer"), unzipped_bytes(BUILD / "ArrowLayer")
    assert core <= 110 * MEGABYTE
    assert core + arrow <= 200 * MEGABYTE
    for function in functions.values():
        assert unzipped_bytes(function.code) <= MEGABYTE


def test_layers_bring_their_bytecode(functions: dict[str, BuiltFunction]) -> None:
    """Layers are read-only on Lambda: without it every cold start compiles all it imports."""
    del functions
    modules = list((BUILD / "CoreLayer" / "python").rglob("*.py"))
    assert modules
    assert not [path for path in modules if not list((path.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc"))]
