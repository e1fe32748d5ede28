"""Generated endpoints whose truth is known: columns, what moves them although nothing happened, and planted faults.

A window is drawn as rows, or as its profile at once: the counts of independent rows on a grid are multinomial, so both
have one distribution, and counts are drawn a thousand times faster. What judges profiles cannot tell them apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import exp, pi, sin
from typing import Literal

import numpy as np
from scipy.special import ndtr

from trimtab.capture.grid import Bins, NumericBins
from trimtab.capture.profile import ColumnProfile, Profile, profile_table
from trimtab.capture.reference import Reference, reference_from_sketch
from trimtab.capture.sketch import EXACT_BINS, sketch_table
from trimtab.capture.table import Column, FloatArray, IntArray, NumericColumn, Table, TextColumn

HOUR = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 24
NORMAL, LOGNORMAL, CATEGORICAL = 10, 5, 5
"""Columns of each kind; 20 in all."""
REFERENCE_ROWS = 10_000
UNSEEN = "never seen before"

type FaultKind = Literal["shift", "scale", "new category", "nulls", "unit change"]


@dataclass(frozen=True)
class Conditions:
    """What moves an endpoint's columns from window to window though nothing is wrong.

    `wobble`: standard deviation of each window's mean around the column's own, in its standard deviations. `season`:
    amplitude of a daily wave in the same unit, of `seasonal` of the columns (each with a phase of its own).
    `reference_rows`: how many rows the reference is made of.
    """

    title: str
    wobble: float = 0.0
    season: float = 0.0
    seasonal: float = 1.0
    reference_rows: int = REFERENCE_ROWS


@dataclass(frozen=True)
class Fault:
    """What is planted in `columns` columns. `size`: shift in standard deviations, or factor of the spread or of the
    unit, or share of the cells."""

    kind: FaultKind
    size: float
    columns: int = 1

    @property
    def title(self) -> str:
        what = {
            "shift": f"+{self.size:g} σ",
            "scale": f"spread × {self.size:g}",
            "new category": f"new category, {100 * self.size:g} %",
            "nulls": f"nulls, {100 * self.size:g} %",
            "unit change": f"unit × {self.size:,g}",
        }[self.kind]
        return f"{what} in {self.columns}"


@dataclass(frozen=True)
class Source:
    """The distribution of one column: of normal numbers, of numbers whose logarithm is normal, or of categories with
    these shares. `missing`: share of cells without a value; `unseen`: of values that are none of the categories;
    `factor`: what numbers are multiplied by."""

    mean: float = 0.0
    spread: float = 1.0
    is_logarithm: bool = False
    shares: tuple[float, ...] = ()
    missing: float = 0.0
    unseen: float = 0.0
    factor: float = 1.0


@dataclass(frozen=True)
class Generated:
    """One endpoint. `sources` by column; `phases`: of its daily wave, None where it has none; `kept`: the rows that the
    reference was made of; `faulty`: the columns in which a fault was planted."""

    conditions: Conditions
    sources: Mapping[str, Source]
    phases: Mapping[str, float | None]
    reference: Reference
    kept: Table
    faulty: tuple[str, ...] = ()

    def profile(self, rows: int, hour: int, random: np.random.Generator) -> Profile:
        """A window's counts, drawn at once."""
        moved = _at(self.sources, self.phases, self.conditions, hour, random)
        grid = self.reference.grid
        columns = {name: _counts(moved[name], bins, rows, random) for name, bins in grid.columns.items()}
        return Profile(grid.name, rows, columns)

    def table(self, rows: int, hour: int, random: np.random.Generator) -> Table:
        """A window's rows."""
        moved = _at(self.sources, self.phases, self.conditions, hour, random)
        return Table(HOUR, rows, rows, {name: _cells(source, rows, random) for name, source in moved.items()})

    def with_fault(self, fault: Fault, random: np.random.Generator) -> "Generated":
        """The endpoint once the fault is there, in columns drawn at random among those that it can befall."""
        numeric = fault.kind != "new category"
        able = [name for name, source in self.sources.items() if numeric is not bool(source.shares)]
        chosen = tuple(random.choice(able, fault.columns, replace=False).tolist())
        faulty = {name: _faulty(self.sources[name], fault) for name in chosen}
        return replace(self, sources={**self.sources, **faulty}, faulty=chosen)


def generated(conditions: Conditions, random: np.random.Generator) -> Generated:
    """An endpoint, with a reference drawn evenly over the hours of the day."""
    rows = conditions.reference_rows
    sources = {f"normal_{i}": Source(100.0 * (i + 1), 15.0) for i in range(NORMAL)}
    sources |= {f"lognormal_{i}": Source(2.0, 0.25 * (i + 1), is_logarithm=True) for i in range(LOGNORMAL)}
    sources |= {f"category_{i}": Source(shares=_zipf(2 + 3 * i)) for i in range(CATEGORICAL)}
    phases = {
        name: random.uniform(0, 2 * pi) if random.random() < conditions.seasonal else None for name in sorted(sources)
    }
    parts = []
    for hour, share in enumerate(np.array_split(np.arange(rows), HOURS)):
        moved = _at(sources, phases, conditions, hour, random)
        parts.append({name: _cells(source, len(share), random) for name, source in moved.items()})
    kept = Table(HOUR, rows, rows, {name: joined([part[name] for part in parts]) for name in sources})
    return Generated(conditions, sources, phases, reference_of(kept), kept)


