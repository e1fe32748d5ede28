"""The logistic regression learns, resumes, evaluates and serves. Its oracle is SciPy's minimiser."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from local.dataset import CAR_LOAN_CHANGE_ROW, load_dataset
from local.sagemaker.containers import LOADER_FILE, model_named
from local.sagemaker.training_runs import Training
from local.trainers import CHECKPOINT, MODEL, TrainingDataError, logistic_regression


class Objects(dict[tuple[str, str], bytes]):
    """What is written to S3."""

    def write(self, bucket: str, key: str, body: bytes) -> None:
        self[bucket, key] = body


@pytest.fixture(scope="module")
def drifted() -> pd.DataFrame:
    """4,000 rows after the known change, every sixth."""
    rows = load_dataset("car_loan:analysis").rows
    return rows.iloc[CAR_LOAN_CHANGE_ROW:].iloc[::6].head(4000)


def job(folder: Path, channels: dict[str, pd.DataFrame], **hyperparameters: str) -> Training:
    paths = {}
    for name, rows in channels.items():
        paths[name] = folder / "input" / name
        paths[name].mkdir(parents=True, exist_ok=True)
        half = len(rows) // 2
        rows.iloc[:half].to_csv(paths[name] / "a.csv", index=False)
        rows.iloc[half:].to_csv(paths[name] / "b.csv", index=False)
    folders = {name: folder / name for name in ("checkpoints", "model", "output")}
    for path in folders.values():
        path.mkdir(parents=True, exist_ok=True)
    return Training("job-1", hyperparameters, {}, paths, **folders, store=Objects())  # type: ignore[arg-type]


def weights(training: Training) -> list[float]:
    found: list[float] = json.loads((training.model / MODEL).read_text())["weights"]
    return found


def artifact(training: Training) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in training.model.iterdir()}


def test_it_finds_the_minimum_that_scipy_finds(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    inputs = random.normal(size=(500, 2))
    labels = (random.random(500) < 1 / (1 + np.exp(-(inputs @ [1.5, -2] + 0.5)))).astype(int)
    rows = pd.DataFrame({"a": inputs[:, 0], "b": inputs[:, 1], "repaid": labels})
    training = job(tmp_path, {"train": rows})
    assert len(list(logistic_regression(training))) == 8
    standard = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    design = np.column_stack([np.ones(500), standard])

    def loss(w: Any) -> float:
        scores = design @ w
        return float(np.sum(np.logaddexp(0, scores) - labels * scores) + np.sum(w**2) / 2)

    assert weights(training) == pytest.approx(minimize(loss, np.zeros(3), tol=1e-10).x, abs=1e-4)


def test_an_interrupted_training_ends_where_an_undisturbed_one_does(tmp_path: Path, drifted: pd.DataFrame) -> None:
    undisturbed = job(tmp_path / "one", {"train": drifted})
    list(logistic_regression(undisturbed))
    interrupted = job(tmp_path / "two", {"train": drifted})
    steps = logistic_regression(interrupted)
    for _ in range(3):
        next(steps)
    steps.close()
    assert json.loads((interrupted.checkpoints / CHECKPOINT).read_text())["step"] == 3
    assert not list(interrupted.model.iterdir())
    assert len(list(logistic_regression(interrupted))) == 5
    assert weights(interrupted) == weights(undisturbed)


def test_a_checkpoint_of_other_columns_is_refused(tmp_path: Path, drifted: pd.DataFrame) -> None:
    training = job(tmp_path, {"train": drifted})
    (training.checkpoints / CHECKPOINT).write_text('{"step": 1, "weights": [0.0]}')
    with pytest.raises(TrainingDataError, match="the checkpoint has 1 weights"):
        list(logistic_regression(training))


def test_it_learns_the_drifted_loans_better_than_the_champion_knows_them(tmp_path: Path) -> None:
    """With bends and crossed features, on rows after the change, against the recorded answers on later rows."""
    rows = load_dataset("car_loan:analysis").rows
    train, test = rows.iloc[25_000:33_000], rows.iloc[45_000:]
    training = job(tmp_path, {"train": train, "newest": test}, knots="1", interactions="true", iterations="6")
    list(logistic_regression(training))
    told = pd.read_csv(training.output / "evaluation.csv")
    challenger = (told["prediction"] == told["label"]).mean()
    champion = (told["champion_prediction"] == told["label"]).mean()
    assert challenger > champion + 0.005
    assert champion == pytest.approx((test["y_pred"] == test["repaid"]).mean())


def test_the_evaluation_holds_every_row_of_every_other_channel(tmp_path: Path, drifted: pd.DataFrame) -> None:
    plain = drifted.drop(columns=["y_pred", "y_pred_proba"])
    channels = {"train": drifted, "holdout": plain.head(300), "newest": plain.tail(200)}
    training = job(tmp_path, channels, evaluation="s3://models/evaluations")
    list(logistic_regression(training))
    body = training.store["models", "evaluations/job-1/evaluation.csv"]  # type: ignore[index]
    told = pd.read_csv(io.BytesIO(body))
    assert list(told) == ["dataset", "label", "prediction", "probability"]
    assert told["dataset"].value_counts().to_dict() == {"holdout": 300, "newest": 200}
    assert ((told["probability"] >= 0.5) == (told["prediction"] == 1)).all()
    assert body == (training.output / "evaluation.csv").read_bytes()


def test_the_artifact_answers_as_it_was_evaluated(tmp_path: Path, drifted: pd.DataFrame) -> None:
    training = job(tmp_path, {"train": drifted, "newest": drifted.head(50)}, knots="2")
    list(logistic_regression(training))
    files = artifact(training)
    load: Any = model_named(files[LOADER_FILE].decode())
    names = load_dataset("car_loan:analysis").features
    body = drifted.head(50)[list(names)].to_csv(index=False, header=False).encode()
    answer, content_type = load(files)(body, "text/csv", "")
    expected = pd.read_csv(training.output / "evaluation.csv")
    got = [line.split(",") for line in answer.decode().splitlines()]
    assert content_type == "text/csv"
    assert [float(probability) for probability, _ in got] == pytest.approx(expected["probability"].tolist())
    assert [int(label) for _, label in got] == expected["prediction"].tolist()
    asked = json.dumps(dict(zip(names, [None] * len(names), strict=True))).encode()
    told, _ = load(files)(asked, "application/json", "")
    assert 0 < json.loads(told)["predictions"][0]["y_pred_proba"] < 1  # nothing known, and still an answer
    unseen = json.dumps({"salary_range": "🦜", "car_value": 1e300}).encode()
    told, _ = load(files)(unseen, "application/json", "")
    assert 0 <= json.loads(told)["predictions"][0]["y_pred_proba"] <= 1


@pytest.mark.parametrize(
    ("channels", "target", "reason"),
    [
        ({}, "", "channel 'train' has no files"),
        ({"train": pd.DataFrame({"a": [1, 2]})}, "", "name the target, one of none"),
        ({"train": pd.DataFrame({"a": [1, 2]})}, "repaid", "has no column 'repaid'"),
    ],
)
def test_what_cannot_be_trained_on_is_named(
    tmp_path: Path, channels: dict[str, pd.DataFrame], target: str, reason: str
) -> None:
    with pytest.raises(TrainingDataError, match=reason):
        list(logistic_regression(job(tmp_path, channels, target=target)))
