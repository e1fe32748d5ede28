"""How likely a score is right: calibration by isotonic regression.

The pool-adjacent-violators algorithm (Ayer et al. 1955; Zadrozny and Elkan 2002) needs no model of the scores and no
number of bins: it finds the blocks of scores between which the share of events rises. Each block keeps its counts, so
how sure its share is is known too.
"""

from dataclasses import dataclass

import numpy as np

from trimtab.capture.table import FloatArray
from trimtab.quality.intervals import Flags


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Blocks of scores in ascending order: their lowest and highest score, rows and events."""

    lows: FloatArray
    highs: FloatArray
    rows: FloatArray
    events: FloatArray

    @property
    def shares(self) -> FloatArray:
        """Each block's share of events, drawn to that of all rows by the weight of one row, so that none is certain."""
        overall = self.events.sum() / self.rows.sum()
        return np.asarray(np.maximum.accumulate((self.events + overall) / (self.rows + 1)))

    def probabilities(self, scores: FloatArray, shares: FloatArray | None = None) -> FloatArray:
        """The probability of an event at each score; between blocks along a line, beyond the last as in it."""
        known = self.shares if shares is None else shares
        return np.interp(scores, np.column_stack([self.lows, self.highs]).ravel(), np.repeat(known, 2))

    def drawn(self, random: np.random.Generator) -> FloatArray:
        """Shares as they might be, given the counts: one draw from each block's beta distribution (Jeffreys prior)."""
        return random.beta(self.events + 0.5, self.rows - self.events + 0.5)


def calibrate(scores: FloatArray, is_event: Flags) -> Calibration:
    """The calibration of scores, of which there must be one at least, none of them NaN."""
    distinct, groups = np.unique(scores, return_inverse=True)
    rows = np.bincount(groups).astype(np.float64)
    events = np.bincount(groups, weights=is_event)
    blocks: list[tuple[int, float, float]] = []  # the first score, rows, events
    for index, (count, found) in enumerate(zip(rows.tolist(), events.tolist(), strict=True)):
        first, total, hits = index, count, found
        while blocks and blocks[-1][2] * total >= hits * blocks[-1][1]:
            first, before, hits_before = blocks.pop()
            total, hits = total + before, hits + hits_before
        blocks.append((first, total, hits))
    firsts = np.array([first for first, _, _ in blocks])
    lasts = np.append(firsts[1:] - 1, len(distinct) - 1)
    return Calibration(
        distinct[firsts],
        distinct[lasts],
        np.array([total for _, total, _ in blocks]),
        np.array([hits for _, _, hits in blocks]),
    )
