"""The usual way, to compare with: json.loads, a pandas DataFrame, Evidently's DataDriftPreset."""

import base64
import json
from pathlib import Path
from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

PREDICTION = "prediction"


def read_frame(path: Path, names: tuple[str, ...]) -> pd.DataFrame:
    """The rows of a capture file, inputs and prediction."""
    rows: list[list[Any]] = []
    with path.open() as file:
        for line in file:
            captured = json.loads(line)["captureData"]
            sent, answered = (_text(captured[side]) for side in ("endpointInput", "endpointOutput"))
            if captured["endpointInput"]["encoding"] == "JSON":
                answers = json.loads(answered)["predictions"]
                for row, answer in zip(json.loads(sent)["instances"], answers, strict=True):
                    rows.append([*row.values(), answer[PREDICTION]])
                continue
            for row, answer in zip(sent.splitlines(), answered.splitlines(), strict=True):
                cells = zip(names, row.split(","), strict=True)
                rows.append([*(cell if name[0] == "c" else _number(cell) for name, cell in cells), float(answer)])
    return pd.DataFrame(rows, columns=[*names, PREDICTION])


def drift(current: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Any]:
    """Evidently's verdict."""
    categories = [name for name in current.columns if name[0] == "c"]
    numbers = [name for name in current.columns if name[0] != "c"]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    datasets = (Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference))
    verdict: dict[str, Any] = Report([DataDriftPreset()]).run(*datasets).dict()
    return verdict


def _text(side: dict[str, str]) -> str:
    return base64.b64decode(side["data"]).decode() if side["encoding"] == "BASE64" else side["data"]


def _number(cell: str) -> float:
    return float(cell) if cell else float("nan")
