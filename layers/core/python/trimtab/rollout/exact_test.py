"""The stratified test of one planned look: given all bad requests, how many are the canary's?

Exact below 50 bad requests of the canary: the sum over strata of binomial variables, by convolution. From there on the
normal approximation, with every minute's own share. Both allow for over-dispersion.
"""

from math import erfc, sqrt

import numpy as np

from trimtab.capture.table import FloatArray, IntArray
from trimtab.rollout.traffic import Counts

NORMAL_FROM = 50
"""Bad requests of the canary from which the normal approximation serves."""
STRATUM_MINUTES = 60
"""Minutes of one traffic step are pooled by the hour."""
CERTAIN = 1e-15
"""Chances closer to 0 or 1 than this are taken for as close as this."""

_erfc = np.frompyfunc(erfc, 1, 1)


def tails(
    counts: Counts, steps: IntArray, relative_risk: float, dispersion: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    """P(at least as many of the bad requests are the canary's) and P(at most as many), if the relative risk were this.

    Of all minutes that are in `counts`, shape (…, minutes); `dispersion` and the answers have the shape (…). The first
    is the p-value of harm when the relative risk is the margin, the second that of safety when it is the unacceptable.
    """
    runs = counts.canary_bad.shape[:-1]
    flat = counts.each(lambda values: values.reshape(-1, values.shape[-1]))
    spread = np.broadcast_to(dispersion, runs).reshape(-1)
    at_least, at_most = _normal(flat, relative_risk, spread)
    few = np.flatnonzero(flat.canary_bad.sum(axis=-1) < NORMAL_FROM)
    if len(few):
        starts = stratum_starts(steps)
        strata = flat.each(lambda values: np.add.reduceat(values[few], starts, axis=-1))
        # rounded in total, so that the strata together never have fewer than the canary alone
        trials = np.rint(np.cumsum(strata.bad, axis=-1) / spread[few, np.newaxis])
        at_least[few], at_most[few] = binomial_sum_tails(
            np.rint(strata.canary_bad.sum(axis=-1) / spread[few]),
            np.diff(trials, axis=-1, prepend=0.0),
            canary_part(strata.share, relative_risk),
        )
    return at_least.reshape(runs), at_most.reshape(runs)


def binomial_sum_tails(count: FloatArray, trials: FloatArray, chance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """P(X >= count) and P(X <= count), X a sum of independent binomial variables.

    `count`: whole numbers, shape (runs,). `trials` (whole) and `chance`: shape (runs, strata).
    """
    size = int(count.max()) + 1
    total = _binomial(trials[:, 0], chance[:, 0], size)
    for stratum in range(1, trials.shape[1]):
        other = _binomial(trials[:, stratum], chance[:, stratum], size)
        padded = np.concatenate([np.zeros((len(other), size - 1)), other], axis=1)
        shifted = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[..., ::-1]
        total = (shifted @ total[..., np.newaxis])[..., 0]
    below = np.concatenate([np.zeros((len(total), 1)), np.cumsum(total, axis=1)], axis=1)
    index = count.astype(np.int64)[:, np.newaxis]
    at_most = np.take_along_axis(below, index + 1, axis=1)[:, 0]
    at_least = 1 - np.take_along_axis(below, index, axis=1)[:, 0]
    return np.clip(at_least, 0.0, 1.0), np.clip(at_most, 0.0, 1.0)


def canary_part(share: FloatArray, relative_risk: float) -> FloatArray:
    """The canary's expected part of the bad requests (θ) when it gets this share of the requests."""
    return relative_risk * share / (1 + (relative_risk - 1) * share)


def stratum_starts(steps: IntArray) -> IntArray:
    """The minutes at which a stratum (a step, by the hour since the start) begins."""
    hours = np.arange(len(steps)) // STRATUM_MINUTES
    changes = (np.diff(steps) != 0) | (np.diff(hours) != 0)
    return np.concatenate([[0], np.flatnonzero(changes) + 1]).astype(np.int64)


def _normal(counts: Counts, relative_risk: float, dispersion: FloatArray) -> tuple[FloatArray, FloatArray]:
    part = canary_part(counts.share, relative_risk)
    excess = (counts.canary_bad - counts.bad * part).sum(axis=-1)
    deviation = np.sqrt(dispersion * (counts.bad * part * (1 - part)).sum(axis=-1))
    z = np.divide(excess, deviation, out=np.full_like(excess, np.nan), where=deviation > 0)
    at_least = np.where(np.isnan(z), 1.0, _upper_tail(z))
    at_most = np.where(np.isnan(z), 1.0, _upper_tail(-z))
    return at_least, at_most


def _upper_tail(z: FloatArray) -> FloatArray:
    return np.asarray(_erfc(z / sqrt(2)), dtype=np.float64) / 2


def _binomial(trials: FloatArray, chance: FloatArray, size: int) -> FloatArray:
    """Probabilities of 0 … size - 1 for each run, shape (runs, size)."""
    chance = np.clip(chance, CERTAIN, 1 - CERTAIN)
    steps = np.arange(1, size)
    with np.errstate(divide="ignore"):  # more successes than trials: a probability of 0
        ladder = np.log(np.maximum(trials[:, np.newaxis] - steps + 1, 0) / steps)
    ladder += (np.log(chance) - np.log1p(-chance))[:, np.newaxis]
    logs = np.cumsum(np.concatenate([(trials * np.log1p(-chance))[:, np.newaxis], ladder], axis=1), axis=1)
    probabilities: FloatArray = np.exp(logs)
    return probabilities
