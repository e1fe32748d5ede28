"""Model Monitor's statistics.json: of training data, exact, or of a window's counts on a grid."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Any

from trimtab.capture.grid import Grid, NumericBins, Vocabulary
from trimtab.capture.profile import ColumnProfile, Profile
from trimtab.capture.sketch import NUMERIC_SHARE, ColumnSketch, Sketch
from trimtab.capture.table import canonical_text
from trimtab.model_monitor.distribution import Segments, kll_document, segments_of_bins, segments_of_sketch

UNLISTED = "(other values)"
UNSEEN = "(values not in the baseline)"
MOST_BUCKETS = 120
"""Deequ lists the values of a text column that has no more distinct ones than this."""


def statistics_of_sketch(sketch: Sketch, *, categorical: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The statistics of training data. `categorical` names columns whose numbers are codes."""
    return _document(
        sketch.rows,
        (
            _feature_of_sketch(name, column, as_categorical=name in categorical)
            for name, column in sketch.columns.items()
        ),
    )


def statistics_of_profile(profile: Profile, grid: Grid) -> dict[str, Any]:
    """The statistics of a window. Buckets and sketch are interpolated within the grid's bins; all else is exact."""
    return _document(
        profile.rows,
        (
            _feature_of_bins(name, bins, profile.columns[name])
            if isinstance(bins, NumericBins)
            else _feature_of_vocabulary(name, bins, profile.columns[name])
            for name, bins in grid.columns.items()
        ),
    )


def _document(rows: int, features: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"version": 0.0, "dataset": {"item_count": rows}, "features": list(features)}


def _feature_of_sketch(name: str, column: ColumnSketch, *, as_categorical: bool) -> dict[str, Any]:
    numbers = int(column.numbers.counts.sum())
    present = numbers + column.text_cells
    if numbers and numbers >= NUMERIC_SHARE * present and not as_categorical:
        segments = segments_of_sketch(column.numbers)
        return _numeric(name, present, column.missing, numbers, column.integral, column, segments)
    counts = Counter(column.texts or {})
    for value, count in zip(column.numbers.lower_bounds().tolist(), column.numbers.counts.tolist(), strict=True):
        counts[canonical_text(repr(value))] += count
    return _text(name, present, column.missing, counts if column.texts is not None else None)


def _feature_of_bins(name: str, bins: NumericBins, column: ColumnProfile) -> dict[str, Any]:
    present = column.valid + column.invalid
    if not column.valid:
        return _text(name, present, column.missing, None if present else Counter())
    segments = segments_of_bins(bins, column)
    return _numeric(name, present, column.missing, column.valid, column.integral, column, segments)


def _feature_of_vocabulary(name: str, bins: Vocabulary, column: ColumnProfile) -> dict[str, Any]:
    names = (*bins.values, UNLISTED, UNSEEN)
    counts = Counter({value: count for value, count in zip(names, column.counts.tolist(), strict=True) if count})
    return _text(name, column.valid, column.missing, counts)


def _numeric(
    name: str,
    present: int,
    missing: int,
    numbers: int,
    integral: int,
    sums: ColumnProfile | ColumnSketch,
    segments: Segments,
) -> dict[str, Any]:
    mean = sums.total / numbers
    return {
        "name": name,
        "inferred_type": "Integral" if integral == numbers else "Fractional",
        "numerical_statistics": {
            "common": {"num_present": present, "num_missing": missing},
            "mean": mean,
            "sum": sums.total,
            # the population's, as Deequ's; of numbers far from zero, whose squares lose digits, at most what their
            # range allows (Popoviciu)
            "std_dev": min(sqrt(max(0.0, sums.squares / numbers - mean * mean)), (sums.maximum - sums.minimum) / 2),
            "min": sums.minimum,
            "max": sums.maximum,
            "distribution": {"kll": kll_document(segments, sums.minimum, sums.maximum)},
        },
    }


def _text(name: str, present: int, missing: int, counts: Mapping[str, int] | None) -> dict[str, Any]:
    """`counts` None: the values are not known. Too many values are counted and not listed: Model Monitor then leaves
    the distribution out."""
    is_listed = counts is not None and len(counts) <= MOST_BUCKETS
    ranked = sorted(counts.items(), key=lambda bucket: (-bucket[1], bucket[0])) if counts and is_listed else []
    buckets = [{"value": value, "count": n} for value, n in ranked]
    return {
        "name": name,
        "inferred_type": "String" if present else "Unknown",
        "string_statistics": {
            "common": {"num_present": present, "num_missing": missing},
            **({} if counts is None else {"distinct_count": float(len(counts))}),
            **({"distribution": {"categorical": {"buckets": buckets}}} if is_listed else {}),
        },
    }
