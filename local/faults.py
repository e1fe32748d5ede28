"""Faults to plant in played traffic: in the rows from a given moment on, or in the delivery of the capture files.

All functions are pure: they return new rows and new lists, and draw from a generator of the given seed. A row's draw
depends on the seed, the fault's place in the list and the row number alone, so a part of a data set gets what the whole
would have got.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import numpy as np
import pandas as pd

from local.capture_objects import CaptureObject
from local.payloads import Cell

type At = int | datetime
"""From when on: a row number (from 0), or an event time (with zone)."""


class FaultError(ValueError):
    """A fault can't be read or does not fit the data; the message names the fault."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Add `sigmas` standard deviations to a numeric column. The deviation is that of the rows before `at`, or of all
    rows when fewer than two are before."""

    column: str
    at: At
    sigmas: float


@dataclass(frozen=True, slots=True)
class Add:
    """Add `amount`, in the column's own unit, to a numeric column."""

    column: str
    at: At
    amount: float


@dataclass(frozen=True, slots=True)
class Scale:
    """Multiply a numeric column by `factor`: a changed unit."""

    column: str
    at: At
    factor: float


@dataclass(frozen=True, slots=True)
class NewCategory:
    """Replace each cell by `value` with probability `share`."""

    column: str
    at: At
    value: str
    share: float

    def __post_init__(self) -> None:
        _check_share(self.share)


@dataclass(frozen=True, slots=True)
class Nulls:
    """Empty each cell with probability `share`."""

    column: str
    at: At
    share: float

    def __post_init__(self) -> None:
        _check_share(self.share)


@dataclass(frozen=True, slots=True)
class Late:
    """Deliver each file `hours` later with probability `share`."""

    share: float
    hours: float

    def __post_init__(self) -> None:
        _check_share(self.share)


@dataclass(frozen=True, slots=True)
class Duplicated:
    """Deliver each file a second time, under the same key and up to an hour later, with probability `share`."""

    share: float

    def __post_init__(self) -> None:
        _check_share(self.share)


@dataclass(frozen=True, slots=True)
class Reordered:
    """Deliver the files in random order."""


type RowFault = Shift | Add | Scale | NewCategory | Nulls
type FileFault = Late | Duplicated | Reordered
type Fault = RowFault | FileFault

FAULT_FORMS = (
    "shift:COLUMN:AT:SIGMAS",
    "add:COLUMN:AT:AMOUNT",
    "scale:COLUMN:AT:FACTOR",
    "category:COLUMN:AT:VALUE:SHARE",
    "nulls:COLUMN:AT:SHARE",
    "late:SHARE:HOURS",
    "duplicated:SHARE",
    "reordered",
)

_AT = r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?|\d+)"
_NUMBER = r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)"


def parse_fault(text: str) -> Fault:
    """Read a fault as the command line spells it, e.g. `shift:car_value:25000:0.5` (see `FAULT_FORMS`).

    AT is a row number or an ISO 8601 time, UTC when it names no zone. Raises FaultError.
    """
    for pattern, make in _SPELLINGS:
        if match := re.fullmatch(pattern, text):
            try:
                return make(*match.groups())
            except ValueError as error:
                raise FaultError(f"{text!r}: {error}") from error
    raise FaultError(f"{text!r} is no fault; the forms are {', '.join(FAULT_FORMS)}")


def split_faults(faults: Sequence[Fault]) -> tuple[list[RowFault], list[FileFault]]:
    """Those of the rows and those of the files, each in their order."""
    of_files = [fault for fault in faults if isinstance(fault, Late | Duplicated | Reordered)]
    of_rows = [fault for fault in faults if not isinstance(fault, Late | Duplicated | Reordered)]
    return of_rows, of_files


def plant(rows: pd.DataFrame, faults: Sequence[RowFault], *, times: pd.Series | None, seed: int) -> pd.DataFrame:
    """Rows with the faults planted, one after the other. The index must be the row numbers; `times` are the rows'
    event times (UTC), needed for a fault at a time. Raises FaultError for an unknown or, where numbers are needed,
    other column."""
    for number, fault in enumerate(faults):
        if fault.column not in rows.columns:
            raise FaultError(f"{fault}: no column {fault.column!r}; there are {', '.join(map(str, rows.columns))}")
        affected = _from(fault, rows.index, times)
        draws = np.random.default_rng([seed, number]).random(int(rows.index.max()) + 1 if len(rows) else 0)
        changed = _changed(rows[fault.column], fault, affected, draws[rows.index])
        rows = rows.assign(**{fault.column: changed})
    return rows


