"""Evidently's numbers and ours, column by column, and why they differ where they do.

Both compare the same window with the same reference, but not in the same way. Evidently sees a sample of rows and calls
a column drifted when a distance reaches a threshold. Trimtab counts every row and alerts when it is sure that the
column's PSI is more than what is harmless, or when a rule on missing, unseen or invalid values is broken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, sqrt
from typing import Any, Literal

import numpy as np

from trimtab.reports.sides import Sides

type Method = Literal["wasserstein", "jensenshannon"]

METHOD_NAMES: Mapping[str, str] = {
    "wasserstein": "Wasserstein, in σ",
    "jensenshannon": "Jensen-Shannon",
}
THRESHOLD = 0.1
"""Evidently's default for both distances."""
FEW_VALUES = 5
"""Up to so many different values in the reference, Evidently compares numbers as it does categories."""
_NATURAL = sqrt(log(2))
"""From a Jensen-Shannon distance to base 2, which is ours, to one of natural logarithms, which is Evidently's."""


@dataclass(frozen=True, slots=True)
class Score:
    """What Evidently says of one column. `method` is its name for the distance."""

    method: str
    score: float
    threshold: float
    is_drifted: bool


@dataclass(frozen=True, slots=True)
class ComparedColumn:
    """One column as both see it.

    `theirs` is None for a column that is not among the sampled rows. `distance` is Evidently's distance on all rows, as
    far as our bins tell it. `psi` is bias-corrected, `limit` what of it is harmless. `why`: the reason for a difference
    in the outcome, or for a missing side; "" when both agree.
    """

    name: str
    theirs: Score | None
    distance: float | None
    psi: float | None
    limit: float
    verdict: str
    why: str
    is_different: bool


def methods_of(sides: Sides) -> dict[str, Method]:
    """The distance that Evidently is to take for each column: what it takes by itself when the reference is large.
    Fixed, for with at most 1,000 rows it would change to p-values, which do not compare from window to window."""
    numeric = {name: np.unique(before[~np.isnan(before)]).size for name, (before, _) in sides.numeric.items()}
    return {
        **{name: "wasserstein" if values > FEW_VALUES else "jensenshannon" for name, values in numeric.items()},
        **dict.fromkeys(sides.categorical, "jensenshannon"),
    }


def scores_of(results: Mapping[str, Any]) -> dict[str, Score]:
    """Evidently's scores by column, from a run's `dict()`. Whether a column drifted its test says: a score is a
    distance for some methods and a p-value for others."""
    failed = {
        test["metric_config"]["params"].get("column")
        for test in results["tests"]
        if test["id"] == "drift" and test["status"] == "FAIL"
    }
    found = [metric for metric in results["metrics"] if metric["config"]["type"].endswith(":ValueDrift")]
    return {
        config["column"]: Score(
            config["method"], float(metric["value"]), float(config["threshold"]), config["column"] in failed
        )
        for metric in found
        for config in [metric["config"]]
    }


def compare(document: Mapping[str, Any], sides: Sides, scores: Mapping[str, Score]) -> list[ComparedColumn]:
    """The columns of a window's document in its order, with Evidently's `scores` by the names that it was given."""
    return [_compared(name, column, document, sides, scores) for name, column in document["columns"].items()]


def _compared(
    name: str, column: Mapping[str, Any], document: Mapping[str, Any], sides: Sides, scores: Mapping[str, Score]
) -> ComparedColumn:
    limit = psi_limit(name, document)
    theirs = scores.get(sides.shown.get(name, ""))
    if theirs is None:
        why = sides.left_out.get(name, "Evidently gave no score")
        return ComparedColumn(name, None, None, column["psi_adjusted"], limit, column["verdict"], why, False)
    distance = _distance(theirs.method, column)
    is_different = theirs.is_drifted != (column["verdict"] == "ALERT")
    why = _why(theirs, distance, column, limit, sides.rows[1]) if is_different else ""
    return ComparedColumn(name, theirs, distance, column["psi_adjusted"], limit, column["verdict"], why, is_different)


def psi_limit(name: str, document: Mapping[str, Any]) -> float:
    """The PSI up to which a column's drift is harmless: its own, learned from quiet windows, or the setting."""
    own = (document.get("calibration") or {}).get(name)
    return float(own) if isinstance(own, (int, float)) else float(document["thresholds"]["psi"])


def _distance(method: str, column: Mapping[str, Any]) -> float | None:
    if method == "wasserstein":
        return column["wasserstein"]  # type: ignore[no-any-return]
    ours = column["jensen_shannon"]
    return None if ours is None else ours * _NATURAL


def _why(theirs: Score, distance: float | None, column: Mapping[str, Any], limit: float, sampled: int) -> str:
    rows, psi = column["rows"][1], column["psi_adjusted"]
    known = "not known" if psi is None else f"{psi:.3f}"
    if theirs.is_drifted:
        if column["verdict"] == "INSUFFICIENT_DATA":
            return f"Too few values to judge by: {rows:,}. Evidently asks for no number of rows."
        if distance is not None and distance < theirs.threshold:
            return (
                f"The sample: on all {rows:,} values Evidently's own distance is {distance:.3f}, below its threshold; "
                f"its {sampled:,} rows differ by chance."
            )
        warned = " It is told as a warning." if column["verdict"] == "WARN" else ""
        return (
            f"The test: a distance of {theirs.threshold:g} is drift to Evidently however sure it is. Here PSI must be "
            f"more than {limit:.3g} beyond doubt, and it is {known}.{warned}"
        )
    if psi is None or psi <= limit:
        return f"Another rule: {column['reason'] or 'not by distance'}. Evidently's test leaves such values out."
    if distance is not None and distance >= theirs.threshold:
        return (
            f"The sample: on all {rows:,} values Evidently's own distance is {distance:.3f}, which is drift to it too."
        )
    return (
        f"The test: PSI {known} is more than {limit:.3g} beyond doubt, while the distance stays below "
        f"{theirs.threshold:g}: PSI sees how often each value comes, a distance also how far it moved."
    )
