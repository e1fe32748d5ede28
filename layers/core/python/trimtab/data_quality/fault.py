"""One fault of the data, and the kinds there are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

type FaultKind = Literal["type", "missing", "range", "domain", "spelling", "constant", "unit", "duplicates"]

KINDS: Mapping[FaultKind, str] = {
    "type": "cells that are not of the column's type",
    "missing": "cells without a value",
    "range": "numbers outside the reference's range",
    "domain": "values that the reference never had",
    "spelling": "values that the reference has in another spelling",
    "constant": "a column that stands still",
    "unit": "numbers in another unit",
    "duplicates": "rows that repeat another one",
}
"""What each kind is about, in words."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the bounds it lies between, two-sided at the confidence of `CONFIDENCE`."""

    value: float
    lower: float
    upper: float


CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class DataFault:
    """Something that is wrong with a column, or with whole rows (`column` is then None).

    `measured`: what `measure` names, now and with its interval; `reference`: the same of the reference, None where it
    has no such thing. `is_grave`: whether it is an ALERT, else a WARN. `is_wrong`: whether it can only be a mistake;
    values that are new or out of range may be a world that changed just as well.
    """

    kind: FaultKind
    column: str | None
    text: str
    measure: str
    measured: Interval
    reference: float | None
    is_grave: bool = True
    is_wrong: bool = True


def fault_document(fault: DataFault) -> dict[str, Any]:
    """The fault as plain JSON values."""
    return asdict(fault)
