"""Regression by boosted trees on binned features, in numpy: small, deterministic, and as good as estimates need.

Histogram gradient boosting with squared loss (Friedman 2001; bins as in LightGBM, Ke et al. 2017). All nodes of a level
ask the same question (oblivious trees, as in CatBoost, Prokhorenkova et al. 2018), so a tree is a table of 2^depth
leaves. Several targets share their trees' questions.
"""

from dataclasses import dataclass

import numpy as np

from trimtab.capture.table import FloatArray, IntArray
from trimtab.quality.binned_features import BINS, Codes

DEPTH = 6
TREES = 75
RATE = 0.2
_PRIOR_ROWS = 20.0
"""A leaf's value is drawn to 0 as by so many rows."""


@dataclass(frozen=True, slots=True, eq=False)
class BoostedTrees:
    """`start`: shape (targets,). `features`, `cuts`: shape (trees, depth), a row goes right where its code exceeds the
    cut. `leaves`: shape (trees, targets, 2^depth)."""

    start: FloatArray
    features: IntArray
    cuts: IntArray
    leaves: FloatArray

    def predict(self, codes: Codes) -> FloatArray:
        """Shape (targets, rows), from codes of shape (features, rows)."""
        found = np.repeat(self.start[:, None], codes.shape[1], axis=1)
        for features, cuts, leaves in zip(self.features, self.cuts, self.leaves, strict=True):
            found += leaves[:, _leaf_of(codes, features, cuts)]
        return found


def boost(codes: Codes, targets: FloatArray, *, trees: int = TREES, depth: int = DEPTH) -> BoostedTrees:
    """Fit targets of shape (targets, rows), each on a scale of its own."""
    scale = np.std(targets, axis=1, keepdims=True)
    scale[scale == 0] = 1.0
    start = targets.mean(axis=1, keepdims=True)
    residuals = (targets - start) / scale
    features, cuts, leaves = [], [], []
    for _ in range(trees):
        chosen = _questions(codes, residuals, depth)
        leaf = _leaf_of(codes, chosen[:, 0], chosen[:, 1])
        values = RATE * _leaf_means(leaf, residuals, 2**depth)
        residuals = residuals - values[:, leaf]
        features.append(chosen[:, 0])
        cuts.append(chosen[:, 1])
        leaves.append(values * scale)
    return BoostedTrees(start[:, 0], np.array(features), np.array(cuts), np.array(leaves))


def _questions(codes: Codes, residuals: FloatArray, depth: int) -> IntArray:
    """The (feature, cut) of each level that explains most, given those above."""
    node = np.zeros(codes.shape[1], np.int64)
    chosen = []
    for level in range(depth):
        gains = np.array([_gains(node * BINS + each, 2**level, residuals) for each in codes])
        feature, cut = divmod(int(gains.argmax()), BINS)
        chosen.append((feature, cut))
        node = node * 2 + (codes[feature] > cut)
    return np.array(chosen, np.int64)


def _gains(cells: IntArray, nodes: int, residuals: FloatArray) -> FloatArray:
    """How much a cut after each bin explains, over all nodes and targets."""
    size = nodes * BINS
    rows = np.bincount(cells, minlength=size).reshape(nodes, BINS).cumsum(axis=1)
    left_rows, right_rows = rows + _PRIOR_ROWS, rows[:, -1:] - rows + _PRIOR_ROWS
    gains = np.zeros(BINS)
    for each in residuals:
        left = np.bincount(cells, weights=each, minlength=size).reshape(nodes, BINS).cumsum(axis=1)
        gains += (left**2 / left_rows + (left[:, -1:] - left) ** 2 / right_rows).sum(axis=0)
    return gains


def _leaf_of(codes: Codes, features: IntArray, cuts: IntArray) -> IntArray:
    leaf = np.zeros(codes.shape[1], np.int64)
    for feature, cut in zip(features.tolist(), cuts.tolist(), strict=True):
        leaf = leaf * 2 + (codes[feature] > cut)
    return leaf


def _leaf_means(leaf: IntArray, residuals: FloatArray, size: int) -> FloatArray:
    rows = np.bincount(leaf, minlength=size) + _PRIOR_ROWS
    return np.array([np.bincount(leaf, weights=each, minlength=size) / rows for each in residuals])
