"""What is replayed of the drift decision, and the bars that its figures must not miss."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bars import bar
from bench.drift_recorded import able
from bench.drift_sets import DataSet
from bench.drift_traffic import Conditions, Fault

SIZES = (200, 500, 1_000, 5_000, 10_000)
MOST_WINDOWS = (1_000, 10_000)
LEAST_ROWS = 500
"""Bars are held from this window size on; below it a window is not judged but waits for more rows."""
STEADY = Conditions("nothing moves")
QUIET = (
    STEADY,
    Conditions("wobble 0.05 σ", wobble=0.05),
    Conditions("wobble 0.1 σ", wobble=0.1),
    Conditions("daily wave 0.2 σ, wobble 0.05 σ", wobble=0.05, season=0.2),
    Conditions("nothing moves, reference of 1,000 rows", reference_rows=1_000),
)
SEEN_BY_ALL = (STEADY, QUIET[1], QUIET[-1])
"""Where rules of rows are asked too."""
WEEKLY = (
    Conditions("daily wave 0.6 σ in a quarter of the columns", wobble=0.05, season=0.6, seasonal=0.25),
    Conditions("wobble 0.15 σ in all columns", wobble=0.15),
)
"""What would alarm without the past: replayed for weeks, by all that is known of them."""
WEEKS, LATER = 6, 12
"""Weeks without a fault, and hours that a fault then lasts."""
HALF_SIGMA = Fault("shift", 0.5)
WEEKLY_FAULT = Fault("shift", 1.0)
FAULTS = (
    Fault("shift", 0.3),
    Fault("shift", 0.3, 5),
    HALF_SIGMA,
    Fault("shift", 0.5, 5),
    Fault("shift", 1.0),
    Fault("shift", 1.0, 5),
    Fault("scale", 1.5),
    Fault("scale", 1.5, 3),
    Fault("new category", 0.05),
    Fault("nulls", 0.1),
    Fault("unit change", 1000.0),
)
UNIT_CHANGE = FAULTS[-1]
RECORDED_FAULTS = tuple(fault for fault in FAULTS if fault.columns == 1 and fault.size != 0.3)

PER_THOUSAND, FOUND, WITHIN = 1.0, 0.95, 2

type Source = Conditions | tuple[Path, Path]
"""Generated traffic, or a manifest and the folder of its files."""
type Told = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """Windows of `rows` rows of one source. `parts`, each with an endpoint of its own; `times` windows in each, or runs
    of a fault. Of these every `profiles`-th is shown to the rules of profiles and every `by_rows`-th to those of rows
    (0: none). `in_order`: recorded rows as they stand, all of them. `is_weekly`: with all their past."""

    source: Source
    rows: int
    fault: Fault | None = None
    parts: int = 1
    times: int = 1
    profiles: int = 1
    by_rows: int = 0
    in_order: bool = False
    is_weekly: bool = False


def generated_scenarios(*, quick: bool = False) -> Iterator[Scenario]:
    """What is replayed of generated traffic. Cells near a bar get more windows; rules of rows are slow and see few."""
    few = 10 if quick else 1
    for rows in SIZES:
        parts = 20 if rows in MOST_WINDOWS else 10
        for conditions in QUIET:
            yield Scenario(conditions, rows, None, parts // few, 100, 5, 50 if conditions in SEEN_BY_ALL else 0)
        for fault in FAULTS:
            runs = {200: 1, 500: 2, 1_000: 10}.get(rows, 3)
            yield Scenario(QUIET[1], rows, fault, max(1, runs // few), 10, 1, 10 if rows == 1_000 else 0)
    for conditions, parts in ((STEADY, 100), (QUIET[2], 20)):
        yield Scenario(conditions, 1_000, HALF_SIGMA, parts // few, 10, 5, 50 if conditions is STEADY else 0)
    for conditions in WEEKLY[:1] if quick else WEEKLY:
        yield Scenario(conditions, 1_000, WEEKLY_FAULT, 1 if quick else 2, is_weekly=True)


def recorded_scenarios(source: tuple[Path, Path], data: DataSet, *, quick: bool = False) -> Iterator[Scenario]:
    """What is replayed of a recorded data set: fewer windows of one with many columns."""
    few, columns = 10 if quick else 1, len(data.current.columns)
    for rows in SIZES:
        yield Scenario(source, rows, by_rows=max(1, 2_000 // rows) * few, in_order=True)
        if rows >= LEAST_ROWS:
            yield Scenario(source, rows, None, max(1, min(10, 100 // columns) // few), 100, 20)
    for fault in RECORDED_FAULTS:
        if able(fault, data.reference):
            yield Scenario(source, 1_000, fault, 1, 20 // few, 1, 10)


def bars(document: Told) -> list[Told]:
    """What must hold, in the order of the page."""
    found = [
        bar("alerts per 1,000 windows without drift", each["trimtab"]["per_1000"], PER_THOUSAND, where=where(each))
        for each in document["quiet"]
        if each["rows"] >= LEAST_ROWS
    ]
    found += [
        bar(
            "0.5 σ in 1 of 20 columns found within 2 windows",
            each["trimtab"]["found"],
            FOUND,
            is_most=False,
            where=where(each),
        )
        for each in document["faults"]
        if each["source"] == STEADY.title and each["fault"] == HALF_SIGMA.title and each["rows"] == 1_000
    ]
    for each in document["in_order"]:
        if each["rows"] >= LEAST_ROWS:
            found.append(bar("alerts before the known change", each["early"], 0, where=where(each)))
            if each["expected"] is False:
                found.append(bar("alerts where no input moves", each["alerts"], 0, where=where(each)))
        if each["expected"] and each["rows"] >= 1_000:
            found.append(bar("windows from the change to the alert", each["delay"], WITHIN, where=where(each)))
    found += [
        bar("unit change named as one", each["named"], FOUND, is_most=False, where=each["source"])
        for each in document["units"]
    ]
    for each in document["quality"]:
        found += quality_bars(each)
    return found


def quality_bars(told: Told) -> list[Told]:
    """What must hold where labels are known: of windows wholly after the change, as many as have the cause."""
    change, after = told["change"], told["after"]
    ends = [each for each in told["windows"] if each["row"] >= change]
    kind = {"covariate": "covariate_shift", "concept": "concept_change"}[told["kind"]]
    found = []
    if after["cause"] is not None:
        named = [each["cause"] == kind for each in ends]
        found.append(bar(f"windows named {kind}", sum(named) / len(named), 1.0, is_most=False, where=told["source"]))
    name = "mae" if told["problem"] == "regression" else "accuracy"
    if told["kind"] == "covariate" and name in after["estimated"]:
        _, low, high = after["estimated"][name]
        inside = low <= after["realised"][name][0] <= high
        found.append(bar(f"{name} within its estimate", float(inside), 1.0, is_most=False, where=told["source"]))
    return found


def where(told: Told) -> str:
    """Which figures these are."""
    return f"{told['source']}, {told['rows']:,} rows"
