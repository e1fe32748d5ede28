"""The rules that are put side by side, each as a function of one window: does it raise an alarm?

Trimtab's own verdict is not among them: it is formed over windows (see bench/drift_replay.py). Rules of profiles see a
window's counts; rules of rows see its rows, and the rows that the reference was made of, and take long, so that they
are asked about a part of the windows only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, ks_2samp

from trimtab.capture.grid import NumericBins
from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.capture.sketch import EXACT_BINS, sketch_table
from trimtab.capture.table import Column, NumericColumn, Table, TextColumn
from trimtab.drift.rules import is_constant
from trimtab.model_monitor.constraints import Constraints, suggested_constraints
from trimtab.model_monitor.statistics import statistics_of_sketch
from trimtab.model_monitor.violations import find_violations

PSI_ANY, ROBUST, MONITOR = "PSI > 0.2, any column", "Model Monitor, Robust distance", "Model Monitor, all checks"
KS_ANY, KS_HALF = "KS p < 0.05, any column", "KS p < 0.05, half the columns"
EVIDENTLY_ANY, EVIDENTLY_HALF = "Evidently's defaults, any column", "Evidently's preset: half the columns"
OF_PROFILES = (PSI_ANY, ROBUST, MONITOR)
KS, EVIDENTLY = (KS_ANY, KS_HALF), (EVIDENTLY_ANY, EVIDENTLY_HALF)
PSI_LIMIT, P_LIMIT, HALF = 0.2, 0.05, 0.5
type Values = NDArray[np.float64] | NDArray[np.object_]
EMPTY = 1e-4
"""What the usual recipe for the PSI puts in place of an empty bin's share."""


@dataclass(frozen=True)
class Compared:
    """What windows are compared with: a reference, and the rows it was made of."""

    reference: Reference
    kept: Table

    @cached_property
    def constraints(self) -> Constraints:
        """What Model Monitor would suggest from these rows."""
        sketch = sketch_table(self.kept, most_bins=EXACT_BINS)
        return Constraints.model_validate(suggested_constraints(statistics_of_sketch(sketch)))

    @cached_property
    def values(self) -> Mapping[str, Values]:
        """The values of every column that has any, in order: no rule depends on it, and sorting again is faster."""
        return {name: np.sort(_values(column)) for name, column in self.kept.columns.items() if _present(column)}


def alarms_of_profile(compared: Compared, window: Profile) -> dict[str, bool]:
    """What the rules of profiles say."""
    checks = find_violations(compared.reference, window, compared.constraints, columns=frozenset(window.columns))
    return {
        PSI_ANY: any(each > PSI_LIMIT for each in plain_psi(compared.reference, window).values()),
        ROBUST: any(each.constraint_check_type == "baseline_drift_check" for each in checks),
        MONITOR: bool(checks),
    }


def plain_psi(reference: Reference, window: Profile) -> dict[str, float]:
    """The PSI of each column as it is usually computed: the reference's deciles, or the categories and one bin for
    unseen ones; empty bins get a share of 0.0001, and nothing is corrected for chance."""
    found = {}
    for name, bins in reference.grid.columns.items():
        before, after = reference.profile.columns[name].counts, window.columns[name].counts
        if is_constant(bins) or not before.sum() or not after.sum():
            continue
        if isinstance(bins, NumericBins):
            starts = np.concatenate([[0], bins.cuts + 1])
            before, after = np.add.reduceat(before, starts), np.add.reduceat(after, starts)
        p, q = (np.maximum(counts / counts.sum(), EMPTY) for counts in (after, before))
        found[name] = float(((p - q) * np.log(p / q)).sum())
    return found


def alarms_of_ks(compared: Compared, window: Table) -> dict[str, bool]:
    """Two-sample Kolmogorov-Smirnov test of numbers, chi-square test of categories, each at 5 %."""
    drifted = [
        _p_value(compared, name, column) < P_LIMIT
        for name, column in window.columns.items()
        if _present(column) and name in compared.values
    ]
    return {KS_ANY: any(drifted), KS_HALF: sum(drifted) >= HALF * max(1, len(drifted))}


def alarms_of_evidently(compared: Compared, window: Table) -> dict[str, bool]:
    """Evidently's own tests as its preset chooses them, by its own code; without the report around them."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    drifted = []
    for name, column in window.columns.items():
        if not (_present(column) and name in compared.values):
            continue
        is_number = isinstance(column, NumericColumn)
        values = [pd.Series(each) for each in (compared.values[name], _values(column))]
        kind = ColumnType.Numerical if is_number else ColumnType.Categorical
        test = get_stattest(*values, kind, None)
        drifted.append(bool(test(*values, kind, None).drifted))
    return {EVIDENTLY_ANY: any(drifted), EVIDENTLY_HALF: sum(drifted) >= HALF * max(1, len(drifted))}


def _p_value(compared: Compared, name: str, column: Column) -> float:
    before, after = compared.values[name], _values(column)
    if isinstance(column, NumericColumn):
        return float(ks_2samp(before, after, method="asymp").pvalue)
    categories, codes = np.unique(np.concatenate([before, after]), return_inverse=True)
    parts = (codes[: len(before)], codes[len(before) :])
    counts = np.stack([np.bincount(part, minlength=len(categories)) for part in parts])
    return float(chi2_contingency(counts, correction=False).pvalue) if len(categories) > 1 else 1.0


def _present(column: Column) -> bool:
    return bool((column.codes >= 0).any() if isinstance(column, TextColumn) else np.isfinite(column.values).any())


def _values(column: Column) -> Values:
    """The cells that have a value."""
    if isinstance(column, TextColumn):
        return np.array(column.values, object)[column.codes[column.codes >= 0]]
    return column.values[np.isfinite(column.values)]
