"""The evaluation files that a trainer leaves where Trimtab told it to: see docs/retraining.md.

Every channel but `train` and `champion` is a data set to be evaluated on; `y_pred` in its rows is what the champion
answered. Channel `champion`, if there is one, holds what the champion was trained on. All of it is measured on the
model. Its memory is not: the local cloud's jobs share a process.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from local.capture_files import split_s3_uri
from local.payloads import PayloadError, cells, encode
from local.sagemaker.containers import Model
from local.sagemaker.training_runs import Training
from local.trainers import rows_of, texts_of
from trimtab.drift.psi import psi

ADDRESS = "TRIMTAB_EVALUATION"
DATA_VERSION = "TRIMTAB_TRAINING_DATA_VERSION"
"""Variables of a training job: where the evaluation goes, and which version of the data it learns from."""
LOCK = Path(__file__).parent / "locked" / "dev.txt"
DISTURBED_CELLS = 0.05
PSI_BINS = 10
REQUESTS = 500
ODD_REQUESTS = 3
NEVER_SEEN = "never seen"
OTHERS = frozenset({"train", "champion"})

type Floats = NDArray[np.float64]
type Probabilities = Callable[[pd.DataFrame], Floats]


def write_evaluation(
    training: Training, probabilities: Probabilities, model: Model, target: str, features: Sequence[str], size: int
) -> None:
    """Write the predictions and the note, and after them the evaluation. `size`: of the artifact in bytes."""
    if not (address := training.environment.get(ADDRESS)):
        return
    train, _, _ = rows_of(training.channels, "train", target)
    tests = {name: rows_of(training.channels, name, target)[0] for name in sorted(training.channels.keys() - OTHERS)}
    document = {
        "version": 1,
        "problem": "binary_classification",
        "model": training.job,
        "champion": training.environment.get("TRIMTAB_PARENT_MODEL", "the model that serves"),
        "service": service(model, next(iter(tests.values())), features) | {"artifact_mb": size / 1e6},
        "robustness": robustness(probabilities, model, next(iter(tests.values())), features),
        "data": training_data(training, train, tests, target, features),
    }
    note = {
        "version": 1,
        "training_data_version": training.environment.get(DATA_VERSION, ""),
        "requirements_sha256": hashlib.sha256(LOCK.read_bytes()).hexdigest(),
    }
    bucket, key = split_s3_uri(address)
    stem = key.removesuffix(".json")
    predicted = predictions(probabilities, tests, target)
    training.store.write(bucket, f"{stem}.predictions.csv", predicted.to_csv(index=False).encode())
    training.store.write(bucket, f"{stem}.training.json", json.dumps(note).encode())
    training.store.write(bucket, key, json.dumps(document).encode())


def predictions(probabilities: Probabilities, tests: dict[str, pd.DataFrame], target: str) -> pd.DataFrame:
    """Labels and predictions of all data sets, a slice for each range of salary, size of down payment and the like."""
    parts = []
    for name, rows in tests.items():
        probability = probabilities(rows)
        part = pd.DataFrame({"dataset": name, "label": rows[target].astype(int)})
        part["prediction"], part["probability"] = (probability >= 0.5).astype(int), probability
        if "y_pred" in rows:
            part["champion_prediction"] = rows["y_pred"]
        for column in rows:
            if not pd.api.types.is_numeric_dtype(rows[column]) and rows[column].nunique() < 10:
                part[f"slice_{column}"] = texts_of(rows[column])
        parts.append(part)
    return pd.concat(parts)


def service(model: Model, rows: pd.DataFrame, features: Sequence[str]) -> dict[str, float]:
    """How long the model takes for a row of CSV."""
    taken = []
    for row in cells(rows.head(REQUESTS), features):
        start = time.perf_counter()
        model(encode([row], features, "CSV"), "text/csv", "text/csv")
        taken.append(1000 * (time.perf_counter() - start))
    return {"requests": len(taken), "p95_ms": float(np.quantile(taken, 0.95))}


def robustness(
    probabilities: Probabilities, model: Model, rows: pd.DataFrame, features: Sequence[str]
) -> dict[str, Any]:
    """What odd input does: numbers off by 1 %, and one cell in twenty missing or of a category never seen."""
    random = np.random.default_rng(0)
    categories = [name for name in features if not _is_number(rows[name])]
    plain = probabilities(rows) >= 0.5

    def changed(disturbed: pd.DataFrame) -> dict[str, int]:
        return {"rows": len(rows), "changed": int((plain != (probabilities(disturbed) >= 0.5)).sum())}

    def replaced(names: Sequence[str], value: object) -> pd.DataFrame:
        disturbed = rows.astype(dict.fromkeys(names, object))
        for name in names:
            disturbed[name] = disturbed[name].mask(random.random(len(rows)) < DISTURBED_CELLS, value)
        return disturbed

    off = {n: rows[n] * (1 + 0.01 * random.standard_normal(len(rows))) for n in features if n not in categories}
    odd = {
        "empty": (b"", b"\n", b" "),
        "malformed": (b'1,"[{\xff', b"1,2", b"\x00\xff"),
        "extreme": tuple(_line(rows.iloc[0], features, dict.fromkeys(off, x)) for x in (1e308, -1e308, 0.0)),
        "unicode": tuple(_line(rows.iloc[0], features, dict.fromkeys(categories, x)) for x in ("漢字", "🙂", "\u202e")),
    }
    return {
        "noise": changed(rows.assign(**off)),
        "missing": changed(replaced(features, None)),
        "unseen_category": changed(replaced(categories, NEVER_SEEN)),
        **{
            name: {"sent": len(bodies), "failed": sum(_fails(model, body, name) for body in bodies)}
            for name, bodies in odd.items()
        },
    }


def training_data(
    training: Training, train: pd.DataFrame, tests: dict[str, pd.DataFrame], target: str, features: Sequence[str]
) -> dict[str, Any]:
    """How much there is to learn from, how it is distributed, and whether it has rows of the tests."""
    known = set(cells(train, features))
    newest = tests.get("newest", next(iter(tests.values())))
    told: dict[str, Any] = {
        "rows": len(train),
        "label_rates": _rates(train[target]),
        "leaked_rows": sum(row in known for rows in tests.values() for row in cells(rows, features)),
        "max_psi": max(_psi(train[name], newest[name]) for name in features),
    }
    if "champion" in training.channels:
        before, _, _ = rows_of(training.channels, "champion", target)
        told |= {"champion_rows": len(before), "champion_label_rates": _rates(before[target])}
    return told


def _rates(labels: pd.Series) -> dict[str, float]:
    return {str(int(label)): float(share) for label, share in labels.value_counts(normalize=True).items()}


def _psi(before: pd.Series, after: pd.Series) -> float:
    if not _is_number(before):
        names = sorted({*texts_of(before), *texts_of(after)})
        counts = [texts_of(each).value_counts().reindex(names, fill_value=0).to_numpy() for each in (before, after)]
        return psi(*counts)
    edges = np.unique(before.quantile(np.linspace(0, 1, PSI_BINS + 1)[1:-1]))
    counts = [np.bincount(np.searchsorted(edges, each.dropna()), minlength=len(edges) + 1) for each in (before, after)]
    return psi(*counts)


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values))


def _line(row: pd.Series, features: Sequence[str], changed: dict[str, Any]) -> bytes:
    return encode([[changed.get(name, row[name]) for name in features]], features, "CSV")


def _fails(model: Model, body: bytes, name: str) -> bool:
    """Whether a request crashes the model, or gets an answer that is not finite. To refuse nonsense is no failure."""
    try:
        answered, _ = model(body, "text/csv", "text/csv")
    except PayloadError:
        return name not in {"empty", "malformed"}
    except Exception:  # noqa: BLE001  any crash of the model counts
        return True
    return not all(np.isfinite(float(cell)) for cell in answered.decode().replace("\n", ",").split(","))
