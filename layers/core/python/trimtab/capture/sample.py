"""Row samples: a bounded number of whole rows, kept beside the counts for what counts cannot show.

Every row has a hash that follows from where it stands, and a sample keeps the rows with the smallest ones. So each row
has the same chance, the same captures give the same sample in any order, split or repetition, and a sample of samples
is the sample of all rows (bottom-k sampling: Cohen and Kaplan, Summarizing Data using Bottom-k Sketches, PODC 2007).

A column stands in its normal form, which follows from its cells alone: numbers where every cell that is there spells
one, else texts in their canonical spelling; a column without any cell is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.table import (
    LARGEST,
    Column,
    FloatArray,
    IntArray,
    NumericColumn,
    Table,
    TextColumn,
    canonical_text,
    number_of,
)

ALL = 2**64 - 1
"""The cut of a sample that nothing was left out of."""
REFERENCE_ROWS = 10_000
"""So many rows are kept of what a reference was made from."""
LONGEST_TEXT = 200
"""So many characters of a text are kept."""

type Hashes = NDArray[np.uint64]
type SampleColumn = FloatArray | TextColumn


def _no_hashes() -> Hashes:
    return np.empty(0, np.uint64)


@dataclass(frozen=True)
class RowSample:
    """The rows with a hash of at most `cut`, of all that were looked at; with `ALL`, every row.

    `hashes`: uint64, shape (rows,), increasing. `columns` by name, in alphabetical order, each with a cell per row:
    float64 with NaN, or a TextColumn with code -1, for a missing one (a cell that held no number among numbers, too). A
    column that is missing in every row is not there. `outputs` names the columns that came out of the model.
    """

    hashes: Hashes = field(default_factory=_no_hashes)
    cut: int = ALL
    columns: Mapping[str, SampleColumn] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        return len(self.hashes)

    @property
    def share(self) -> float:
        """The share of all rows that a sample with this cut holds, on average."""
        return (self.cut + 1) / (ALL + 1)


def seed_of(*identity: str) -> int:
    """The seed of the hashes of rows that share an identity, 64 bits of its SHA-256."""
    return int.from_bytes(sha256("\0".join(identity).encode()).digest()[:8], "big")


def row_hashes(seed: int, first: int, rows: int) -> Hashes:
    """Hashes of the rows from number `first` on, shape (rows,): splitmix64 from `seed`, all different.

    Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, with Stafford's variant 13.
    """
    mixed = np.arange(first + 1, first + rows + 1, dtype=np.uint64)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed += np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def sample_of_table(
    table: Table, seed: int, first: int, most: int, *, redact: frozenset[str] = frozenset(), cut: int = ALL
) -> RowSample:
    """The sample of a table whose rows have the numbers from `first` on, of at most `most` rows (at least 1) and of
    those with a hash of at most `cut`. The columns in `redact` never enter it."""
    hashes = row_hashes(seed, first, table.rows)
    chosen: NDArray[np.intp] = np.flatnonzero(hashes <= np.uint64(cut))
    if len(chosen) > most:
        of_chosen = hashes[chosen]
        cut = int(np.partition(of_chosen, most)[most]) - 1
        chosen = chosen[of_chosen <= np.uint64(cut)]
    chosen = chosen[np.argsort(hashes[chosen])]
    kept = {name: column for name, column in table.columns.items() if not _is_redacted(name, redact)}
    return _sample(hashes[chosen], cut, _cells(kept, chosen), table.outputs)


def merge_samples(samples: Iterable[RowSample]) -> RowSample:
    """The sample of all rows together: those that every one of the samples would have kept. A row that is in several
    counts once. Associative, commutative and idempotent."""
    parts = list(samples)
    cut = min((part.cut for part in parts), default=ALL)
    parts = [kept for part in parts if part.rows and (kept := _within(part, cut)).rows]
    if len(parts) < 2:
        return parts[0] if parts else RowSample(cut=cut)
    columns = {
        name: _below_each_other([(part.columns.get(name), part.rows) for part in parts])
        for name in {name for part in parts for name in part.columns}
    }
    outputs = frozenset[str]().union(*(part.outputs for part in parts))
    hashes, chosen = np.unique(np.concatenate([part.hashes for part in parts]), return_index=True)
    return _sample(hashes, cut, _selected(columns, chosen), outputs)


def trim(sample: RowSample, most: int) -> RowSample:
    """The sample with its `most` smallest hashes (at least 1). Trimming parts to as many or more before they are merged
    changes nothing: trim(merge(trim(a), trim(b))) is trim(merge(a, b))."""
    return sample if sample.rows <= most else _within(sample, int(sample.hashes[most]) - 1)


def cut_of(samples: Iterable[RowSample], most: int) -> int:
    """The cut of `trim(merge_samples(samples), most)`, without the work of merging."""
    parts = list(samples)
    cut = min((part.cut for part in parts), default=ALL)
    hashes = np.unique(np.concatenate([_no_hashes(), *(part.hashes for part in parts)]))
    return min(cut, int(hashes[most]) - 1) if len(hashes) > most else cut


def up_to(sample: RowSample, cut: int) -> RowSample:
    """The sample as if it had been cut there, at most where it is."""
    return _within(sample, min(cut, sample.cut))


def without_columns(sample: RowSample, redact: frozenset[str]) -> RowSample:
    """The sample as if these columns had never entered it."""
    kept = {name: column for name, column in sample.columns.items() if not _is_redacted(name, redact)}
    return _sample(sample.hashes, sample.cut, kept, sample.outputs)


def as_texts(column: SampleColumn) -> TextColumn:
    """The column as categories, numbers in their canonical spelling."""
    return column if isinstance(column, TextColumn) else _encoded(_texts_of(column))


def _sample(hashes: Hashes, cut: int, columns: Mapping[str, SampleColumn | None], outputs: frozenset[str]) -> RowSample:
    present = {name: column for name, column in sorted(columns.items()) if column is not None}
    return RowSample(hashes, cut, present, outputs & present.keys())


def _is_redacted(name: str, redact: frozenset[str]) -> bool:
    name = name.removesuffix(".characters")  # the length of a text tells of it too
    return name in redact or name.removeprefix("output.") in redact  # which may well be the input, handed back


def _within(sample: RowSample, cut: int) -> RowSample:
    rows = int(np.searchsorted(sample.hashes, np.uint64(cut), side="right"))
    if rows == sample.rows:
        return RowSample(sample.hashes, cut, sample.columns, sample.outputs)
    return _sample(sample.hashes[:rows], cut, _selected(sample.columns, slice(rows)), sample.outputs)


def _cells(columns: Mapping[str, Column], chosen: NDArray[np.intp]) -> dict[str, SampleColumn | None]:
    """The chosen cells of a table's columns, in normal form."""
    if not len(chosen):
        return {}
    numeric = {name: column.values for name, column in columns.items() if isinstance(column, NumericColumn)}
    numbers = np.array([values[chosen] for values in numeric.values()]).reshape(len(numeric), len(chosen))
    numbers[np.abs(numbers) > LARGEST] = nan
    numbers += 0.0  # one zero
    is_there = ~np.isnan(numbers).all(axis=1)
    cells: dict[str, SampleColumn | None] = {
        name: values if known else None for name, values, known in zip(numeric, numbers, is_there.tolist(), strict=True)
    }
    for name, column in columns.items():
        if isinstance(column, TextColumn):
            texts = _texts(column.codes[chosen], column.values)
            cells[name] = _normal_form(
                [text if text is None else canonical_text(text)[:LONGEST_TEXT] for text in texts]
            )
    return cells


