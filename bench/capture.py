"""From captures to a verdict: CPU per row and peak memory, beside the usual way and a bare JSON parser.

`make bench`; `make bench QUICK=1` for small files only. Every measurement is a process of its own, the ways take turns,
and medians are told: neighbours on the machine change even CPU time, so trust the ratios. What is timed is all work
from the file to the verdict, not the imports (see the cold starts), the disk or making the reference. Results go to
`bench/results/capture.json` and, without QUICK, into the tables of docs/performance.md.
"""

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from bench.captures import Form, names, write_capture

ROOT = Path(__file__).parents[1]
FILES = ROOT / ".local" / "bench"
RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "performance.md"
CHUNK = 2**20
REFERENCE_ROWS = 50_000
MONITORED = 20
TRIMTAB, MONITORED_ONLY, NAIVE, PARSER = "trimtab", "trimtab, 20 monitored", "json + pandas + Evidently", "orjson.loads"


@dataclass(frozen=True)
class Case:
    """A file, and how often each way is measured on it: the usual way takes minutes on a million rows."""

    title: str
    form: Form
    rows: int
    rounds: int
    naive_rounds: int
    columns: int = 20
    rows_a_line: int = 1

    @property
    def path(self) -> Path:
        return FILES / f"{self.form}-{self.rows}x{self.columns}-{self.rows_a_line}.jsonl"

    @property
    def ways(self) -> tuple[str, ...]:
        return (TRIMTAB, PARSER, *((MONITORED_ONLY,) if self.columns > MONITORED else ()), NAIVE)


CASES = (
    Case("CSV", "csv", 10_000, 3, 3),
    Case("CSV", "csv", 100_000, 5, 2),
    Case("CSV", "csv", 1_000_000, 3, 3),
    Case("BASE64 of CSV", "base64", 100_000, 5, 1),
    Case("BASE64 of CSV", "base64", 1_000_000, 3, 0),
    Case("JSON", "json", 100_000, 5, 1),
    Case("JSON", "json", 1_000_000, 3, 0),
    Case("CSV, 50 rows a request", "csv", 100_000, 5, 1, rows_a_line=50),
    Case("CSV, 500 columns", "csv", 10_000, 3, 0, columns=500),
)
QUICK_CASES = (
    Case("CSV", "csv", 10_000, 3, 1),
    Case("BASE64 of CSV", "base64", 30_000, 3, 0),
    Case("JSON", "json", 30_000, 3, 0),
    Case("CSV, 50 rows a request", "csv", 50_000, 3, 0, rows_a_line=50),
    Case("CSV, 500 columns", "csv", 2_000, 3, 0, columns=500),
)

