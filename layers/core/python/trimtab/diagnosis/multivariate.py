"""Whether the rows of a window, each as a whole, can be told from the reference's: drift that no single column shows.

A classifier learns to tell the two samples apart, and is tried on rows it has not seen (domain classifier; Rabanser,
Günnemann and Lipton, Failing Loudly, NeurIPS 2019). Without drift its area under the ROC curve is one half. Trees find
what columns and few of them together show; that a correlation broke they find slowly, for no column alone gives a hint
where to begin. So the products of those pairs whose rank correlation differs most are given to them besides. Pairs,
bins and trees are made from the learning rows alone, so that the area is an honest one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from trimtab.capture.profile import Profile
from trimtab.capture.sample import RowSample
from trimtab.capture.table import Column, FloatArray, IntArray, NumericColumn
from trimtab.diagnosis.settings import MultivariateSettings
from trimtab.diagnosis.stacking import picked, stacked
from trimtab.drift.assessment import Assessment
from trimtab.drift.verdict import Verdict
from trimtab.quality.binned_features import Codes, FeatureBins, binned, feature_bins
from trimtab.quality.boosting import BoostedTrees, boost
from trimtab.quality.intervals import Flags, area

FOLDS = 4
TREES = 30
DEPTH = 3
PAIRS = 4
CONFIDENCE = 0.98
"""Two-sided, so that the lower bound is exceeded by chance in 1 % of windows."""
MOST_NAMED = 5
_LEAST_DROP = 0.01


@dataclass(frozen=True, slots=True)
class Separation:
    """How well a window's rows can be told from the reference's.

    `verdict`: WARN where they certainly can, better than is harmless. `auc` with its bounds, None where not known.
    `rows`: of either sample. `compared`: how many columns were looked at, of how many that both have. `columns`: those
    by which they are told apart, with the area lost without each. `pairs`: those of them of which the rank correlation
    changed most, before and now.
    """

    verdict: Verdict
    reason: str
    rows: tuple[int, int]
    compared: tuple[int, int] = (0, 0)
    auc: float | None = None
    lower: float | None = None
    upper: float | None = None
    columns: tuple[tuple[str, float], ...] = ()
    pairs: tuple[tuple[str, str, float, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    """What was learnt from the learning rows: bins of each column, and of products of pairs around `means`."""

    names: tuple[str, ...]
    bins: Mapping[str, FeatureBins]
    means: FloatArray
    pairs: tuple[tuple[int, int], ...]
    pair_bins: tuple[FeatureBins, ...]


def separate(
    reference: RowSample,
    current: RowSample,
    names: Iterable[str],
    settings: MultivariateSettings,
    *,
    most: tuple[int, int] | None = None,
    seed: int = 0,
) -> Separation:
    """Tell two samples apart by the columns `names` that both have: where these are too many, by the first of them.
    Equal samples and seeds give equal results.

    `most`: of how many rows of (reference, current) to make use, fewer where those of one request are alike
    (`rows_to_compare`): trees that learn from some rows of a request know the others, which proves nothing.
    """
    rows = (min(reference.rows, settings.max_rows), min(current.rows, settings.max_rows))
    if most:
        rows = (min(rows[0], most[0]), min(rows[1], most[1]))
    shared = [name for name in dict.fromkeys(names) if name in reference.columns and name in current.columns]
    common = sorted(shared[: settings.max_columns])
    compared = len(common), len(shared)
    if min(rows) < settings.min_rows or not common:
        why = "no column is in both" if min(rows) >= settings.min_rows else f"{settings.min_rows:,} are needed"
        reason = f"{rows[1]:,} sampled rows against {rows[0]:,}: {why}"
        return Separation(Verdict.INSUFFICIENT_DATA, reason, rows)
    # samples are ordered by hash, so that their first rows are samples themselves
    chosen = np.concatenate([np.arange(rows[0]), reference.rows + np.arange(rows[1])])
    columns = {name: picked(stacked(reference.columns[name], current.columns[name]), chosen) for name in common}
    is_current = np.repeat([False, True], rows)
    folds = _folds(rows, np.random.default_rng(seed))
    scores = np.zeros(len(is_current))
    fitted = []
    for fold in range(FOLDS):
        learn, tried = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        features = _learn_features({name: picked(column, learn) for name, column in columns.items()}, is_current[learn])
        codes, _ = binned(features.bins, columns, len(is_current))
        every = _with_pairs(features, codes)
        trees = boost(every[:, learn], is_current[learn].astype(np.float64)[None], trees=TREES, depth=DEPTH)
        scores[tried] = trees.predict(every[:, tried])[0]
        fitted.append((features, codes[:, tried], trees, tried))
    found = area(scores, is_current, np.arange(len(scores)), CONFIDENCE)
    if found is None or found.lower is None or found.upper is None:
        return Separation(Verdict.INSUFFICIENT_DATA, "the samples cannot be compared", rows, compared)
    separation = Separation(Verdict.OK, "", rows, compared, found.value, found.lower, found.upper)
    told = f"an area of {found.value:.3f} ({found.lower:.3f} to {found.upper:.3f}), 0.5 being chance"
    if compared[0] < compared[1]:
        told += f", by {compared[0]:,} of {compared[1]:,} columns"
    if found.lower <= settings.min_auc:
        return replace(separation, reason=f"rows cannot be told from the reference's: {told}")
    drops = _drops(common, fitted, is_current, scores, found.value, np.random.default_rng(seed))
    by = [name for name, _ in drops] or ["many columns, each a little"]
    pairs = _broken_pairs(columns, is_current, [name for name, _ in drops])
    return replace(
        separation,
        verdict=Verdict.WARN,
        reason=f"rows can be told from the reference's by {', '.join(by)}: {told}{_pairs_text(pairs)}",
        columns=drops,
        pairs=pairs,
    )


def rows_to_compare(assessment: Assessment, current: Profile) -> tuple[int, int]:
    """How many of the rows of (reference, current) to sample, so that hardly more than two are of one request: as many
    as the rows count for in the column where they count least. A column that has one value now tells nothing of that,
    nor do trees know a request by it."""
    least = [1.0, 1.0]
    for name, column in assessment.columns.items():
        if column.rows_effective and np.count_nonzero(current.columns[name].counts) > 1:
            counted = zip(least, column.rows_effective, column.rows, strict=True)
            least = [min(known, now / max(1, of)) for known, now, of in counted]
    return round(assessment.rows[0] * least[0]), round(assessment.rows[1] * least[1])


def separation_document(separation: Separation) -> dict[str, Any]:
    """The result as plain JSON values."""
    return {
        **asdict(separation),
        "verdict": separation.verdict.value,
        "rows": list(separation.rows),
        "compared": list(separation.compared),
        "columns": dict(separation.columns),
        "pairs": [list(each) for each in separation.pairs],
    }


def _folds(rows: tuple[int, int], random: np.random.Generator) -> IntArray:
    """Each row's fold, the rows of either sample spread evenly."""
    return np.concatenate([random.permutation(np.arange(count) % FOLDS) for count in rows])


