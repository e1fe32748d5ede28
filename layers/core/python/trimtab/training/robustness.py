"""Rows disturbed a little, and how many predictions that changes.

The shell asks the model about the rows as they are and as they are disturbed; odd requests (empty, malformed, extreme,
unicode) are those of the smoke test in `trimtab.rollout.smoke`.
"""

from collections.abc import Collection, Mapping, Sequence
from math import isfinite
from typing import Literal

import numpy as np

from trimtab.training.evaluation import EvaluationError, Perturbed

type Row = Mapping[str, object]
type Disturbance = Literal["noise", "missing", "unseen_category"]

NOISE = 0.01
MISSING_SHARE = 0.05
UNSEEN = "trimtab-never-seen"
TOLERANCE = 0.1


def disturbed(rows: Sequence[Row], kind: Disturbance, *, categorical: Collection[str] = (), seed: int = 0) -> list[Row]:
    """The rows with every number off by up to ±1 %, with 5 % of the cells missing (None), or with one of the texts of
    each row replaced by one that was never seen. `categorical`: columns whose numbers are codes, treated as texts."""
    random = np.random.default_rng(seed)
    match kind:
        case "noise":
            return [{name: _noisy(name, row[name], categorical, random) for name in row} for row in rows]
        case "missing":
            return [{name: None if random.random() < MISSING_SHARE else row[name] for name in row} for row in rows]
        case "unseen_category":
            return [_with_unseen(row, categorical, random) for row in rows]


def changed_classes(before: Sequence[object], after: Sequence[object]) -> Perturbed:
    """How many of the classes differ. Raises EvaluationError."""
    _same_length(before, after)
    return Perturbed(rows=len(before), changed=sum(a != b for a, b in zip(before, after, strict=True)))


def changed_numbers(before: Sequence[float], after: Sequence[float], *, tolerance: float = TOLERANCE) -> Perturbed:
    """How many of the predictions moved by more than `tolerance` standard deviations of them, or are no finite numbers
    any more. Raises EvaluationError."""
    _same_length(before, after)
    finite = [value for value in before if isfinite(value)]
    most = tolerance * float(np.std(finite)) if finite else 0.0
    changed = sum(not isfinite(b) or abs(b - a) > most for a, b in zip(before, after, strict=True))
    return Perturbed(rows=len(before), changed=changed)


def _with_unseen(row: Row, categorical: Collection[str], random: np.random.Generator) -> Row:
    codes = {name for name in categorical if row.get(name) is not None}
    texts = [name for name, value in row.items() if isinstance(value, str) or name in codes]
    if not texts:
        return dict(row)
    return {**row, texts[int(random.integers(len(texts)))]: UNSEEN}


def _noisy(name: str, value: object, categorical: Collection[str], random: np.random.Generator) -> object:
    if not isinstance(value, int | float) or isinstance(value, bool) or name in categorical:
        return value
    return value * (1 + float(random.uniform(-NOISE, NOISE)))


def _same_length(before: Sequence[object], after: Sequence[object]) -> None:
    if len(before) != len(after):
        raise EvaluationError(f"{len(before)} predictions before, {len(after)} after")
