"""One column: how far the current data is from the reference, and which rules that breaks."""

from dataclasses import dataclass
from typing import Literal

from trimtab.capture.grid import Bins, NumericBins, Vocabulary
from trimtab.capture.profile import ColumnProfile
from trimtab.drift import distances, rules
from trimtab.drift.binning import psi_counts
from trimtab.drift.psi import adjusted_psi, p_any_drift, p_more_than, psi
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Reason, Verdict, gravest


@dataclass(frozen=True, slots=True)
class ColumnAssessment:
    """What is known of one column. Pairs are (reference, current). None: not defined, or nothing to compute it from.

    `rows`: values that were compared. `psi` on `psi_bins` bins; `psi_adjusted` less its bias; `p` of the true PSI being
    harmless (at most the threshold `psi`); `p_any` of no drift at all. `ks`, `wasserstein` (in standard deviations of the
    reference) and `jensen_shannon` (base 2) decide nothing. `missing`, `invalid`: shares of the cells. `unseen`,
    `out_of_range`: shares of the current values. `skipped` says why there is no PSI.
    """

    kind: Literal["numeric", "categorical"]
    verdict: Verdict
    rows: tuple[int, int]
    missing: tuple[float, float]
    invalid: tuple[float, float]
    psi: float | None = None
    psi_adjusted: float | None = None
    psi_bins: int | None = None
    p: float | None = None
    p_any: float | None = None
    ks: float | None = None
    wasserstein: float | None = None
    jensen_shannon: float | None = None
    unseen: float | None = None
    out_of_range: float | None = None
    mean: tuple[float, float] | None = None
    skipped: str | None = None
    reasons: tuple[Reason, ...] = ()


def assess_column(
    bins: Bins, reference: ColumnProfile, current: ColumnProfile, thresholds: DriftThresholds, *, columns: int = 1
) -> ColumnAssessment:
    """Statistics and rules of one column. Its PSI is judged later, together with those of all other columns.

    `columns` that are judged together share the error level of the tests against the reference (Bonferroni). Without a
    broken rule the verdict is INSUFFICIENT_DATA where fewer than `warn_rows` values, or none in the reference, could be
    compared, and OK otherwise.
    """
    before, after = psi_counts(bins, reference, current)
    m, n, count = int(before.sum()), int(after.sum()), len(before)
    skipped = _why_skipped(bins, count, m, n)
    value = psi(before, after) if skipped is None else None
    reasons = _broken_rules(bins, reference, current, thresholds, thresholds.rule_level / columns)
    is_judged = current.valid >= thresholds.warn_rows and skipped in (None, "constant")
    numeric = isinstance(bins, NumericBins)
    both = reference.valid > 0 and current.valid > 0
    unseen = rules.unseen_count(bins, current)
    return ColumnAssessment(
        kind="numeric" if isinstance(bins, NumericBins) else "categorical",
        verdict=gravest(reasons) if reasons or is_judged else Verdict.INSUFFICIENT_DATA,
        rows=(reference.valid, current.valid),
        missing=(rules.share(reference.missing, reference.cells), rules.share(current.missing, current.cells)),
        invalid=(rules.share(reference.invalid, reference.cells), rules.share(current.invalid, current.cells)),
        psi=value,
        psi_adjusted=None if value is None else adjusted_psi(value, count, n, m),
        psi_bins=None if value is None else count,
        p=None if value is None else p_more_than(thresholds.psi, value, count, n, m),
        p_any=None if value is None else p_any_drift(value, count, n, m),
        ks=distances.kolmogorov_smirnov(reference.counts, current.counts) if numeric and both else None,
        wasserstein=distances.wasserstein(bins, reference, current) if isinstance(bins, NumericBins) and both else None,
        jensen_shannon=_jensen_shannon(bins, reference, current) if both else None,
        unseen=None if unseen is None else rules.share(unseen, current.valid),
        out_of_range=rules.share(rules.outside_count(bins, current), current.valid)
        if isinstance(bins, NumericBins)
        else None,
        mean=(reference.total / reference.valid, current.total / current.valid) if numeric and both else None,
        skipped=skipped,
        reasons=reasons,
    )


def _why_skipped(bins: Bins, count: int, m: int, n: int) -> str | None:
    if m == 0:
        return "no reference values"
    if rules.is_constant(bins):
        return "constant"
    if n == 0:
        return "no current values"
    if count < 2:
        return "no value is frequent enough in the reference"
    return None


def _broken_rules(
    bins: Bins, reference: ColumnProfile, current: ColumnProfile, thresholds: DriftThresholds, level: float
) -> tuple[Reason, ...]:
    found = [missing_or_none := rules.missing_rule(reference, current, thresholds, level)]
    return tuple(each for each in found if each is not None)
