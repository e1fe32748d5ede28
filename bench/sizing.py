"""How often a proposed fleet truly holds the latency target, and what it costs beside the cheapest that does.

`make bench-sizing`; `make bench-sizing QUICK=1` for few endpoints. Each endpoint is sized from two weeks of what
CloudWatch would have shown; the week that follows is then simulated request by request on what was proposed, on what
a 70 %-CPU rule and the seed's table would have given, and on the cheapest fleets found by who knows the truth. Results
go to `bench/results/sizing.json` and, without QUICK, into the tables of docs/sizing-figures.md. Exits with 1 when a
figure misses its bar.
"""

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.bars import bar, conclude
from bench.canary import made
from bench.sizing_endpoints import NOW, REGION, START, Simulated, draw_endpoint, observe
from bench.sizing_fleets import (
    Fleet,
    by_cpu,
    by_seed_table,
    cheapest,
    cheapest_with_reserves,
    fixed,
    grown,
    proposed,
    truth,
)
from bench.sizing_page import write_page
from trimtab.cost.catalogue import bundled_catalogue
from trimtab.sizing.endpoint import Endpoint
from trimtab.sizing.observations import Observations
from trimtab.sizing.recommendation import Recommendation, recommend
from trimtab.sizing.settings import SizingSettings

ROOT = Path(__file__).parents[1]
SEED = 20261123
ENDPOINTS, QUICK_ENDPOINTS = 480, 48
GROWTH = 0.2
"""The growth that the settings ask to be ready for."""
TIMED = 7
LOOKED_AT = 6
"""So many of the cheapest fleets are simulated until one truly holds."""
MIN_HOLDS, MAX_COST, MAX_SECONDS, MAX_MB = 0.97, 1.15, 0.5, 200

type Told = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sizing", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few endpoints, and the page stays as it is")
    parser.add_argument("--seed", type=int, default=SEED, help="of the random numbers (%(default)s)")
    parser.add_argument("--endpoints", type=int, help=f"how many ({ENDPOINTS}, quick {QUICK_ENDPOINTS})")
    parser.add_argument("--processes", type=int, default=os.process_cpu_count(), help="(%(default)s)")
    parser.add_argument("--measure", nargs=3, metavar=("FILE", "ENDPOINT", "TARGET"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measured(*given.measure)))
        return
    started = time.perf_counter()
    number = given.endpoints or (QUICK_ENDPOINTS if given.quick else ENDPOINTS)
    speed = measure(given.seed)  # before the cores are busy
    with ProcessPoolExecutor(given.processes, multiprocessing.get_context("spawn")) as pool:
        endpoints = []
        for each in pool.map(partial(simulate, seed=given.seed), range(number), chunksize=2):
            endpoints.append(each)
            if len(endpoints) % 40 == 0:
                seconds = time.perf_counter() - started
                print(f"{len(endpoints)}/{number}, {seconds:.0f} s", file=sys.stderr, flush=True)
    document = {"made": made(given.seed), **summary(endpoints), "speed": speed}
    document["bars"] = bars(document)
    document["made"] |= {"processes": given.processes, "seconds": round(time.perf_counter() - started, 1)}
    document["endpoints"] = endpoints
    conclude(document, "sizing", write_page, quick=given.quick)


def simulate(number: int, seed: int) -> Told:
    """One endpoint: what is proposed for it, what is true of that, and of the others' fleets."""
    simulated = draw_endpoint(number, seed)
    catalogue, prices = bundled_catalogue().types, list_prices()
    settings = SizingSettings(latency_ms=simulated.target_ms)
    found = size(observe(simulated, seed), simulated.endpoint, settings)

    def judged(fleet: Fleet, endpoint: Simulated = simulated) -> Told:
        return {"usd": round(fleet.usd_month, 2), "holds": truth(endpoint, fleet, seed).holds(settings)}

    today = fixed(simulated, simulated.today, simulated.instances, prices[simulated.today.name])
    told: Told = {
        "number": number,
        "traffic": simulated.traffic,
        "service": simulated.model.shape.name,
        "peak_within_minutes": simulated.peak,
        "workers": simulated.model.workers,
        "now": f"{simulated.instances} × {simulated.today.name}",
        "verdict": found.verdict.value,
        "today": judged(today),
    }
    proposal = found.proposal
    if proposal is None or found.demand is None:
        return told
    instance_type = catalogue[proposal.instance_type]
    ours = proposed(simulated, proposal, instance_type, settings)
    more = grown(simulated, GROWTH)
    by_table = by_seed_table(simulated, found.demand.peak, catalogue, prices, settings)
    told |= {
        "proposal": f"{proposal.count} × {proposal.instance_type}",
        "is_scaled": proposal.policy is not None,
        "confidence": round(proposal.confidence.value, 3),
        "level": proposal.confidence.level,
        "trimtab": judged(ours)
        | {"holds_grown": judged(proposed(more, proposal, instance_type, settings), more)["holds"]},
        "cpu_70": judged(by_cpu(simulated, simulated.today, prices[simulated.today.name], settings)),
        "seed_table": judged(by_table) if by_table else None,
    }
    for name, search in (("cheapest", cheapest), ("cheapest_with_reserves", cheapest_with_reserves)):
        fleets = search(simulated, catalogue, prices, settings)[:LOOKED_AT]
        holding = next((each for each in map(judged, fleets) if each["holds"]), None)
        costs = [each["usd"] for each in (holding, told["trimtab"]) if each and each["holds"]]
        told[name] = min(costs, default=None)
    return told


