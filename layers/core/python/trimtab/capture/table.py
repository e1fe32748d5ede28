"""Columnar rows: what a decoder yields and a profile counts."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """Numbers of one column.

    `values`: float64, shape (rows,); NaN stands for a missing value. `invalid` counts cells that were there but held no
    finite number; such cells are NaN in `values` too, and are not missing.
    """

    values: FloatArray
    invalid: int = 0

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Dictionary-encoded texts of one column.

    `codes`: int64, shape (rows,): index into `values`, -1 for a missing value. `values`: the distinct texts, as they
    stood in the payload except that booleans are spelled "true" and "false".
    """

    codes: IntArray
    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)


type Column = NumericColumn | TextColumn


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """Which requests a table's rows are of: those of the first request, then those of the second, and so on.

    `requests`: the `inferenceId` of each, else its `eventId`, "" when it has neither. `moments`: when each was
    answered, int64, seconds since 1970. `counts`: int64, how many rows each has.
    """

    requests: tuple[str, ...]
    moments: IntArray
    counts: IntArray


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one event-time hour, column by column.

    `hour` is the start of the hour (UTC) in which the model answered. `records` is how many capture lines the rows come
    from (a line may hold many rows). `outputs` names the columns that came out of the model; all others went in. Every
    column has `rows` cells. `identities`: which requests the rows are of, where that was asked for. `counts`: int64,
    how many rows each record has, those of the first before those of the second; None: one each, or no requests.
    """

    hour: datetime
    rows: int
    records: int
    columns: dict[str, Column]
    outputs: frozenset[str] = frozenset()
    identities: Identities | None = None
    counts: IntArray | None = None


LARGEST = 1e150
"""Numbers beyond this count as invalid: no feature is that large, and sums of squares of such overflow."""


def without_giants(column: NumericColumn) -> NumericColumn:
    """The column with numbers beyond LARGEST, in either direction, made invalid."""
    giants = np.abs(column.values) > LARGEST
    return NumericColumn(np.where(giants, np.nan, column.values), column.invalid + int(giants.sum()))


def number_of(text: str) -> float | None:
    """The number a text spells, or None. Underscores, nan, inf and numbers beyond LARGEST spell none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= LARGEST and "_" not in text else None


LONGEST_CATEGORY = 256
"""Characters of a longer text are not kept, or an image in a JSON string would stay in memory and in packs."""
_KEPT = 200


def canonical_text(text: str) -> str:
    """One spelling for one category, whichever format it came in: `1.0`, `1` and `1e0` are "1", `True` is "true". A
    text of more than LONGEST_CATEGORY characters is its beginning and a hash of it."""
    if len(text) <= LONGEST_CATEGORY:
        return _canonical(text)
    text = text.strip()
    if len(text) <= LONGEST_CATEGORY:
        return _canonical(text)
    return f"{text[:_KEPT]}… {sha256(text.encode(errors='replace')).hexdigest()[:16]}"


@lru_cache(maxsize=2**14)  # the same categories come in every table
def _canonical(text: str) -> str:
    text = text.strip()
    if text in {"True", "TRUE", "False", "FALSE"}:
        return text.lower()
    number = number_of(text)
    if number is None:
        return text
    return str(int(number)) if number.is_integer() and abs(number) < 2**63 else repr(number)
