"""Does an endpoint, or a prediction of it, cost more than at the same hour of earlier weeks, and why?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import log, sqrt
from statistics import median, median_low
from typing import Literal

from trimtab.cost.causes import Cause, parts_of_change
from trimtab.cost.hours import EndpointHour
from trimtab.cost.predictions import cost_per_thousand
from trimtab.cost.settings import CostSettings
from trimtab.drift.verdict import Verdict

HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)
_SCALE = 1.4826 / sqrt(2)
"""The standard deviation of a normal variable from the median of the absolute differences of pairs of it."""


@dataclass(frozen=True, slots=True)
class CostJudgement:
    """The verdict on one hour, with the numbers behind it.

    `measure`: what is too high, the endpoint's cost or that of a prediction. `usd`, `expected_usd`: of the hour; what
    the hour was expected to cost, for its predictions where `measure` is those. `parts`: the change against the usual
    hour by cause, adding up to it. `weeks`: how many earlier weeks are known at this hour.
    """

    start: datetime
    verdict: Verdict
    reason: str
    weeks: int = 0
    measure: Literal["endpoint", "prediction"] | None = None
    usd: float | None = None
    expected_usd: float | None = None
    invocations: float | None = None
    usual_invocations: float | None = None
    cause: Cause | None = None
    parts: Mapping[Cause, float] = field(default_factory=dict)


def judge_hour(hour: EndpointHour, history: Mapping[datetime, EndpointHour], settings: CostSettings) -> CostJudgement:
    """Compare an hour with the same hour of the last weeks. `history`: earlier hours by their start."""
    usd = hour.cost.usd
    if usd is None:
        missing = ", ".join(hour.cost.unpriced)
        why = f"the price of {missing} is unknown" if missing else "CloudWatch did not tell which instances ran"
        return CostJudgement(hour.start, Verdict.INSUFFICIENT_DATA, f"The cost is unknown: {why}.")
    alike = _alike(hour.start, history, settings)
    if len(alike) < settings.min_weeks:
        reason = f"Only {len(alike)} earlier weeks are known at this hour; {settings.min_weeks} are needed."
        return CostJudgement(hour.start, Verdict.INSUFFICIENT_DATA, reason, len(alike), usd=usd)

    usual = _usual(alike)
    expected = usual.cost.usd or 0.0
    differences = _differences(hour.start, history, settings)
    judgement = CostJudgement(
        hour.start,
        Verdict.OK,
        f"${usd:,.2f} an hour; usual at this hour of the week is ${expected:,.2f}.",
        len(alike),
        usd=usd,
        expected_usd=expected,
        invocations=hour.invocations,
        usual_invocations=usual.invocations,
        parts=parts_of_change(usual, hour),
    )
    if _is_dearer(usd, expected, settings.min_change, settings) and usd - expected > settings.deviations * _spread(
        [now - before for now, before in differences["usd"]]
    ):
        return _alert(judgement, "endpoint", _largest(judgement.parts), usual, hour)
    return _judge_prediction(judgement, alike, differences["unit"], usual, hour, settings)


def _judge_prediction(
    judgement: CostJudgement,
    alike: Sequence[EndpointHour],
    unit_differences: Sequence[tuple[float, float]],
    usual: EndpointHour,
    hour: EndpointHour,
    settings: CostSettings,
) -> CostJudgement:
    """Whether the hour's predictions cost more than so many usually do."""
    units = [unit for each in alike if (unit := cost_per_thousand(each.cost.usd, each.invocations))]
    usd = judgement.usd or 0.0
    if hour.invocations is None or (usual.invocations or 0) < settings.min_invocations or not units:
        return judgement
    expected = median(units) * hour.invocations / 1000
    spread = _spread([log(now / before) for now, before in unit_differences])
    if not _is_dearer(usd, expected, settings.min_unit_change, settings):
        return judgement
    if expected > 0 and log(usd / expected) <= settings.deviations * spread:
        return judgement
    usual_usd = usual.cost.usd or 0.0
    # price of a prediction = cost / predictions: which of the two changed by the larger factor?
    is_use = hour.invocations * usd <= (usual.invocations or 0) * usual_usd
    cause: Cause = "lower_use" if is_use else _largest(judgement.parts)
    return _alert(replace(judgement, expected_usd=expected), "prediction", cause, usual, hour)


