"""Rows that repeat another one, as requests that are sent twice make them.

Some rows are alike by nature, the more so the more rows there are; some feeds repeat a share of their rows whatever
their number. A window is at fault where it repeats more than the reference would by either account.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from trimtab.capture.sample import RowSample
from trimtab.capture.table import TextColumn
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


def repetition(
    reference: RowSample, current: RowSample, names: Collection[str], rows: tuple[int, int]
) -> Repetition | None:
    """How many rows repeat another one in the columns `names`, told from samples of `rows` (reference, current) in all;
    None where the samples are too small or have none of these columns in common.

    A sample of a share s of the rows holds the other row of a pair with probability s, so that shares of the sample are
    divided by s.
    """
    common = sorted(set(names) & reference.columns.keys() & current.columns.keys())
    if not common or min(reference.rows, current.rows) < FEWEST_ROWS:
        return None
    of_reference, of_all = (
        min(1.0, each.rows / max(total, 1)) for each, total in zip((reference, current), rows, strict=True)
    )
    before, now = _repeats(reference, common), _repeats(current, common)
    share = now / current.rows / of_all
    lower, upper = (min(1.0, each / of_all) for each in wilson(now, current.rows, CONFIDENCE))
    most_before = wilson(before, reference.rows, CONFIDENCE)[1] / of_reference
    alike = (_pairs(reference, common) + _PAIRS_OF_CHANCE) / (reference.rows * (reference.rows - 1) / 2)
    by_nature = alike * (rows[1] - 1) / 2
    return Repetition(Interval(min(1.0, share), lower, upper), min(1.0, max(most_before, by_nature)))


def _repeats(sample: RowSample, names: list[str]) -> int:
    return sample.rows - len(_groups(sample, names))


def _pairs(sample: RowSample, names: list[str]) -> float:
    sizes = _groups(sample, names).astype(np.float64)
    return float((sizes * (sizes - 1) / 2).sum())


def _groups(sample: RowSample, names: list[str]) -> np.ndarray:
    """How many rows there are of each distinct one."""
    cells = [_codes(sample.columns[name]) for name in names]
    _, sizes = np.unique(np.array(cells), axis=1, return_counts=True)
    return sizes


def _codes(column: np.ndarray | TextColumn) -> np.ndarray:
    return column.codes if isinstance(column, TextColumn) else np.unique(column, return_inverse=True)[1]