def _selected(columns: Mapping[str, SampleColumn], chosen: NDArray[np.intp] | slice) -> dict[str, SampleColumn | None]:
    """The chosen cells of a sample's columns, in normal form."""
    return {
        name: _normal_form(_texts(column.codes[chosen], column.values))
        if isinstance(column, TextColumn)
        else (None if np.isnan(column[chosen]).all() else column[chosen])
        for name, column in columns.items()
    }


def _texts(codes: IntArray, values: Sequence[str]) -> list[str | None]:
    return [None if code < 0 else values[code] for code in codes.tolist()]


def _texts_of(column: SampleColumn) -> list[str | None]:
    if isinstance(column, TextColumn):
        return _texts(column.codes, column.values)
    return [None if isnan(number) else canonical_text(repr(number)) for number in column.tolist()]


def _encoded(texts: Sequence[str | None]) -> TextColumn:
    values = sorted({text for text in texts if text is not None})
    codes: dict[str | None, int] = {text: code for code, text in enumerate(values)}
    return TextColumn(codes=np.array([codes.get(text, -1) for text in texts], np.int64), values=tuple(values))


def _normal_form(texts: Sequence[str | None]) -> SampleColumn | None:
    """A column of texts in their canonical spelling; None when all of them are missing."""
    encoded = _encoded(texts)
    if not encoded.values:
        return None
    numbers: dict[str | None, float] = {}
    for text in encoded.values:
        number = number_of(text)
        if number is None:
            return encoded
        numbers[text] = number
    return np.array([numbers.get(text, nan) for text in texts], np.float64)


def _below_each_other(pieces: Sequence[tuple[SampleColumn | None, int]]) -> SampleColumn:
    """The pieces of one column, each with its rows, as one column; a piece is None where all its cells are missing."""
    if not any(isinstance(piece, TextColumn) for piece, _ in pieces):
        return np.concatenate([np.full(rows, nan) if piece is None else piece for piece, rows in pieces])
    return _encoded([text for piece, rows in pieces for text in ([None] * rows if piece is None else _texts_of(piece))])
