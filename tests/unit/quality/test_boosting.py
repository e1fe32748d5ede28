"""Boosted trees and the bins they are grown on."""

import numpy as np
import pytest

from tests.unit.quality.builders import numbers, texts
from trimtab.quality.binned_features import BINS, binned, feature_bins
from trimtab.quality.boosting import boost


def test_trees_learn_what_features_tell_together():
    random = np.random.default_rng(1)
    x, y, noise = random.random((3, 6000))
    target = np.array([np.sin(5 * x) + (x > 0.5) * y, 100 * x * y])
    columns = {"x": numbers(x), "y": numbers(y), "noise": numbers(noise)}
    bins = {name: feature_bins(column, target[0]) for name, column in columns.items()}
    codes, _ = binned(bins, columns, 6000)
    trees = boost(codes[:, :4000], target[:, :4000] + random.normal(0, 0.05, (2, 4000)))
    left = target[:, 4000:] - trees.predict(codes[:, 4000:])
    assert (left.var(axis=1) / target[:, 4000:].var(axis=1)).max() < 0.01
    assert trees.predict(codes).mean(axis=1) == pytest.approx(target.mean(axis=1), rel=0.02)


def test_a_target_of_one_value_is_that_value():
    codes, _ = binned({"x": feature_bins(numbers(np.arange(100)), np.zeros(100))}, {"x": numbers(np.arange(100))}, 100)
    assert boost(codes, np.full((1, 100), 7.0)).predict(codes).tolist() == [[7.0] * 100]


def test_numbers_get_bins_with_as_many_rows_in_each():
    values = np.random.default_rng(2).lognormal(size=6300)
    bins = feature_bins(numbers(values), values)
    codes, _ = binned({"x": bins}, {"x": numbers(values)}, 6300)
    assert (codes.min(), codes.max()) == (1, BINS - 1)
    assert np.bincount(codes[0])[1:].tolist() == pytest.approx([100] * 63, abs=2)


def test_categories_stand_in_the_order_of_the_target():
    values = ["low"] * 100 + ["high"] * 100 + ["middle"] * 100
    bins = feature_bins(texts(values), np.repeat([1.0, 9.0, 5.0], 100))
    assert sorted(bins.codes, key=bins.codes.get) == ["low", "middle", "high"]


def test_rare_categories_are_one():
    values = [f"c{row % 200}" for row in range(2000)] + ["often"] * 50
    bins = feature_bins(texts(values), np.ones(2050))
    assert max(bins.codes.values()) == BINS - 1
    assert bins.codes["often"] < BINS - 1


def test_what_was_never_seen_is_outside():
    bins = {
        "x": feature_bins(numbers([1, 2, 3]), np.ones(3)),
        "c": feature_bins(texts(["a", "b", "a"]), np.ones(3)),
    }
    columns = {"x": numbers([2, 4, np.nan, 3]), "c": texts(["a", "b", None, "z"])}
    codes, is_outside = binned(bins, columns, 4)
    assert is_outside.tolist() == [False, True, False, True]
    assert codes[:, 2].tolist() == [0, 0]
    assert codes[1, 3] == 0
    assert binned(bins, {"x": columns["x"]}, 4)[1].all()
