"""From a profile's fine bins to the bins of the PSI."""

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.grid import Bins, NumericBins, Vocabulary
from trimtab.capture.profile import ColumnProfile
from trimtab.capture.table import IntArray

EXPECTED = 5  # Cochran 1954: expected counts below five make the chi-square approximation poor
STABLE = 25
MOST_GROUPS = 10
GROUP, EXPECTED_OF_GROUP = 100, 20
MOST_ONCE = 0.05


def psi_counts(bins: Bins, reference: ColumnProfile, current: ColumnProfile) -> tuple[IntArray, IntArray]:
    """Reference and current counts on the bins of the PSI."""
    if isinstance(bins, NumericBins):
        return _numeric_counts(bins, reference.counts, current.counts)
    return _categorical_counts(bins, reference.counts, current.counts)


def _numeric_counts(bins: NumericBins, reference: IntArray, current: IntArray) -> tuple[IntArray, IntArray]:
    """Fine bins between two cuts together; what is beyond the reference's range belongs to the outer ones. Neighbouring
    bins that are both rare become one. A rare bin between frequent ones stays: joined to a frequent one, its growth
    would not be seen, and with smoothing it adds less than one bin's noise to the PSI (simulated)."""
    starts = np.concatenate([[0], bins.cuts + 1])
    reference, current = np.add.reduceat(reference, starts), np.add.reduceat(current, starts)
    rare = _is_rare(reference, current, EXPECTED)
    starts = np.flatnonzero(np.concatenate([[True], ~(rare[1:] & rare[:-1])]))
    return np.add.reduceat(reference, starts), np.add.reduceat(current, starts)


def _categorical_counts(bins: Vocabulary, reference: IntArray, current: IntArray) -> tuple[IntArray, IntArray]:
    """One bin per frequent value; the rare ones in groups, or all together where they are too few for two.

    Which values are rare is read off the reference's own counts, so the rare ones are by chance rarer there than in the
    current data. With many values of about five counts each that alone gives PSI 0.08 (simulated, 200 values); with 25
    counts it is below 0.03. So the more values, the more counts a bin of its own needs.

    Unseen values: when the whole vocabulary is listed they are no part of the PSI, for they have a rule of their own,
    and one smoothed empty reference bin would make a new category of 2 % exceed PSI 0.1. Values that the reference has
    once are then no part of its counts either: that many unseen ones are to be expected (Good-Turing). When the
    vocabulary is cut off, unseen values are part of the rest, where the reference has its own long tail. That rest is
    one bin: the listed values are then the reference's most frequent, and so by chance too frequent there.
    """
    values = len(bins.values)
    listed, listed_current = reference[:values], current[:values]
    rare = _is_rare(listed, listed_current, min(STABLE, max(EXPECTED, values)))
    few, few_current = listed[rare], listed_current[rare]
    if bins.open or bins.others:
        rest = np.array([few.sum() + reference[values:].sum()])
        rest_current = np.array([few_current.sum() + current[values:].sum()])
    else:
        names = [bins.values[place] for place in np.flatnonzero(rare)]
        groups = _groups(names, few, int(listed_current.sum()) / max(1, int(listed.sum())))
        rest, rest_current = (
            np.bincount(groups, weights=counts).astype(np.int64) for counts in (few - (few == 1), few_current)
        )
    return np.concatenate([listed[~rare], rest]), np.concatenate([listed_current[~rare], rest_current])


def _groups(names: list[str], counts: IntArray, scale: float) -> IntArray:
    """The group of each rare value: up to MOST_GROUPS, of about as many counts each, in the order of the names' hashes.

    Groups depend on the names and on the reference's counts, never on the current ones, and neighbours in this order
    have nothing in common, their counts neither. So no group is rarer on one side by chance alone. A group has about
    GROUP counts or more and expects about EXPECTED_OF_GROUP or more in the current data, which is `scale` times as
    large. Where more than MOST_ONCE of the counts are of values that the reference has once, there is one group: to
    leave these out adds to the noise of counts (1.3 times the variance with 5 % of them, 1.6 times with 13 %).
    """
    mass = int(counts.sum())
    most = min(MOST_GROUPS, mass // GROUP, int(mass * scale) // EXPECTED_OF_GROUP)
    if most < 2 or (counts == 1).sum() > MOST_ONCE * mass:
        return np.zeros(len(counts), np.int64)
    order = sorted(range(len(names)), key=lambda place: sha256(names[place].encode(errors="replace")).digest())
    middles = np.cumsum(counts[order]) - counts[order] / 2
    groups = np.empty(len(counts), np.int64)
    groups[order] = np.minimum(middles * most / mass, most - 1)
    return groups


def _is_rare(reference: IntArray, current: IntArray, enough: int) -> NDArray[np.bool_]:
    expected = reference * (int(current.sum()) / max(1, int(reference.sum())))
    return (reference < enough) | (expected < EXPECTED)