def size(observations: Observations, endpoint: Endpoint, settings: SizingSettings) -> Recommendation:
    """The recommendation at list prices."""
    return recommend(observations, endpoint, bundled_catalogue().types, list_prices(), settings, NOW)


def list_prices() -> dict[str, float]:
    """US dollars an hour by type."""
    return {name: price.usd for name, price in bundled_catalogue().priced_in(REGION).items()}


def summary(endpoints: Sequence[Told]) -> Told:
    """The figures of each rule, over the endpoints for which there was a proposal, and what the verdicts were worth."""
    proposals = [each for each in endpoints if "level" in each]
    high, medium = ([each for each in proposals if each["level"] == level] for level in ("high", "medium"))
    verdicts = Counter(each["verdict"] for each in endpoints)
    return {
        "rules": [
            rule("Trimtab, high confidence", high, "trimtab"),
            rule("Trimtab, medium confidence", medium, "trimtab"),
            rule("target tracking at 70 % CPU", proposals, "cpu_70"),
            rule("the seed's table", proposals, "seed_table"),
            rule("as it is today", proposals, "today"),
        ],
        "traffic": groups(high, "traffic"),
        "service": groups(high, "service"),
        "verdicts": [
            {
                "verdict": verdict,
                "endpoints": count,
                "today_holds": share([each["today"]["holds"] for each in endpoints if each["verdict"] == verdict]),
            }
            for verdict, count in sorted(verdicts.items())
        ],
    }


def rule(title: str, endpoints: Sequence[Told], name: str) -> Told:
    """How often a rule's fleets hold, and the median of their cost over the cheapest that do."""
    answers = [each for each in endpoints if each.get(name)]

    def cost(of: Callable[[Told], float | None]) -> float | None:
        ratios = [each[name]["usd"] / base for each in answers if (base := of(each))]
        return round(median(ratios), 3) if ratios else None

    grown_too = [each[name]["holds_grown"] for each in answers if "holds_grown" in each[name]]
    return {
        "rule": title,
        "endpoints": len(answers),
        "holds": share([each[name]["holds"] for each in answers]),
        "holds_grown": share(grown_too),
        "cost_with_reserves": cost(lambda each: each["cheapest_with_reserves"]),
        "cost_at_all": cost(lambda each: each["cheapest"]),
        "cost_of_today": cost(lambda each: each["today"]["usd"]),
    }


def groups(endpoints: Sequence[Told], by: str) -> list[Told]:
    """How often proposals hold, by one property of the endpoints."""
    names = sorted({each[by] for each in endpoints})
    return [{by: name, **rule("", [each for each in endpoints if each[by] == name], "trimtab")} for name in names]


def share(flags: Sequence[bool]) -> float | None:
    """Share of those that are true; None of none."""
    return round(float(np.mean(flags)), 4) if flags else None


def bars(document: Told) -> list[Told]:
    """What must hold."""
    high, speed = document["rules"][0], document["speed"]
    return [
        bar("proposals of high confidence that hold", high["holds"], MIN_HOLDS, is_most=False),
        bar("their median cost, × the cheapest with the same reserves", high["cost_with_reserves"], MAX_COST),
        bar("seconds for one endpoint", speed["seconds"], MAX_SECONDS),
        bar("MB at the most", speed["mb"], MAX_MB),
    ]


def measure(seed: int) -> Told:
    """Time and memory of sizing one endpoint, in a process that does nothing else; medians over some endpoints."""
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(TIMED):
            simulated, path = draw_endpoint(number, seed), Path(folder) / f"{number}.npz"
            minutes = observe(simulated, seed)
            known = {name: getattr(minutes, name) for name in minutes.__slots__ if name not in {"start", "problem"}}
            np.savez(path, **{name: each for name, each in known.items() if each is not None})
            told = json.dumps([simulated.today.name, simulated.instances])
            command = [sys.executable, "-m", "bench.sizing", "--measure", path, told, f"{simulated.target_ms}"]
            runs.append(json.loads(subprocess.check_output(list(map(str, command)), cwd=ROOT)))
    return {
        "seconds": round(median(run["seconds"] for run in runs), 3),
        "slowest_seconds": max(run["seconds"] for run in runs),
        "mb": max(run["mb"] for run in runs),
        "runs": runs,
    }


def measured(file: str, endpoint: str, target_ms: str) -> Told:
    """Seconds that sizing takes, and the process's peak memory."""
    with np.load(file) as minutes:
        observations = Observations(start=START, **minutes)
    instance_type, instances = json.loads(endpoint)
    list_prices()  # reads the catalogue, once for all endpoints
    started = time.perf_counter()
    size(observations, Endpoint(instance_type, instances), SizingSettings(latency_ms=float(target_ms)))
    seconds = time.perf_counter() - started
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return {
        "seconds": round(seconds, 3),
        "mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit),
    }


if __name__ == "__main__":
    main()
