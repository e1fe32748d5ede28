"""The utilisation law: how much busier an instance gets per request, robust to deployments and other spikes."""

from dataclasses import dataclass

import numpy as np

from trimtab.sizing.observations import Minutes

EXACT = 600  # so many points have fewer than 180,000 pairs: all are taken
DISTANCES = 16
MIN_POINTS = 60
HIGHEST = 0.999  # the very highest is as often a deployment as traffic


@dataclass(frozen=True, slots=True)
class UtilisationLaw:
    """`idle` + `per_rps` × requests per second of one instance, in percent of one core (or GPU), summed over cores.

    `per_rps` / 100 is the core-seconds that a request takes. `r2`: share of the variance explained. `highest`: the
    99.9th percentile of utilisation seen, in the same percent.
    """

    idle: float
    per_rps: float
    r2: float
    highest: float

    def rate(self, cores: int, busy: float) -> float:
        """Requests per second that keep `cores` at most `busy`; 0 when idling alone is more."""
        return max((busy * 100 * cores - self.idle) / self.per_rps, 0.0)


def utilisation_law(rps_per_instance: Minutes, percent: Minutes | None) -> UtilisationLaw | str:
    """The law of these minutes, or why there is none."""
    if percent is None:
        return "was not read"
    known = np.isfinite(rps_per_instance) & np.isfinite(percent)
    x, y = rps_per_instance[known], percent[known]
    if len(x) < MIN_POINTS:
        return f"is known for {len(x)} minutes, of at least {MIN_POINTS}"
    fitted = theil_sen(x, y)
    if fitted is None:
        return "cannot be set against traffic, which never varies"
    idle, slope = fitted
    if slope <= 0:
        return "does not rise with traffic"
    spread = float(np.sum((y - y.mean()) ** 2))
    r2 = 1 - float(np.sum((y - idle - slope * x) ** 2)) / spread if spread > 0 else 0.0
    return UtilisationLaw(max(idle, 0.0), slope, max(r2, 0.0), float(np.quantile(y, HIGHEST)))


def theil_sen(x: Minutes, y: Minutes) -> tuple[float, float] | None:
    """Intercept and slope: the median slope of pairs, and the median of what it leaves. None when x never varies.

    All pairs up to 600 points. With more, the points in order of x, each with those 1/4 to 3/4 of the points further
    (Theil's incomplete method at 16 distances): far pairs tell most about the slope, and no random choice is
    involved.
    """
    order = np.lexsort((y, x))
    x, y = x[order], y[order]
    count = len(x)
    if count <= EXACT:
        first, second = np.triu_indices(count, 1)
    else:
        distances = np.linspace(count // 4, 3 * count // 4, DISTANCES).astype(np.int64)
        first = np.concatenate([np.arange(count - distance) for distance in distances])
        second = first + np.repeat(distances, count - distances)
    rise, run = y[second] - y[first], x[second] - x[first]
    differ = run > 0
    if not differ.any():
        return None
    slope = float(np.median(rise[differ] / run[differ]))
    return float(np.median(y - slope * x)), slope
