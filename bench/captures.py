"""Capture files to measure with: one line a request, as SageMaker writes them, all of one hour as its files are.

A row has numbers of many shapes (offset, skewed, discrete, with 17 digits, with missing values), categories of 3 to
2,000 values and one prediction. In `drifted` files five columns have moved.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

type Form = Literal["csv", "base64", "json"]
type Strings = Sequence[str]

NUMBERS = 15
CATEGORIES = (3, 5, 12, 50, 2000)
BLOCK = 20_000
CONTENT_TYPES = {"csv": "text/csv", "base64": "text/csv", "json": "application/json"}
ENCODINGS = {"csv": "CSV", "base64": "BASE64", "json": "JSON"}


def names(columns: int) -> tuple[str, ...]:
    """Names of the input columns: three quarters numbers, then categories."""
    numbers = columns * NUMBERS // (NUMBERS + len(CATEGORIES))
    return tuple(f"f{i}" if i < numbers else f"c{i - numbers}" for i in range(columns))


def write_capture(
    path: Path, form: Form, rows: int, *, columns: int = 20, rows_a_line: int = 1, drifted: bool = True, seed: int = 42
) -> None:
    """Write a capture file of `rows` rows, `rows_a_line` in each request."""
    rng = np.random.default_rng(seed)
    line = 0
    unfinished = path.with_suffix(".part")
    with unfinished.open("w") as file:
        for start in range(0, rows, BLOCK):
            count = min(BLOCK, rows - start)
            for sent, answered in _payloads(form, count, columns, rows_a_line, rng, drifted=drifted):
                file.write(_line(form, sent, answered, rng, at=line * rows_a_line * 3600 // rows))
                line += 1
    unfinished.rename(path)


def _payloads(
    form: Form, rows: int, columns: int, rows_a_line: int, rng: np.random.Generator, *, drifted: bool
) -> Iterator[tuple[str, str]]:
    cells = [_cells(name, rows, rng, drifted=drifted) for name in names(columns)]
    scores = [repr(score) for score in rng.beta(3 if drifted else 2, 5, rows).tolist()]
    for start in range(0, rows, rows_a_line):
        requests = list(zip(*(column[start : start + rows_a_line] for column in cells), strict=True))
        answers = scores[start : start + rows_a_line]
        if form == "json":
            objects = [
                {
                    name: cell if name.startswith("c") else float(cell) if cell else None
                    for name, cell in zip(names(columns), request, strict=True)
                }
                for request in requests
            ]
            predictions = [{"prediction": float(answer)} for answer in answers]
            yield json.dumps({"instances": objects}), json.dumps({"predictions": predictions})
        else:
            yield "\n".join(map(",".join, requests)) + "\n", "\n".join(answers)


def _line(form: Form, sent: str, answered: str, rng: np.random.Generator, *, at: int) -> str:
    sides = {
        name: {
            "observedContentType": CONTENT_TYPES[form],
            "mode": mode,
            "data": base64.b64encode(data.encode()).decode() if form == "base64" else data,
            "encoding": ENCODINGS[form],
        }
        for name, mode, data in (("endpointInput", "INPUT", sent), ("endpointOutput", "OUTPUT", answered))
    }
    token = rng.bytes(16).hex()
    event = "-".join((token[:8], token[8:12], token[12:16], token[16:20], token[20:]))
    metadata = {"eventId": event, "inferenceTime": f"2026-01-01T07:{at // 60:02}:{at % 60:02}Z"}
    document = {"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"}
    return json.dumps(document, separators=(",", ":")) + "\n"


def _cells(name: str, rows: int, rng: np.random.Generator, *, drifted: bool) -> Strings:
    kind, place = name[0], int(name[1:])
    if kind == "c":
        count = CATEGORIES[place % len(CATEGORIES)]
        weights = 1 / np.arange(1, count + 1) ** (0.9 if drifted and place == 1 else 1.05)
        values = [f"{'kind' if count < 100 else 'M'}{i:0{len(str(count))}}" for i in range(count)]
        return [values[i] for i in rng.choice(count, rows, p=weights / weights.sum()).tolist()]
    numbers, spelling, missing = _numbers(place % NUMBERS, rows, rng, drifted=drifted)
    absent = (rng.random(rows) < missing).tolist()
    return ["" if gone else spelling % number for gone, number in zip(absent, numbers.tolist(), strict=True)]


def _numbers(
    shape: int, rows: int, rng: np.random.Generator, *, drifted: bool
) -> tuple[NDArray[np.generic], str, float]:
    """Numbers, how they are spelled, and the share of missing ones."""
    match shape:
        case 0:
            return rng.normal(0, 1, rows), "%.6f", 0
        case 1:
            return rng.normal(52 if drifted else 50, 10, rows), "%.4f", 0
        case 2:
            return rng.lognormal(3.14 if drifted else 3, 1, rows), "%.2f", 0
        case 3:
            return rng.exponential(1, rows), "%.5f", 0
        case 4:
            return rng.random(rows), "%r", 0
        case 5:
            return rng.gamma(2, 3, rows), "%r", 0
        case 6:
            return rng.integers(18, 91, rows), "%d", 0
        case 7:
            return rng.poisson(3, rows), "%d", 0
        case 8:
            return np.where(rng.random(rows) < (0.65 if drifted else 0.7), 0, rng.lognormal(2, 1.5, rows)), "%.2f", 0
        case 9:
            return np.where(rng.random(rows) < 0.5, rng.normal(-2, 1, rows), rng.normal(3, 0.5, rows)), "%.6f", 0
        case 10:
            return rng.standard_t(3, rows), "%.6f", 0
        case 11:
            return rng.beta(2, 5, rows), "%.8f", 0
        case 12:
            return rng.integers(10_000, 5_000_000, rows), "%d", 0
        case 13:
            return rng.normal(0, 5, rows), "%.4f", 0.02
        case _:
            return rng.lognormal(0, 0.5, rows).astype(np.float32), "%.8g", 0.01
