"""What was billed against what was computed, by endpoint and month: the bill is the truth, and comes days later."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from math import fsum
from typing import Any

from trimtab.cost.hours import total
from trimtab.cost.ledger import Hours
from trimtab.drift.verdict import Verdict
from trimtab.findings import Finding, Origin, State, finding_about

SETTLING = timedelta(days=2)
"""The last days of a report are still being added to."""
MIN_USD = 1.0
"""A smaller difference in a month is nobody's concern."""
MIN_DAYS = 3


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """An endpoint's month. `billed_usd` and `computed_usd` are those of the `days` that can be compared: whole days of
    which the bill is settled and every hour's cost is known; `days_left_out` were billed and are not. `difference`: how
    much more was billed, as a share of the bill."""

    month: str
    verdict: Verdict
    billed_usd: float
    computed_usd: float
    difference: float | None
    days: int
    days_left_out: int

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "verdict": self.verdict.value}


def reconcile(month: str, billed: Mapping[date, float], hours: Hours, last: date, share: float) -> Reconciliation:
    """Compare what one endpoint was billed by day with what its hours cost. `last`: the last day that the report has.

    ALERT when they differ by more than `share` of the bill and by more than a dollar.
    """
    settled = {day: usd for day, usd in billed.items() if f"{day:%Y-%m}" == month and day <= last - SETTLING}
    computed = {day: usd for day in settled if (usd := _cost_of_day(day, hours)) is not None}
    billed_usd, computed_usd = fsum(settled[day] for day in computed), fsum(computed.values())
    excess = billed_usd - computed_usd
    difference = excess / billed_usd if billed_usd > 0 else None
    if len(computed) < MIN_DAYS or difference is None:
        verdict = Verdict.INSUFFICIENT_DATA
    else:
        verdict = Verdict.ALERT if abs(difference) > share and abs(excess) > MIN_USD else Verdict.OK
    left_out = len(settled) - len(computed)
    return Reconciliation(month, verdict, billed_usd, computed_usd, difference, len(computed), left_out)


def billing_document(
    source: str,
    last: date | None,
    endpoints: Mapping[str, Mapping[str, Reconciliation]],
    not_counted: Mapping[str, float],
    problem: str,
) -> dict[str, Any]:
    """What was billed against what was computed, as plain JSON values: by endpoint and month. `not_counted`: what was
    billed for endpoints that Trimtab does not count. `problem`: why the reports, or some, could not be read."""
    return {
        "source": source,
        "last_day": last and last.isoformat(),
        "endpoints": {
            name: {month: found.document() for month, found in sorted(months.items())}
            for name, months in sorted(endpoints.items())
        },
        "not_counted_usd": dict(sorted(not_counted.items())),
        "problem": problem,
    }


def told_of_bill(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the account's view tells of the document: all but which files it was made of; None when there is none."""
    return {key: value for key, value in document.items() if key != "files"} or None


def verdict_before(document: Mapping[str, Any], endpoint: str, month: str) -> str | None:
    """The verdict that an endpoint's month had when it was compared before."""
    found: Mapping[str, Any] = document.get("endpoints", {}).get(endpoint, {}).get(month, {})
    return found.get("verdict")


def state_after(before: str | None, verdict: Verdict) -> State | None:
    """What is to be told once an endpoint's month has a verdict, given the one it had; None: nothing."""
    if verdict is Verdict.ALERT and before != Verdict.ALERT:
        return "raised"
    return "cleared" if verdict is Verdict.OK and before == Verdict.ALERT else None


def reconciliation_finding(
    origin: Origin, found: Reconciliation, state: State, share: float, source: str, now: datetime
) -> Finding:
    """The finding that bill and computation differ, or do no more."""
    more = (found.difference or 0.0) > 0
    title = f"{origin.endpoint} was billed {'more' if more else 'less'} in {found.month} than was computed"
    hint = (
        "Something is billed that Trimtab does not count, such as data, or is dearer than the price it knows"
        if more
        else "A discount or a Savings Plan is not told to Trimtab: see the settings `discount` and `overrides`"
    )
    numbers = (
        f"{found.billed_usd:,.2f} USD were billed and {found.computed_usd:,.2f} USD computed over {found.days} days of "
        f"{found.month}: {100 * (found.difference or 0.0):+.1f} %, {100 * share:g} % are allowed."
    )
    return finding_about(
        origin,
        now,
        ("cost", "billed", found.month, state, str(found.days)),
        kind="cost",
        severity="warning" if state == "raised" else "info",
        state=state,
        title=title if state == "raised" else f"Bill and computed cost of {origin.endpoint} agree again",
        reason=f"{numbers} {hint}." if state == "raised" else numbers,
        evidence={**found.document(), "allowed": share, "source": source},
    )


def _cost_of_day(day: date, hours: Hours) -> float | None:
    """The cost of a whole day; None when that of any of its hours is not known."""
    costs = [hour.cost.usd for start, hour in hours.items() if start.date() == day]
    return total(costs) if len(costs) == 24 else None
