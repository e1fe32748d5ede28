"""Grids: the bins on which profiles of one reference are counted.

A grid is made once, from the reference, and named by the hash of its content. Profiles on one grid add exactly.

Numeric columns get an edge at every 2 % quantile of the reference, further edges in both tails, and its least and
greatest value. A column with few distinct values gets an edge at each of them. A value so frequent that quantiles
repeat (an atom) gets a bin of its own. Nine of the bins' boundaries, the deciles, are the cuts on which PSI is
computed. Where one value is more than half of all (amounts that are mostly 0), the cuts are its ends and the fifths of
the others: deciles would leave these one or two bins, and what moves inside a bin is not seen.
Categorical columns get their most frequent values, one bin for the reference's other values and one for values that
the reference never had.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.capture.table import LARGEST, LONGEST_CATEGORY, FloatArray, IntArray, canonical_text

PERCENTILES = np.unique(np.concatenate([np.arange(0, 51) / 50, [0.001, 0.005, 0.01, 0.99, 0.995, 0.999]]))
DECILES = np.arange(1, 10) / 10
FIFTHS = np.arange(1, 5) / 5
RANGE = np.array([0.001, 0.999])
MOST_DISCRETE_VALUES = 48
MOST_VOCABULARY = 254
MOST_OTHER_VALUES = 10_000
_STEPS = 4096
_FEW = 1024
"""Fewer values are not worth the steps."""
_MOST_IN_STEP = 8
_MOST_KNOWN = 2**14


@dataclass(frozen=True, slots=True)
class NumericBins:
    """Bins of a numeric column.

    `edges`: float64, strictly increasing, k of them make k+1 bins: bin 0 is x < edges[0] (below the reference's
    least value), bin i is edges[i-1] <= x < edges[i], bin k is x >= edges[-1] (above its greatest value). `cuts`:
    indices into `edges`, the boundaries between the PSI bins. `low`, `high`: indices into `edges`, of the reference's
    0.1 % and 99.9 % quantiles; x < edges[low] and x >= edges[high] are out of range.
    """

    edges: FloatArray
    cuts: IntArray
    low: int
    high: int

    @property
    def bins(self) -> int:
        return len(self.edges) + 1

    def positions(self, values: FloatArray) -> IntArray:
        """The bin of each finite value, shape (values,).

        A search takes 40 ns a value, because no processor foresees its turns. So the range of the edges is cut into
        equal steps, and each value compared with the few edges in its step: 10 ns (measured). Rounding keeps the order
        of values, so what is in a lower step is less, and what is in a higher one greater.
        """
        least, span = self.edges[0], self.edges[-1] - self.edges[0]
        if len(values) < _FEW or not span * _STEPS > 1 / LARGEST:
            return np.searchsorted(self.edges, values, side="right")
        in_steps = np.bincount(_steps(self.edges, least, _STEPS / span), minlength=_STEPS + 1)
        most = int(in_steps.max())
        if most > _MOST_IN_STEP:
            return np.searchsorted(self.edges, values, side="right")
        positions: IntArray = (np.cumsum(in_steps) - in_steps).take(_steps(values, least, _STEPS / span))
        edges = np.append(self.edges, np.inf)
        for _ in range(most):
            positions += values >= edges.take(positions)
        return positions


def _steps(values: FloatArray, least: float, scale: float) -> IntArray:
    steps = values - least
    steps *= scale
    np.maximum(steps, 0, out=steps)
    np.minimum(steps, _STEPS, out=steps)
    return steps.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Bins of a categorical column: one per value of `values`, one for all `others`, one for everything unseen.

    `values`: the reference's most frequent values, most frequent first. `others`: its remaining values. `open` says
    that the reference had too many values to list, so that nothing can be called unseen.
    """

    values: tuple[str, ...]
    others: frozenset[str] = frozenset()
    open: bool = False
    positions: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _known: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", {value: i for i, value in enumerate(self.values)})
        object.__setattr__(self, "_known", {})

    @property
    def bins(self) -> int:
        return len(self.values) + 2

    def position(self, value: str) -> int:
        """The bin of a category, given by its canonical text."""
        listed = self.positions.get(value)
        if listed is not None:
            return listed
        return len(self.values) + (0 if self.open or value in self.others else 1)

    def positions_of(self, texts: Sequence[str]) -> list[int]:
        """The bin of each category, given as it stands in a payload. The same texts come in every group of lines."""
        known = self._known
        found = [known.get(text) for text in texts]
        if None in found:
            if len(known) > _MOST_KNOWN:
                known.clear()
            positions = [self.position(canonical_text(text)) for text in texts]
            for text, position in zip(texts, positions, strict=True):
                if len(text) <= LONGEST_CATEGORY:
                    known[text] = position
            return positions
        return found  # type: ignore[return-value]  # none is None


type Bins = NumericBins | Vocabulary


@dataclass(frozen=True)
class Grid:
    """The bins of every column of a reference. `name` is the hash of the content: equal grids have equal names."""

    columns: Mapping[str, Bins]
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", _content_hash(self.columns))


