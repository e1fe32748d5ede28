"""One window of answers: how good they were by their labels, else how good they seem without, and why.

The decision of the hourly judge, over plain values: the same answers and labels give the same verdict, in whatever
order and how often they came.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from trimtab.drift.verdict import Verdict
from trimtab.quality.cause import CauseHint, contradiction, likely_cause
from trimtab.quality.estimate import Check
from trimtab.quality.judgement import QualityJudgement, judge_estimate, judge_realised
from trimtab.quality.keyed_rows import KeyedRows
from trimtab.quality.labels import Join, join
from trimtab.quality.performance import LabelCoverage, Performance, realised
from trimtab.quality.reference import QualityReference, estimate
from trimtab.quality.settings import QualitySettings
from trimtab.quality.windows import InputDrift


@dataclass(frozen=True, slots=True)
class QualityAssessment:
    """The verdict on one window and what it rests on.

    `joined`, `performance`, `coverage`: of the labels, None before they are waited for no longer. `checks`: how well
    the reference itself is estimated without labels. `contradiction`: why these labels say that estimates are wrong at
    present, "" when they do not, None when there are too few to tell.
    """

    judgement: QualityJudgement
    joined: Join | None = None
    performance: Performance | None = None
    coverage: LabelCoverage | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    cause: CauseHint | None = None
    contradiction: str | None = None


def assess_quality(
    answers: KeyedRows,
    labels: KeyedRows | None,
    reference: QualityReference | None,
    settings: QualitySettings,
    *,
    drift: InputDrift | None,
    contradicted: str = "",
    others: int = 0,
) -> QualityAssessment:
    """Judge one window. `labels`: all that may be of it, None while they are waited for; `others`: so many more that
    are not. `drift`: what became of the inputs in it, None when that is not known. `contradicted`: what the latest
    labels said of estimates.

    Labelled, it is judged by its labels; while they are waited for, and when too few came, by an estimate.
    """
    if labels is None:
        return _without_labels(answers, reference, settings, drift, contradicted)
    joined = join(answers, labels, others=others)
    before = reference.performance if reference else None
    performance, coverage = realised(
        joined,
        settings,
        problem=before.problem if before else None,
        positive=reference.positive if reference else None,
    )
    judgement = judge_realised(before, performance, coverage, settings, is_closed=True)
    if reference is None or before is None:
        return QualityAssessment(judgement, joined, performance, coverage)
    if judgement.verdict is Verdict.INSUFFICIENT_DATA:
        found = _without_labels(answers, reference, settings, drift, contradicted)
        told = replace(found.judgement, reason=f"{judgement.reason}; {found.judgement.reason}")
        return replace(found, judgement=told, joined=joined, performance=performance, coverage=coverage)
    expected = estimate(reference, joined.rows, settings)
    return QualityAssessment(
        judgement,
        joined,
        performance,
        coverage,
        reference.learned.checks,
        likely_cause(judgement, reference=before, current=performance, estimate=expected, drift=drift),
        contradiction(expected, performance),
    )


def _without_labels(
    answers: KeyedRows,
    reference: QualityReference | None,
    settings: QualitySettings,
    drift: InputDrift | None,
    contradicted: str,
) -> QualityAssessment:
    if reference is None:
        why = "there are no rows with labels yet to compare with"
        return QualityAssessment(QualityJudgement("estimated", Verdict.INSUFFICIENT_DATA, why, len(answers), {}))
    found = estimate(reference, answers, settings)
    judgement = judge_estimate(reference.performance, found, settings, contradiction=contradicted)
    return QualityAssessment(
        judgement,
        checks=reference.learned.checks,
        cause=likely_cause(judgement, reference=reference.performance, current=None, estimate=found, drift=drift),
    )
