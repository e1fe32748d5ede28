"""`python -m model.evaluate DATA_DIR MODEL.json EVALUATION.json`: what `trimtab gate` judges (docs/retraining.md).

Where champion/model.json is the model that serves now, both are asked about the same rows.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from model.data import COLUMNS, read_rows
from model.inference import BadRequestError, answer
from model.logistic import load, predict
from trimtab.training.evaluation import evaluation_of
from trimtab.training.predictions import ClassPredictions, score_classes
from trimtab.training.robustness import changed_classes, disturbed

CHAMPION = Path("champion/model.json")
REQUESTS = 1000
INSTANCE_MB = 4096
ODD = {
    "empty": [b"", b"\n\n"],
    "malformed": [b"{", b"1,2", b"\xff\xfe", b"a,b,c,d"],
    "extreme": [b"1e308,-1e308,1e308,0", b"1e999,0,0,0", b"0,0,0,0"],
    "unicode": ["１,２,３,４".encode(), "é,ü,漢,🙂".encode()],
}


def classes(model, inputs):
    """The class of each row, and the probability of class 1."""
    probability = predict(model, inputs)
    return ClassPredictions((probability >= 0.5).astype(int), probability)


def score(model, champion, inputs, labels):
    """One data set's part of the evaluation."""
    before = None if champion is None else classes(champion, inputs)
    old = inputs[:, COLUMNS.index("age")] >= 50
    slices = {"age>=50": old, "age<50": ~old}
    found = score_classes(labels, classes(model, inputs), champion=before, positive="1", slices=slices)
    return found.model_dump(mode="json", exclude_none=True)


def latency(model, inputs):
    """p95 of single requests in milliseconds."""
    taken = []
    for row in inputs[:REQUESTS]:
        body = ",".join(map(str, row)).encode()
        begun = time.perf_counter()
        answer(model, body)
        taken.append(time.perf_counter() - begun)
    return float(np.quantile(taken, 0.95)) * 1000


def robustness(model, inputs):
    """Predictions that small disturbances change, and odd requests that fail."""
    rows = [dict(zip(COLUMNS, row.tolist(), strict=True)) for row in inputs[:REQUESTS]]
    plain = classes(model, inputs[:REQUESTS]).classes.tolist()
    found = {"not_applicable": ["unseen_category"]}
    for kind in ("noise", "missing"):
        changed = [[np.nan if row[name] is None else row[name] for name in COLUMNS] for row in disturbed(rows, kind)]
        found[kind] = changed_classes(plain, classes(model, np.array(changed)).classes.tolist()).model_dump()
    for kind, bodies in ODD.items():
        found[kind] = {"sent": len(bodies), "failed": sum(fails(model, body) for body in bodies)}
    return found


def fails(model, body):
    """Whether a request gets neither a refusal nor finite probabilities."""
    try:
        return not np.isfinite([float(line) for line in answer(model, body).split()]).all()
    except BadRequestError:
        return False
    except Exception:  # noqa: BLE001 - whatever it is, it would be a status 500
        return True


def psi(expected, actual):
    """Population stability index over deciles of the expected."""
    edges = np.unique(np.quantile(expected, np.linspace(0.1, 0.9, 9)))
    shares = [np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) + 0.5 for side in (expected, actual)]
    p, q = (counts / counts.sum() for counts in shares)
    return float(((q - p) * np.log(q / p)).sum())


def evaluate(folder, path, champion):
    """The whole document."""
    data = {name: read_rows(Path(folder) / f"{name}.csv") for name in ("train", "holdout", "newest")}
    model, (inputs, labels) = load(path), data["train"]
    trained = {row.tobytes() for row in inputs}
    tests = {name: data[name] for name in ("holdout", "newest")}
    used_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    document = {
        "version": 1,
        "problem": "binary_classification",
        "model": "churn",
        "datasets": {name: score(model, champion, *rows) for name, rows in tests.items()},
        "service": {
            "requests": REQUESTS,
            "p95_ms": latency(model, tests["holdout"][0]),
            "memory_share": used_mb / INSTANCE_MB,
            "artifact_mb": Path(path).stat().st_size / 1e6,
        },
        "robustness": robustness(model, tests["newest"][0]),
        "data": {
            "rows": len(labels),
            "label_rates": {f"{each}": float((labels == each).mean()) for each in (0, 1)},
            "leaked_rows": sum(row.tobytes() in trained for rows, _ in tests.values() for row in rows),
            "max_psi": max(psi(inputs[:, i], tests["newest"][0][:, i]) for i in range(len(COLUMNS))),
        },
    }
    if champion is not None:
        document["champion"] = "champion"
        document["service"]["champion_p95_ms"] = latency(champion, tests["holdout"][0])
    evaluation_of(document)  # raises when a key is wrong
    return document


if __name__ == "__main__":
    source, model_path, target = sys.argv[1:]
    serving = load(CHAMPION) if CHAMPION.exists() else None
    Path(target).write_text(json.dumps(evaluate(source, model_path, serving), indent=1))
