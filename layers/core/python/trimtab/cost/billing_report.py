"""What AWS billed for endpoints, out of its reports as CSV: CUR 2.0 and FOCUS 1.x (AWS Data Exports).

https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html and …/table-dictionary-focus-1-0-aws.html.
Costs are after discounts and with Savings Plans spread over what they cover, as both formats tell them; taxes, credits
and fees are not those of an endpoint and are left out.
"""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

_RESOURCE = re.compile(r"arn:[^:]+:sagemaker:([^:]+):([^:]+):endpoint/(.+)")
_CURRENCY = "USD"

type Row = Sequence[str]


class BillingReportError(ValueError):
    """A report that cannot be used. The message names the file, and the line or column at fault."""


@dataclass(frozen=True, slots=True)
class Billed:
    """US dollars by endpoint and day (UTC). `last`: the last day that the report has anything of."""

    usd: Mapping[str, Mapping[date, float]]
    last: date | None


@dataclass(frozen=True, slots=True)
class _Format:
    """Where a format has what. `cost`: in the order in which they are taken, by the kinds of charge that count."""

    resource: str
    day: str
    kind: str
    currency: str
    cost: Mapping[str, tuple[str, ...]]


_CUR = _Format(
    resource="line_item_resource_id",
    day="line_item_usage_start_date",
    kind="line_item_line_item_type",
    currency="line_item_currency_code",
    cost={
        "Usage": ("line_item_net_unblended_cost", "line_item_unblended_cost"),
        "SavingsPlanCoveredUsage": (
            "savings_plan_net_savings_plan_effective_cost",
            "savings_plan_savings_plan_effective_cost",
        ),
    },
)
_FOCUS = _Format(
    resource="ResourceId",
    day="ChargePeriodStart",
    kind="ChargeCategory",
    currency="BillingCurrency",
    cost={"Usage": ("EffectiveCost",)},
)


def read_report(lines: Iterable[str], source: str, *, account: str, region: str) -> Billed:
    """What a file says of the endpoints of one account and region. Raises BillingReportError."""
    rows = csv.reader(lines)
    header = next(rows, [])
    form = next((each for each in (_CUR, _FOCUS) if each.resource in header), None)
    if form is None:
        wanted = f"neither {_CUR.resource} (CUR 2.0) nor {_FOCUS.resource} (FOCUS)"
        raise BillingReportError(f"{source}: {wanted} is among its columns; include resource IDs in the export")
    where = {name: index for index, name in enumerate(header)}
    if missing := [name for name in (form.day, form.kind, form.currency) if name not in where]:
        raise BillingReportError(f"{source}: has no column {', '.join(missing)}")
    costs = {kind: _cost(names, where, source) for kind, names in form.cost.items()}
    usd: dict[str, dict[date, float]] = {}
    last: date | None = None
    try:
        for row in rows:
            day = date.fromisoformat(row[where[form.day]][:10])
            last = day if last is None or day > last else last
            found = _RESOURCE.fullmatch(row[where[form.resource]])
            read = costs.get(row[where[form.kind]])
            if found is None or read is None or found[1] != region or found[2] != account:
                continue
            if row[where[form.currency]] != _CURRENCY:
                raise BillingReportError(f"{source}: is in {row[where[form.currency]]}, not in {_CURRENCY}")
            days = usd.setdefault(found[3], {})
            days[day] = days.get(day, 0.0) + read(row)
    except BillingReportError:
        raise
    except (csv.Error, ValueError, IndexError) as error:
        raise BillingReportError(f"{source}, line {rows.line_num}: {error}") from error
    return Billed(usd, last)


def add_billed(parts: Iterable[Billed]) -> Billed:
    """What several files of one report say together."""
    parts = list(parts)
    usd: dict[str, dict[date, float]] = {}
    for part in parts:
        for endpoint, days in part.usd.items():
            own = usd.setdefault(endpoint, {})
            for day, amount in days.items():
                own[day] = own.get(day, 0.0) + amount
    return Billed(usd, max((part.last for part in parts if part.last), default=None))


def _cost(names: Sequence[str], where: Mapping[str, int], source: str) -> Callable[[Row], float]:
    """Reads the cost of a line from the first of these columns that has one."""
    present = [where[name] for name in names if name in where]

    def read(row: Row) -> float:
        told = next((row[index] for index in present if row[index]), None)
        if told is None:
            raise BillingReportError(f"{source}: has no cost in {' or '.join(names)}")
        return float(told)

    return read
