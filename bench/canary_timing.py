"""How long judging a four-hour canary takes, beside plain Python for one number of it."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from math import exp, log
from statistics import median
from typing import Any

from bench.canary_traffic import MINUTES, Latency, Scenario, draw, generator, series_of_run
from trimtab.rollout.e_process import WORSE
from trimtab.rollout.judgement import judge
from trimtab.rollout.series import Series
from trimtab.rollout.thresholds import CanaryThresholds

_FAIR = Latency(1.0, 0.5)
CASES = {
    "0.1 % errors, 1 request/s": Scenario("slow", 0.001, 1, 1.0, 1, latency=_FAIR),
    "1 % errors, 10 requests/s": Scenario("slow", 0.01, 10, 1.0, 1, latency=_FAIR),
    "5 % errors, 1,000 requests/s": Scenario("slow", 0.05, 1000, 1.0, 1, latency=_FAIR),
    "a ramp": Scenario("ramp", 0.003, 20, 1.0, 1, rises_to=0.03, shares=(0.10, 0.25, 0.50), latency=_FAIR),
}
"""Series with errors and slow requests, of canaries like production."""


def time_judge(rounds: int, seed: int) -> dict[str, Any]:
    """Medians of CPU milliseconds for whole series with errors and slow requests; both take turns."""
    thresholds = CanaryThresholds()
    cases = {}
    for title, scenario in CASES.items():
        series = series_of_run(draw(scenario, 1, generator(scenario, 0, seed)), 0)
        now = series.started + timedelta(minutes=MINUTES - 1 + thresholds.publish_delay_minutes)
        spent: dict[str, list[float]] = {"judge_ms": [], "reference_ms": []}
        for _ in range(rounds):
            spent["judge_ms"].append(_milliseconds(partial(judge, series, thresholds, now)))
            spent["reference_ms"].append(_milliseconds(partial(reference_ln_e, series, thresholds.margin)))
        cases[title] = {name: round(median(each), 3) for name, each in spent.items()}
    return {
        "rounds": rounds,
        "minutes": MINUTES,
        "reference": "ln E of harm after the last minute, for the errors, in plain Python",
        "cases": cases,
        "slowest_ms": max(case["judge_ms"] for case in cases.values()),
    }


def reference_ln_e(series: Series, margin: float) -> float:
    """ln E of harm as the design's specification writes it (canary decision, §B.8), without over-dispersion."""
    sums = []
    alternatives = [each for each in WORSE if each > margin]
    for alternative in alternatives:
        total = 0.0
        for minute in series.minutes:
            canary, production = minute.canary, minute.production
            if requests := canary.requests + production.requests:
                share = canary.requests / requests
                total += canary.errors * log(alternative / margin)
                ratio = (margin * share + 1 - share) / (alternative * share + 1 - share)
                total += (canary.errors + production.errors) * log(ratio)
        sums.append(total)
    most = max(sums)
    return most + log(sum(exp(each - most) for each in sums)) - log(len(alternatives))


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1e3
