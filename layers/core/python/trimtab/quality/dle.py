"""Direct loss estimation: how large a regression's errors are, told from what it was asked and what it answered.

As in NannyML a second model learns the loss, here |error| and its square, from the features and the prediction; its
mean over rows without labels estimates MAE and mean squared error. Five models are learnt, each without one fifth of
the reference: their spread on the very rows that are estimated says how much the reference leaves open (delete-a-group
jackknife), and each fifth, estimated by the model that has not seen it, is the check.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from trimtab.capture.table import Column, FloatArray, IntArray, NumericColumn, TextColumn
from trimtab.drift.proportions import normal_quantile
from trimtab.quality.binned_features import Codes, FeatureBins, binned, feature_bins
from trimtab.quality.boosting import BoostedTrees, boost
from trimtab.quality.estimate import Check, Estimate, check_of, why_unchecked
from trimtab.quality.intervals import Metric
from trimtab.quality.keyed_rows import KeyedRows
from trimtab.quality.labels import CATEGORY, FEATURE, PREDICTION, numbers_of
from trimtab.quality.settings import Problem, QualitySettings

FOLDS = 5
BLOCKS_OF_FOLD = 2
MOST_ROWS = 50_000
_PROBLEM: Problem = "regression"


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """`spread`: the variance of |error| and of its square over the mean of what was expected, squared."""

    bins: Mapping[str, FeatureBins]
    folds: tuple[BoostedTrees, ...]
    spread: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class RegressionReference:
    """What estimates rest on. `checks` by metric; `unknown`: why nothing can be estimated, "" when it can."""

    checks: Mapping[str, Check]
    unknown: str
    learned: _Learned | None = None


def features_of(rows: KeyedRows) -> dict[str, Column]:
    """The features of answers, and the answer itself, which tells of errors too."""
    columns: dict[str, Column] = {
        name.removeprefix(CATEGORY): column for name, column in rows.texts.items() if name.startswith(CATEGORY)
    }
    columns |= {
        name.removeprefix(FEATURE): NumericColumn(values)
        for name, values in rows.numbers.items()
        if name.startswith(FEATURE)
    }
    if PREDICTION in rows.texts:
        columns[f"output.{PREDICTION}"] = NumericColumn(numbers_of(rows.texts[PREDICTION]))
    return dict(sorted(columns.items()))


def regression_reference(
    columns: Mapping[str, Column], errors: FloatArray, settings: QualitySettings
) -> RegressionReference:
    """Learn from labelled rows, in order of time: their columns and the errors made. Of more than MOST_ROWS rows, every
    so many are taken."""
    rows = len(errors)
    if rows < settings.min_reference_labels:
        return RegressionReference({}, f"the reference has {rows:,} of {settings.min_reference_labels:,} labelled rows")
    if not columns:
        return RegressionReference({}, "no features are kept to estimate from")
    if not errors.any():
        return RegressionReference({}, "no errors were made on the reference")
    chosen = np.arange(rows) if rows <= MOST_ROWS else np.linspace(0, rows - 1, MOST_ROWS).astype(np.int64)
    losses = np.array([np.abs(errors[chosen]), errors[chosen] ** 2])
    few = {name: taken(column, chosen) for name, column in columns.items()}
    bins = {name: feature_bins(column, losses[0]) for name, column in few.items()}
    codes, _ = binned(bins, few, len(chosen))
    folds, expected = [], np.empty_like(losses)
    for part in np.array_split(np.arange(len(chosen)), FOLDS):
        others = np.delete(np.arange(len(chosen)), part)
        folds.append(boost(codes[:, others], losses[:, others]))
        expected[:, part] = _expected(folds[-1], codes[:, part])
    spread = ((losses - expected) ** 2).mean(axis=1) / (expected**2).mean(axis=1)
    learned = _Learned(bins, tuple(folds), (float(spread[0]), float(spread[1])))
    checks = _checks(losses, expected, learned.spread)
    return RegressionReference(checks, why_unchecked(checks, settings.max_error_bias), learned)


def estimate_regression(
    reference: RegressionReference, columns: Mapping[str, Column], rows: int, settings: QualitySettings
) -> Estimate:
    """Estimate so many rows without labels from their columns."""
    learned = reference.learned
    if learned is None or reference.unknown:
        return Estimate(_PROBLEM, rows, {}, 0.0, reference.unknown)
    if rows < settings.min_labels:
        return Estimate(_PROBLEM, rows, {}, 0.0, f"{rows:,} of {settings.min_labels:,} rows")
    codes, is_outside = binned(learned.bins, columns, rows)
    unsupported = float(is_outside.mean())
    if unsupported > settings.max_unsupported:
        unknown = f"{100 * unsupported:.3g} % of the rows have values beyond those of the reference"
        return Estimate(_PROBLEM, rows, {}, unsupported, unknown)
    of_folds = np.array([_expected(fold, codes) for fold in learned.folds])
    z = normal_quantile((1 + settings.confidence) / 2)
    metrics = {}
    for name, (value, error) in _told(of_folds, learned.spread).items():
        # a row unlike any of the reference may be off by nothing, or by twice as much as the others
        half = z * hypot(error, value * reference.checks[name].excess) + unsupported * value
        metrics[name] = Metric(value, max(0.0, value - half), value + half)
    return Estimate(_PROBLEM, rows, metrics, unsupported, "")


def _told(of_folds: FloatArray, spread: tuple[float, float]) -> dict[str, tuple[float, float]]:
    """MAE and RMSE with their standard errors, from what each fold expects: shape (folds, 2, rows)."""
    means = of_folds.mean(axis=2)
    middle, count = means.mean(axis=0), len(means)
    jackknife = (count - 1) / count * ((means - middle) ** 2).sum(axis=0)
    rows = of_folds.shape[2]
    chance = np.array(spread) * (of_folds.mean(axis=0) ** 2).mean(axis=1) / rows
    errors = np.sqrt(jackknife + chance)
    rmse = sqrt(float(middle[1]))
    return {"mae": (float(middle[0]), float(errors[0])), "rmse": (rmse, float(errors[1]) / (2 * rmse) if rmse else 0.0)}


def _checks(losses: FloatArray, expected: FloatArray, spread: tuple[float, float]) -> Mapping[str, Check]:
    blocks: dict[str, list[tuple[float, float]]] = {"mae": [], "rmse": []}
    for inside in np.array_split(np.arange(losses.shape[1]), FOLDS * BLOCKS_OF_FOLD):
        realised = losses[:, inside].mean(axis=1)
        of_metric = {"mae": float(realised[0]), "rmse": sqrt(float(realised[1]))}
        for name, (value, error) in _told(expected[None][:, :, inside], spread).items():
            if of_metric[name] > 0:
                blocks[name].append((value / of_metric[name], error / of_metric[name]))
    return {
        name: check_of([value for value, _ in each], [error for _, error in each], [1.0] * len(each))
        for name, each in blocks.items()
        if each
    }


def _expected(trees: BoostedTrees, codes: Codes) -> FloatArray:
    """|error| and its square as expected, which are never negative."""
    return np.maximum(trees.predict(codes), 0.0)


def taken(column: Column, rows: IntArray) -> Column:
    """The column's cells in these rows."""
    if isinstance(column, NumericColumn):
        return NumericColumn(column.values[rows])
    return TextColumn(column.codes[rows], column.values)
