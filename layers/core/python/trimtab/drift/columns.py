"""One column: how far the current data is from the reference, and which rules that breaks."""

from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

from trimtab.capture.grid import Bins, NumericBins
from trimtab.capture.profile import ColumnProfile
from trimtab.drift import rules
from trimtab.drift.binning import psi_counts
from trimtab.drift.distances import jensen_shannon, kolmogorov_smirnov, wasserstein
from trimtab.drift.effective_rows import FEWEST, design_effects, thinned
from trimtab.drift.psi import adjusted_psi, p_any_drift, p_more_than, psi
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Reason, Verdict, gravest

CONSTANT = "constant"


@dataclass(frozen=True, slots=True)
class ColumnAssessment:
    """What is known of one column. Pairs are (reference, current). None: not defined, or nothing to compute it from.

    `rows`: values that were compared. `missing`, `invalid`: shares of the cells. `psi` on `psi_bins` bins;
    `psi_adjusted` less its bias; `p` of the true PSI being harmless (at most `tau`), `p_any` of no drift
    at all, both None with too few rows to judge. `ks`, `wasserstein` (in standard deviations of the reference) and
    `jensen_shannon` (base 2) decide nothing. `unseen`, `out_of_range`: shares of the current values. `skipped` says why
    there is no PSI. `rows_effective`: as how many independent ones `rows` count in the tests, None when as many.
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
    rows_effective: tuple[int, int] | None = None


def assess_column(
    bins: Bins,
    reference: ColumnProfile,
    current: ColumnProfile,
    thresholds: DriftThresholds,
    *,
    columns: int = 1,
    tau: float | None = None,
) -> ColumnAssessment:
    """Statistics and rules of one column. Its PSI is judged later, together with those of all other columns.

    `tau`: the PSI that is harmless for this column, where its own history tells (default: the threshold `psi`).

    `columns` that are judged together share the error level of the tests against the reference (Bonferroni). Without a
    broken rule the verdict is INSUFFICIENT_DATA where there were too few values to judge, or none to judge them by.
    """
    effects = design_effects(bins, reference, current)
    effect = effects[1].values
    before, after = psi_counts(bins, thinned(reference, effects[0].values), thinned(current, effect))
    m, n, count = int(before.sum()), int(after.sum()), len(before)
    skipped = _why_no_psi(bins, count, n, m)
    value = psi(before, after) if skipped is None else None
    enough = n * effect >= thresholds.warn_rows and n >= min(FEWEST, thresholds.warn_rows)
    tested = value if enough else None
    reasons = rules.broken_rules(bins, reference, current, thresholds, thresholds.rule_level / columns, effects)
    if reasons:
        verdict = gravest(reasons)
    elif tested is not None or (skipped == CONSTANT and current.valid >= thresholds.warn_rows):
        verdict = Verdict.OK
    else:
        verdict = Verdict.INSUFFICIENT_DATA
    unseen = rules.unseen_count(bins, current)
    # of a categorical column on all its values, so that unseen ones count
    shown = (before, after) if isinstance(bins, NumericBins) else (reference.counts, current.counts)
    assessment = ColumnAssessment(
        kind="numeric" if isinstance(bins, NumericBins) else "categorical",
        verdict=verdict,
        rows=(reference.valid, current.valid),
        missing=(rules.share(reference.missing, reference.cells), rules.share(current.missing, current.cells)),
        invalid=(rules.share(reference.invalid, reference.cells), rules.share(current.invalid, current.cells)),
        psi=value,
        psi_adjusted=None if value is None else adjusted_psi(value, count, n, m),
        psi_bins=None if value is None else count,
        p=None if tested is None else p_more_than(tau or thresholds.psi, tested, count, n, m),
        p_any=None if tested is None else p_any_drift(tested, count, n, m),
        jensen_shannon=jensen_shannon(*shown) if reference.valid and current.valid else None,
        unseen=None if unseen is None else rules.share(unseen, current.valid),
        skipped=skipped,
        reasons=reasons,
        rows_effective=None if skipped == CONSTANT else _rows_effective((reference.valid, current.valid), effects),
    )
    if not (isinstance(bins, NumericBins) and reference.valid and current.valid):
        return assessment
    means = (reference.total / reference.valid, current.total / current.valid)
    return replace(
        assessment,
        ks=kolmogorov_smirnov(reference.counts, current.counts),
        wasserstein=wasserstein(bins, reference, current),
        out_of_range=rules.share(rules.outside_count(bins, current), current.valid),
        mean=means if all(map(isfinite, means)) else None,
    )


def _rows_effective(rows: tuple[int, int], effects: rules.Effects) -> tuple[int, int] | None:
    counted = (round(rows[0] / effects[0].values), round(rows[1] / effects[1].values))
    return counted if counted != rows else None


def _why_no_psi(bins: Bins, count: int, n: int, m: int) -> str | None:
    if m == 0:
        return "no reference values"
    if rules.is_constant(bins):
        return CONSTANT
    if n == 0:
        return "no current values"
    if count < 2:
        return "no value is frequent enough in the reference"
    return None
