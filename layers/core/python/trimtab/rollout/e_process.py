"""Evidence that grows with the minutes and may be looked at after each: e-values of a stratified binomial.

Given the bad requests D of both arms in a minute in which the canary got the share ρ, the canary's x are binomial with
θ(RR) = RR ρ / (RR ρ + 1 - ρ), whatever the common error rate does. Mixed over alternatives, the likelihood ratios
against RR = margin are a test martingale: the chance that it ever reaches 1/α is at most α while the relative risk is
on the margin's harmless side (Ville; Howard et al. 2021, Lindon & Malek 2022). Minutes add, each with its own ρ, so a
rising error rate while the share rises (Simpson's paradox) does no harm.

Counts have the shape (…, minutes); results of that shape hold for the minutes up to each.
"""

from collections.abc import Callable
from itertools import pairwise
from math import exp, inf, log

import numpy as np

from trimtab.capture.table import FloatArray, IntArray
from trimtab.rollout.traffic import Counts

WORSE = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Relative risks that stand for harm; those above the margin are mixed."""
BETTER = (0.25, 0.5, 0.75, 1.0)
"""Relative risks that stand for a harmless canary."""
FACTORS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""For the interval: how far the alternatives are from the relative risk that is tested, upwards or downwards."""
LOWEST, HIGHEST = 1e-3, 1e3
"""Between these the interval's ends are searched; beyond them they are 0 and infinite."""
HALVINGS = 36
BEYOND_CHANCE = 3.0
"""Heterogeneity so many standard deviations above 1 is over-dispersion …"""
FEW_MINUTES = 10
"""… and is taken to be larger than measured, by as much again when it is measured over so many minutes."""


def log_likelihood_ratio(counts: Counts, alternative: float | FloatArray, margin: float) -> FloatArray:
    """ln of how much likelier each minute is with relative risk `alternative` than with `margin`, shape (…, minutes).

    0 where one arm got nothing: then its minute says nothing about the other.
    """
    share = counts.share
    null, other = 1 + (margin - 1) * share, 1 + (alternative - 1) * share
    return counts.canary_bad * np.log(alternative / margin) + counts.bad * np.log(null / other)


def ln_e_harm(counts: Counts, margin: float, dispersion: FloatArray | float = 1.0) -> FloatArray:
    """ln of the evidence, up to each minute, against a relative risk of at most `margin`."""
    return _ln_e(counts, margin, tuple(each for each in WORSE if each > margin), dispersion)


def ln_e_safe(counts: Counts, unacceptable: float, dispersion: FloatArray | float = 1.0) -> FloatArray:
    """ln of the evidence, up to each minute, against a relative risk of at least `unacceptable`."""
    return _ln_e(counts, unacceptable, tuple(each for each in BETTER if each < unacceptable), dispersion)


def ln_e_above(counts: Counts, relative_risk: float, dispersion: FloatArray | float = 1.0) -> FloatArray:
    """ln of the evidence, up to each minute, that the relative risk is above this: as for the interval's lower end."""
    return _ln_e(counts, relative_risk, tuple(relative_risk * factor for factor in FACTORS), dispersion)


def ln_e_below(counts: Counts, relative_risk: float, dispersion: FloatArray | float = 1.0) -> FloatArray:
    """ln of the evidence, up to each minute, that the relative risk is below this: as for the interval's upper end."""
    return _ln_e(counts, relative_risk, tuple(relative_risk / factor for factor in FACTORS), dispersion)


def _ln_e(counts: Counts, margin: float, alternatives: tuple[float, ...], dispersion: FloatArray | float) -> FloatArray:
    total = np.full(counts.canary_bad.shape, -inf)
    for alternative in alternatives:
        ratio = np.cumsum(log_likelihood_ratio(counts, alternative, margin), axis=-1)
        total = np.logaddexp(total, ratio / dispersion)
    return total - log(len(alternatives))


