"""What was billed against what was computed, by endpoint and month: the bill is the truth, and comes days later."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from math import fsum
from typing import Any

from trimtab.cost.billing_report import Billed
from trimtab.cost.hours import total
from trimtab.cost.ledger import Hours
from trimtab.drift.verdict import Verdict
from trimtab.findings import Finding, Origin, State, finding_about

SETTLING = timedelta(days=2)
"""The last days of a report are still being added to."""
MIN_USD = 1.0
"""A smaller difference in a month is nobody's concern."""
MIN_DAYS = 3

type Days = Mapping[date, float]
"""US dollars by day."""


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


def cost_of_days(hours: Hours) -> Days:
    """The cost of whole days, without those of which that of any hour is not known."""
    days: dict[date, list[float | None]] = {}
    for start, hour in hours.items():
        days.setdefault(start.date(), []).append(hour.cost.usd)
    costs = {day: total(costs) for day, costs in days.items() if len(costs) == 24}
    return {day: usd for day, usd in costs.items() if usd is not None}


def reconcile_bills(
    bills: Mapping[str, Billed], computed: Mapping[str, Days], share: float
) -> dict[str, dict[str, Reconciliation]]:
    """Compare the bills of months with what was `computed` of endpoints; by endpoint and month of those billed."""
    return {
        name: {
            month: reconcile(month, billed, known, bill.last or max(billed), share)
            for month, bill in bills.items()
            if (billed := bill.usd.get(name))
        }
        for name, known in computed.items()
    }


def reconcile(month: str, billed: Days, known: Days, last: date, share: float) -> Reconciliation:
    """Compare what one endpoint was billed by day with what is known of its days. `last`: the last day that the report
    has.

    ALERT when they differ by more than `share` of the bill and by more than a dollar.
    """
    settled = {day: usd for day, usd in billed.items() if f"{day:%Y-%m}" == month and day <= last - SETTLING}
    computed = {day: known[day] for day in settled if day in known}
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
    bills: Mapping[str, Billed],
    endpoints: Mapping[str, Mapping[str, Reconciliation]],
    problems: Iterable[str],
) -> dict[str, Any]:
    """What was billed against what was computed, as plain JSON values. `bills`: what reports say, by month.
    `endpoints`: those of them that Trimtab counts, by name and month. `problems`: why other reports cannot be used."""
    last = max((bill.last for bill in bills.values() if bill.last), default=None)
    return {
        "source": source,
        "last_day": last and last.isoformat(),
        "endpoints": {
            name: {month: found.document() for month, found in sorted(months.items())}
            for name, months in sorted(endpoints.items())
        },
        "not_counted_usd": _billed_in_all(bills.values(), frozenset(endpoints)),
        "problem": "; ".join(problems),
    }


def told_of_bill(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the account's view tells of the document: all but which files it was made of; None when there is none."""
    return {key: value for key, value in document.items() if key != "files"} or None


def changes_since(
    before: Mapping[str, Any], endpoints: Mapping[str, Mapping[str, Reconciliation]]
) -> list[tuple[str, Reconciliation, State]]:
    """The endpoints of whose months people are to be told, given the document about the comparison before this one."""
    known: Mapping[str, Any] = before.get("endpoints", {})
    return [
        (name, found, state)
        for name, months in endpoints.items()
        for month, found in months.items()
        if (state := _state_after(known.get(name, {}).get(month, {}).get("verdict"), found.verdict))
    ]


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


def _billed_in_all(bills: Iterable[Billed], but: Collection[str]) -> dict[str, float]:
    """What was billed for endpoints over all days, by name, without some of them."""
    usd: dict[str, float] = {}
    for bill in bills:
        for name, days in bill.usd.items():
            if name not in but:
                usd[name] = usd.get(name, 0.0) + fsum(days.values())
    return dict(sorted(usd.items()))


def _state_after(before: str | None, verdict: Verdict) -> State | None:
    """What is to be told of a month that had one verdict, or none, and has another now; None: nothing."""
    if verdict is Verdict.ALERT and before != Verdict.ALERT:
        return "raised"
    return "cleared" if verdict is Verdict.OK and before == Verdict.ALERT else None
