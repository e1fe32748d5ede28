"""Windows of quality: the windows of drift, joined until they hold enough rows.

A metric needs more rows than a distribution does: that accuracy fell by three points from 0.94 is certain at 99 % from
some 3,500 labels on, and a window of drift may have 1,000 rows. The bounds are those of drift, so that the drift of the
inputs is known for the very same rows.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window


@dataclass(frozen=True, slots=True)
class InputDrift:
    """The input columns that `moved`, and those that drifted only because their data is at fault."""

    moved: frozenset[str] = frozenset()
    faulty: frozenset[str] = frozenset()


def quality_windows(closed: Iterable[Window], *, until: datetime, rows: int, max_hours: int) -> tuple[Window, ...]:
    """Consecutive closed windows of drift, oldest first, joined into windows of at least so many rows.

    One that is `max_hours` long, or has begun so long before `until`, is closed with what it has: a window of drift
    that would make it longer begins the next. Rows of a window that is not closed yet are left for later.
    """
    longest = timedelta(hours=max_hours)
    found: list[Window] = []
    filling: list[Window] = []
    for window in closed:
        if filling and window.end > filling[0].start + longest:
            found.append(_joined(filling))
            filling = []
        filling.append(window)
        if sum(each.rows for each in filling) >= rows or window.end >= filling[0].start + longest:
            found.append(_joined(filling))
            filling = []
    if filling and until >= filling[0].start + longest:
        found.append(_joined(filling))
    return tuple(found)


def _joined(windows: list[Window]) -> Window:
    hours = tuple(hour for window in windows for hour in window.hours)
    return Window(windows[0].start, windows[-1].end, hours, sum(window.rows for window in windows))


def drifted_inputs(documents: Iterable[Mapping[str, Any]], outputs: Collection[str]) -> InputDrift | None:
    """What became of the inputs in the windows of drift with these stored verdicts, save columns that came out of the
    model; None when none of these windows could be judged. Of a window that could not be explained all that drifted
    counts as moved."""
    judged = [each for each in documents if each["verdict"] != Verdict.INSUFFICIENT_DATA.value]
    if not judged:
        return None
    moved = {name for each in judged for name in each.get("moved", each["drifted"])} - set(outputs)
    faulty = {name for each in judged for name in each.get("faulty", ())} - set(outputs)
    return InputDrift(frozenset(moved), frozenset(faulty - moved))


def drift_document(drift: InputDrift | None) -> dict[str, Any]:
    """The same as plain JSON values; {} when it is not known."""
    return {} if drift is None else {"moved": sorted(drift.moved), "faulty": sorted(drift.faulty)}