# Prices in us-east-1 in US dollars, as noted in November 2026; not looked up by any code.
LAMBDA_SECOND = 0.0000166667 * 1769 / 1024  # x86, at profile_capture's memory: one vCPU
LAMBDA_REQUEST = 0.20e-6
S3_GET, S3_PUT, SQS_REQUEST = 0.40e-6, 5.00e-6, 0.40e-6
SLOWER = 2.0  # a Lambda vCPU against this one
S3_BYTES_PER_SECOND = 75e6
OBJECTS_PER_BATCH = 100


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.capture", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small files, and the page stays as it is")
    parser.add_argument("--measure", nargs=3, metavar=("WAY", "FILE", "COLUMNS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        way, file, columns = given.measure
        print(json.dumps(measured(way, Path(file), int(columns))))
        return
    FILES.mkdir(parents=True, exist_ok=True)
    RESULTS.mkdir(exist_ok=True)
    cases = QUICK_CASES if given.quick else CASES
    for columns in sorted({case.columns for case in cases}):
        make_reference(columns)
    results = [result_of(case) for case in cases]
    document = {"machine": machine(), "cases": results}
    (RESULTS / ("capture-quick.json" if given.quick else "capture.json")).write_text(
        json.dumps(document, indent=1) + "\n"
    )
    table = "\n".join(case_table(document))
    print(table)
    if not given.quick:
        write_page(document)


def result_of(case: Case) -> dict[str, Any]:
    """Medians of one case."""
    if not case.path.exists():
        write_capture(case.path, case.form, case.rows, columns=case.columns, rows_a_line=case.rows_a_line)
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for turn in range(case.rounds):
        for way in case.ways:
            if way != NAIVE or turn < case.naive_rounds:
                command = [sys.executable, "-m", "bench.capture", "--measure", way, case.path, str(case.columns)]
                runs[way].append(json.loads(subprocess.check_output(command, cwd=ROOT)))
    print(f"{case.title}, {case.rows:,} rows: done", file=sys.stderr)
    ways = {
        way: {
            "us_per_row": round(median(run["cpu"] for run in each) / case.rows * 1e6, 3),
            "peak_mb": round(median(run["peak_mb"] for run in each)),
            "runs": [round(run["cpu"] / case.rows * 1e6, 3) for run in each],
        }
        for way, each in runs.items()
    }
    return {
        "title": case.title,
        "rows": case.rows,
        "columns": case.columns,
        "bytes_per_row": round(case.path.stat().st_size / case.rows),
        "ways": ways,
    }


def measured(way: str, path: Path, columns: int) -> dict[str, Any]:
    """CPU seconds and peak memory of one way on one file."""
    work = {TRIMTAB: by_trimtab, MONITORED_ONLY: by_trimtab_of_few, NAIVE: by_evidently, PARSER: by_parser}[way]
    with path.open("rb", buffering=0) as file:
        while file.read(CHUNK):
            pass  # the disk, of which the other way may have had more, is no part of the figures
    seconds = work(path, columns)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"cpu": seconds, "peak_mb": int(status["VmHWM"].split()[0]) * 1024 / 1e6}


def by_trimtab(path: Path, columns: int, monitored: int | None = None) -> float:
    sys.modules["pandas"] = None  # type: ignore[assignment]  # Arrow would load it; the functions have none
    from trimtab.capture.decode import Unreadable, decode
    from trimtab.capture.grid import Grid
    from trimtab.capture.profile import add_profiles, profile_table
    from trimtab.capture.reference import Reference, decode_reference
    from trimtab.capture.sample import seed_of
    from trimtab.capture.sampling import RowSampler, SmallestHashes
    from trimtab.drift.assessment import assess
    from trimtab.drift.thresholds import DriftThresholds
    from trimtab.settings import EndpointSettings

    reference = decode_reference(reference_path(columns).read_bytes())
    if monitored:
        few = [*names(columns)[: monitored - 1], "prediction"]
        grid = Grid({name: reference.grid.columns[name] for name in few})
        kept = {name: reference.profile.columns[name] for name in few}
        profile = type(reference.profile)(grid.name, reference.profile.rows, kept)
        reference = Reference(grid, profile, reference.source, reference.created, reference.outputs)
    settings = EndpointSettings(columns=names(columns), predictions=("prediction",))
    layout = settings.layout(reference.grid.columns)
    with path.open("rb") as file:
        list(decode([file.readline()], layout))  # so that what is imported late is not timed
    sampler = RowSampler(seed_of(str(path)), SmallestHashes(settings.sample_rows))
    started = time.process_time()
    profiles = []
    with path.open("rb", buffering=0) as file:
        for item in decode(iter(lambda: file.read(CHUNK), b""), layout):
            if isinstance(item, Unreadable):
                raise SystemExit(f"{path}: {item}")
            profiles.append(profile_table(item, reference.grid))
            sampler.add(item)
    sampler.sample()
    assess(reference, add_profiles(profiles, reference.grid), DriftThresholds())
    return time.process_time() - started


def by_trimtab_of_few(path: Path, columns: int) -> float:
    return by_trimtab(path, columns, MONITORED)


def by_evidently(path: Path, columns: int) -> float:
    from bench.naive import drift, read_frame

    reference = read_frame(reference_captures(columns), names(columns))
    started = time.process_time()
    drift(read_frame(path, names(columns)), reference)
    return time.process_time() - started


def by_parser(path: Path, columns: int) -> float:  # noqa: ARG001
    import orjson

    gc.disable()
    started = time.process_time()
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)
    return time.process_time() - started


def make_reference(columns: int) -> None:
    from trimtab.capture.decode import decode
    from trimtab.capture.layout import Layout
    from trimtab.capture.reference import encode_reference, reference_from_sketch
    from trimtab.capture.sketch import merge_sketches, sketch_table
    from trimtab.capture.table import Table

    captures = reference_captures(columns)
    if not captures.exists():
        rows = REFERENCE_ROWS if columns <= MONITORED else 5_000
        write_capture(captures, "csv", rows, columns=columns, drifted=False, seed=7)
    layout = Layout(columns=names(columns), predictions=("prediction",))
    tables = (item for item in decode([captures.read_bytes()], layout) if isinstance(item, Table))
    sketch = merge_sketches([sketch_table(table) for table in tables])
    reference = reference_from_sketch(sketch, source=captures.name, created="2026-01-01T00:00:00Z")
    reference_path(columns).write_bytes(encode_reference(reference))