def dispersion(counts: Counts, steps: IntArray, prior: float, weight: float) -> FloatArray:
    """How much more the canary's part of the bad requests varies between minutes than chance would make it (φ >= 1), up
    to each minute, shape (…, minutes).

    Pearson's heterogeneity of that part within each traffic step, shrunk towards `prior`, which weighs as much as
    `weight` minutes. Where it is beyond chance it is not shrunk but enlarged, for few minutes of bursts show too little
    of them. Bursts that strike one arm alone (a bad instance, a storm of retries) raise it, those that strike both do
    not.
    """
    bad = counts.bad
    squares = np.divide(counts.canary_bad**2, bad, out=np.zeros_like(bad), where=bad > 0)
    spread, freedom = np.zeros_like(bad), np.zeros_like(bad)
    for begin, end in step_bounds(steps):
        x, d, xx, minutes = (
            np.cumsum(values[..., begin:end], axis=-1) for values in (counts.canary_bad, bad, squares, bad > 0)
        )
        part = (x + 0.5) / (d + 1)
        of_step = (xx - 2 * part * x + part**2 * d) / (part * (1 - part))
        of_step_freedom = np.maximum(minutes - 1, 0)
        spread[..., begin:end] += of_step
        spread[..., end:] += of_step[..., -1:]
        freedom[..., begin:end] += of_step_freedom
        freedom[..., end:] += of_step_freedom[..., -1:]
    supposed = np.maximum(1.0, (weight * prior + spread) / (weight + freedom))
    freedom = np.maximum(freedom, 1)
    measured = spread / freedom
    is_beyond_chance = measured > 1 + BEYOND_CHANCE * np.sqrt(
        2 / freedom
    )  # freedom of a chi-square: variance 2 per minute
    return np.where(is_beyond_chance, np.maximum(supposed, measured * (1 + FEW_MINUTES / freedom)), supposed)


def step_bounds(steps: IntArray) -> list[tuple[int, int]]:
    """First minute of each step, and the first after it."""
    changes = np.flatnonzero(np.diff(steps)) + 1
    return list(pairwise([0, *changes.tolist(), len(steps)]))


def mantel_haenszel(counts: Counts) -> FloatArray:
    """The canary's error rate over production's, up to each minute (Mantel and Haenszel's estimate).

    Each minute is a stratum. NaN without errors, infinite when only the canary has them.
    """
    share = counts.share
    canary = np.cumsum(counts.canary_bad * (1 - share), axis=-1)
    production = np.cumsum(counts.production_bad * share, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return canary / production


def relative_risk_interval(counts: Counts, level: float = 0.05, dispersion: float = 1.0) -> tuple[float, float]:
    """The relative risks that all minutes do not rule out, at an error of `level` even if looked at after each.

    For one run: counts of shape (minutes,). Without errors nothing is ruled out: (0, inf).
    """
    informative = counts.bad > 0
    told = counts.each(lambda values: values[informative])
    factors = np.array(FACTORS)[:, np.newaxis]

    def is_ruled_out(relative_risk: float, alternatives: FloatArray) -> bool:
        ratios = log_likelihood_ratio(told, alternatives, relative_risk).sum(axis=-1) / dispersion
        return bool(np.logaddexp.reduce(ratios) - log(len(ratios)) >= log(2 / level))

    def is_above(relative_risk: float) -> bool:
        return is_ruled_out(relative_risk, relative_risk * factors)

    def is_below(relative_risk: float) -> bool:
        return is_ruled_out(relative_risk, relative_risk / factors)

    lower = _edge(is_above, LOWEST, HIGHEST) if is_above(LOWEST) else 0.0
    upper = _edge(is_below, HIGHEST, LOWEST) if is_below(HIGHEST) else inf
    return lower, upper


def _edge(is_ruled_out: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where ruling out ends on the way from `inside` to `outside`, found by bisection of the logarithm."""
    near, far = log(inside), log(outside)
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        near, far = (middle, far) if is_ruled_out(exp(middle)) else (near, middle)
    return exp((near + far) / 2)
