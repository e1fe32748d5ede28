"""Estimates of quality without labels: their form, and what must hold for them to be told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from trimtab.drift.chi_square import chi_square_sf
from trimtab.quality.intervals import Metric
from trimtab.quality.settings import Problem

_CERTAINLY = 0.001


@dataclass(frozen=True, slots=True)
class Check:
    """How well blocks of the reference are estimated from the rest of it, for one metric.

    `bias`: the mean of estimated minus realised. `excess`: the standard deviation of that beyond what chance explains.
    `p`: how likely chance alone is. For MAE and RMSE both are shares of the realised value.
    """

    bias: float
    excess: float
    p: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the metrics of rows without labels will turn out to be, as far as answers of such a kind stay as right as
    they were: a change of the concept itself cannot be seen without labels.

    The interval holds the realised metric of these very rows: chance in their labels, what the reference is too small
    to tell, and the check's excess are in it. `unsupported`: the share of rows unlike any of the reference. `unknown`:
    why nothing is known, "" when the estimate may be used; then `metrics` is empty.
    """

    problem: Problem
    rows: int
    metrics: Mapping[str, Metric]
    unsupported: float
    unknown: str


def check_of(estimated: Sequence[float], errors: Sequence[float], realised: Sequence[float]) -> Check:
    """The check from blocks: what was estimated, its standard error, what was realised."""
    differences = [guess - true for guess, true in zip(estimated, realised, strict=True)]
    count = len(differences)
    explained = sum(error**2 for error in errors) / count
    found = sum(difference**2 for difference in differences) / count
    statistic = sum((d / e) ** 2 for d, e in zip(differences, errors, strict=True) if e > 0)
    return Check(sum(differences) / count, sqrt(max(0.0, found - explained)), chi_square_sf(statistic, count))


def why_unchecked(checks: Mapping[str, Check], most_bias: float) -> str:
    """Why estimates cannot be trusted after the check on the reference; "" when they can. A lesser error than
    `most_bias`, and one that may be chance, is in the intervals."""
    for name, check in checks.items():
        off = max(abs(check.bias), check.excess)
        if off > most_bias and check.p < _CERTAINLY:
            return f"on the reference itself {name} is estimated with an error of {off:.3g}, more than {most_bias:g}"
    return ""
