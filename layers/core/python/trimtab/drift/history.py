"""What is remembered of one variant from window to window: where judging stands, and whether an alert is raised."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from trimtab.capture.profile import Profile
from trimtab.drift.hysteresis import AlertState, next_state
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window


@dataclass(frozen=True, slots=True)
class JudgedWindow:
    """The verdict on a window that started at `start`."""

    start: datetime
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class History:
    """The past of one variant.

    `cursor`: the end of the last window that is closed. `recent`: the latest judged windows, oldest first, as many as
    the hysteresis looks at. `since`: the first alerting window of the alert that stands. `notified`: when people were
    last told. `seen`: the columns that captures ever had a value for.
    """

    cursor: datetime | None = None
    state: AlertState = AlertState.CLEARED
    recent: tuple[JudgedWindow, ...] = ()
    since: datetime | None = None
    notified: datetime | None = None
    seen: frozenset[str] = frozenset()

    def windows_alerting(self, thresholds: DriftThresholds) -> str:
        """How many of the windows that raise an alert do, as "2 of 3"."""
        latest = self.recent[-thresholds.raise_of :]
        return f"{sum(each.verdict is Verdict.ALERT for each in latest)} of {len(latest)}"


def after_window(history: History, window: Window, verdict: Verdict, thresholds: DriftThresholds) -> History:
    """The history once a window is judged."""
    recent = history.recent
    if verdict is not Verdict.INSUFFICIENT_DATA:
        depth = max(thresholds.raise_of, thresholds.clear_after)
        recent = (*recent, JudgedWindow(window.start, verdict))[-depth:]
    state = history.state
    if recent is not history.recent:
        state = next_state(history.state, [each.verdict for each in recent], thresholds)
    since = history.since
    if state is AlertState.RAISED and since is None:
        since = next(each.start for each in recent[-thresholds.raise_of :] if each.verdict is Verdict.ALERT)
    return History(
        cursor=window.end,
        state=state,
        recent=recent,
        since=since if state is AlertState.RAISED else None,
        notified=history.notified,
        seen=history.seen,
    )


def seen_columns(history: History, window: Profile) -> History:
    """The history with the columns added that the window has a value for."""
    present = {name for name, column in window.columns.items() if column.valid or column.invalid}
    return replace(history, seen=history.seen | present)


def history_document(history: History) -> dict[str, Any]:
    """The history as plain JSON values."""
    return {
        "cursor": history.cursor and history.cursor.isoformat(),
        "state": history.state.value,
        "recent": [[each.start.isoformat(), each.verdict.value] for each in history.recent],
        "since": history.since and history.since.isoformat(),
        "notified": history.notified and history.notified.isoformat(),
        "seen": sorted(history.seen),
    }


def history_from_document(document: Mapping[str, Any]) -> History:
    """The inverse of `history_document`; an empty document is the history of a variant never judged."""
    if not document:
        return History()
    return History(
        cursor=_moment(document["cursor"]),
        state=AlertState(document["state"]),
        recent=tuple(
            JudgedWindow(datetime.fromisoformat(start), Verdict(verdict)) for start, verdict in document["recent"]
        ),
        since=_moment(document["since"]),
        notified=_moment(document["notified"]),
        seen=frozenset(document["seen"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
