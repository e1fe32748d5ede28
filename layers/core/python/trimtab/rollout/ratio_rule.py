"""The simple rule: roll back when the canary's error rate is more than 1.1 times production's. And how often it errs.

It is offered as policy `ratio` and shown beside every judgement. With few errors it is a coin toss.
"""

import numpy as np

from trimtab.capture.table import FloatArray
from trimtab.rollout.traffic import BoolArray

REACH = 9.0
"""Poisson counts so many standard deviations (and as many tens) from the mean are neglected."""


def is_worse(
    canary_errors: FloatArray,
    canary_requests: FloatArray,
    production_errors: FloatArray,
    production_requests: FloatArray,
    margin: float,
) -> BoolArray:
    """Whether the rule rolls back; any shape. An arm without requests has an error rate of 0, as the rule has it."""
    return rate(canary_errors, canary_requests) > margin * rate(production_errors, production_requests)


def rate(count: FloatArray, of: FloatArray, of_none: float = 0.0) -> FloatArray:
    """count / of; `of_none` where there is nothing to divide by."""
    quotient: FloatArray = np.divide(count, of, out=np.full(np.shape(of), of_none), where=np.asarray(of) > 0)
    return quotient


def false_alarm_rate(canary_requests: float, production_requests: float, error_rate: float, margin: float) -> float:
    """How often the rule, used once, rolls back a canary that fails exactly as often as production.

    Errors of both arms are Poisson; summed over what production may count.
    """
    if not canary_requests or not production_requests:
        return 0.0
    first, chances = _poisson(production_requests * error_rate)
    canary_first, canary_chances = _poisson(canary_requests * error_rate)
    above = np.concatenate([[1.0], 1 - np.cumsum(canary_chances)])  # P(canary >= canary_first + index)
    production = np.arange(first, first + len(chances))
    least = np.floor(margin * production * canary_requests / production_requests + 1e-9) + 1 - canary_first
    # no matrix product: BLAS would start threads for it, which costs more than it saves
    return float((chances * above[np.clip(least, 0, len(above) - 1).astype(np.int64)]).sum())


def _poisson(mean: float) -> tuple[int, FloatArray]:
    """The first count that matters, and the probabilities from there on."""
    reach = REACH * (np.sqrt(mean) + 10)
    first = max(0, int(mean - reach))
    counts = np.arange(first + 1, int(mean + reach) + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(mean / counts))])
    weights: FloatArray = np.exp(logs - logs.max())
    return first, weights / weights.sum()
