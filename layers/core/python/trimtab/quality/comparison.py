"""How much worse a metric is than it was, with an interval."""

from math import exp, hypot, log

from trimtab.quality.intervals import Metric
from trimtab.quality.settings import ERRORS, HIGHER_IS_BETTER


def worsening(name: str, reference: Metric, current: Metric) -> Metric | None:
    """By how much a metric got worse; negative when it got better. None where a bound is not known.

    Of MAE and RMSE it is the growth as a share of the reference, of the others the difference. The interval is made of
    the two metrics' own ones (MOVER: Zou and Donner 2008), so it need not be symmetric.
    """
    if name in ERRORS:
        if min(reference.value, current.value, reference.lower or 0.0, current.lower or 0.0) <= 0:
            return None
        change = _difference(_mapped(current), _mapped(reference))
        return change and Metric(exp(change.value) - 1, exp(change.lower or 0.0) - 1, exp(change.upper or 0.0) - 1)
    return _difference(reference, current) if name in HIGHER_IS_BETTER else _difference(current, reference)


def _difference(one: Metric, other: Metric) -> Metric | None:
    if one.lower is None or one.upper is None or other.lower is None or other.upper is None:
        return None
    value = one.value - other.value
    return Metric(
        value,
        value - hypot(one.value - one.lower, other.upper - other.value),
        value + hypot(one.upper - one.value, other.value - other.lower),
    )


def _mapped(metric: Metric) -> Metric:
    lower, upper = metric.lower, metric.upper
    return Metric(log(metric.value), None if lower is None else log(lower), None if upper is None else log(upper))
