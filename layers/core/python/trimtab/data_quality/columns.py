"""Faults of one column that counts show: what the drift rules found already, and columns that stand still."""

import re
from collections.abc import Iterator
from math import log

import numpy as np

from trimtab.capture.grid import Bins, NumericBins, Vocabulary
from trimtab.capture.profile import ColumnProfile
from trimtab.capture.sample import SampleColumn, as_texts
from trimtab.capture.table import TextColumn, number_of
from trimtab.data_quality.fault import CONFIDENCE, DataFault, FaultKind, Interval
from trimtab.data_quality.settings import DataQualitySettings
from trimtab.data_quality.units import unit_change
from trimtab.drift.columns import ColumnAssessment
from trimtab.drift.effective_rows import rows_per_request
from trimtab.drift.rules import is_constant, percent, share
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Reason, Verdict
from trimtab.quality.intervals import wilson

_MOST_EXAMPLES = 3
_RESPELT = 0.9
"""So much of what is unseen in the sample has to be the reference's in another spelling to be called that."""


def rule_faults(name: str, bins: Bins, current: ColumnProfile, judged: ColumnAssessment) -> Iterator[DataFault]:
    """What the drift rules found in a column, as faults with their intervals."""
    for reason in judged.reasons:
        if reason.rule == "missing":
            yield _counted(name, "missing", reason, (current.missing, current.cells), judged.missing[0])
        elif reason.rule == "invalid":
            yield _counted(name, "type", reason, (current.invalid, current.cells), judged.invalid[0])
        elif reason.rule == "unseen":
            count = round((judged.unseen or 0.0) * current.valid)
            kind: FaultKind = "constant" if is_constant(bins) else "domain"
            yield _counted(name, kind, reason, (count, current.valid), 0.0, is_wrong=False)
        elif reason.rule == "range":
            count = round((judged.out_of_range or 0.0) * current.valid)
            yield _counted(name, "range", reason, (count, current.valid), None, is_wrong=False)


def standstill(
    name: str, bins: Bins, reference: ColumnProfile, current: ColumnProfile, thresholds: DriftThresholds, level: float
) -> DataFault | None:
    """The fault that all values are one, where in the reference they were not and chance does not bring that about at
    an error level of `level`."""
    if current.valid < thresholds.warn_rows or not reference.valid or is_constant(bins):
        return None
    place = int(current.counts.argmax())
    if current.counts[place] < current.valid or (isinstance(bins, Vocabulary) and place >= len(bins.values)):
        return None
    if isinstance(bins, NumericBins) and current.minimum != current.maximum:
        return None
    before = share(int(reference.counts[place]), reference.valid)
    most = wilson(int(reference.counts[place]), reference.valid, CONFIDENCE)[1]
    if most >= 1 or current.valid / rows_per_request(current) * log(most) > log(level):  # of one request may be alike
        return None
    value = f"{current.minimum:g}" if isinstance(bins, NumericBins) else bins.values[place]
    lower, upper = wilson(current.valid, current.valid, CONFIDENCE)
    text = (
        f"all {current.valid:,} values are {value} (certainly more than {percent(lower)}), in the reference at most "
        f"{percent(before)}"
    )
    is_grave = current.valid >= thresholds.alert_rows
    return DataFault("constant", name, text, "share of the one value", Interval(1.0, lower, upper), before, is_grave)


