"""Rules beside the PSI: missing, invalid, unseen and out-of-range values of one column.

Each needs both an effect that matters (a threshold) and the certainty that it is none of the reference's own.
"""

import numpy as np

from trimtab.capture.grid import Bins, NumericBins, Vocabulary
from trimtab.capture.profile import ColumnProfile
from trimtab.drift.proportions import excess_p, two_proportion_p, wilson_lower
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Reason, Verdict, reason


def missing_rule(
    reference: ColumnProfile, current: ColumnProfile, thresholds: DriftThresholds, level: float
) -> Reason | None:
    """ALERT when the missing share moved, up or down, by `missing_change` or more, and not by chance."""
    before, now = share(reference.missing, reference.cells), share(current.missing, current.cells)
    p = two_proportion_p(current.missing, current.cells, reference.missing, reference.cells)
    if abs(now - before) < thresholds.missing_change or p >= level:
        return None
    text = f"missing values went from {percent(before)} to {percent(now)}"
    return reason("missing", Verdict.ALERT, text, rows=current.cells, thresholds=thresholds)


def invalid_rule(
    reference: ColumnProfile, current: ColumnProfile, thresholds: DriftThresholds, level: float
) -> Reason | None:
    """ALERT when certainly `invalid_share` more of the cells hold no number than in the reference."""
    if not _exceeds_reference(
        (current.invalid, current.cells), (reference.invalid, reference.cells), thresholds.invalid_share, thresholds, level
    ):
        return None
    text = (
        f"{percent(share(current.invalid, current.cells))} of the cells are no numbers "
        f"(reference {percent(share(reference.invalid, reference.cells))})"
    )
    return reason("invalid", Verdict.ALERT, text, rows=current.cells, thresholds=thresholds)


def unseen_rule(
    bins: Bins, reference: ColumnProfile, current: ColumnProfile, thresholds: DriftThresholds, level: float
) -> Reason | None:
    """ALERT when certainly `unseen_share` more of the values are new than chance would bring (Good-Turing)."""
    unseen = unseen_count(bins, current)
    if unseen is None:
        return None
    expected = expected_unseen(bins, reference)
    if not _exceeds_reference(
        (unseen, current.valid), (expected, reference.valid), thresholds.unseen_share, thresholds, level
    ):
        return None
    text = f"{percent(share(unseen, current.valid))} of the values are not in the reference"
    if expected:
        text += f" (up to {percent(share(expected, reference.valid))} would be no surprise)"
    return reason("unseen", Verdict.ALERT, text, rows=current.valid, thresholds=thresholds)


def range_rule(
    bins: NumericBins, reference: ColumnProfile, current: ColumnProfile, thresholds: DriftThresholds, level: float
) -> Reason | None:
    """WARN when certainly more than `range_share` lie outside the reference's 0.1 % and 99.9 % quantiles.

    Even with nothing drifted a small reference is left often. Its quantiles are two of its values; counted as outside,
    they make Fisher's test exact for what chance puts there.
    """
    outside, before = outside_count(bins, current), outside_count(bins, reference)
    bound = wilson_lower(outside, current.valid, thresholds.rule_level)
    if bound <= thresholds.range_share or reference.valid < 2:
        return None
    if excess_p(outside, current.valid, min(before + 1, reference.valid), reference.valid) >= level:
        return None
    text = (
        f"{percent(share(outside, current.valid))} of the values lie outside the reference's range "
        f"(below its 0.1 % or above its 99.9 % quantile)"
    )
    return reason("range", Verdict.WARN, text, rows=current.valid, thresholds=thresholds)


def unseen_count(bins: Bins, current: ColumnProfile) -> int | None:
    """Current values that the reference never had; None where that cannot be told.

    Of numeric columns only those with one single value are judged so: there any other value is new.
    """
    if isinstance(bins, Vocabulary):
        return None if bins.open else int(current.counts[-1])
    return current.valid - int(current.counts[1]) if is_constant(bins) else None


def expected_unseen(bins: Bins, reference: ColumnProfile) -> int:
    """How many of as many values as the reference has are expected to be new: as many as it has just once.

    Of the values that are not listed only their sum is known, and that none is more frequent than a listed one; this
    gives the most there can be.
    """
    if isinstance(bins, NumericBins):
        return 0
    listed = reference.counts[:-2]
    singletons = int((listed == 1).sum())
    if not bins.others:
        return singletons
    others, most = len(bins.others), int(listed.min())
    if most <= 1:
        return singletons + others
    return min(others, max(0, (others * most - int(reference.counts[-2])) // (most - 1)))


def outside_count(bins: NumericBins, profile: ColumnProfile) -> int:
    """Values below the reference's 0.1 % or above its 99.9 % quantile."""
    return int(profile.counts[: bins.low + 1].sum() + profile.counts[bins.high + 1 :].sum())


def is_constant(bins: Bins) -> bool:
    """Whether the reference has one value only."""
    if isinstance(bins, NumericBins):
        return bool(len(bins.edges) == 2 and bins.edges[1] == np.nextafter(bins.edges[0], np.inf))
    return len(bins.values) == 1


def share(count: int, of: int) -> float:
    """`count` / `of`, 0 of nothing."""
    return count / of if of else 0.0


def percent(fraction: float) -> str:
    """A share for people to read: 0.0312 is "3.12 %"."""
    return f"{100 * fraction:.3g} %"


def _exceeds_reference(
    current: tuple[int, int], reference: tuple[int, int], excess: float, thresholds: DriftThresholds, level: float
) -> bool:
    bound = wilson_lower(*current, thresholds.rule_level)
    return bound > share(*reference) + excess and excess_p(*current, *reference) < level
