"""A canary's minutes as arrays, ready for the statistics.

Counts are float64 of shape (…, minutes): leading axes are runs, of which a judged series has none, a simulation many.
Shares and steps have the shape (minutes,), the same for all runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.table import FloatArray, IntArray
from trimtab.rollout.series import Arm, Series

BoolArray = NDArray[np.bool_]

STEP_Z = 4.0
"""Where the weights are not known, a share so many standard deviations off begins a new step."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Bad requests (errors, or slow ones) and all requests of both arms, by minute or in total."""

    canary_bad: FloatArray
    canary_requests: FloatArray
    production_bad: FloatArray
    production_requests: FloatArray

    @property
    def bad(self) -> FloatArray:
        """Bad requests of both arms (D)."""
        return self.canary_bad + self.production_bad

    @property
    def share(self) -> FloatArray:
        """The canary's part of the requests (ρ); 0 where there were none."""
        requests = self.canary_requests + self.production_requests
        return np.divide(self.canary_requests, requests, out=np.zeros_like(requests), where=requests > 0)

    def each(self, change: Callable[[FloatArray], FloatArray]) -> "Counts":
        """The same of each array changed."""
        return Counts(
            change(self.canary_bad),
            change(self.canary_requests),
            change(self.production_bad),
            change(self.production_requests),
        )


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that is counted of a canary, by minute since its start.

    `share`: what the weights gave the canary (NaN: not known). `steps`: which traffic step a minute belongs to (0, 1,
    …). The slow ones are None where latency is not measured at all, NaN in minutes in which it was not.
    """

    canary_requests: FloatArray
    canary_errors: FloatArray
    production_requests: FloatArray
    production_errors: FloatArray
    share: FloatArray
    steps: IntArray
    canary_slow: FloatArray | None = None
    production_slow: FloatArray | None = None

    def errors(self) -> Counts:
        """Requests that failed."""
        return Counts(self.canary_errors, self.canary_requests, self.production_errors, self.production_requests)

    def slow(self, warm_up: int) -> Counts | None:
        """Requests that were slow, in minutes in which both arms measured it, but for the first `warm_up` minutes."""
        if self.canary_slow is None or self.production_slow is None:
            return None
        measured = ~np.isnan(self.canary_slow + self.production_slow)
        measured[..., :warm_up] = False
        return Counts(self.canary_slow, self.canary_requests, self.production_slow, self.production_requests).each(
            lambda values: np.where(measured, values, 0.0)
        )


def traffic_of(series: Series, minutes: int) -> Traffic:
    """The first `minutes` minutes of a series, of none one minute of nothing. What is not there counts nothing."""
    found = {index: minute for index, minute in series.by_index().items() if index < minutes}
    index = np.fromiter(found, dtype=np.int64, count=len(found))

    def by_minute(values: list[float | None], absent: float) -> FloatArray:
        array = np.full(max(minutes, 1), absent)
        array[index] = [np.nan if value is None else value for value in values]
        return array

    def counted(count: Callable[[Arm], int], arms: list[Arm]) -> FloatArray:
        return by_minute([count(arm) for arm in arms], 0.0)

    def slow(arms: list[Arm]) -> FloatArray | None:
        is_measured = any(arm.slow is not None for arm in arms)
        return by_minute([arm.slow for arm in arms], np.nan) if is_measured else None

    canary, production = ([minute.canary for minute in found.values()], [m.production for m in found.values()])
    share = by_minute([minute.share for minute in found.values()], np.nan)
    canary_requests = counted(lambda arm: arm.requests, canary)
    production_requests = counted(lambda arm: arm.requests, production)
    return Traffic(
        canary_requests=canary_requests,
        canary_errors=counted(lambda arm: arm.errors, canary),
        production_requests=production_requests,
        production_errors=counted(lambda arm: arm.errors, production),
        share=share,
        steps=steps_by_traffic(canary_requests, production_requests)
        if np.isnan(share).all()
        else steps_by_share(share),
        canary_slow=slow(canary),
        production_slow=slow(production),
    )


def steps_by_share(share: FloatArray) -> IntArray:
    """The step of each minute: a new one begins where the weights' share changes, also to and from not being known."""
    change = (share[1:] != share[:-1]) & ~(np.isnan(share[1:]) & np.isnan(share[:-1]))
    return np.concatenate([[0], np.cumsum(change)]).astype(np.int64)


def steps_by_traffic(canary_requests: FloatArray, production_requests: FloatArray) -> IntArray:
    """The step of each minute, told from the requests: a new one begins where the canary's part is not that of the step
    so far. Looks at no errors and at nothing later, so that the tests stay valid."""
    steps = np.zeros(len(canary_requests), dtype=np.int64)
    step, canary_so_far, requests_so_far = 0, 0.0, 0.0
    for minute, (canary, production) in enumerate(
        zip(canary_requests.tolist(), production_requests.tolist(), strict=True)
    ):
        requests = canary + production
        if requests and requests_so_far:
            pooled = (canary + canary_so_far) / (requests + requests_so_far)
            deviation = sqrt(pooled * (1 - pooled) * (1 / requests + 1 / requests_so_far))
            if abs(canary / requests - canary_so_far / requests_so_far) > STEP_Z * deviation:
                step, canary_so_far, requests_so_far = step + 1, 0.0, 0.0
        canary_so_far, requests_so_far = canary_so_far + canary, requests_so_far + requests
        steps[minute] = step
    return steps
