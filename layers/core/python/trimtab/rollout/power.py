"""How much traffic an answer takes: errors and requests until a relative risk shows, and until one can be ruled out."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, inf, log, sqrt

from trimtab.drift.proportions import normal_quantile

POWER = 0.8
"""How often the answer is then found."""
RELATIVE_RISKS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class PowerRow:
    """What it takes to find a canary of this relative risk: errors of both arms, requests to the canary, minutes.

    `minutes` None: the canary gets no requests.
    """

    relative_risk: float
    errors: int
    canary_requests: int
    minutes: float | None


def power_table(
    *,
    error_rate: float,
    share: float,
    canary_requests_per_minute: float,
    margin: float,
    level: float,
    relative_risks: Iterable[float] = RELATIVE_RISKS,
) -> tuple[PowerRow, ...]:
    """One row for each relative risk above the margin, for one look at an error of `level`.

    `error_rate`: production's, above 0; `share`: the canary's part of the requests, strictly between 0 and 1.
    """
    rows = []
    for relative_risk in relative_risks:
        if relative_risk <= margin:
            continue
        errors = errors_needed(share, tested=margin, true=relative_risk, level=level)
        requests = requests_for(errors, error_rate, share, relative_risk)
        minutes = requests / canary_requests_per_minute if canary_requests_per_minute else None
        rows.append(PowerRow(relative_risk, ceil(errors), ceil(requests), minutes))
    return tuple(rows)


def errors_needed(share: float, *, tested: float, true: float, level: float, power: float = POWER) -> float:
    """Errors of both arms that reject the relative risk `tested` when it is `true` (normal approximation)."""
    null, other = _canary_part(share, tested), _canary_part(share, true)
    spread = normal_quantile(1 - level) * sqrt(null * (1 - null)) + normal_quantile(power) * sqrt(other * (1 - other))
    return (spread / (other - null)) ** 2


def requests_for(errors: float, error_rate: float, share: float, relative_risk: float) -> float:
    """Requests to the canary until both arms have so many errors, production failing at `error_rate`."""
    return errors * share / (error_rate * (relative_risk * share + 1 - share))


def requests_to_promote(
    *, error_rate: float, share: float, unacceptable: float, absolute_difference: float, level: float
) -> float:
    """Requests to the canary until one like production can be promoted, by the sooner of two ways: its relative risk is
    shown to be below `unacceptable`, or its error rate to be at most `absolute_difference` higher."""
    relative = inf
    if error_rate > 0 and 0 < share < 1:
        errors = errors_needed(share, tested=unacceptable, true=1.0, level=level)
        relative = requests_for(errors, error_rate, share, 1.0)
    return min(relative, _requests_for_difference(error_rate, absolute_difference, level))


def _requests_for_difference(error_rate: float, difference: float, level: float) -> float:
    """n with n d = z √(p n) + c: the bound of the rate, and the bound of no errors (c = -ln level), are d above it."""
    if difference <= 0:
        return inf
    z = (normal_quantile(1 - level) + normal_quantile(POWER)) * sqrt(error_rate)
    return ((z + sqrt(z * z + 4 * difference * -log(level))) / (2 * difference)) ** 2


def _canary_part(share: float, relative_risk: float) -> float:
    return relative_risk * share / (1 + (relative_risk - 1) * share)
