"""Sketches: what is counted before a reference exists, when there is no grid yet.

Numbers are counted in bins of floats that share their leading bits. Such bins are nested: dropping one more bit joins
two neighbours. A sketch keeps as many bits as leave at most `MOST_BINS` bins non-empty, so a column of small spread far
from zero (a timestamp) is resolved as finely as one around zero. Because the non-empty bins of a union are at least
those of each part, the bits that a merge ends with do not depend on its order: merging is exact, associative and
commutative.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import fsum, inf

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.clusters import (
    RequestRows,
    RequestSquares,
    coarse_bins,
    in_bins,
    request_rows,
    request_squares,
    request_squares_of_numbers,
    sum_by_request,
)
from trimtab.capture.grid import Bins, Grid, NumericBins, Vocabulary, numeric_bins, vocabulary
from trimtab.capture.profile import ColumnProfile, Profile
from trimtab.capture.table import (
    Column,
    FloatArray,
    IntArray,
    NumericColumn,
    Table,
    canonical_text,
    number_of,
    without_giants,
)

MOST_BINS = 16_384
"""Bins of a column in a pack. A decile of the reference is then off by some 0.01 % of the rows."""
EXACT_BINS = 262_144
"""Bins while a reference is made from training data: up to so many distinct values its quantiles are exact."""
MOST_TEXTS = 10_000
NUMERIC_SHARE = 0.9
"""A column is numeric when at least this share of its values are numbers."""

_FEWEST_MERGED = 4
_SIGN = np.uint64(1 << 63)


@dataclass(frozen=True)
class NumberSketch:
    """Counts of floats that share their leading bits. `keys`: uint64, sorted, the ordered bit pattern without its
    lowest `shift` bits; `counts`: int64, as many."""

    keys: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    counts: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    shift: int = 0

    def lower_bounds(self) -> FloatArray:
        """The least float of each bin, shape (bins,), increasing."""
        return _floats(self.keys << np.uint64(self.shift))

    def upper_bounds(self) -> FloatArray:
        """The least float above each bin, shape (bins,)."""
        return _floats((self.keys + np.uint64(1)) << np.uint64(self.shift))


@dataclass(frozen=True)
class ColumnSketch:
    """One column without a grid: its numbers, and its texts with how often each occurs (None: too many to list).

    `texts` holds the texts that spell no number; `text_cells` counts their cells. The sums and `integral` are those
    of `ColumnProfile`. `by_request`: how alike the rows of one request are, by their values, which the grid's bins
    replace when there is one; None: one row each. (Cells that a decoder could not read as numbers are gaps there.)
    """

    numbers: NumberSketch = field(default_factory=NumberSketch)
    texts: Mapping[str, int] | None = field(default_factory=dict)
    text_cells: int = 0
    missing: int = 0
    minimum: float = inf
    maximum: float = -inf
    total: float = 0.0
    squares: float = 0.0
    integral: int = 0
    by_request: RequestSquares | None = None


@dataclass(frozen=True)
class Sketch:
    """Every column of `rows` rows without a grid. `outputs` names those that came out of the model."""

    rows: int
    columns: Mapping[str, ColumnSketch]
    outputs: frozenset[str] = frozenset()


def sketch_table(table: Table, *, most_bins: int = MOST_BINS) -> Sketch:
    """The sketch of a table."""
    rows = request_rows(table.counts)
    return Sketch(
        rows=table.rows,
        columns={name: _sketch_column(column, most_bins, rows) for name, column in table.columns.items()},
        outputs=table.outputs & table.columns.keys(),
    )


def merge_sketches(sketches: Iterable[Sketch], *, most_bins: int = MOST_BINS) -> Sketch:
    """The sketch of all rows together; a column that a part did not have is missing there."""
    parts = list(sketches)
    names = dict.fromkeys(name for part in parts for name in part.columns)
    return Sketch(
        rows=sum(part.rows for part in parts),
        columns={name: _merge_columns(parts, name, most_bins) for name in names},
        outputs=frozenset().union(*(part.outputs for part in parts)),
    )


def merge_as_they_come(sketches: Iterable[Sketch], *, most_bins: int = MOST_BINS) -> Sketch:
    """As `merge_sketches`, and memory does not grow with their number: those that have come are merged once they are
    as large together as what was merged before, which costs about as much as merging all at once."""
    pending: list[Sketch] = []
    merged = waiting = 0
    for sketch in sketches:
        pending.append(sketch)
        waiting += _size(sketch)
        if len(pending) >= _FEWEST_MERGED and waiting >= merged:
            pending = [merge_sketches(pending, most_bins=most_bins)]
            merged, waiting = _size(pending[0]), 0
    return merge_sketches(pending, most_bins=most_bins)


def _size(sketch: Sketch) -> int:
    """How many numbers and texts a sketch tells apart, over all columns."""
    return sum(len(column.numbers.keys) + len(column.texts or ()) for column in sketch.columns.values())


def grid_of(sketch: Sketch, *, categorical: frozenset[str] = frozenset(), only_deciles: bool = False) -> Grid:
    """The grid of a reference that is known by its sketch. `categorical` names columns whose numbers are codes;
    `only_deciles` as in `numeric_bins`.

    Edges lie on bin boundaries of the sketch, so that sketches at least as fine convert to the grid exactly.
    """
    return Grid(
        {
            name: _bins_of(column, as_categorical=name in categorical, only_deciles=only_deciles)
            for name, column in sketch.columns.items()
        }
    )


def profile_of(sketch: Sketch, grid: Grid) -> Profile:
    """The sketch's counts on a grid: exact where the grid's edges are boundaries of the sketch's bins, else each
    sketch bin (some 0.1 % of the rows) goes where its lower bound lies."""
    empty = ColumnSketch(missing=sketch.rows, by_request=_by_request_of_absent(sketch))
    return Profile(
        grid=grid.name,
        rows=sketch.rows,
        columns={name: _on_grid(sketch.columns.get(name, empty), bins) for name, bins in grid.columns.items()},
    )


def _on_grid(column: ColumnSketch, bins: Bins) -> ColumnProfile:
    profile = _on_bins(column, bins)
    squares = column.by_request
    if squares is None:
        return profile
    counts = np.bincount(coarse_bins(bins), weights=profile.counts).astype(np.int64)
    return replace(profile, by_request=in_bins(squares, _chance_of_equals(column), counts))


def _chance_of_equals(column: ColumnSketch) -> float:
    """The chance that two valid cells drawn at random are equal; of texts too many to list none are."""
    valid = _valid(column)
    texts = np.array(list((column.texts or {}).values()), np.float64)
    return float(np.square(column.numbers.counts / valid).sum() + np.square(texts / valid).sum()) if valid else 1.0


def coarsen(sketch: NumberSketch, shift: int) -> NumberSketch:
    """The same counts in bins of `shift` dropped bits (at least the sketch's own)."""
    keys, inverse = np.unique(sketch.keys >> np.uint64(shift - sketch.shift), return_inverse=True)
    counts = np.bincount(inverse, weights=sketch.counts, minlength=len(keys)).astype(np.int64)
    return NumberSketch(keys=keys, counts=counts, shift=shift)


def sketch_numbers(values: FloatArray, weights: IntArray, *, most_bins: int = MOST_BINS) -> NumberSketch:
    """The sketch of finite numbers with their weights."""
    keys = _ordered_bits(values + 0.0)  # -0.0 + 0.0 is 0.0: one zero
    distinct, inverse = np.unique(keys, return_inverse=True)
    counts = np.bincount(inverse, weights=weights, minlength=len(distinct)).astype(np.int64)
    return _fitted(NumberSketch(keys=distinct, counts=counts), most_bins)


def merge_numbers(sketches: Iterable[NumberSketch], *, most_bins: int = MOST_BINS) -> NumberSketch:
    """The sum of any number of sketches."""
    parts = [part for part in sketches if len(part.keys)]
    if not parts:
        return NumberSketch()
    shift = max(part.shift for part in parts)
    aligned = [coarsen(part, shift) for part in parts]
    keys, inverse = np.unique(np.concatenate([part.keys for part in aligned]), return_inverse=True)
    weights = np.concatenate([part.counts for part in aligned])
    counts = np.bincount(inverse, weights=weights, minlength=len(keys)).astype(np.int64)
    return _fitted(NumberSketch(keys=keys, counts=counts, shift=shift), most_bins)


def _fitted(sketch: NumberSketch, most_bins: int) -> NumberSketch:
    """The sketch with as few bits dropped as leave at most `most_bins` bins."""
    if len(sketch.keys) <= most_bins:
        return sketch
    # two neighbours stay apart as long as the highest bit in which they differ is not dropped
    apart = sketch.keys[1:] ^ sketch.keys[:-1]
    highest_to_join = int(np.partition(apart, len(apart) - most_bins)[len(apart) - most_bins])
    return coarsen(sketch, sketch.shift + highest_to_join.bit_length())


def _sketch_column(column: Column, most_bins: int, rows: RequestRows | None) -> ColumnSketch:
    if isinstance(column, NumericColumn):
        column = without_giants(column)
        is_gap = np.isnan(column.values)
        present = column.values[~is_gap]
        # cells that a decoder could not read as numbers have lost their text: they count as texts too many to list
        return _column_sketch(
            present,
            np.ones(len(present), np.int64),
            texts=None if column.invalid else {},
            text_cells=column.invalid,
            missing=len(column) - len(present) - column.invalid,
            most_bins=most_bins,
            by_request=None if rows is None else request_squares_of_numbers(rows, present, is_gap),
        )
    is_gap = column.codes < 0
    codes = column.codes[~is_gap]
    used = np.bincount(codes, minlength=len(column.values))
    numbers: list[float] = []
    weights: list[int] = []
    texts: Counter[str] = Counter()
    for value, count in zip(column.values, used.tolist(), strict=True):
        number = number_of(value)
        if not count:
            continue
        if number is None:
            texts[canonical_text(value)] += count
        else:
            numbers.append(number)
            weights.append(count)
    return _column_sketch(
        np.array(numbers, np.float64),
        np.array(weights, np.int64),
        texts=texts,
        text_cells=texts.total(),
        missing=int(is_gap.sum()),
        most_bins=most_bins,
        by_request=None if rows is None else request_squares(rows, codes, is_gap, len(column.values)),
    )


def _column_sketch(
    values: FloatArray,
    weights: IntArray,
    *,
    texts: Mapping[str, int] | None,
    text_cells: int,
    missing: int,
    most_bins: int,
    by_request: RequestSquares | None,
) -> ColumnSketch:
    weighted = values * weights
    return ColumnSketch(
        numbers=sketch_numbers(values, weights, most_bins=most_bins),
        texts=_listable(texts),
        text_cells=text_cells,
        missing=missing,
        minimum=float(values.min(initial=inf)),
        maximum=float(values.max(initial=-inf)),
        total=float(weighted.sum()),
        squares=float(np.multiply(weighted, values).sum()),  # not `@`: BLAS may take threads for it
        integral=int(weights[values == np.floor(values)].sum()),
        by_request=by_request,
    )


def _merge_columns(sketches: list[Sketch], name: str, most_bins: int) -> ColumnSketch:
    without = [part for part in sketches if name not in part.columns]
    absent = sum(part.rows for part in without)
    parts = [part.columns[name] for part in sketches if name in part.columns]
    texts: Counter[str] | None = Counter()
    for part in parts:
        if texts is None or part.texts is None:
            texts = None
        else:
            texts.update(part.texts)
    return ColumnSketch(
        numbers=merge_numbers((part.numbers for part in parts), most_bins=most_bins),
        texts=_listable(texts),
        text_cells=sum(part.text_cells for part in parts),
        missing=sum(part.missing for part in parts) + absent,
        minimum=min(part.minimum for part in parts),
        maximum=max(part.maximum for part in parts),
        total=fsum(part.total for part in parts),
        squares=fsum(part.squares for part in parts),
        integral=sum(part.integral for part in parts),
        by_request=sum_by_request(
            [
                *((part.by_request, _valid(part), part.missing) for part in parts),
                *((_by_request_of_absent(part), 0, part.rows) for part in without),
            ]
        ),
    )


def _valid(column: ColumnSketch) -> int:
    return int(column.numbers.counts.sum()) + column.text_cells


def _by_request_of_absent(sketch: Sketch) -> RequestSquares | None:
    """The sums of a column that the sketch does not have."""
    cells = next((column.by_request.cells for column in sketch.columns.values() if column.by_request), None)
    return None if cells is None else RequestSquares(cells, 0, 0, cells)


def _listable(texts: Mapping[str, int] | None) -> Mapping[str, int] | None:
    return texts if texts is not None and len(texts) <= MOST_TEXTS else None


def _bins_of(column: ColumnSketch, *, as_categorical: bool, only_deciles: bool) -> Bins:
    number_cells = int(column.numbers.counts.sum())
    values = column.numbers.lower_bounds()
    is_numeric = number_cells and number_cells >= NUMERIC_SHARE * (number_cells + column.text_cells)
    if is_numeric and not as_categorical:
        uppers = column.numbers.upper_bounds() if column.numbers.shift else None
        return numeric_bins(values, column.numbers.counts, uppers, only_deciles=only_deciles)
    return vocabulary(_categories(column), is_open=column.texts is None)


def _categories(column: ColumnSketch) -> Counter[str]:
    """The column's values as categories. Numbers are listed as such only while the sketch still holds them exactly."""
    categories = Counter(column.texts or {})
    for value, count in zip(column.numbers.lower_bounds().tolist(), column.numbers.counts.tolist(), strict=True):
        categories[canonical_text(repr(value))] += count
    return categories


def _on_bins(column: ColumnSketch, bins: Bins) -> ColumnProfile:
    if isinstance(bins, Vocabulary):
        return _on_vocabulary(column, bins)
    return _on_numeric_bins(column, bins)


def _on_numeric_bins(column: ColumnSketch, bins: NumericBins) -> ColumnProfile:
    values, weights = column.numbers.lower_bounds(), column.numbers.counts
    position = np.searchsorted(bins.edges, values, side="right")
    weighted = values * weights
    return ColumnProfile(
        counts=np.bincount(position, weights=weights, minlength=bins.bins).astype(np.int64),
        missing=column.missing,
        invalid=column.text_cells,
        minimum=column.minimum,
        maximum=column.maximum,
        total=column.total,
        squares=column.squares,
        below=float(weighted[position == 0].sum()),
        above=float(weighted[position == len(bins.edges)].sum()),
        integral=column.integral,
    )


def _on_vocabulary(column: ColumnSketch, bins: Vocabulary) -> ColumnProfile:
    counts = np.zeros(bins.bins, np.int64)
    for value, count in _categories(column).items():
        counts[bins.position(value)] += count
    unlisted = int(column.numbers.counts.sum()) + column.text_cells - int(counts.sum())
    counts[len(bins.values)] += unlisted
    return ColumnProfile(counts=counts, missing=column.missing)


def _ordered_bits(values: FloatArray) -> NDArray[np.uint64]:
    """Bit patterns that sort as the floats do: the sign bit flipped, and all other bits too for negative numbers."""
    bits = np.ascontiguousarray(values, np.float64).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _floats(ordered: NDArray[np.uint64]) -> FloatArray:
    return np.where(ordered & _SIGN, ordered ^ _SIGN, ~ordered).view(np.float64)