def _learn_features(columns: Mapping[str, Column], is_current: Flags) -> _Features:
    names = tuple(columns)
    bins = {name: feature_bins(column, is_current.astype(np.float64)) for name, column in columns.items()}
    codes, _ = binned(bins, columns, len(is_current))
    means = codes.mean(axis=1)
    pairs = tuple(pair for pair, _, _ in _changed_pairs(codes, is_current)[:PAIRS])
    products = _products(codes, means, pairs)
    pair_bins = tuple(feature_bins(NumericColumn(each), is_current.astype(np.float64)) for each in products)
    return _Features(names, bins, means, pairs, pair_bins)


def _changed_pairs(codes: Codes, is_current: Flags) -> list[tuple[tuple[int, int], float, float]]:
    """Pairs of rows of `codes`, with their correlations before and now: those that differ most (on Fisher's scale, so
    that 0.9 to 0.8 is more than 0.1 to 0.0) first."""
    varies = np.flatnonzero([min(each[~is_current].std(), each[is_current].std()) > 0 for each in codes])
    if len(varies) < 2:
        return []
    before, now = (np.corrcoef(codes[varies][:, rows]) for rows in (~is_current, is_current))
    change = np.abs(np.arctanh(np.clip(now, -0.999, 0.999)) - np.arctanh(np.clip(before, -0.999, 0.999)))
    places = list(combinations(range(len(varies)), 2))
    order = np.argsort([-change[place] for place in places], kind="stable")
    return [
        ((int(varies[i]), int(varies[j])), float(before[i, j]), float(now[i, j]))
        for i, j in (places[each] for each in order)
    ]


def _products(codes: Codes, means: FloatArray, pairs: Sequence[tuple[int, int]]) -> list[FloatArray]:
    return [(codes[i] - means[i]) * (codes[j] - means[j]) for i, j in pairs]


def _with_pairs(features: _Features, codes: Codes) -> Codes:
    """The codes of the columns, and below them those of the pairs' products."""
    products = _products(codes, features.means, features.pairs)
    bins = {str(place): each for place, each in enumerate(features.pair_bins)}
    of_products, _ = binned(
        bins, {str(place): NumericColumn(each) for place, each in enumerate(products)}, codes.shape[1]
    )
    return np.concatenate([codes, of_products])


def _drops(
    names: list[str],
    fitted: list[tuple[_Features, Codes, BoostedTrees, IntArray]],
    is_current: Flags,
    scores: FloatArray,
    value: float,
    random: np.random.Generator,
) -> tuple[tuple[str, float], ...]:
    """By how much the area falls when a column is shuffled (Breiman 2001), of those that matter, the greatest first."""
    drops = []
    for place, name in enumerate(names):
        shuffled = scores.copy()
        for features, codes, trees, tried in fitted:
            mixed = codes.copy()
            mixed[place] = random.permutation(mixed[place])
            shuffled[tried] = trees.predict(_with_pairs(features, mixed))[0]
        without = area(shuffled, is_current, np.arange(len(shuffled)), CONFIDENCE)
        drops.append((name, value - (without.value if without else 0.5)))
    ranked = sorted(drops, key=lambda each: (-each[1], each[0]))
    return tuple((name, drop) for name, drop in ranked[:MOST_NAMED] if drop >= _LEAST_DROP)


def _broken_pairs(
    columns: Mapping[str, Column], is_current: Flags, names: list[str]
) -> tuple[tuple[str, str, float, float], ...]:
    """Pairs of the separating columns whose rank correlation certainly changed: by four standard errors and 0.1."""
    told = {name: columns[name] for name in names}
    bins = {name: feature_bins(column, is_current.astype(np.float64)) for name, column in told.items()}
    codes, _ = binned(bins, told, len(is_current))
    error = np.sqrt(1 / int(is_current.sum()) + 1 / int((~is_current).sum()))
    return tuple(
        (names[i], names[j], before, now)
        for (i, j), before, now in _changed_pairs(codes, is_current)[:PAIRS]
        if abs(now - before) > 0.1 and abs(np.arctanh(now * 0.999) - np.arctanh(before * 0.999)) > 4 * error
    )


def _pairs_text(pairs: Sequence[tuple[str, str, float, float]]) -> str:
    if not pairs:
        return ""
    first, second, before, now = pairs[0]
    return f"; the rank correlation of {first} and {second} went from {before:.2f} to {now:.2f}"
