"""Rules beside the PSI: missing, invalid, unseen and out-of-range values of one column.

Each needs both an effect that matters (a threshold) and the certainty that it is none of the reference's own.
"""

from math import sqrt

import numpy as np

from trimtab.capture.grid import Bins, NumericBins, Vocabulary
from trimtab.capture.profile import ColumnProfile
from trimtab.drift.effective_rows import FEWEST, DesignEffects, effective, thinned
from trimtab.drift.proportions import exact_p, excess_p, normal_quantile, two_proportion_p, wilson_lower
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Reason, Verdict, reason

type Effects = tuple[DesignEffects, DesignEffects]
"""Of (reference, current)."""
INDEPENDENT: Effects = (DesignEffects(), DesignEffects())


def broken_rules(
    bins: Bins,
    reference: ColumnProfile,
    current: ColumnProfile,
    thresholds: DriftThresholds,
    level: float,
    effects: Effects = INDEPENDENT,
) -> tuple[Reason, ...]:
    """The rules that the current data breaks. `level`: error level of the tests against the reference. `effects`: the
    design effects of both. Rules with too few values say nothing."""
    found: list[Reason | None] = []
    if current.cells >= thresholds.warn_rows:
        found += [
            missing_rule(reference, current, thresholds, level, effects),
            invalid_rule(reference, current, thresholds, level, effects),
        ]
    if current.valid >= thresholds.warn_rows:
        found.append(unseen_rule(bins, reference, current, thresholds, level, effects))
        if isinstance(bins, NumericBins) and not is_constant(bins):
            found.append(range_rule(bins, reference, current, thresholds, level, effects))
    return tuple(each for each in found if each is not None)


def missing_rule(
    reference: ColumnProfile,
    current: ColumnProfile,
    thresholds: DriftThresholds,
    level: float,
    effects: Effects = INDEPENDENT,
) -> Reason | None:
    """ALERT when the missing share moved, up or down, by `missing_change` or more, and not by chance."""
    before, now = share(reference.missing, reference.cells), share(current.missing, current.cells)
    counts = effective(current.missing, current.cells, effects[1].gaps)
    counts_before = effective(reference.missing, reference.cells, effects[0].gaps)
    p = two_proportion_p(*counts, *counts_before)
    if counts[1] < FEWEST:  # too few for a normal approximation
        p = max(p, exact_p(*counts, *counts_before))
    if abs(now - before) < thresholds.missing_change or p >= level:
        return None
    text = f"missing values went from {percent(before)} to {percent(now)}"
    return reason("missing", Verdict.ALERT, text, rows=current.cells, thresholds=thresholds)


def invalid_rule(
    reference: ColumnProfile,
    current: ColumnProfile,
    thresholds: DriftThresholds,
    level: float,
    effects: Effects = INDEPENDENT,
) -> Reason | None:
    """ALERT when certainly `invalid_share` more of the cells hold no number than in the reference."""
    counts, before = (current.invalid, current.cells), (reference.invalid, reference.cells)
    now, then = effective(*counts, effects[1].gaps), effective(*before, effects[0].gaps)
    bound = wilson_lower(*now, thresholds.rule_level)
    if bound <= share(*before) + thresholds.invalid_share or excess_p(*now, *then) >= level:
        return None
    text = f"{percent(share(*counts))} of the cells are no numbers (reference {percent(share(*before))})"
    return reason("invalid", Verdict.ALERT, text, rows=current.cells, thresholds=thresholds)


def unseen_rule(
    bins: Bins,
    reference: ColumnProfile,
    current: ColumnProfile,
    thresholds: DriftThresholds,
    level: float,
    effects: Effects = INDEPENDENT,
) -> Reason | None:
    """ALERT when certainly `unseen_share` more of the values are new than chance may bring."""
    unseen = unseen_count(bins, current)
    if unseen is None or reference.valid == 0:
        return None
    expected = most_expected_unseen(bins, thinned(reference, effects[0].values), level)
    now = effective(unseen, current.valid, effects[1].values)
    if wilson_lower(*now, thresholds.rule_level) <= expected + thresholds.unseen_share:
        return None
    text = (
        f"{percent(share(unseen, current.valid))} of the values are not in the reference "
        f"(up to {percent(expected)} would be no surprise)"
    )
    return reason("unseen", Verdict.ALERT, text, rows=current.valid, thresholds=thresholds)


def range_rule(
    bins: NumericBins,
    reference: ColumnProfile,
    current: ColumnProfile,
    thresholds: DriftThresholds,
    level: float,
    effects: Effects = INDEPENDENT,
) -> Reason | None:
    """WARN when certainly more than `range_share` lie outside the reference's 0.1 % and 99.9 % quantiles.

    A small reference is left often with nothing drifted. The ends of its range being two of its own values, Fisher's
    test with one value more outside is exact for what chance puts there.
    """
    outside, before = outside_count(bins, current), outside_count(bins, reference)
    now = effective(outside, current.valid, effects[1].values)
    then = effective(before, reference.valid, effects[0].values)
    bound = wilson_lower(*now, thresholds.rule_level)
    if bound <= thresholds.range_share or then[1] < 2:
        return None
    if excess_p(*now, min(then[0] + 1, then[1]), then[1]) >= level:
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


def most_expected_unseen(bins: Bins, reference: ColumnProfile, level: float) -> float:
    """The share of new values that is not exceeded with nothing drifted, but for an error of `level`.

    Good-Turing: of as many values as the reference has, as many are new as it has just once, with variance (values it
    has once) + 2 (values it has twice) (Good 1953; Esty 1983). Of the values that are not listed only the sum is known,
    and that none is more frequent than a listed one; from that, the most there can be.
    """
    once, spread = 0, 1
    if isinstance(bins, Vocabulary):
        listed, rest = reference.counts[:-2], int(reference.counts[-2])
        once = int((listed == 1).sum())
        spread += once + 2 * int((listed == 2).sum()) + rest
        others, most = len(bins.others), int(listed.min(initial=1))
        once += min(others, max(0, (others * most - rest) // (most - 1))) if most > 1 else others
    return min(1.0, (once + normal_quantile(1 - level) * sqrt(spread)) / reference.valid)


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
