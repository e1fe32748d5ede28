"""A logistic regression as one small JSON document."""

import json
from pathlib import Path

import numpy as np

STEPS, RATE = 2000, 1.0


def fit(inputs, labels):
    """The model of these rows: weights for standardised inputs, the last one the constant."""
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    rows = np.column_stack([(inputs - mean) / scale, np.ones(len(inputs))])
    weights = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        weights -= RATE * rows.T @ (_probability(rows @ weights) - labels) / len(rows)
    return {"mean": mean.tolist(), "scale": scale.tolist(), "weights": weights.tolist(), "rows": len(rows)}


def predict(model, inputs):
    """The probability of each row; what is missing (NaN) counts as the mean."""
    rows = (np.where(np.isnan(inputs), model["mean"], inputs) - model["mean"]) / model["scale"]
    weights = np.array(model["weights"])
    return _probability(rows @ weights[:-1] + weights[-1])


def load(path):
    """A model that was written as JSON."""
    return json.loads(Path(path).read_text())


def _probability(score):
    return 1 / (1 + np.exp(-np.clip(score, -50, 50)))
