"""The example's serving app under uvicorn: SageMaker's two paths, Prometheus' metrics, captures that Trimtab reads.

Skipped where FastAPI, uvicorn or the Prometheus client is missing.
"""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from trimtab.cli.main import main

for package in ("fastapi", "uvicorn"):
    pytest.importorskip(package)
parser = pytest.importorskip("prometheus_client.parser")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MODEL = {"mean": [0, 0, 0, 0], "scale": [1, 1, 1, 1], "weights": [1, 0, 0, 0, 0], "rows": 1}


@pytest.fixture
def served(tmp_path):
    """The app on a free port."""
    (tmp_path / "model.json").write_text(json.dumps(MODEL))
    environment = os.environ | {
        "MODEL_PATH": str(tmp_path / "model.json"),
        "CAPTURE_DIR": str(tmp_path / "captures"),
        "ENDPOINT_NAME": "churn",
        "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "uvicorn", "serving.app:app", "--port", "0", "--no-access-log"]
    with subprocess.Popen(command, cwd=EXAMPLES, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield SimpleNamespace(url=address(server), captures=tmp_path / "captures")
        finally:
            server.terminate()


def address(server):
    said = []
    for line in server.stderr:
        said.append(line)
        if found := re.search(r"running on (http://\S+)", line):
            return found[1]
    raise AssertionError("".join(said))


def invoke(served, body, content_type="text/csv", **headers):
    request = Request(f"{served.url}/invocations", body, {"Content-Type": content_type, **headers})
    try:
        with urlopen(request) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def scraped(served):
    with urlopen(f"{served.url}/metrics") as answer:
        families = parser.text_string_to_metric_families(answer.read().decode())
        return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_answers_sagemakers_paths(served):
    with urlopen(f"{served.url}/ping") as answer:
        assert answer.status == 200
    assert invoke(served, b"0,1,2,3\n") == (200, b"0.5\n")
    assert invoke(served, b"0,1,2,3", "text/csv; charset=utf-8") == (200, b"0.5\n")
    assert invoke(served, b"nonsense")[0] == 400
    assert invoke(served, b"")[0] == 400
    assert invoke(served, b"{}", "application/json")[0] == 415


def test_prometheus_scrapes_requests_rows_and_times(served):
    invoke(served, b"0,1,2,3\n4,5,6,7\n")
    invoke(served, b"nonsense")
    metrics = scraped(served)
    assert metrics["model_requests_total", "200"] == 1
    assert metrics["model_requests_total", "400"] == 1
    assert metrics["model_predictions_total",] == 2
    assert metrics["model_request_seconds_count",] == 2
    assert metrics["model_request_seconds_bucket", "+Inf"] == 2
    assert metrics["model_captures_lost_total",] == 0


def test_captures_are_read_by_trimtab(served, capsys):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: invoke(served, f"{i},1,2,3\n{i},4,,5\n".encode()), range(100)))
    assert {status for status, _ in answers} == {200}
    invoke(served, b"0,1,2,3", **{"X-Amzn-SageMaker-Inference-Id": "order-7"})
    files = list((served.captures / "churn" / "AllTraffic").rglob("*.jsonl"))
    assert all(re.fullmatch(r"\d{4}/\d\d/\d\d/\d\d", str(each.parent.relative_to(each.parents[4]))) for each in files)
    lines = [json.loads(line) for each in files for line in each.read_text().splitlines()]
    assert sum(each["eventMetadata"].get("inferenceId") == "order-7" for each in lines) == 1
    assert main(["profile", str(served.captures), "--json", "--columns", "age,tenure,calls,spend"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["coverage"]) == (201, 1.0)
    assert sum(each["records"] for each in told["files"]) == 101
    assert told["files"][0]["columns"]["calls"] == "numeric"