def disturb(objects: Sequence[CaptureObject], faults: Sequence[FileFault], *, seed: int) -> list[CaptureObject]:
    """The same files as they arrive with the faults: late ones later, duplicates again, all shuffled if `Reordered`."""
    delivered = list(objects)
    rng = np.random.default_rng(seed)
    for fault in faults:
        if isinstance(fault, Late):
            late = rng.random(len(delivered)) < fault.share
            delay = timedelta(hours=fault.hours)
            delivered = [
                replace(item, arrival=item.arrival + delay) if is_late else item
                for item, is_late in zip(delivered, late, strict=True)
            ]
        elif isinstance(fault, Duplicated):
            again = rng.random(len(delivered)) < fault.share
            delays = rng.random(len(delivered))
            delivered += [
                replace(item, arrival=item.arrival + timedelta(hours=float(delay)))
                for item, is_again, delay in zip(delivered, again, delays, strict=True)
                if is_again
            ]
    delivered.sort(key=attrgetter("arrival"))
    if any(isinstance(fault, Reordered) for fault in faults):
        return [delivered[position] for position in rng.permutation(len(delivered))]
    return delivered


def _from(fault: RowFault, index: pd.Index, times: pd.Series | None) -> pd.Series:
    if isinstance(fault.at, int):
        return pd.Series(index >= fault.at, index=index)
    if times is None:
        raise FaultError(f"{fault}: the data set has no times; give a row number")
    return times >= fault.at


def _changed(column: pd.Series, fault: RowFault, affected: pd.Series, draws: np.ndarray) -> pd.Series:
    match fault:
        case Shift(sigmas=sigmas):
            numbers = _numbers(column, fault)
            before = numbers[~affected]
            deviation = float((before if before.count() > 1 else numbers).std(ddof=0))
            return _replaced(column, affected, (numbers + sigmas * deviation).tolist())
        case Add(amount=amount):
            return _replaced(column, affected, (_numbers(column, fault) + amount).tolist())
        case Scale(factor=factor):
            return _replaced(column, affected, (_numbers(column, fault) * factor).tolist())
        case NewCategory(value=value, share=share):
            return _replaced(column, affected & (draws < share), [value] * len(column))
        case Nulls(share=share):
            return _replaced(column, affected & (draws < share), [None] * len(column))


def _numbers(column: pd.Series, fault: RowFault) -> pd.Series:
    if pd.api.types.is_bool_dtype(column):
        raise FaultError(f"{fault}: the column holds no numbers")
    try:
        return pd.to_numeric(column).astype("float64")
    except (ValueError, TypeError) as error:
        raise FaultError(f"{fault}: the column holds no numbers: {error}") from error


def _replaced(column: pd.Series, where: pd.Series, values: Sequence[Cell]) -> pd.Series:
    """Python values, so that the cells that stay are not converted (an integer stays one beside a null or a float)."""
    kept = column.astype(object)
    if not where.any():
        return column
    cells = [new if is_new else old for old, new, is_new in zip(kept, values, where, strict=True)]
    return pd.Series(cells, index=column.index, dtype=object, name=column.name)


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise FaultError(f"the share {share:g} is not between 0 and 1")


def _at(text: str) -> At:
    if text.isdecimal():
        return int(text)
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


_SPELLINGS: tuple[tuple[str, Callable[..., Fault]], ...] = (
    (f"shift:(.+?):{_AT}:{_NUMBER}", lambda column, at, number: Shift(column, _at(at), float(number))),
    (f"add:(.+?):{_AT}:{_NUMBER}", lambda column, at, number: Add(column, _at(at), float(number))),
    (f"scale:(.+?):{_AT}:{_NUMBER}", lambda column, at, number: Scale(column, _at(at), float(number))),
    (
        f"category:(.+?):{_AT}:(.+):{_NUMBER}",
        lambda column, at, value, share: NewCategory(column, _at(at), value, float(share)),
    ),
    (f"nulls:(.+?):{_AT}:{_NUMBER}", lambda column, at, share: Nulls(column, _at(at), float(share))),
    (f"late:{_NUMBER}:{_NUMBER}", lambda share, hours: Late(float(share), float(hours))),
    (f"duplicated:{_NUMBER}", lambda share: Duplicated(float(share))),
    ("reordered", Reordered),
)
