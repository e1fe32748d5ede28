"""Trainers that the training jobs of the local cloud can run, each a callable named `local.trainers:…`.

See `local.sagemaker.training_runs` for what a trainer is called with and how it is interrupted. The model artifact that
it makes answers at an endpoint without more being said: see `local.sagemaker.containers`.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from local.capture_files import split_s3_uri
from local.dataset import load_dataset
from local.payloads import CONTENT_TYPES, decode, encode, form_of
from local.sagemaker.containers import LOADER_FILE, Model
from local.sagemaker.training_runs import Training

CHECKPOINT = "checkpoint.json"
MODEL = "model.json"
ANSWERS = ("y_pred_proba", "y_pred")

type Floats = NDArray[np.float64]


class TrainingDataError(ValueError):
    """There is nothing to train on; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Column:
    """A feature as the training rows had it: a number, standardised and bent at some values, or some categories."""

    name: str
    mean: float = 0.0
    deviation: float = 1.0
    knots: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()


def logistic_regression(training: Training) -> Generator[None]:
    """Fit P(target = 1) by Newton's method, a step each, from the checkpoint if there is one.

    Channel `train` holds CSV files with a header; which columns are features is told by their names (`local.dataset`).
    Every other channel is evaluated: its rows' labels and predictions, and those of the champion that it recorded, go
    into `evaluation.csv` of the output, and to `<evaluation>/<job>/evaluation.csv` if the hyperparameter `evaluation`
    is an S3 URI. Hyperparameters besides: `target` (the one label of the data), `iterations` (8), `knots` of each
    number (0), `interactions` ("false") of every two features, `l2` (1.0).
    """
    told = training.hyperparameters
    rows, features, target = rows_of(training.channels, "train", told.get("target", ""))
    columns = [_column(rows[name], int(told.get("knots", "0"))) for name in features]
    is_crossed = told.get("interactions", "false").lower() == "true"
    labels = rows[target].to_numpy(dtype=np.float64)
    inputs = _inputs(rows, columns, is_crossed)
    done, weights = _checkpoint(training.checkpoints, inputs.shape[1])
    for step in range(done, int(told.get("iterations", "8"))):
        weights = weights + _newton_step(inputs, labels, weights, float(told.get("l2", "1.0")))
        (training.checkpoints / CHECKPOINT).write_text(json.dumps({"step": step + 1, "weights": weights.tolist()}))
        yield
    model = {"columns": [asdict(c) for c in columns], "interactions": is_crossed, "weights": weights.tolist()}
    (training.model / MODEL).write_text(json.dumps(model))
    (training.model / LOADER_FILE).write_text(f"{__name__}:loaded")
    others = sorted(training.channels.keys() - {"train"})
    if others:
        _evaluate(training, _model_of(model), target, others)


