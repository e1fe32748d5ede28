"""All faults of a window's data, and which drifted columns they explain wholly."""

from collections.abc import Collection, Iterator, Sequence

from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.capture.sample import RowSample
from trimtab.data_quality.columns import changed_type, changed_unit, respelt, rule_faults, standstill
from trimtab.data_quality.duplicates import repetition
from trimtab.data_quality.fault import DataFault, FaultKind
from trimtab.data_quality.settings import DataQualitySettings
from trimtab.drift.assessment import Assessment
from trimtab.drift.rules import percent
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict

_CONSEQUENCES: dict[FaultKind, frozenset[FaultKind]] = {
    "unit": frozenset({"range"}),
    "constant": frozenset({"range"}),
    "spelling": frozenset({"domain"}),
}
"""What a fault brings with it, so that it need not be told besides."""
_OF_VALUES = frozenset({"unit", "constant", "spelling"})
"""Faults that explain why a column's values moved; others explain gaps only."""


def find_faults(
    reference: Reference,
    current: Profile,
    assessment: Assessment,
    samples: tuple[RowSample | None, RowSample | None],
    settings: DataQualitySettings,
    thresholds: DriftThresholds,
) -> tuple[DataFault, ...]:
    """The faults of a window that was judged, the gravest first. `samples`: of (reference, window) rows, None where
    there is none; what only rows can tell is then not looked for."""
    found = [
        fault
        for name in assessment.columns
        for fault in _column_faults(name, reference, current, assessment, samples, settings, thresholds)
    ]
    # a column that lost its values, or some of them, makes rows alike that are not sent twice
    as_before = {name for name, column in assessment.columns.items() if column.verdict is not Verdict.ALERT}
    as_before -= {each.column for each in found if each.column}
    if fault := _duplicates(samples, as_before, assessment.rows[1], settings, thresholds):
        found.append(fault)
    kept = [each for each in found if each.kind not in settings.skip and not _is_consequence(each, found)]
    return tuple(sorted(kept, key=lambda each: (not each.is_grave, not each.is_wrong, each.column or "", each.kind)))


def faulty_columns(faults: Collection[DataFault], assessment: Assessment) -> tuple[str, ...]:
    """The drifted columns that alert for nothing but mistakes in the data: another unit, spelling or type, a value that
    stands still, or gaps while the values that are there did not move."""
    wrong: dict[str, set[FaultKind]] = {}
    for each in faults:
        if each.column and each.is_wrong:
            wrong.setdefault(each.column, set()).add(each.kind)
    return tuple(
        name
        for name in assessment.drifted
        if name in wrong and (wrong[name] & _OF_VALUES or not _have_values_moved(assessment, name, wrong[name]))
    )


def data_verdict(assessment: Assessment, faults: Sequence[DataFault]) -> Verdict:
    """What a window says about the quality of its data."""
    if not assessment.columns:
        return Verdict.INSUFFICIENT_DATA
    if any(each.is_grave for each in faults):
        return Verdict.ALERT
    return Verdict.WARN if faults else Verdict.OK


def _column_faults(
    name: str,
    reference: Reference,
    current: Profile,
    assessment: Assessment,
    samples: tuple[RowSample | None, RowSample | None],
    settings: DataQualitySettings,
    thresholds: DriftThresholds,
) -> Iterator[DataFault]:
    bins, judged = reference.grid.columns[name], assessment.columns[name]
    profiles = reference.profile.columns[name], current.columns[name]
    before, after = (None if sample is None else sample.columns.get(name) for sample in samples)
    yield from rule_faults(name, bins, current.columns[name], judged)
    level = settings.level / len(assessment.columns)
    if fault := standstill(name, bins, *profiles, thresholds, level):
        yield fault
    if fault := changed_unit(name, bins, profiles, judged, after, settings, thresholds):
        yield fault
    if after is not None and any(reason.rule == "unseen" for reason in judged.reasons):
        if before is not None and (fault := changed_type(name, bins, before, after, thresholds.unseen_share)):
            yield fault
        if fault := respelt(name, bins, after, thresholds.unseen_share):
            yield fault


def _duplicates(
    samples: tuple[RowSample | None, RowSample | None],
    names: Collection[str],
    rows: int,
    settings: DataQualitySettings,
    thresholds: DriftThresholds,
) -> DataFault | None:
    reference, current = samples
    found = repetition(reference, current, names) if reference is not None and current is not None else None
    if found is None or found.now.lower <= found.expected + settings.duplicate_change:
        return None
    text = (
        f"{percent(found.now.value)} ({percent(found.now.lower)} to {percent(found.now.upper)}) of the rows repeat "
        f"another one; up to {percent(found.expected)} would be no surprise"
    )
    is_grave = rows >= thresholds.alert_rows
    return DataFault("duplicates", None, text, "share of rows", found.now, found.expected, is_grave)


def _is_consequence(fault: DataFault, faults: Sequence[DataFault]) -> bool:
    return any(
        each.column == fault.column and fault.kind in _CONSEQUENCES.get(each.kind, frozenset()) for each in faults
    )


def _have_values_moved(assessment: Assessment, name: str, kinds: Collection[FaultKind]) -> bool:
    """Whether the values that are there alert; that those of another type were never seen is no news."""
    excused = {"unseen", "psi"} if assessment.columns[name].kind == "categorical" and "type" in kinds else set()
    return any(
        reason.rule in {"psi", "unseen"} - excused and reason.verdict is Verdict.ALERT
        for reason in assessment.columns[name].reasons
    )
