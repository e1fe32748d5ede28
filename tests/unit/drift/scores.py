"""Entries of score series for tests."""

from datetime import UTC, datetime, timedelta

from trimtab.drift.hysteresis import AlertState
from trimtab.drift.series import Score
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window

MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def score(start, verdict="OK", *, hours=1, psi=None, **how):
    """A window that began so long after MONDAY. With `since` (as long after it) an alert stood. What alerts is column
    x, unless `drifted` says otherwise."""
    since = how.pop("since", None)
    return Score(
        start=MONDAY + start,
        end=MONDAY + start + hours * HOUR,
        rows=how.pop("rows", 1000),
        verdict=Verdict(verdict),
        state=AlertState.CLEARED if since is None else AlertState.RAISED,
        coverage=1.0,
        grid=how.pop("grid", "g"),
        psi_adjusted=psi or {},
        since=None if since is None else MONDAY + since,
        drifted=how.pop("drifted", ("x",) if verdict == "ALERT" else ()),
        **how,
    )


def window(start, hours=1, rows=1000):
    return Window(MONDAY + start, MONDAY + start + hours * HOUR, (), rows)