def numeric_bins(
    values: FloatArray, weights: IntArray, uppers: FloatArray | None = None, *, only_deciles: bool = False
) -> NumericBins:
    """Bins from the reference's distinct values (sorted, finite, one or more) and how often each occurs.

    Quantiles are numpy's default (linear). When each value stands for all of a small bin from `values[i]` up to
    `uppers[i]`, quantiles are values that occur, so that every edge lies on a boundary of these small bins.
    `only_deciles`: cuts are the deciles also where one value is more than half of all.
    """
    interpolate = uppers is None
    if uppers is None:
        uppers = np.nextafter(values, np.inf)
    make_cuts = _deciles if only_deciles else _cuts
    if len(values) <= 10:
        cuts, edges = values, values
    elif len(values) <= MOST_DISCRETE_VALUES:
        cuts, edges = make_cuts(values, weights, uppers, interpolate=interpolate), values
    else:
        cuts = make_cuts(values, weights, uppers, interpolate=interpolate)
        edges = _with_atoms(quantiles(values, weights, PERCENTILES, interpolate=interpolate), values, uppers)
    edges = np.unique(np.concatenate([values[:1], edges, cuts, uppers[-1:]]))
    cuts = cuts[(cuts > values[0]) & (cuts <= values[-1])]
    low, high = quantiles(values, weights, RANGE, interpolate=False)
    return NumericBins(
        edges=edges,
        cuts=np.searchsorted(edges, np.unique(cuts)),
        low=int(np.searchsorted(edges, low, side="right") - 1),
        high=int(np.searchsorted(edges, high, side="right")),
    )


def quantiles(values: FloatArray, weights: IntArray, probabilities: FloatArray, *, interpolate: bool) -> FloatArray:
    """Quantiles of a weighted sample (`values` sorted, distinct). Linear as numpy's default, or the value below."""
    ranks = np.cumsum(weights)
    position = probabilities * (ranks[-1] - 1)
    below = np.floor(position)
    lower: FloatArray = values[np.searchsorted(ranks, below, side="right")]
    if not interpolate:
        return lower
    upper = values[np.searchsorted(ranks, np.ceil(position), side="right")]
    share = position - below
    # numpy's own two-sided form, so that exact values stay exact
    between: FloatArray = np.where(share < 0.5, lower + (upper - lower) * share, upper - (upper - lower) * (1 - share))
    return between


def vocabulary(counts: Mapping[str, int], *, is_open: bool = False) -> Vocabulary:
    """Bins from the reference's values and how often each occurs; ties are broken by spelling."""
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    others = ranked[MOST_VOCABULARY:]
    return Vocabulary(
        values=tuple(ranked[:MOST_VOCABULARY]),
        others=frozenset(others[:MOST_OTHER_VALUES]),
        open=is_open or len(others) > MOST_OTHER_VALUES,
    )


def _cuts(values: FloatArray, weights: IntArray, uppers: FloatArray, *, interpolate: bool) -> FloatArray:
    """The deciles, or where one value is more than half of all, its ends and the fifths of the others.

    These fifths are values that occur: between two of them there could be a bin without any of the reference's values.
    """
    most = int(weights.argmax())
    if 2 * weights[most] <= weights.sum():
        return _deciles(values, weights, uppers, interpolate=interpolate)
    others, other_uppers = np.delete(values, most), np.delete(uppers, most)
    fifths = quantiles(others, np.delete(weights, most), FIFTHS, interpolate=False)
    return np.unique(np.concatenate([values[[most]], uppers[[most]], _with_atoms(fifths, others, other_uppers)]))


def _deciles(values: FloatArray, weights: IntArray, uppers: FloatArray, *, interpolate: bool) -> FloatArray:
    return _with_atoms(quantiles(values, weights, DECILES, interpolate=interpolate), values, uppers)


def _with_atoms(points: FloatArray, values: FloatArray, uppers: FloatArray) -> FloatArray:
    """The distinct points, and for each repeated one (an atom, always one of `values`) the end of its small bin."""
    distinct, times = np.unique(points, return_counts=True)
    atoms = np.searchsorted(values, distinct[times > 1])
    return np.unique(np.concatenate([distinct, uppers[atoms]]))


def grid_document(columns: Mapping[str, Bins]) -> dict[str, Any]:
    """The grid as plain JSON values, by column name, in the order of the columns."""
    return {name: _bins_document(bins) for name, bins in columns.items()}


def grid_from_document(document: Mapping[str, Any]) -> Grid:
    """The inverse of `grid_document`."""
    return Grid({name: _bins_from_document(bins) for name, bins in document.items()})


def _bins_document(bins: Bins) -> dict[str, Any]:
    if isinstance(bins, NumericBins):
        return {
            "kind": "numeric",
            "edges": bins.edges.tolist(),
            "cuts": bins.cuts.tolist(),
            "low": bins.low,
            "high": bins.high,
        }
    return {"kind": "categorical", "values": list(bins.values), "others": sorted(bins.others), "open": bins.open}


def _bins_from_document(document: Mapping[str, Any]) -> Bins:
    if document["kind"] == "numeric":
        return NumericBins(
            edges=np.array(document["edges"], dtype=np.float64),
            cuts=np.array(document["cuts"], dtype=np.int64),
            low=document["low"],
            high=document["high"],
        )
    return Vocabulary(tuple(document["values"]), frozenset(document["others"]), document["open"])


def _content_hash(columns: Mapping[str, Bins]) -> str:
    digest = hashlib.sha256()
    for name, bins in sorted(columns.items()):
        digest.update(repr((name, _bins_document(bins))).encode())
    return digest.hexdigest()[:16]
