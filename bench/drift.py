"""How often the drift decision cries wolf, and how soon it finds what was planted, beside the rules that others use.

`make bench-drift`; `make bench-drift QUICK=1` for few windows; `make bench-drift DATA=DIR` for a folder of one's own
recorded data (see bench/drift_sets.py) in place of all else. Windows are generated, drawn from recorded rows, and
replayed as these stand, and judged by the code that judges live ones. Results go to `bench/results/drift.json` and,
without QUICK, into the tables of docs/drift-figures.md. Exits with 1 when a figure misses its bar (see
bench/drift_plan.py).
"""

import argparse
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from bench.bars import conclude
from bench.canary import made
from bench.drift_figures import Tally, added, fault_figures, quiet_figures, week_figures
from bench.drift_page import in_order_table, write_page
from bench.drift_plan import (
    QUIET,
    SIZES,
    Scenario,
    Source,
    bars,
    generated_scenarios,
    recorded_scenarios,
)
from bench.drift_quality import replay_quality
from bench.drift_sets import SHARED, find_sets
from bench.drift_simulate import Task, data_set, endpoint_of, run, source_title, title
from bench.drift_traffic import REFERENCE_ROWS, Conditions
from bench.drift_units import QUICK_RUNS, RUNS, named_units
from trimtab.drift.thresholds import DriftThresholds

SEED = 20261123

type Told = dict[str, Any]
type Map = Callable[[Callable[..., Any], Sequence[Any]], Iterable[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few windows, and the page stays as it is")
    parser.add_argument("--data", type=Path, help="folder with a dataset.json, or of such folders")
    parser.add_argument("--seed", type=int, default=SEED, help="of the random numbers (%(default)s)")
    parser.add_argument("--processes", type=int, default=os.process_cpu_count(), help="(%(default)s)")
    given = parser.parse_args()
    started = time.perf_counter()
    recorded = list(find_sets(given.data))
    if not recorded:
        print(f"no recorded data ({SHARED} is not there): generated traffic only", file=sys.stderr)
    with ProcessPoolExecutor(given.processes, multiprocessing.get_context("spawn"), _quiet_numbers) as pool:
        planned = [] if given.data else list(generated_scenarios(quick=given.quick))
        document = replayed(planned, recorded, given.seed, partial(pool.map, chunksize=1), quick=given.quick)
    document["made"] |= {"processes": given.processes, "seconds": round(time.perf_counter() - started, 1)}
    if given.data is None:
        conclude(document, "drift", write_page, quick=given.quick)
    print("\n".join(in_order_table(document)))
    conclude(document, "drift-data", None, quick=given.quick)


def replayed(
    generated: Sequence[Scenario],
    recorded: Sequence[tuple[Path, Path]],
    seed: int,
    each: Map = map,
    *,
    quick: bool = False,
    evidently: bool = True,
) -> Told:
    """Every scenario's figures, and which bars hold. `recorded`: manifests and the folders of their files. `each`: like
    map, but perhaps on all cores. Without `evidently` its rules are left out."""
    planned = list(generated)
    for source in recorded:
        planned += recorded_scenarios(source, data_set(*source), quick=quick)
    document: Told = {"made": made(seed), **told(planned, seed, each, evidently=evidently)}
    sources: list[Source] = [*([QUIET[1]] if generated else []), *recorded]
    document["units"] = list(each(partial(units, seed=seed, runs=QUICK_RUNS if quick else RUNS), sources))
    document["quality"] = [found for found in each(quality, recorded) if found]
    document["sets"] = [source_title(source) for source in recorded]
    document["parameters"] = {
        "sizes": SIZES,
        "reference_rows": REFERENCE_ROWS,
        "thresholds": DriftThresholds().model_dump(mode="json"),
        "bound": "exact one-sided binomial, 95 %",
    }
    if evidently:
        document["made"]["versions"] |= {name: version(name) for name in ("evidently", "scipy")}
    document["bars"] = bars(document)
    return document


def told(planned: Sequence[Scenario], seed: int, each: Map, *, evidently: bool) -> Told:
    """The figures of scenarios, by what was replayed."""
    tasks: list[Task] = [(scenario, part, seed, evidently) for scenario in planned for part in range(scenario.parts)]
    found: Told = {"quiet": [], "faults": [], "in_order": [], "weekly": []}
    started = time.perf_counter()
    pairs = zip(tasks, each(run, tasks), strict=True)
    for number, (scenario, parts) in enumerate(groupby(pairs, key=lambda pair: pair[0][0]), 1):
        tallies = [tally for _, part in parts for tally in part]
        kind, figures = figures_of(scenario, tallies)
        found[kind].append(
            {
                "source": source_title(scenario.source),
                "is_recorded": not isinstance(scenario.source, Conditions),
                "rows": scenario.rows,
                "fault": scenario.fault.title if scenario.fault else None,
                **figures,
            }
        )
        if number % 20 == 0:
            seconds = time.perf_counter() - started
            print(f"{number}/{len(planned)}, {seconds:.0f} s: {title(scenario)}", file=sys.stderr, flush=True)
    return found


def figures_of(scenario: Scenario, tallies: Sequence[Tally]) -> tuple[str, Told]:
    """Where in the results a scenario belongs, and its figures."""
    if scenario.in_order:
        return "in_order", tallies[0]
    if scenario.is_weekly:
        return "weekly", week_figures(tallies)
    if scenario.fault is None:
        return "quiet", quiet_figures(added(tallies))
    return "faults", fault_figures(added(tallies))


def units(source: Source, seed: int, runs: int) -> Told:
    """How often a change of units is named."""
    random = np.random.default_rng([seed, 1])
    return named_units(source_title(source), endpoint_of(source, random), random, runs)


def quality(source: tuple[Path, Path]) -> Told | None:
    """What labels tell of a recorded set."""
    return replay_quality(data_set(*source))


def _quiet_numbers() -> None:
    """Other rules' warnings of few values or of none are not the bench's to print."""
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    main()
