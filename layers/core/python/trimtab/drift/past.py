"""What a window is judged by besides its reference: what came before it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import fsum
from typing import Any

from trimtab.capture.grid import Grid
from trimtab.capture.profile import Profile
from trimtab.drift.assessment import Assessment, compare
from trimtab.drift.calibration import calibrate
from trimtab.drift.deployments import Deployment, deployment_in
from trimtab.drift.history import History
from trimtab.drift.season import Season, season_of, seasonal_scores
from trimtab.drift.series import Score, before
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.trend import ewma, last_rise
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window, iso

SETTLED = 100
"""Windows that the EWMA is taken of: what is older weighs less than rounding does."""


@dataclass(frozen=True, slots=True)
class Past:
    """The past of a window. `scores`: the windows before it on the same grid, oldest first. `season`: the same hours of
    past weeks. `calibrated`: thresholds of single columns, None with too little history. `quiet`: the last window that
    did not alert, and its counts. `deployment`: one that began in the window or since the one before."""

    scores: tuple[Score, ...] = ()
    season: Season | None = None
    calibrated: Mapping[str, float] | None = None
    quiet: tuple[Score, Profile] | None = None
    deployment: Deployment | None = None


def windows_to_read(
    series: Sequence[Score], window: Window, grid: str, thresholds: DriftThresholds
) -> tuple[datetime, ...]:
    """The starts of the past windows whose counts `past_of` needs."""
    scores = before(series, window.start, grid)
    seasonal = seasonal_scores(scores, window) if thresholds.seasonal_weeks else ()
    quiet = _last_quiet(scores)
    return tuple(sorted({each.start for each in (*seasonal, *([quiet] if quiet else []))}))


def past_of(
    series: Sequence[Score],
    profiles: Mapping[datetime, Profile],
    window: Window,
    grid: Grid,
    history: History,
    thresholds: DriftThresholds,
    deployments: Iterable[Deployment] = (),
) -> Past:
    """The past of a window, from the score series, the counts that are kept of past windows (by start; those that are
    gone are done without), the history before the window and the endpoint's deployments. What is in the series of this
    window or later ones does not count, so that a window judged again has the past it had."""
    scores = before(series, window.start, grid.name)
    quiet = _last_quiet(scores)
    return Past(
        scores=scores,
        season=season_of(scores, profiles, window, grid, thresholds),
        calibrated=calibrate(scores, thresholds),
        quiet=(quiet, profiles[quiet.start])
        if quiet and quiet.start in profiles and profiles[quiet.start].grid == grid.name
        else None,
        deployment=deployment_in(window, history.cursor, deployments),
    )


def past_document(
    past: Past, window: Window, assessment: Assessment, current: Profile, grid: Grid, thresholds: DriftThresholds
) -> dict[str, Any]:
    """What the past says about a judged window, as plain JSON values; what is not known is left out."""
    document: dict[str, Any] = {}
    if past.season:
        document["seasonal"] = {
            "windows": [iso(start) for start in past.season.windows],
            "weeks": past.season.weeks,
            "rows": past.season.profile.rows,
            "explains": list(assessment.seasonal),
            "columns": {
                name: {"verdict": column.verdict.value, "psi": column.psi, "psi_adjusted": column.psi_adjusted}
                for name in (*assessment.drifted, *assessment.seasonal)
                if (column := assessment.against_season[name])
            },
        }
    if past.calibrated is not None:
        document["calibration"] = dict(past.calibrated)
    if assessment.columns:
        document["trend"] = _trend(past.scores, window, assessment)
    if past.quiet and assessment.drifted:
        document["previous"] = _against_quiet(*past.quiet, assessment.drifted, current, grid, thresholds)
    if past.deployment:
        document["deployment"] = {"at": iso(past.deployment.at), "config": past.deployment.config}
    return document


def _trend(scores: Sequence[Score], window: Window, assessment: Assessment) -> dict[str, Any]:
    """Where the scores settle, and since when the column that drifted most is where it is."""
    present = {name: c.psi_adjusted for name, c in assessment.columns.items() if c.psi_adjusted is not None}
    series = [score.psi_adjusted for score in scores[-SETTLED:] if score.psi_adjusted] + ([present] if present else [])
    return {
        "ewma": {
            "greatest": ewma([max(each.values()) for each in series]),
            "mean": ewma([fsum(each.values()) / len(each) for each in series]),
            "columns": {name: ewma([each[name] for each in series if name in each]) for name in sorted(present)},
        },
        "change_point": _change_point(scores, window, assessment.drifted, present),
    }


def _change_point(
    scores: Sequence[Score], window: Window, drifted: Sequence[str], present: Mapping[str, float]
) -> dict[str, Any] | None:
    name = next((each for each in drifted if each in present), None)
    if name is None:
        return None
    known = [(score.start, score.psi_adjusted[name]) for score in scores if name in score.psi_adjusted]
    starts = [*(start for start, _ in known), window.start]
    if (found := last_rise([*(value for _, value in known), present[name]])) is None:
        return None
    return {
        "column": name,
        "began": iso(starts[found.position]),
        "earliest": iso(starts[found.earliest]),
        "latest": iso(starts[found.latest]),
        "before": found.before,
        "after": found.after,
        "p": found.p,
    }


def _against_quiet(
    quiet: Score,
    profile: Profile,
    drifted: Sequence[str],
    current: Profile,
    grid: Grid,
    thresholds: DriftThresholds,
) -> dict[str, Any]:
    """Whether the columns that drifted jumped since the last window that did not alert, or crept away."""
    columns = compare(drifted, profile, current, grid, thresholds)
    return {
        "start": iso(quiet.start),
        "rows": profile.rows,
        "psi_adjusted": {name: column.psi_adjusted for name, column in columns.items()},
        "sudden": [name for name, column in columns.items() if column.reasons],
    }


def _last_quiet(scores: Sequence[Score]) -> Score | None:
    judged = (each for each in reversed(scores) if each.verdict not in {Verdict.ALERT, Verdict.INSUFFICIENT_DATA})
    return next(judged, None)
