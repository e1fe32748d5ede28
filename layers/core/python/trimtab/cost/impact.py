"""What a canary earned, day by day, once the outcomes of a day are known."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from trimtab.cost.outcome_values import Outcomes
from trimtab.cost.predictions import MIN_OUTCOMES, Impact, revenue_impact

DAY = timedelta(days=1)
OLDEST = timedelta(days=13)
"""CloudWatch takes no datapoint of more than 14 days ago."""
_KEPT = 90

type Days = Mapping[str, Mapping[str, Any]]


def days_due(known: Days, until: datetime, delay: timedelta) -> list[datetime]:
    """The days, by their starts, whose outcomes have been waited for and that have no final answer, oldest first."""
    last = (until - delay).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [last - i * DAY for i in range(1, OLDEST // DAY + 1)]
    due = [day for day in reversed(days) if day >= until - OLDEST]
    return [day for day in due if day.date().isoformat() not in known or known[day.date().isoformat()].get("problem")]


def interval_document(impact: Impact | None) -> dict[str, float | None]:
    """What was earned and its interval as plain JSON values; None is not known."""
    if impact is None:
        return {"low": None, "mid": None, "high": None}
    return {"low": impact.low, "mid": impact.mid, "high": impact.high}


def day_document(
    canary: Outcomes, production: Outcomes, predictions: float | None
) -> tuple[dict[str, Any], Impact | None]:
    """What a canary earned in a day as plain JSON values, and as figures; None is not known, and `reason` says why.
    `predictions`: those of the canary in that day."""
    impact = revenue_impact(canary, production, predictions)
    few = min(canary.count, production.count) < MIN_OUTCOMES
    return {
        **interval_document(impact),
        "predictions": predictions,
        "outcomes": {"canary": canary.count, "production": production.count},
        "mean": {"canary": canary.mean, "production": production.mean},
        "reason": (
            f"fewer than {MIN_OUTCOMES} outcomes" if few else "" if predictions else "the predictions are not known"
        ),
    }, impact


def problem_document(problem: str) -> dict[str, Any]:
    """A day whose outcomes could not be read, which is tried again."""
    return {**interval_document(None), "problem": problem}


def with_days(known: Days, days: Days) -> dict[str, Any]:
    """The document about an endpoint's days with these in it."""
    return {"version": 1, "days": dict(sorted({**known, **days}.items())[-_KEPT:])}


def last_day(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The last day there is something of, with its date; None without any."""
    days: Days = document.get("days", {})
    last = max(days, key=date.fromisoformat, default=None)
    return None if last is None else {"day": last, **days[last]}
