"""Rows that repeat another one, as requests that are sent twice make them.

Some rows are alike by nature, the more so the more rows there are; some feeds repeat a share of their rows whatever
their number. A window is at fault where it repeats more than the reference would by either account.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from trimtab.capture.sample import RowSample, SampleColumn
from trimtab.capture.table import IntArray, TextColumn
from trimtab.data_quality.fault import CONFIDENCE, Interval
from trimtab.quality.intervals import wilson

FEWEST_ROWS = 200
"""Smaller samples tell nothing of repeated rows."""
_PAIRS_OF_CHANCE = 7.0
"""So many pairs of alike rows may be expected where none was found (Poisson, 0.1 %)."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """The share of all rows that repeat another one, now and the most the reference lets expect."""

    now: Interval
    expected: float


def repetition(reference: RowSample, current: RowSample, names: Collection[str]) -> Repetition | None:
    """How many rows repeat another one in the columns `names`, told from samples; None where these are too small or
    have none of the columns in common.

    A sample of a share s of the rows holds the other row of a pair with probability s, so that shares of the sample are
    divided by s. It follows from the sample's cut, not from how many rows the window has: objects without a sample hold
    no other row either.
    """
    common = sorted(set(names) & reference.columns.keys() & current.columns.keys())
    if not common or min(reference.rows, current.rows) < FEWEST_ROWS:
        return None
    before, now = _groups(reference, common), _groups(current, common)
    repeated = current.rows - len(now)
    share = repeated / current.rows / current.share
    lower, upper = (min(1.0, each / current.share) for each in wilson(repeated, current.rows, CONFIDENCE))
    most_before = wilson(reference.rows - len(before), reference.rows, CONFIDENCE)[1] / reference.share
    alike = (_pairs(before) + _PAIRS_OF_CHANCE) / (reference.rows * (reference.rows - 1) / 2)
    by_nature = alike * (current.rows / current.share - 1) / 2
    return Repetition(Interval(min(1.0, share), lower, upper), min(1.0, max(most_before, by_nature)))


def _pairs(sizes: IntArray) -> float:
    rows = sizes.astype(np.float64)
    return float((rows * (rows - 1) / 2).sum())


def _groups(sample: RowSample, names: list[str]) -> IntArray:
    """How many rows there are of each distinct one."""
    cells = [_codes(sample.columns[name]) for name in names]
    _, sizes = np.unique(np.array(cells), axis=1, return_counts=True)
    return sizes


def _codes(column: SampleColumn) -> IntArray:
    return column.codes if isinstance(column, TextColumn) else np.unique(column, return_inverse=True)[1]
