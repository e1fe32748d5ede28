"""Which of the columns that moved matter, not only which moved far."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.capture.sample import RowSample
from trimtab.diagnosis.reweighting import prediction_shift, weights
from trimtab.drift.assessment import Assessment
from trimtab.drift.verdict import Verdict


@dataclass(frozen=True, slots=True)
class RankedColumn:
    """A column that moved. `weight`: its importance times its PSI. `prediction_shift`: how far the answers move, in
    their standard deviations, when the reference gets the window's distribution of this column; None where no sample of
    the reference's rows with answers can tell."""

    name: str
    psi: float
    importance: float | None
    weight: float
    prediction_shift: float | None


def rank_columns(
    reference: Reference,
    current: Profile,
    assessment: Assessment,
    importance: Mapping[str, float],
    sample: RowSample | None,
    *,
    faulty: Collection[str] = (),
) -> tuple[RankedColumn, ...]:
    """The columns that moved and are not just faulty, the one that matters most first: by importance times PSI, then by
    what the answers make of it. Without importances (an empty mapping) all columns weigh the same."""
    answers = {name: sample.columns[name] for name in sample.outputs} if sample else {}
    ranked = []
    for name, column in assessment.columns.items():
        if column.verdict not in (Verdict.ALERT, Verdict.WARN) or name in faulty:
            continue
        shift = None
        if sample and answers and name in sample.columns and name not in reference.outputs:
            cells, before = sample.columns[name], reference.profile.columns[name]
            weight = weights(reference.grid.columns[name], before, current.columns[name], cells)
            shift = prediction_shift(answers, weight)
        share = importance.get(name, 0.0) if importance else None
        moved = column.psi_adjusted or 0.0
        # what came out of the model has no importance, and its drift always matters
        counted = 1.0 if share is None or name in reference.outputs else share
        ranked.append(RankedColumn(name, moved, share, counted * moved, shift))
    return tuple(sorted(ranked, key=lambda each: (-each.weight, -(each.prediction_shift or 0.0), each.name)))


def by_weight(assessment: Assessment, importance: Mapping[str, float]) -> list[str]:
    """The judged columns in the order in which they are worth a look where there are too many: by importance, then PSI,
    then name. Only the PSI of columns that moved counts: if chance chose among the others, the very rows that it chose
    by would be told from the reference's (simulated: 100 of 500 columns without drift, an area of 0.52 on average)."""

    def weight(name: str) -> tuple[float, float, str]:
        column = assessment.columns[name]
        moved = (column.psi_adjusted or 0.0) if column.verdict in (Verdict.ALERT, Verdict.WARN) else 0.0
        return -importance.get(name, 0.0), -moved, name

    return sorted(assessment.columns, key=weight)


def ranked_document(columns: Collection[RankedColumn]) -> list[dict[str, Any]]:
    """The ranking as plain JSON values."""
    return [asdict(each) for each in columns]
