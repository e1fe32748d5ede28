"""A real Prometheus scrapes the metrics that are written for it."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from trimtab.pages.endpoint_metrics import endpoint_values, metrics_text
from trimtab.pages.openmetrics import CONTENT_TYPE
from trimtab.pages.sources import EndpointSources, VariantSources

pytestmark = pytest.mark.integration

ODD = 'All"Traffic\\\n'
"""No variant is called so; a column of text could be, and a label must not break the file."""
END = "2026-01-01T00:00:00Z"
"""Long past: Prometheus would drop samples of that time."""
PATIENCE = 30

type Query = Callable[[str], list[dict[str, Any]]]


def window(verdict: str, psi: float) -> dict[str, Any]:
    return {
        "window": {"start": END, "end": END, "rows": 1500},
        "verdict": verdict,
        "state": "cleared",
        "drifted_share": 0.25,
        "columns": {"age": {"psi_adjusted": psi}},
        "coverage": {"share": 1.0},
    }


def endpoints() -> list[EndpointSources]:
    quality = {
        **window("OK", 0.0),
        "end": END,
        "basis": "estimated",
        "metrics": {"auc": {"value": 0.914, "lower": 0.9, "upper": 0.93}},
    }
    cost = {
        "last_hour": {"usd": 0.46, "usd_per_thousand_predictions": 0.01083},
        "month": {"to_date_usd": 231.84, "forecast_usd": 300.0, "low_usd": 280.0, "high_usd": 310.0, "idle_usd": 1.5},
        "anomaly": {"state": "raised"},
    }
    rollout = {
        "kind": "rollout",
        "phase": "shifting",
        "judgement": {"decision": "HOLD", "ln_e_harm": -1.5, "relative_risk": 1.02},
    }
    churn = VariantSources("AllTraffic", window=window("ALERT", 0.31), quality=(quality,))
    return [
        EndpointSources("churn", (churn,), cost=cost, change=rollout),
        EndpointSources("fraud", (VariantSources(ODD, window=window("OK", 1e-17)),)),
    ]


class MetricsHandler(SimpleHTTPRequestHandler):
    """Serves the folder as S3 does: with the content type the object was stored with."""

    extensions_map: dict[str, str] = {".txt": CONTENT_TYPE}  # noqa: RUF012 # as in the class it derives from

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server of the metrics."""
    folder = tmp_path_factory.mktemp("site")
    values = {each.name: endpoint_values(each) for each in endpoints()}
    (folder / "metrics.txt").write_text(metrics_text(values, datetime.now(UTC)))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(MetricsHandler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def prometheus(served: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Prometheus that scrapes the metrics each second."""
    program = shutil.which("prometheus")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have prometheus (local/setup.sh installs Debian's package)")
        pytest.skip("prometheus is not installed (Debian's package prometheus)")
    folder = tmp_path_factory.mktemp("prometheus")
    job = {"job_name": "trimtab", "metrics_path": "/metrics.txt", "static_configs": [{"targets": [served]}]}
    (folder / "prometheus.yml").write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
    address = f"127.0.0.1:{free_port()}"
    options = {"config.file": "prometheus.yml", "storage.tsdb.path": "data", "web.listen-address": address}
    with (folder / "log").open("w") as log:
        command = [program, *(f"--{name}={value}" for name, value in options.items())]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until_scraped(address, process, folder / "log")
            yield address
        finally:
            process.terminate()
            process.wait(timeout=10)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def wait_until_scraped(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline, last = time.monotonic() + PATIENCE, ""
    while time.monotonic() < deadline and process.poll() is None:
        try:
            [target] = answer(address, "targets")["activeTargets"]
            last = f"{target['health']}: {target['lastError']}"
            if target["health"] == "up":
                return
        except (OSError, ValueError):
            pass  # it has not come up yet, or has not made its targets
        time.sleep(0.2)
    pytest.fail(f"Prometheus did not scrape the metrics: {last}\n{log.read_text()[-2000:]}")


def answer(address: str, path: str, parameters: Mapping[str, str] | None = None) -> Any:
    with urlopen(f"http://{address}/api/v1/{path}?{urlencode(parameters or {})}", timeout=5) as reply:
        return json.load(reply)["data"]


@pytest.fixture(scope="module")
def query(prometheus: str) -> Query:
    """Gives the samples of a PromQL expression."""
    return lambda expression: answer(prometheus, "query", {"query": expression})["result"]


def test_every_sample_is_taken_as_it_was_written(query: Query, served: str) -> None:
    with urlopen(f"http://{served}/metrics.txt", timeout=5) as reply:
        assert reply.headers["Content-Type"] == CONTENT_TYPE
        lines = reply.read().decode().splitlines()
    written = [line for line in lines if not line.startswith("#")]
    found = query('{job="trimtab",__name__=~"trimtab_.*"}')
    assert len(found) == len(written)
    assert sorted(float(sample["value"][1]) for sample in found) == sorted(
        float(line.rpartition(" ")[2]) for line in written
    )


def test_verdicts_can_be_asked_for_by_their_states(query: Query) -> None:
    alerting = query('trimtab_drift_verdict{trimtab_drift_verdict="ALERT"} == 1')
    assert [sample["metric"]["endpoint"] for sample in alerting] == ["churn"]
    assert query('trimtab_cost_alert{trimtab_cost_alert="raised"} == 1')


def test_a_label_of_any_text_comes_back_as_it_was(query: Query) -> None:
    [sample] = query('trimtab_drift_score{endpoint="fraud"}')
    assert sample["metric"]["variant"] == ODD
    assert float(sample["value"][1]) == 1e-17


def test_the_age_of_a_verdict_is_told(query: Query) -> None:
    [sample] = query('time() - trimtab_drift_window_end_timestamp_seconds{endpoint="churn"}')
    age = datetime.now(UTC) - datetime.fromisoformat(END)
    assert float(sample["value"][1]) == pytest.approx(age.total_seconds(), abs=60)


def test_types_units_and_help_are_understood(prometheus: str) -> None:
    known = answer(prometheus, "metadata")
    assert known["trimtab_drift_verdict"] == [
        {"type": "stateset", "unit": "", "help": "The verdict on the last window."}
    ]
    assert [known["trimtab_cost_last_hour_usd"][0][key] for key in ("type", "unit")] == ["gauge", "usd"]