def reference_of(table: Table, categorical: frozenset[str] = frozenset()) -> Reference:
    """The reference that rows make."""
    sketch = sketch_table(table, most_bins=EXACT_BINS)
    made = reference_from_sketch(sketch, source="bench", created=HOUR.isoformat(), categorical=categorical)
    return replace(made, profile=profile_table(table, made.grid))


def joined(columns: Sequence[Column]) -> Column:
    """Columns of one kind, one after the other."""
    if isinstance(columns[0], NumericColumn):
        return NumericColumn(np.concatenate([each.values for each in columns]), sum(each.invalid for each in columns))
    values = tuple(dict.fromkeys(value for each in columns for value in each.values))
    place = {value: code for code, value in enumerate(values)}
    lookups = [np.array([*(place[value] for value in each.values), -1], np.int64) for each in columns]
    return TextColumn(np.concatenate([look[each.codes] for look, each in zip(lookups, columns, strict=True)]), values)


def _zipf(categories: int) -> tuple[float, ...]:
    weights = 1 / np.arange(1, categories + 1)
    return tuple((weights / weights.sum()).tolist())


def _at(
    sources: Mapping[str, Source],
    phases: Mapping[str, float | None],
    conditions: Conditions,
    hour: int,
    random: np.random.Generator,
) -> dict[str, Source]:
    """The sources in one window: moved by their wobble and, in their seasons, by the hour of the day."""
    moved = {}
    for name, source in sources.items():
        phase = phases[name]
        wave = 0.0 if phase is None else conditions.season * sin(2 * pi * hour / HOURS + phase)
        if source.shares:
            sides = wave * (-1.0) ** np.arange(len(source.shares))
            weights = np.array(source.shares) * np.exp(conditions.wobble * random.normal(size=len(sides)) + sides)
            moved[name] = replace(source, shares=tuple(weights / weights.sum()))
        else:
            away = wave + conditions.wobble * random.normal()
            moved[name] = replace(source, mean=source.mean + source.spread * away)
    return moved


def _faulty(source: Source, fault: Fault) -> Source:
    match fault.kind:
        case "shift":
            return replace(source, mean=source.mean + fault.size * source.spread)
        case "scale":
            return replace(source, spread=source.spread * fault.size)
        case "new category":
            return replace(source, unseen=fault.size)
        case "nulls":
            return replace(source, missing=fault.size)
        case "unit change":
            return replace(source, factor=fault.size)


def _cells(source: Source, rows: int, random: np.random.Generator) -> Column:
    is_missing = random.random(rows) < source.missing
    if source.shares:
        shares = np.append(np.array(source.shares) * (1 - source.unseen), source.unseen)
        codes = random.choice(len(shares), rows, p=shares / shares.sum())
        names = (*(f"value {i}" for i in range(len(source.shares))), UNSEEN)
        return TextColumn(np.where(is_missing, -1, codes), names)
    values = random.normal(source.mean, source.spread, rows)
    values = (np.exp(values) if source.is_logarithm else values) * source.factor
    return NumericColumn(np.where(is_missing, np.nan, values))


def _counts(source: Source, bins: Bins, rows: int, random: np.random.Generator) -> ColumnProfile:
    missing = int(random.binomial(rows, source.missing)) if source.missing else 0
    if isinstance(bins, NumericBins):
        counts = random.multinomial(rows - missing, _shares_of(source, bins))
        return _with_sums(source, bins, counts, missing)
    shares = np.zeros(bins.bins)
    for i, share in enumerate(source.shares):
        shares[bins.position(f"value {i}")] += share * (1 - source.unseen)
    shares[-1] += source.unseen
    return ColumnProfile(random.multinomial(rows - missing, shares / shares.sum()), missing)


def _shares_of(source: Source, bins: NumericBins) -> FloatArray:
    edges = bins.edges / source.factor
    if source.is_logarithm:
        edges = np.log(np.maximum(edges, np.finfo(float).tiny))
    below = ndtr((edges - source.mean) / source.spread)
    shares = np.diff(np.concatenate([[0.0], below, [1.0]]))
    return shares / shares.sum()


def _with_sums(source: Source, bins: NumericBins, counts: IntArray, missing: int) -> ColumnProfile:
    """The profile with the sums to be expected of such numbers: no verdict depends on them."""
    count, edges = int(counts.sum()), bins.edges
    mean, square = source.mean, source.mean**2 + source.spread**2
    if source.is_logarithm:
        mean, square = (exp(k * source.mean + (k * source.spread) ** 2 / 2) for k in (1, 2))
    reach = source.spread * 3
    least, most = source.mean - reach, source.mean + reach
    if source.is_logarithm:
        least, most = exp(least), exp(most)
    return ColumnProfile(
        counts,
        missing,
        minimum=least * source.factor,
        maximum=most * source.factor,
        total=count * mean * source.factor,
        squares=count * square * source.factor**2,
        below=float(counts[0] * edges[0]),
        above=float(counts[-1] * max(edges[-1], source.factor * mean)),
    )
