"""Thresholds of single columns, calibrated on the endpoint's own clean history.

A column that always wobbles more than the threshold allows would alarm for nothing. Once there is enough history, its
threshold is what it exceeds in one clean window of a hundred, if that is more than the threshold of all.
"""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from trimtab.drift.series import Score, alerts_of
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict

QUANTILE = 0.99
LEAST_WINDOWS = 100
"""Of fewer, the 99th percentile would be the greatest: one odd window would set it."""
MOST_TIMES = 1.5
"""At most so many times the threshold, so that no column becomes undetectable (docs/drift.md: what is still found)."""
UNSETTLED = timedelta(hours=24)
"""So long before and after an alert, and after a deployment, no window counts as clean: a shift about as large as the
threshold raises and clears alerts by turns."""


def calibrate(past: Sequence[Score], thresholds: DriftThresholds) -> dict[str, float] | None:
    """The PSI that is harmless, of the columns for which it is more than the threshold `psi`; None when clean windows
    of fewer than `calibration_days` days (UTC), or too few of them, are known. `past`: of one grid, oldest first.

    A column's value does not count where its drift was only seasonal: it says nothing about the other hours.
    """
    clean = clean_scores(past)
    days = {score.start.date() for score in clean}
    if not thresholds.calibration_days or len(days) < thresholds.calibration_days or len(clean) < LEAST_WINDOWS:
        return None
    calibrated: dict[str, float] = {}
    for name in sorted({name for score in clean for name, psi in score.psi_adjusted.items() if psi > thresholds.psi}):
        values = [
            score.psi_adjusted[name] for score in clean if name in score.psi_adjusted and name not in score.seasonal
        ]
        if len(values) >= LEAST_WINDOWS and (usual := float(np.quantile(values, QUANTILE))) > thresholds.psi:
            calibrated[name] = min(usual, MOST_TIMES * thresholds.psi)
    return calibrated


def clean_scores(past: Sequence[Score]) -> list[Score]:
    """The judged windows that are not within a day of an alert, or a day after a deployment. A window that alerted with
    nothing coming of it is clean: such are the false alarms that calibration is to end."""
    alerts = alerts_of(past)
    deployed = [score.start for score in past if score.deployment]
    return [
        score
        for score in past
        if score.verdict is not Verdict.INSUFFICIENT_DATA
        and not any(alert.start - UNSETTLED <= score.start < alert.end + UNSETTLED for alert in alerts)
        and not any(start <= score.start <= start + UNSETTLED for start in deployed)
    ]