def changed_unit(
    name: str,
    bins: Bins,
    profiles: tuple[ColumnProfile, ColumnProfile],
    judged: ColumnAssessment,
    sampled: SampleColumn | None,
    settings: DataQualitySettings,
    thresholds: DriftThresholds,
) -> DataFault | None:
    """The fault that a numeric column is in another unit than in the reference."""
    if not isinstance(bins, NumericBins) or (judged.psi_adjusted or 0.0) < settings.unit_psi:
        return None
    numbers = None if isinstance(sampled, TextColumn) else sampled
    found = unit_change(bins, *profiles, numbers, fit=settings.unit_fit)
    if found is None:
        return None
    fit = "" if found.psi is None else f", and the PSI falls from {judged.psi_adjusted:.3g} to {found.psi:.2g}"
    text = (
        f"the numbers are in another unit, as if {found.conversion.text}: converted back their mean is "
        f"{found.mean.value:.4g} ({found.mean.lower:.4g} to {found.mean.upper:.4g}), the reference's "
        f"{found.reference_mean:.4g}{fit}"
    )
    is_grave = profiles[1].valid >= thresholds.alert_rows
    return DataFault("unit", name, text, "mean converted back", found.mean, found.reference_mean, is_grave)


def changed_type(name: str, bins: Bins, before: SampleColumn, after: SampleColumn, least: float) -> DataFault | None:
    """The fault that texts have become numbers, told from samples: `least` is the share that must certainly have."""
    if not isinstance(bins, Vocabulary) or not isinstance(before, TextColumn):
        return None
    was, now = _numeric_share(before), _numeric_share(as_texts(after))
    lower, upper = wilson(*now, CONFIDENCE) if now[1] else (0.0, 0.0)
    if lower <= share(*was) + least:
        return None
    measured = Interval(share(*now), lower, upper)
    text = f"{_bounded(measured)} of the values are numbers (reference {percent(share(*was))})"
    return DataFault("type", name, text, "share of numbers", measured, share(*was))


def respelt(name: str, bins: Bins, after: SampleColumn, least: float) -> DataFault | None:
    """The fault that values stand there in another spelling (case, spaces, punctuation): `least` is the share that must
    certainly do so, and nearly all that is unseen has to."""
    if not isinstance(bins, Vocabulary) or bins.open:
        return None
    column = as_texts(after)
    known = {_bare(value): value for value in (*bins.values, *bins.others)}
    counts = {
        value: count
        for value, count in zip(column.values, _counts(column), strict=True)
        if bins.position(value) == bins.bins - 1
    }
    other = {value: count for value, count in counts.items() if _bare(value) and _bare(value) in known}
    cells, found = int((column.codes >= 0).sum()), sum(other.values())
    if not found or found < _RESPELT * sum(counts.values()):
        return None
    lower, upper = wilson(found, cells, CONFIDENCE)
    if lower <= least:
        return None
    examples = sorted(other, key=lambda value: (-other[value], value))[:_MOST_EXAMPLES]
    told = ", ".join(f"{value} for {known[_bare(value)]}" for value in examples)
    measured = Interval(share(found, cells), lower, upper)
    text = f"{_bounded(measured)} of the values are spelt otherwise than in the reference: {told}"
    return DataFault("spelling", name, text, "share of values", measured, 0.0)


def _counted(
    name: str,
    kind: FaultKind,
    reason: Reason,
    counts: tuple[int, int],
    reference: float | None,
    *,
    is_wrong: bool = True,
) -> DataFault:
    measured = Interval(share(*counts), *wilson(*counts, CONFIDENCE))
    text = f"{reason.text}, certainly between {percent(measured.lower)} and {percent(measured.upper)}"
    is_grave = reason.verdict is Verdict.ALERT
    return DataFault(kind, name, text, "share of cells", measured, reference, is_grave, is_wrong)


def _bounded(interval: Interval) -> str:
    return f"{percent(interval.value)} ({percent(interval.lower)} to {percent(interval.upper)})"


def _counts(column: TextColumn) -> list[int]:
    counts: list[int] = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values)).tolist()
    return counts


def _numeric_share(column: TextColumn) -> tuple[int, int]:
    counts = _counts(column)
    numeric = sum(count for value, count in zip(column.values, counts, strict=True) if number_of(value) is not None)
    return numeric, sum(counts)


def _bare(text: str) -> str:
    """What two spellings of one value have in common: letter case and separators aside, unless they are numbers."""
    return "" if number_of(text) is not None else re.sub(r"[\s_-]+(?=[^\s_-])", " ", text.casefold()).strip()