def _alert(
    judgement: CostJudgement,
    measure: Literal["endpoint", "prediction"],
    cause: Cause,
    usual: EndpointHour,
    hour: EndpointHour,
) -> CostJudgement:
    usd, expected = judgement.usd or 0.0, judgement.expected_usd or 0.0
    if measure == "endpoint":
        told = f"${usd:,.2f} an hour instead of ${expected:,.2f} at this hour of the last {judgement.weeks} weeks"
    else:
        told = f"${usd:,.2f} for predictions that cost ${expected:,.2f} in the last {judgement.weeks} weeks"
    reason = f"{told}: {_explanation(cause, judgement.parts.get(cause, 0.0), usual, hour)}."
    return replace(judgement, verdict=Verdict.ALERT, measure=measure, cause=cause, reason=reason)


def _explanation(cause: Cause, part: float, usual: EndpointHour, hour: EndpointHour) -> str:
    hours = f"from {usual.cost.hours or 0:,.1f} to {hour.cost.hours or 0:,.1f} instance-hours"
    predictions = f"from {_count(usual.invocations)} to {_count(hour.invocations)} predictions"
    before, after = (", ".join(each.cost.serving) or "nothing" for each in (usual, hour))
    texts: Mapping[Cause, str] = {
        "traffic": f"more traffic, {predictions}, took more instances, {hours}",
        "instances": f"more instances, {hours}, which the traffic, {predictions}, does not explain",
        "instance_type": f"it runs on {after} instead of {before}",
        "price": f"the price of {after} rose, which is ${part:,.2f} of it",
        "deployment": f"${part:,.2f} of it for instances that ran side by side during a deployment",
        "storage_and_data": f"${part:,.2f} of it for storage and data",
        "lower_use": f"lower use, {predictions}",
    }
    return texts[cause]


def _largest(parts: Mapping[Cause, float]) -> Cause:
    return max(parts, key=lambda cause: parts[cause])


def _alike(
    start: datetime, history: Mapping[datetime, EndpointHour], settings: CostSettings
) -> tuple[EndpointHour, ...]:
    hours = (history.get(start - weeks * WEEK) for weeks in range(1, settings.baseline_weeks + 1))
    return tuple(hour for hour in hours if hour is not None and hour.cost.usd is not None)


def _usual(alike: Sequence[EndpointHour]) -> EndpointHour:
    """The hour with the median cost, so that its parts add up to it, with the median of the predictions."""
    middle = median_low([hour.cost.usd or 0.0 for hour in alike])
    invocations = [hour.invocations for hour in alike if hour.invocations is not None]
    usual = next(hour for hour in alike if hour.cost.usd == middle)
    return replace(usual, invocations=median(invocations) if invocations else None)


def _differences(
    start: datetime, history: Mapping[datetime, EndpointHour], settings: CostSettings
) -> dict[str, list[tuple[float, float]]]:
    """Pairs of what an hour and the same hour a week before cost, over the last weeks: as a whole, and of 1,000
    predictions."""
    usd: list[tuple[float, float]] = []
    units: list[tuple[float, float]] = []
    for back in range(1, (settings.baseline_weeks - 1) * 168 + 1):
        now, before = history.get(start - back * HOUR), history.get(start - back * HOUR - WEEK)
        if now is None or before is None or now.cost.usd is None or before.cost.usd is None:
            continue
        usd.append((now.cost.usd, before.cost.usd))
        pair = (
            cost_per_thousand(now.cost.usd, now.invocations),
            cost_per_thousand(before.cost.usd, before.invocations),
        )
        if pair[0] and pair[1]:
            units.append((pair[0], pair[1]))
    return {"usd": usd, "unit": units}


def _spread(differences: Sequence[float]) -> float:
    """A robust standard deviation of single values, from differences of pairs; 0 without any."""
    return _SCALE * median(abs(each) for each in differences) if differences else 0.0


def _is_dearer(usd: float, expected: float, share: float, settings: CostSettings) -> bool:
    return usd - expected >= settings.min_usd_per_hour and usd >= (1 + share) * expected


def _count(invocations: float | None) -> str:
    return "an unknown number of" if invocations is None else f"{invocations:,.0f}"
