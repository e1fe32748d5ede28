"""Seasons: which past windows tell how these hours of the week usually are, and drift that is only seasonal.

Traffic of a night differs from that of a day, and training data from both. What the same hours of past weeks had too
is no news. But a real drift that lasts would be its own season within weeks, and one that creeps is never far from
where it was a week ago. So:

- Once seasons are known, a window that alerted tells of none any more. Before, alerts that come and go are how a season
  looks, so it tells if each column that drifted had quiet hours too in the half weeks before and after it.
- Only a column whose drift did come and go in the week before can be seasonal. Chance alone makes alerts come and go
  where a shift is about as large as the threshold, so that what was measured counts there, certain or not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trimtab.capture.grid import Grid
from trimtab.capture.profile import Profile, add_profiles
from trimtab.drift.columns import ColumnAssessment
from trimtab.drift.series import Score
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window

WEEK = timedelta(weeks=1)
WEEKS = 4
LEAST_QUIET = 0.1
"""What comes and goes leaves at least so many windows of a span without drift."""
LASTING = 0.95
"""What lasts is measured in at least so many windows of a week, even where few of them are certain of it."""


@dataclass(frozen=True, slots=True)
class Season:
    """The same hours of past weeks: their counts, the starts of the windows that have them, and of how many weeks.
    `lasting`: the columns that were away from the reference through nearly all of the week before, at any hour."""

    profile: Profile
    windows: tuple[datetime, ...]
    weeks: int
    lasting: frozenset[str] = frozenset()


def seasonal_scores(past: Sequence[Score], window: Window) -> tuple[Score, ...]:
    """Of the windows before this one, those of the last four weeks that lie in the same hours of the week, by at least
    half of their own hours, and that tell how these usually are. `past`: on one grid, oldest first. Windows of a
    week or more have no hours of the week of their own."""
    if window.end - window.start >= WEEK:
        return ()
    judged = _judged(past)
    known_since = next((score.start for score in judged if score.weeks), window.start)
    return tuple(
        score
        for score in judged
        if _weeks_before(score, window) is not None
        and (score.verdict is not Verdict.ALERT or (score.start < known_since and _came_and_went(score, judged)))
    )


def season_of(
    past: Sequence[Score],
    profiles: Mapping[datetime, Profile],
    window: Window,
    grid: Grid,
    thresholds: DriftThresholds,
) -> Season | None:
    """The season of a window, from the windows before it (`seasonal_scores`) and the profiles that are kept of them, by
    start; None when they are of too few weeks, or have too few rows in all."""
    chosen = [
        each
        for each in seasonal_scores(past, window)
        if each.start in profiles and profiles[each.start].grid == grid.name
    ]
    weeks = {_weeks_before(each, window) for each in chosen}
    pooled = add_profiles((profiles[each.start] for each in chosen), grid)
    if thresholds.seasonal_weeks == 0 or len(weeks) < thresholds.seasonal_weeks or pooled.rows < thresholds.alert_rows:
        return None
    return Season(pooled, tuple(each.start for each in chosen), len(weeks), _lasting(past, window, thresholds.psi))


def as_in_season(column: ColumnAssessment, against_season: ColumnAssessment) -> ColumnAssessment:
    """A column whose drift is only seasonal: what alerted is a WARN that says so."""
    like = "as at these hours of past weeks"
    if against_season.psi is not None:
        like += f", PSI {against_season.psi:.3g} against them"
    reasons = tuple(
        replace(each, verdict=Verdict.WARN, text=f"{each.text}; {like}") if each.verdict is Verdict.ALERT else each
        for each in column.reasons
    )
    return replace(column, reasons=reasons, verdict=Verdict.WARN)


def _judged(past: Sequence[Score]) -> list[Score]:
    return [score for score in past if score.verdict is not Verdict.INSUFFICIENT_DATA]


def _came_and_went(score: Score, judged: Sequence[Score]) -> bool:
    """Whether each of the columns that drifted had enough windows without, both shortly before and shortly after.
    Columns have seasons of their own: where they take turns, no window need be quiet."""
    earlier = [each for each in judged if score.start - WEEK / 2 <= each.start < score.start]
    later = [each for each in judged if score.start < each.start <= score.start + WEEK / 2]
    return all(
        sum(name not in each.drifted for each in side) > LEAST_QUIET * len(side)
        for name in score.drifted
        for side in (earlier, later)
    )


def _lasting(past: Sequence[Score], window: Window, harmless: float) -> frozenset[str]:
    """The columns that were away from the reference in nearly every window of the week before, certainly or by what was
    measured: a shift that is only just too small for every window to be certain of it does not come and go."""
    week = [score for score in _judged(past) if score.start >= window.start - WEEK]
    away = Counter(name for score in week for name in _away(score, harmless))
    return frozenset(name for name, times in away.items() if times >= LASTING * len(week))


def _away(score: Score, harmless: float) -> set[str]:
    return {*score.drifted, *score.seasonal, *(name for name, psi in score.psi_adjusted.items() if psi > harmless)}


def _weeks_before(score: Score, window: Window) -> int | None:
    """How many weeks before the window this one has the same hours, None when it has others."""
    length = score.end - score.start
    weeks = -((score.start + length / 2 - window.start) // WEEK)  # half of a window or more contains its middle
    start, end = window.start - weeks * WEEK, window.end - weeks * WEEK
    is_same = length < WEEK and 2 * (min(end, score.end) - max(start, score.start)) >= length
    return weeks if is_same and 1 <= weeks <= WEEKS else None
