"""Gradient boosting learns the drifted rows, resumes, serves, and leaves an evaluation that Trimtab reads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from local.boosting import CHECKPOINT, MODEL, gradient_boosting, loaded
from local.dataset import CAR_LOAN_CHANGE_ROW, load_dataset
from local.evaluations import ADDRESS
from local.payloads import PayloadError, cells, encode
from local.sagemaker.containers import LOADER_FILE, model_named
from local.sagemaker.training_runs import Training
from trimtab.training.evaluation import parse_evaluation
from trimtab.training.gate_thresholds import GateThresholds
from trimtab.training.gates import judge_gates, why_not
from trimtab.training.prediction_file import with_predictions

FEW = {"trees": "40", "trees_per_step": "10"}
DATA = load_dataset("car_loan:analysis")
ROWS = DATA.rows.iloc[CAR_LOAN_CHANGE_ROW:]


class Objects(dict[tuple[str, str], bytes]):
    """What is written to S3."""

    def write(self, bucket: str, key: str, body: bytes) -> None:
        self[bucket, key] = body


def job(folder: Path, channels: dict[str, pd.DataFrame], told: dict[str, str], **variables: str) -> Training:
    paths = {}
    for name, rows in channels.items():
        paths[name] = folder / "input" / name
        paths[name].mkdir(parents=True)
        rows.to_csv(paths[name] / "rows.csv", index=False)
    folders = {name: folder / name for name in ("checkpoints", "model", "output")}
    for path in folders.values():
        path.mkdir(parents=True)
    return Training("job-1", told, variables, paths, **folders, store=Objects())  # type: ignore[arg-type]


def served(training: Training, rows: pd.DataFrame) -> Any:
    artifact = {path.name: path.read_bytes() for path in training.model.iterdir()}
    model = model_named(artifact[LOADER_FILE].decode())(artifact)
    body = encode(cells(rows, DATA.features), DATA.features, "CSV")
    answered, _ = model(body, "text/csv", "text/csv")
    return np.array([line.split(",") for line in answered.decode().splitlines()], dtype=float)


def test_it_beats_the_champion_on_rows_it_has_not_seen(tmp_path: Path) -> None:
    training = job(tmp_path, {"train": ROWS.iloc[:8000]}, {})
    assert len(list(gradient_boosting(training))) == 10
    after = ROWS.iloc[15_000:]
    share = (served(training, after)[:, 1] == after["repaid"]).mean()
    assert share > (after["y_pred"] == after["repaid"]).mean() + 0.01


def test_an_interrupted_training_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    rows = ROWS.iloc[:2000]
    undisturbed, interrupted = (job(tmp_path / name, {"train": rows}, FEW) for name in ("one", "two"))
    assert len(list(gradient_boosting(undisturbed))) == 4
    steps = gradient_boosting(interrupted)
    next(steps), next(steps)
    steps.close()
    assert (interrupted.checkpoints / CHECKPOINT).exists()
    assert not list(interrupted.model.iterdir())
    assert len(list(gradient_boosting(interrupted))) == 2
    assert (served(interrupted, rows) == served(undisturbed, rows)).all()


def test_its_evaluation_passes_the_gates_that_it_feeds(tmp_path: Path) -> None:
    channels = {"train": ROWS.iloc[:8000], "holdout": ROWS.iloc[8000:10_500], "newest": ROWS.iloc[10_500:13_000]}
    training = job(tmp_path, channels | {"champion": ROWS.iloc[:9000]}, {}, **{ADDRESS: "s3://b/evaluations/e.json"})
    list(gradient_boosting(training))
    store: Any = training.store
    evaluation = parse_evaluation(store["b", "evaluations/e.json"])
    assert json.loads(store["b", "evaluations/e.training.json"])["version"] == 1
    evaluation = with_predictions(evaluation, store["b", "evaluations/e.predictions.csv"])
    thresholds = GateThresholds(skip=frozenset({"memory"}), latency_ms=1000)
    assert why_not(judge_gates(evaluation, thresholds)) == ()


def test_the_model_refuses_what_is_no_number(tmp_path: Path) -> None:
    training = job(tmp_path, {"train": ROWS.iloc[:500]}, {"trees": "2"})
    list(gradient_boosting(training))
    model = loaded({MODEL: (training.model / MODEL).read_bytes()})
    with pytest.raises(PayloadError, match="a number is expected"):
        model("much,0 - 20K €,0.5,24,True,10%,3".encode(), "text/csv", "text/csv")