def reference_captures(columns: int) -> Path:
    return FILES / f"reference-{columns}.jsonl"


def reference_path(columns: int) -> Path:
    return FILES / f"reference-{columns}.json"


def machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": processor or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "pyarrow", "msgspec", "orjson", "pandas", "evidently")},
    }


def case_table(document: dict[str, Any]) -> list[str]:
    lines = [
        "| Captures | Rows | Trimtab, µs/row | Peak MB | Evidently, µs/row | Peak MB | Times faster "
        "| orjson, µs/row | Trimtab ÷ orjson |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for case in document["cases"]:
        ways = case["ways"]
        ours, parser, naive = ways[TRIMTAB], ways[PARSER], ways.get(NAIVE)
        usual = (
            (f"{naive['us_per_row']:.1f}", naive["peak_mb"], f"{naive['us_per_row'] / ours['us_per_row']:.0f}")
            if naive
            else ("", "", "")
        )
        ratio = f"{ours['us_per_row'] / parser['us_per_row']:.2f}"
        cells = (
            case["title"],
            f"{case['rows']:,}",
            f"{ours['us_per_row']:.2f}",
            ours["peak_mb"],
            *usual,
            f"{parser['us_per_row']:.2f}",
            ratio,
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
        if few := ways.get(MONITORED_ONLY):
            share = f"{few['us_per_row'] / parser['us_per_row']:.2f}"
            cells = (f"… of which {MONITORED} are monitored", f"{case['rows']:,}", f"{few['us_per_row']:.2f}")
            lines.append(f"| {' | '.join(cells)} | {few['peak_mb']} | | | | {parser['us_per_row']:.2f} | {share} |")
    return lines


def cost_table(document: dict[str, Any]) -> list[str]:
    """What a million predictions a day cost, by how many a capture object holds."""
    case = max(document["cases"], key=lambda each: (each["title"] == "CSV", each["rows"]))
    second = case["ways"][TRIMTAB]["us_per_row"] * SLOWER / 1e6 + case["bytes_per_row"] / S3_BYTES_PER_SECOND
    lines = ["| Predictions an object | CPU and S3 stream | S3 GET | SQS | Packs (PUT) and requests | Sum |"]
    lines.append("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for rows in (10, 700, 17_000):
        objects = 1e6 / rows
        batches = max(24.0, objects / OBJECTS_PER_BATCH)
        # an object takes some 40 ms until its first byte comes
        compute = (1e6 * second + objects * 0.04) * LAMBDA_SECOND
        # per message one send by EventBridge, and per batch one receive and one delete
        queue = (objects + 2 * batches) * SQS_REQUEST
        packs = batches * (S3_PUT + LAMBDA_REQUEST)
        parts = (compute, objects * S3_GET, queue, packs)
        lines.append(f"| {rows:,} | {' | '.join(f'${part:.5f}' for part in (*parts, sum(parts)))} |")
    return lines


def cold_start_table() -> list[str]:
    path = RESULTS / "cold_start.json"
    if not path.exists():
        return ["Not measured here: `python -m bench.cold_start`."]
    document = json.loads(path.read_text())
    lines = ["| Function | Layers | Unzipped MB | Import, CPU s | Peak MB |", "| --- | --- | ---: | ---: | ---: |"]
    for name, each in sorted(document["functions"].items()):
        cells = (name, ", ".join(each["layers"]), each["unzipped_mb"], each["cpu_seconds"], each["peak_mb"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def write_page(document: dict[str, Any]) -> None:
    """Put the tables between their marks on the page; what is said around them stays."""
    told = document["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in {"Python": told["python"], **told["versions"]}.items())
    where = f"{told['date']}, {told['processor']}, {told['cores']} cores, one thread used; {versions}."
    parts = {
        "speed": [where, "", *case_table(document)],
        "cost": cost_table(document),
        "cold-start": cold_start_table(),
    }
    page = PAGE.read_text()
    for name, lines in parts.items():
        begin, end = f"<!-- {name}: written by make bench -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = before + begin + "\n" + "\n".join(lines) + "\n\n" + end + after
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
