"""Numbers as Model Monitor describes them: ten buckets of one width, and the items of a KLL sketch.

What is known of a column is a list of segments, each with a count: a segment without width is a value that occurred so
often, one with a width holds its count spread evenly. Training data gives the former, a grid's bins the latter.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np

from trimtab.capture.grid import NumericBins
from trimtab.capture.profile import ColumnProfile
from trimtab.capture.sketch import NumberSketch
from trimtab.capture.table import FloatArray, IntArray

BUCKETS = 10
SKETCH_SIZE = 2048
SHRINKING = 0.64
_ITEMS_PER_SEGMENT = 4


@dataclass(frozen=True)
class Segments:
    """Counts of numbers between `left` and `right`, in increasing order; all three of shape (segments,)."""

    left: FloatArray
    right: FloatArray
    counts: IntArray

    @property
    def total(self) -> int:
        return int(self.counts.sum())


def segments_of_sketch(numbers: NumberSketch) -> Segments:
    """The distinct values of a sketch (the lower bounds of its bins, where it has joined neighbours)."""
    values = numbers.lower_bounds()
    return Segments(values, values, numbers.counts)


def segments_of_bins(bins: NumericBins, profile: ColumnProfile) -> Segments:
    """The bins that hold anything, cut to the numbers' range.

    Within the bins numbers are spread evenly over the widest part of them that gives the exact mean: all of a bin when
    numbers lie anywhere in it, its lower edge when they are few distinct ones, which a grid puts on its edges.
    """
    left = np.concatenate([[min(profile.minimum, bins.edges[0])], bins.edges])
    right = np.concatenate([bins.edges, [max(profile.maximum, bins.edges[-1])]])
    inner = profile.counts[1:-1]
    spare = float(inner @ (right - left)[1:-1])
    rest = profile.total - profile.below - profile.above - float(inner @ left[1:-1])
    place = min(max(rest / spare, 0.0), 1.0) if spare > 0 and isfinite(rest) else 0.5
    reach = min(place, 1 - place)
    width = (right - left)[1:-1]
    low, high = left.copy(), right.copy()
    low[1:-1] += (place - reach) * width
    high[1:-1] = left[1:-1] + (place + reach) * width
    held = profile.counts > 0
    low, high = (np.clip(side[held], profile.minimum, profile.maximum) for side in (low, high))
    return Segments(low, high, profile.counts[held])


def buckets(segments: Segments, minimum: float, maximum: float) -> list[dict[str, float]]:
    """Ten buckets from the least to the greatest number, by linear interpolation within segments. Each holds its lower
    bound and not its upper one, but the last holds both. The bounds are computed as Deequ's KLLSketch does."""
    bounds = [minimum + (maximum - minimum) * i / BUCKETS for i in range(BUCKETS + 1)]
    below = [round(_count_below(segments, bound)) for bound in bounds[:-1]] + [segments.total]
    below[0] = 0
    return [
        {"lower_bound": low, "upper_bound": high, "count": float(after - before)}
        for (low, high), (before, after) in zip(pairwise(bounds), pairwise(below), strict=True)
    ]


def kll_document(segments: Segments, minimum: float, maximum: float) -> dict[str, Any]:
    """The `kll` object: buckets, and a sketch whose items on level i each stand for 2^i numbers."""
    return {
        "buckets": buckets(segments, minimum, maximum),
        "sketch": {
            "parameters": {"c": SHRINKING, "k": float(SKETCH_SIZE)},
            "data": [level.tolist() for level in _levels(segments)],
        },
    }


def _count_below(segments: Segments, bound: float) -> float:
    width = segments.right - segments.left
    with np.errstate(all="ignore"):  # of widths that are none, or nearly
        inside = np.clip((bound - segments.left) / width, 0.0, 1.0)
    share = np.where(width > 0, inside, segments.left < bound)
    return float(share @ segments.counts)


def _levels(segments: Segments) -> list[FloatArray]:
    """As a KLL sketch: what is known exactly and is little lies on level 0; beyond that a level that has grown too
    long is sorted and every other item goes up one level, where it counts double."""
    values, weights = _points(segments)
    if segments.total <= SKETCH_SIZE:
        return [np.repeat(values, weights)]
    levels = [values[weights >> i & 1 == 1] for i in range(int(weights.max()).bit_length())]
    height = 0
    while height < len(levels):
        items = np.sort(levels[height])
        if len(items) > SKETCH_SIZE:
            whole = len(items) - len(items) % 2
            if height + 1 == len(levels):
                levels.append(np.empty(0))
            levels[height + 1] = np.concatenate([levels[height + 1], items[height % 2 : whole : 2]])
            items = items[whole:]
        levels[height] = items
        height += 1
    return levels


def _points(segments: Segments) -> tuple[FloatArray, IntArray]:
    """Values and how often each counts: a wide segment is a few, in the middle of its equal parts."""
    wide = segments.right > segments.left
    parts = np.where(wide, np.minimum(segments.counts, _ITEMS_PER_SEGMENT), 1)
    owner = np.repeat(np.arange(len(parts)), parts)
    index = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
    share = np.where(wide[owner], (index + 0.5) / parts[owner], 0.0)
    values = segments.left[owner] + (segments.right - segments.left)[owner] * share
    counts, into = segments.counts[owner], parts[owner]
    return values, counts * (index + 1) // into - counts * index // into
