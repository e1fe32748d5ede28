"""What a cold start costs: CPU and memory of importing each built function, and the sizes of what it unpacks.

python -m bench.cold_start [--runs 5]: a table on screen, and `bench/results/cold_start.json`. Builds first. Each run is
a new process with nothing but the Lambda runtime; without the bytecode of its layers a function would have to compile
them again each time, as on AWS. The median is told. CPU includes the interpreter's own start; memory is the most that
was resident.
"""

import argparse
import json
import os
import platform
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from local.built import (
    RUNTIME_PYTHON,
    BuiltFunction,
    built_functions,
    runtime_command,
    runtime_environment,
    unzipped_bytes,
)
from local.cloud import ROOT
from local.deploy import build

RESULTS = Path(__file__).parent / "results" / "cold_start.json"
IMPORT = """
import json, sys, time
__import__(sys.argv[1])
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
told = {"cpu_seconds": time.process_time(), "peak_mb": int(status["VmHWM"].split()[0]) * 1024 / 1e6}
print(json.dumps(told | {"modules": len(sys.modules)}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="processes per function (default 5)")
    runs = parser.parse_args().runs
    functions = built_functions(build(ROOT / "template.yaml", progress=lambda _: None))
    # On AWS the runtime's own packages have their bytecode; here the first import makes it.
    subprocess.run([RUNTIME_PYTHON, "-c", "import awslambdaric.bootstrap, boto3"], check=True, cwd="/")
    results = {function.name: measured(function, runs) for function in functions}
    RESULTS.parent.mkdir(exist_ok=True)
    layers = {layer.name: layer for function in functions for layer in function.layers}
    sizes = {name: round(unzipped_bytes(layer) / 1e6, 1) for name, layer in sorted(layers.items())}
    machine = {"processor": processor(), "cores": os.cpu_count(), "python": platform.python_version()}
    document = {"runs": runs, "machine": machine, "layers_mb": sizes, "functions": results}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    show(document)


def measured(function: BuiltFunction, runs: int) -> dict[str, Any]:
    """Medians over `runs` processes that import the function's module, and what it unpacks."""
    own = {"POWERTOOLS_SERVICE_NAME": function.name, "POWERTOOLS_METRICS_NAMESPACE": "Trimtab"}
    command = runtime_command("-c", IMPORT, function.handler.rpartition(".")[0])
    told = [
        json.loads(subprocess.check_output(command, env=runtime_environment(function) | own, cwd=function.code))
        for _ in range(runs)
    ]
    return {
        "layers": [layer.name for layer in function.layers],
        "unzipped_mb": round(sum(map(unzipped_bytes, (function.code, *function.layers))) / 1e6, 1),
        "cpu_seconds": round(median(each["cpu_seconds"] for each in told), 3),
        "cpu_seconds_all": [round(each["cpu_seconds"], 3) for each in told],
        "peak_mb": round(median(each["peak_mb"] for each in told), 1),
        "modules": told[0]["modules"],
    }


def show(document: dict[str, Any]) -> None:
    table = Table("function", "layers", title="Cold import of the built functions")
    for column in ("unzipped MB", "CPU s", "peak MB", "modules"):
        table.add_column(column, justify="right")
    for name, each in document["functions"].items():
        numbers = (each["unzipped_mb"], each["cpu_seconds"], each["peak_mb"], each["modules"])
        table.add_row(name, ", ".join(each["layers"]), *map(str, numbers))
    console = Console()
    console.print(table)
    console.print(f"Layers, unzipped MB: {document['layers_mb']}; medians of {document['runs']} runs; {RESULTS}")


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
