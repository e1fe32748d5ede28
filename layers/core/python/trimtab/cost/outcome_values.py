"""What predictions turned out to be worth, as the business tells it in files: CSV with the columns `inference_id` and
`value`, in any unit. A value is that of a request, by the id under which it was captured."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.table import FloatArray
from trimtab.quality.keyed_rows import KeyedRows, Keys, row_keys

_REQUEST = 16
"""So many bytes of a row's key are those of its request."""
_COLUMNS = ("inference_id", "value")

type Requests = NDArray[np.bytes_]


class OutcomeFileError(ValueError):
    """A file of outcomes that cannot be used. The message names the file, and the line or column at fault."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Values of predictions that became known: how many, their mean and their variance (of the sample)."""

    count: int
    mean: float
    variance: float


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Values by request. `requests`: each once, ascending."""

    requests: Requests
    values: FloatArray


def read_values(lines: Iterable[str], source: str) -> Values:
    """The values in one file; of a request that stands there twice the last one. Raises OutcomeFileError."""
    rows = csv.reader(lines)
    header = [name.strip().removeprefix("\ufeff") for name in next(rows, [])]
    if missing := [name for name in _COLUMNS if name not in header]:
        raise OutcomeFileError(f"{source}: has no column {', '.join(missing)}")
    identity, value = (header.index(name) for name in _COLUMNS)
    told: dict[str, float] = {}
    try:
        for row in rows:
            if not row:
                continue
            number = float(row[value])
            if not isfinite(number):
                raise ValueError(f"{row[value]!r} is no value")
            told[row[identity]] = number
    except (csv.Error, ValueError, IndexError) as error:
        raise OutcomeFileError(f"{source}, line {rows.line_num}: {error}") from error
    return _each_once(_requests(row_keys(told, (0 for _ in told))), np.array(list(told.values()), dtype=np.float64))


def merge_values(parts: Iterable[Values]) -> Values:
    """The values of several files, of which the later ones count."""
    given = [Values(np.zeros(0, f"S{_REQUEST}"), np.zeros(0)), *parts]
    requests = np.concatenate([each.requests for each in given])
    return _each_once(requests, np.concatenate([each.values for each in given]))


def outcomes_among(parts: Iterable[KeyedRows], values: Values) -> Outcomes:
    """The outcomes of the requests that these answers were given to, each once."""
    is_answered = np.zeros(len(values.requests), np.bool_)
    for rows in parts:
        is_answered |= np.isin(values.requests, _requests(rows.keys))
    known = values.values[is_answered]
    if len(known) < 2:
        return Outcomes(len(known), float(known.sum()), 0.0)
    return Outcomes(len(known), float(known.mean()), float(known.var(ddof=1)))


def _requests(keys: Keys) -> Requests:
    """The request in each key."""
    if not len(keys):
        return np.zeros(0, f"S{_REQUEST}")
    raw = np.frombuffer(keys.tobytes(), np.uint8).reshape(len(keys), -1)[:, :_REQUEST]
    return np.ascontiguousarray(raw).view(f"S{_REQUEST}").ravel()


def _each_once(requests: Requests, values: FloatArray) -> Values:
    """Of a request that comes several times the last value counts."""
    unique, first = np.unique(requests[::-1], return_index=True)
    return Values(unique, values[::-1][first])