def loaded(files: Mapping[str, bytes]) -> Model:
    """The model in an artifact, which answers with the probability and the class of each row."""
    document = json.loads(files[MODEL])
    names = [column["name"] for column in document["columns"]]
    numeric = [column["name"] for column in document["columns"] if not column["categories"]]
    probabilities = _model_of(document)

    def answer(body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        del accept
        form = form_of(content_type)
        rows = pd.DataFrame(decode(body, names, form), columns=names, dtype=object)
        rows[numeric] = rows[numeric].apply(pd.to_numeric)
        answers = [(float(p), int(p >= 0.5)) for p in probabilities(rows)]
        return encode(answers, ANSWERS, form, "predictions"), CONTENT_TYPES[form]

    return answer


def _model_of(document: Mapping[str, Any]) -> Any:
    columns = [
        Column(**{**column, "knots": tuple(column["knots"]), "categories": tuple(column["categories"])})
        for column in document["columns"]
    ]
    weights = np.array(document["weights"])
    return lambda rows: _sigmoid(_inputs(rows, columns, document["interactions"]) @ weights)


def rows_of(channels: Mapping[str, Path], channel: str, target: str) -> tuple[pd.DataFrame, list[str], str]:
    """A channel's labelled rows, the names of their features, and that of the label. Raises TrainingDataError."""
    files = sorted(path for path in channels.get(channel, Path("none")).rglob("*") if path.is_file())
    sets = [load_dataset(path) for path in files]
    if not sets:
        raise TrainingDataError(f"channel {channel!r} has no files")
    if not target and len(sets[0].targets) != 1:
        raise TrainingDataError(f"channel {channel!r}: name the target, one of {', '.join(sets[0].targets) or 'none'}")
    target = target or sets[0].targets[0]
    rows = pd.concat([each.rows for each in sets], ignore_index=True)
    if target not in rows:
        raise TrainingDataError(f"channel {channel!r} has no column {target!r}")
    return rows[rows[target].notna()], [name for name in sets[0].features if name != target], target


def _column(values: pd.Series, knots: int) -> Column:
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return Column(str(values.name), categories=tuple(sorted(texts_of(values).unique())))
    inner = np.linspace(0, 1, knots + 2)[1:-1]
    bends = tuple(float(value) for value in np.unique(values.quantile(inner)))
    return Column(str(values.name), float(values.mean()), float(values.std(ddof=0)) or 1.0, bends)


def _inputs(rows: pd.DataFrame, columns: Sequence[Column], is_crossed: bool) -> Floats:
    """What the weights are multiplied with. A missing number is the mean; a category never seen is none of those."""
    groups = [_group(rows[column.name], column) for column in columns]
    if is_crossed:
        groups += [
            (one[:, :, None] * other[:, None, :]).reshape(len(rows), -1) for one, other in combinations(groups, 2)
        ]
    return np.hstack([np.ones((len(rows), 1)), *groups])


def _group(values: pd.Series, column: Column) -> Floats:
    if column.categories:
        texts = texts_of(values).to_numpy()
        return np.column_stack([(texts == category).astype(np.float64) for category in column.categories])
    numbers = values.to_numpy(dtype=np.float64)
    numbers = np.where(np.isnan(numbers), column.mean, numbers)
    bent = [np.maximum(0.0, numbers - knot) for knot in column.knots]
    return np.column_stack([numbers - column.mean, *bent]) / column.deviation


def texts_of(values: pd.Series) -> pd.Series:
    """Categories as texts, however the rows came: `True`, `true` and True are one."""
    texts = values.astype(object).where(values.notna(), "").map(str)
    return texts.where(~texts.str.lower().isin(["true", "false"]), texts.str.lower())


def _newton_step(inputs: Floats, labels: Floats, weights: Floats, l2: float) -> Floats:
    probabilities = _sigmoid(inputs @ weights)
    spread = np.maximum(probabilities * (1 - probabilities), 1e-6)
    curvature = inputs.T @ (inputs * spread[:, None]) + l2 * np.eye(len(weights))
    step: Floats = np.linalg.solve(curvature, inputs.T @ (labels - probabilities) - l2 * weights)
    return step


def _sigmoid(values: Floats) -> Floats:
    probabilities: Floats = 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    return probabilities


def _checkpoint(folder: Path, size: int) -> tuple[int, Floats]:
    path = folder / CHECKPOINT
    if not path.exists():
        return 0, np.zeros(size)
    saved = json.loads(path.read_text())
    if len(saved["weights"]) != size:
        raise TrainingDataError(f"the checkpoint has {len(saved['weights'])} weights, {size} are needed: other data?")
    return saved["step"], np.array(saved["weights"])


def _evaluate(training: Training, probabilities: Any, target: str, channels: Sequence[str]) -> None:
    parts = []
    for channel in channels:
        rows, _, _ = rows_of(training.channels, channel, target)
        probability = probabilities(rows)
        part = pd.DataFrame({"dataset": channel, "label": rows[target].astype(int)})
        part["prediction"], part["probability"] = (probability >= 0.5).astype(int), probability
        for name, recorded in (("champion_prediction", "y_pred"), ("champion_probability", "y_pred_proba")):
            if recorded in rows:
                part[name] = rows[recorded]
        parts.append(part)
    body = pd.concat(parts).to_csv(index=False, lineterminator="\n").encode()
    (training.output / "evaluation.csv").write_bytes(body)
    if uri := training.hyperparameters.get("evaluation"):
        bucket, prefix = split_s3_uri(uri)
        key = "/".join(filter(None, (prefix, training.job, "evaluation.csv")))
        training.store.write(bucket, key, body)
