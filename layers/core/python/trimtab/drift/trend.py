"""The trend of scores over windows: where it settles (EWMA), and when it changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from trimtab.capture.table import FloatArray

WEIGHT = 0.3
"""Weight of the newest value in the EWMA (Roberts 1959): about six windows count."""
LEVEL = 0.05
PERMUTATIONS = 499
FEWEST = 8
MOST = 500
"""Values that are looked at, the latest: a change long ago began no alert of today."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A lasting change of level in a sequence: positions of the first value after it, and between `earliest` and
    `latest` with 95 % confidence; the levels `before` and `after`; `p` of there being no change."""

    position: int
    earliest: int
    latest: int
    before: float
    after: float
    p: float


def ewma(values: Sequence[float], weight: float = WEIGHT) -> float | None:
    """Exponentially weighted moving average, oldest value first; None of nothing."""
    settled: float | None = None
    for value in values:
        settled = value if settled is None else weight * value + (1 - weight) * settled
    return settled


def last_rise(scores: Sequence[float]) -> ChangePoint | None:
    """When the scores (PSI, oldest first) last rose to a new level; None when that cannot be told from chance.

    Binary segmentation (Scott & Knott 1974; Vostrikova 1981) with a permutation test at each split, on the roots of the
    scores, for PSI grows with the square of a shift. Always split on the right-hand side, so that the change found is
    the latest one.
    """
    values = np.sqrt(np.asarray(scores[-MOST:], dtype=np.float64))
    skipped, first, found = len(scores) - len(values), 0, None
    while (change := change_point(values[first:])) is not None:
        if change.after > change.before:
            found = ChangePoint(
                position=skipped + first + change.position,
                earliest=skipped + first + change.earliest,
                latest=skipped + first + change.latest,
                before=change.before**2,
                after=change.after**2,
                p=change.p,
            )
        first += change.position
    return found


def change_point(values: FloatArray) -> ChangePoint | None:
    """The one change of the mean that fits best, by least squares, if it is more than chance puts there; None for fewer
    than eight values.

    The test shuffles the values (with a fixed seed: the same values give the same p). The interval holds the positions
    whose likelihood ratio to the best is at most -2 ln(1 - sqrt(0.95)) (Hansen 2000, Econometrica 68, section 3.2).
    """
    n = len(values)
    if n < FEWEST or np.ptp(values) == 0:
        return None
    centred = values - values.mean()
    gains = _gains(centred)
    best = int(gains.argmax())
    rng = np.random.default_rng(n)
    shuffled = rng.permuted(np.broadcast_to(centred, (PERMUTATIONS, n)), axis=1)
    p = (1 + int((_gains(shuffled).max(axis=1) >= gains[best] * (1 - 1e-9)).sum())) / (PERMUTATIONS + 1)
    if p > LEVEL:
        return None
    residual = float(centred @ centred) - gains
    floor = max(float(residual[best]), 1e-12)
    likely = np.flatnonzero(n * (residual - residual[best]) / floor <= -2 * log(1 - sqrt(0.95)))
    return ChangePoint(
        position=best + 1,
        earliest=int(likely[0]) + 1,
        latest=int(likely[-1]) + 1,
        before=float(values[: best + 1].mean()),
        after=float(values[best + 1 :].mean()),
        p=p,
    )


def _gains(centred: FloatArray) -> FloatArray:
    """By how much a change after each value but the last lowers the sum of squares; rows of values that sum to 0."""
    n = centred.shape[-1]
    sums = np.cumsum(centred, axis=-1)[..., :-1]
    left = np.arange(1, n)
    gains: FloatArray = sums**2 * n / (left * (n - left))
    return gains
