"""One part of a scenario, replayed: what each core does of the drift bench."""

from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np

from bench.drift_figures import HOURS_A_WEEK, Tally, order_figures, tally_of_run, tally_of_weeks, tally_of_windows
from bench.drift_plan import LATER, WEEKS, Scenario, Source
from bench.drift_recorded import recorded
from bench.drift_replay import BY_ROWS, LATEST, Ask, Endpoint, drawn, in_order, watch, watch_for_weeks
from bench.drift_rules import Compared
from bench.drift_sets import DataSet, read_set
from bench.drift_traffic import Conditions, generated

type Task = tuple[Scenario, int, int, bool]
"""A scenario, which of its parts, the seed, and whether Evidently is asked."""


def run(task: Task) -> list[Tally]:
    """The tallies of a part: of its windows together, or of each of its runs."""
    scenario, number, seed, evidently = task
    random = np.random.default_rng([seed, crc32(title(scenario).encode()), number])
    if scenario.in_order:
        return [_in_order(scenario, evidently=evidently)]
    endpoint = endpoint_of(scenario.source, random)
    compared = Compared(endpoint.reference, endpoint.kept)
    if scenario.is_weekly:
        onset = WEEKS * HOURS_A_WEEK
        later = endpoint.with_fault(scenario.fault, random)
        seen = watch_for_weeks(endpoint, scenario.rows, onset + LATER, later, onset, random)
        return [tally_of_weeks(seen, onset)]
    first = number * scenario.times
    if scenario.fault is None:
        ask = _every(scenario, first)
        windows = drawn(endpoint, scenario.rows, scenario.times, ask, random)
        return [tally_of_windows(watch(compared, windows, ask, evidently=evidently))]
    tallies = []
    for count in range(first, first + scenario.times):
        ask = _of_run(_every(scenario, count)(0))
        windows = drawn(endpoint.with_fault(scenario.fault, random), scenario.rows, LATEST, ask, random)
        tallies.append(tally_of_run(watch(compared, windows, ask, evidently=evidently, until_raised=True)))
    return tallies


def title(scenario: Scenario) -> str:
    """A name of its own for each scenario."""
    fault = scenario.fault.title if scenario.fault else "no fault"
    return f"{source_title(scenario.source)}, {scenario.rows} rows, {fault}"


def source_title(source: Source) -> str:
    """What traffic it is."""
    return source.title if isinstance(source, Conditions) else data_set(*source).manifest.title


@cache
def data_set(manifest: Path, folder: Path) -> DataSet:
    """A data set, read once in each process."""
    return read_set(manifest, folder)


def endpoint_of(source: Source, random: np.random.Generator) -> Endpoint:
    """An endpoint that gets such traffic."""
    return generated(source, random) if isinstance(source, Conditions) else _recorded(*source)


@cache
def _recorded(manifest: Path, folder: Path) -> Endpoint:
    return recorded(data_set(manifest, folder))


def _in_order(scenario: Scenario, *, evidently: bool) -> Tally:
    data, endpoint = data_set(*scenario.source), _recorded(*scenario.source)
    compared = Compared(endpoint.reference, endpoint.kept)
    windows = in_order(data, endpoint.reference, scenario.rows)
    seen = watch(compared, windows, _every(scenario, 0), evidently=evidently)
    changes = [(change.row, change.kind) for change in data.manifest.changes]
    return order_figures(seen, scenario.rows, changes) | {"expected": _expected(data)}


def _expected(data: DataSet) -> bool | None:
    """Whether an alert ought to come: None where that is not known, for a concept may show in the answers."""
    kinds = {change.kind for change in data.manifest.changes}
    if "covariate" in kinds:
        return True
    return None if kinds and data.reference.outputs else False


def _every(scenario: Scenario, first: int) -> Ask:
    def ask(number: int) -> tuple[bool, bool]:
        count = first + number
        by_rows = scenario.by_rows > 0 and count % scenario.by_rows == 0
        return by_rows or count % scenario.profiles == 0, by_rows

    return ask


def _of_run(asked: tuple[bool, bool]) -> Ask:
    def ask(number: int) -> tuple[bool, bool]:
        return asked[0], asked[1] and number < BY_ROWS

    return ask
