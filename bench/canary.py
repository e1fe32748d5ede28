"""How often the canary judge errs, and how fast it finds harm, beside the naive rule: simulated canaries by thousands.

`make bench-canary`; `make bench-canary QUICK=1` for few runs. Every canary is looked at after each of its 240 minutes,
by the code that judges real ones. Results go to `bench/results/canary.json` and, without QUICK, into the tables of
docs/canary-figures.md. Exits with 1 when a figure misses its bar (see bench/canary_plan.py).
"""

import argparse
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.bars import conclude
from bench.canary_figures import CHECKS, Outcomes, figures, joined, outcomes
from bench.canary_page import write_page
from bench.canary_plan import JUDGE_MILLISECONDS, bars, is_harmful, scenarios
from bench.canary_timing import time_judge
from bench.canary_traffic import MINUTES, SLOW_SHARE, Scenario, draw, generator
from trimtab.rollout.thresholds import CanaryThresholds

SEED = 20261123
PART = 250
"""Runs that are simulated at once: their arrays fit into the processor's cache."""
ROUNDS, QUICK_ROUNDS = 101, 15

type Task = tuple[Scenario, int, int]
"""A scenario, which part of its runs, the seed."""
type Map = Callable[[Callable[[Task], Outcomes], Sequence[Task]], Iterable[Outcomes]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.canary", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few runs, and the page stays as it is")
    parser.add_argument("--seed", type=int, default=SEED, help="of the random numbers (%(default)s)")
    parser.add_argument("--processes", type=int, default=os.process_cpu_count(), help="(%(default)s)")
    given = parser.parse_args()
    started = time.perf_counter()
    judging = time_judge(QUICK_ROUNDS if given.quick else ROUNDS, given.seed)  # before the cores are busy
    with ProcessPoolExecutor(given.processes, multiprocessing.get_context("spawn")) as pool:
        document = simulated(scenarios(quick=given.quick), given.seed, pool.map, quick=given.quick)
    document["judge"] = judging
    document["bars"].append(judging_bar(judging["slowest_ms"]))
    document["made"] |= {"processes": given.processes, "seconds": round(time.perf_counter() - started, 1)}
    conclude(document, "canary", write_page, quick=given.quick)


def simulated(planned: Sequence[Scenario], seed: int, each: Map = map, *, quick: bool = False) -> dict[str, Any]:
    """Every scenario's figures, and which bars hold. `each`: like map, but perhaps on all cores."""
    tasks = [(scenario, part, seed) for scenario in planned for part in range(-(-scenario.runs // PART))]
    pairs = zip(tasks, each(simulate_part, tasks), strict=True)
    started = time.perf_counter()
    told, checked = [], []
    for number, (scenario, parts) in enumerate(groupby(pairs, key=lambda pair: pair[0][0]), 1):
        found = joined([part for _, part in parts])
        by_rule = figures(found, is_harmful=is_harmful(scenario), onset=scenario.onset)
        for bar in bars(scenario, by_rule["ours"], quick=quick):
            value = by_rule["ours"][bar.figure]["value"]
            checked.append(asdict(bar) | {"where": scenario.title, "value": value, "holds": bar.holds(value)})
        told.append({"title": scenario.title, "is_harmful": is_harmful(scenario), **asdict(scenario), **by_rule})
        seconds = time.perf_counter() - started
        print(f"{number}/{len(planned)}, {seconds:.0f} s: {scenario.title}", file=sys.stderr, flush=True)
    return {
        "made": made(seed),
        "parameters": {
            "minutes": MINUTES,
            "naive_checks": CHECKS,
            "production_slow_share": SLOW_SHARE,
            "thresholds": CanaryThresholds().model_dump(mode="json"),
            "units": "shares of the runs, minutes; se: Monte-Carlo standard error",
        },
        "scenarios": told,
        "bars": checked,
    }


def simulate_part(task: Task) -> Outcomes:
    """Up to PART runs of a scenario."""
    scenario, part, seed = task
    runs = min(PART, scenario.runs - part * PART)
    return outcomes(draw(scenario, runs, generator(scenario, part, seed)), CanaryThresholds())


def judging_bar(milliseconds: float) -> dict[str, Any]:
    """The bar of the judge's speed, as the others are told."""
    return {
        "what": "milliseconds to judge four hours",
        "figure": "slowest_ms",
        "limit": JUDGE_MILLISECONDS,
        "is_most": True,
        "allowed": 0.0,
        "where": "the slowest of the series below",
        "value": milliseconds,
        "holds": milliseconds <= JUDGE_MILLISECONDS,
    }


def made(seed: int) -> dict[str, Any]:
    """When, where and with what."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "seed": seed,
        "processor": processor or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "pydantic", "trimtab")},
    }


if __name__ == "__main__":
    main()
