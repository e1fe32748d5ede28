"""A trainer that fits scikit-learn's gradient boosting, and what serves the model: see `local.trainers` for trainers.

Checkpoints and models are pickles: they are loaded only from the local cloud's own buckets.
"""

import pickle
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from local.evaluations import write_evaluation
from local.payloads import CONTENT_TYPES, PayloadError, decode, encode, form_of
from local.sagemaker.containers import LOADER_FILE, Model
from local.sagemaker.training_runs import Training
from local.trainers import ANSWERS, rows_of, texts_of

CHECKPOINT = "checkpoint.pickle"
MODEL = "model.pickle"

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Boosting:
    """Boosted trees over some features: numbers as they are (a missing one is NaN), categories by their number.

    `categories`: of each feature that is no number those seen in training; any other one counts as missing.
    """

    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    trees: HistGradientBoostingClassifier

    def inputs(self, rows: pd.DataFrame) -> Floats:
        """What the trees are asked with: a row for each row, a column for each feature."""
        return np.column_stack([self._numbers(rows[name]) for name in self.features])

    def probabilities(self, rows: pd.DataFrame) -> Floats:
        """P(label = 1) of each row."""
        with threadpool_limits(1):  # more threads than idle cores make it slower, not faster
            found: Floats = self.trees.predict_proba(self.inputs(rows))[:, 1]
        return found

    def _numbers(self, values: pd.Series) -> Floats:
        if known := self.categories.get(str(values.name)):
            codes = {text: float(i) for i, text in enumerate(known)}
            return texts_of(values).map(codes).to_numpy(dtype=np.float64)
        return pd.to_numeric(values).to_numpy(dtype=np.float64)


def gradient_boosting(training: Training) -> Generator[None]:
    """Fit P(target = 1) by boosted trees, some of them a step, from the checkpoint if there is one.

    Channel `train` holds CSV files as of `local.dataset`. At its end the model is evaluated (`local.evaluations`) where
    the environment names an address for that. Hyperparameters: `target` (the one label of the data), `trees`
    (100), `trees_per_step` (10), `learning_rate` (0.1).
    """
    told = training.hyperparameters
    rows, features, target = rows_of(training.channels, "train", told.get("target", ""))
    all_trees, a_step = int(told.get("trees", "100")), int(told.get("trees_per_step", "10"))
    path = training.checkpoints / CHECKPOINT
    model = pickle.loads(path.read_bytes()) if path.exists() else _untrained(rows, features, told)
    labels, inputs = rows[target].to_numpy(), model.inputs(rows)
    while (done := getattr(model.trees, "n_iter_", 0)) < all_trees:
        model.trees.set_params(max_iter=min(done + a_step, all_trees))
        with threadpool_limits(1):
            model.trees.fit(inputs, labels)
        path.write_bytes(pickle.dumps(model))
        yield
    body = pickle.dumps(model)
    (training.model / MODEL).write_bytes(body)
    (training.model / LOADER_FILE).write_text(f"{__name__}:loaded")
    write_evaluation(training, model.probabilities, loaded({MODEL: body}), target, features, len(body))


def loaded(files: Mapping[str, bytes]) -> Model:
    """The model in an artifact, which answers with the probability and the class of each row."""
    model: Boosting = pickle.loads(files[MODEL])

    def answer(body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        del accept
        form = form_of(content_type)
        rows = pd.DataFrame(decode(body, model.features, form), columns=list(model.features), dtype=object)
        try:
            probabilities = model.probabilities(rows)
        except (ValueError, TypeError) as error:
            raise PayloadError(f"a number is expected: {error}") from error
        answers = [(float(p), int(p >= 0.5)) for p in probabilities]
        return encode(answers, ANSWERS, form, "predictions"), CONTENT_TYPES[form]

    return answer


def _untrained(rows: pd.DataFrame, features: list[str], told: Mapping[str, Any]) -> Boosting:
    """Categories are numbered in the order of their names; the trees split between neighbours."""
    numeric = {name for name in features if pd.api.types.is_numeric_dtype(rows[name])}
    numeric -= {name for name in features if pd.api.types.is_bool_dtype(rows[name])}
    categories = {name: tuple(sorted(texts_of(rows[name]).unique())) for name in features if name not in numeric}
    trees = HistGradientBoostingClassifier(
        learning_rate=float(told.get("learning_rate", "0.1")), early_stopping=False, warm_start=True, random_state=0
    )
    return Boosting(tuple(features), categories, trees)
