"""Windows judged one after the other, by Trimtab as it judges live ones and by the rules beside it.

Trimtab raises an alert over windows (hysteresis); a rule beside it has an alarm for each window by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from bench.drift_rules import Compared, alarms_of_evidently, alarms_of_ks, alarms_of_profile
from bench.drift_sets import DataSet, part
from bench.drift_traffic import HOUR, Fault
from trimtab.capture.profile import Profile, profile_table
from trimtab.capture.reference import Reference
from trimtab.capture.table import Table
from trimtab.capture.window import Coverage
from trimtab.drift.history import History
from trimtab.drift.hysteresis import AlertState, next_state
from trimtab.drift.judgement import judge, judge_window
from trimtab.drift.past import past_of, windows_to_read
from trimtab.drift.series import Score, score_of_document, with_score
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window

THRESHOLDS = DriftThresholds()
LATEST = 6
"""So many windows after a fault began are looked at."""
BY_ROWS = 2
"""Rules of rows, which are slow, are asked about the first so many of these."""

type Ask = Callable[[int], tuple[bool, bool]]
"""Of a window's number, from 0: whether rules of profiles, and rules of rows, are asked about it."""


class Endpoint(Protocol):
    """Where windows come from, and what they are compared with."""

    @property
    def reference(self) -> Reference: ...

    @property
    def kept(self) -> Table: ...

    @property
    def faulty(self) -> tuple[str, ...]: ...

    def profile(self, rows: int, hour: int, random: np.random.Generator) -> Profile: ...

    def table(self, rows: int, hour: int, random: np.random.Generator) -> Table: ...

    def with_fault(self, fault: Fault, random: np.random.Generator) -> "Endpoint": ...


@dataclass
class Seen:
    """What became of windows in a row. `verdicts`: Trimtab's. `raised`: numbers of the windows, from 0, in which it
    raised an alert. `alarms`: by rule, the windows it was asked about and what it said."""

    verdicts: list[Verdict] = field(default_factory=list)
    raised: list[int] = field(default_factory=list)
    alarms: dict[str, dict[int, bool]] = field(default_factory=dict)

    def note(self, number: int, alarms: dict[str, bool]) -> None:
        for rule, is_alarm in alarms.items():
            self.alarms.setdefault(rule, {})[number] = is_alarm


def watch(
    compared: Compared,
    windows: Iterable[tuple[Profile, Table | None]],
    ask: Ask,
    *,
    evidently: bool,
    until_raised: bool = False,
) -> Seen:
    """Judge windows one after the other, each without a past that would tell of seasons. With `until_raised` Trimtab is
    not asked any more once it raised an alert."""
    seen, state = Seen(), AlertState.CLEARED
    for number, (profile, table) in enumerate(windows):
        if not (until_raised and seen.raised):
            seen.verdicts.append(judge(compared.reference, profile, THRESHOLDS).verdict)
            before, state = state, next_state(state, seen.verdicts[-THRESHOLDS.raise_of :], THRESHOLDS)
            if state is AlertState.RAISED and before is AlertState.CLEARED:
                seen.raised.append(number)
        asks_profile, asks_rows = ask(number)
        if asks_profile:
            seen.note(number, alarms_of_profile(compared, profile))
        if asks_rows and table is not None:
            seen.note(number, alarms_of_ks(compared, table))
            if evidently:
                seen.note(number, alarms_of_evidently(compared, table))
    return seen


def drawn(
    endpoint: Endpoint, rows: int, windows: int, ask: Ask, random: np.random.Generator
) -> Iterator[tuple[Profile, Table | None]]:
    """An endpoint's windows, one an hour, as rows where rules of rows are asked."""
    for number in range(windows):
        if ask(number)[1]:
            table = endpoint.table(rows, number, random)
            yield profile_table(table, endpoint.reference.grid), table
        else:
            yield endpoint.profile(rows, number, random), None


def in_order(data: DataSet, reference: Reference, rows: int) -> Iterator[tuple[Profile, Table | None]]:
    """The recorded rows as they stand; what is left at the end is no window."""
    for first in range(0, data.current.rows - rows + 1, rows):
        table = part(data.current, slice(first, first + rows))
        yield profile_table(table, reference.grid), table


def watch_for_weeks(
    endpoint: Endpoint, rows: int, hours: int, later: Endpoint, onset: int, random: np.random.Generator
) -> Seen:
    """Judge an hourly window after the other with all their past, as the function does: seasons, calibrated thresholds.
    From hour `onset` on the windows are those of `later`, and the next alert ends it."""
    seen, history, grid = Seen(), History(), endpoint.reference.grid
    scores: Sequence[Score] = ()
    profiles: dict[datetime, Profile] = {}
    whole = Coverage(objects=1, records=rows, unreadable=Counter())
    for number in range(hours):
        profile = (later if number >= onset else endpoint).profile(rows, number, random)
        start = HOUR + timedelta(hours=number)
        window = Window(start, start + timedelta(hours=1), (start,), rows)
        wanted = windows_to_read(scores, window, grid.name, THRESHOLDS)
        past = past_of(scores, {each: profiles[each] for each in wanted}, window, grid, history, THRESHOLDS)
        before = history.state
        judged = judge_window(endpoint.reference, window, profile, whole, history, past, THRESHOLDS)
        history = judged.history
        scores = with_score(scores, score_of_document(judged.document))
        profiles[start] = profile
        seen.verdicts.append(judged.assessment.verdict)
        if history.state is AlertState.RAISED and before is AlertState.CLEARED:
            seen.raised.append(number)
            if number >= onset:
                break
    return seen
