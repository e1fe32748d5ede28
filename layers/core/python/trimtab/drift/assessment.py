"""One window against the reference: a verdict, why, and all the numbers behind it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from types import MappingProxyType

import numpy as np

from trimtab.capture.grid import Grid
from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.drift.columns import ColumnAssessment, assess_column
from trimtab.drift.dates import are_dates
from trimtab.drift.discoveries import benjamini_hochberg
from trimtab.drift.rules import percent
from trimtab.drift.season import Season, as_in_season
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict, gravest, reason

NAMED = 3
NO_THRESHOLDS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdict on one window, with `reason` in one sentence.

    `rows`: (reference, current). `columns` by name, in order of their names; none when the window was not judged.
    `drifted`: the columns that alert, the one that moved most first. `drifted_importance`: what those of them that go
    into the model weigh in all (0 to 1). `drifted_share`: how many of all columns they are. `against_season`: what the
    columns were found to be against the same hours of past weeks, where that was asked. `seasonal`: the columns that
    would alert, had these hours not been so before. `dates`: the columns that hold dates or times, which were
    not judged.
    """

    verdict: Verdict
    reason: str
    rows: tuple[int, int]
    columns: Mapping[str, ColumnAssessment]
    drifted: tuple[str, ...] = ()
    drifted_importance: float = 0.0
    drifted_share: float = 0.0
    against_season: Mapping[str, ColumnAssessment] = field(default_factory=dict)
    seasonal: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()


def assess(
    reference: Reference,
    current: Profile,
    thresholds: DriftThresholds,
    *,
    season: Season | None = None,
    calibrated: Mapping[str, float] = NO_THRESHOLDS,
    importance: Mapping[str, float] | None = None,
    critical: Collection[str] = frozenset(),
    ignore: Collection[str] = frozenset(),
) -> Assessment:
    """Compare a window with the reference, all columns but those to `ignore`, and those of dates and times unless they
    are listed as `critical`.

    `season`: the same hours of past weeks, on the reference's grid. A column that alerts against the reference, but
    shows nothing against these, and did not drift through the whole week before, is capped to WARN. `calibrated`: the
    PSI that is harmless, of columns that have a threshold of their own.

    `importance`: any weights of input columns (they are normalised; a column without one weighs nothing). Without it
    every input column weighs the same. Columns that come out of the model are critical, as are the ones listed in
    `critical` and those with at least `critical_importance`.

    Raises ValueError when the window is on another grid than the reference.
    """
    if current.grid != reference.grid.name:
        raise ValueError(f"window is on grid {current.grid}, the reference on {reference.grid.name}")
    wanted = sorted(set(reference.grid.columns) - set(ignore))
    dates = tuple(
        name
        for name in wanted
        if name not in critical and are_dates(reference.grid.columns[name], reference.profile.columns[name])
    )
    names = [name for name in wanted if name not in dates]
    rows = (reference.profile.rows, current.rows)
    if unjudged := _why_not_judged(names, current, thresholds):
        return Assessment(Verdict.INSUFFICIENT_DATA, unjudged, rows, {}, dates=dates)
    columns = compare(names, reference.profile, current, reference.grid, thresholds, calibrated)
    against_season: Mapping[str, ColumnAssessment] = {}
    seasonal: tuple[str, ...] = ()
    if season is not None and (alerting := _by_size(columns, Verdict.ALERT)):
        against_season = compare(names, season.profile, current, reference.grid, thresholds)
        seasonal = tuple(
            name for name in alerting if against_season[name].verdict is Verdict.OK and name not in season.lasting
        )
        columns |= {name: as_in_season(columns[name], against_season[name]) for name in seasonal}
    weights = _weights([name for name in names if name not in reference.outputs], importance)
    drifted = _by_size(columns, Verdict.ALERT)
    drifted_importance = fsum(weights.get(name, 0.0) for name in drifted)
    drifted_share = len(drifted) / len(names)
    if thresholds.policy == "drift_share":
        is_alert = bool(drifted) and drifted_share >= thresholds.drift_share
    else:
        critical_columns = (
            reference.outputs
            | set(critical)
            | {name for name, weight in weights.items() if weight >= thresholds.critical_importance}
        )
        is_alert = any(name in critical_columns for name in drifted) or (
            bool(drifted) and drifted_importance >= thresholds.importance_share
        )
    verdict = _window_verdict(columns, is_alert=is_alert)
    silence = "" if is_alert or not drifted else _why_no_alert(drifted, drifted_importance, drifted_share, thresholds)
    return Assessment(
        verdict=verdict,
        reason=_sentence(columns, rows) + silence,
        rows=rows,
        columns=columns,
        drifted=drifted,
        drifted_importance=drifted_importance,
        drifted_share=drifted_share,
        against_season=against_season,
        seasonal=seasonal,
        dates=dates,
    )


def compare(
    names: Sequence[str],
    before: Profile,
    current: Profile,
    grid: Grid,
    thresholds: DriftThresholds,
    calibrated: Mapping[str, float] = NO_THRESHOLDS,
) -> dict[str, ColumnAssessment]:
    """These columns against what was before, both on the grid, judged together. `calibrated` as in `assess`."""
    columns = {
        name: assess_column(
            grid.columns[name],
            before.columns[name],
            current.columns[name],
            thresholds,
            columns=len(names),
            tau=calibrated.get(name),
        )
        for name in names
    }
    return _judge_psi(columns, thresholds, calibrated)


def _why_not_judged(names: list[str], current: Profile, thresholds: DriftThresholds) -> str | None:
    if not names:
        return "no columns to compare"
    if absent := [name for name in names if name not in current.columns]:
        return f"the window has no column {', '.join(absent)}"
    if current.rows < thresholds.warn_rows:
        return f"{current.rows:,} of {thresholds.warn_rows:,} rows"
    return None


def _judge_psi(
    columns: dict[str, ColumnAssessment], thresholds: DriftThresholds, calibrated: Mapping[str, float]
) -> dict[str, ColumnAssessment]:
    """The columns with the reasons that their PSI gives, at a false-discovery rate over all that have one."""
    tested = [name for name, column in columns.items() if column.p is not None]
    of_alert = benjamini_hochberg(np.array([columns[name].p for name in tested], dtype=np.float64))
    of_warn = benjamini_hochberg(np.array([columns[name].p_any for name in tested], dtype=np.float64))
    judged = dict(columns)
    for name, q_alert, q_warn in zip(tested, of_alert, of_warn, strict=True):
        column = columns[name]
        harmless = calibrated.get(name, thresholds.psi)
        adjusted = column.psi_adjusted or 0.0
        text = f"PSI {column.psi:.3g} ({adjusted:.3g} without chance), "
        if q_alert <= thresholds.alert_fdr:
            text += f"certainly more than {harmless:.3g} ({_p_value(column.p)})"
            found = reason("psi", Verdict.ALERT, text, rows=column.rows[1], thresholds=thresholds)
        elif q_warn <= thresholds.warn_fdr and adjusted >= thresholds.warn_psi:
            text += f"not by chance ({_p_value(column.p_any)}) but maybe less than {harmless:.3g}"
            found = reason("psi", Verdict.WARN, text, rows=column.rows[1], thresholds=thresholds)
        else:
            continue
        reasons = (found, *column.reasons)
        judged[name] = replace(column, reasons=reasons, verdict=gravest(reasons))
    return judged


def _weights(inputs: list[str], importance: Mapping[str, float] | None) -> dict[str, float]:
    """Importance of each input column, summing to 1."""
    given = {name: 1.0 if importance is None else importance.get(name, 0.0) for name in inputs}
    total = fsum(given.values())
    return {name: weight / total for name, weight in given.items()} if total > 0 else given


def _window_verdict(columns: Mapping[str, ColumnAssessment], *, is_alert: bool) -> Verdict:
    verdicts = {column.verdict for column in columns.values()}
    if is_alert:
        return Verdict.ALERT
    if verdicts & {Verdict.ALERT, Verdict.WARN}:
        return Verdict.WARN
    return Verdict.OK if Verdict.OK in verdicts else Verdict.INSUFFICIENT_DATA


def _why_no_alert(drifted: Sequence[str], importance: float, of_all: float, thresholds: DriftThresholds) -> str:
    """Why columns alert and the window does not, to be said after what moved."""
    is_one = len(drifted) == 1
    alone = f"; {_listed(list(drifted))} {'alerts' if is_one else 'alert'}, and the window does not: "
    if thresholds.policy == "drift_share":
        return f"{alone}that is {percent(of_all)} of the columns, and it takes {percent(thresholds.drift_share)}"
    return (
        f"{alone}{'it weighs' if is_one else 'they weigh'} {percent(importance)}, and it takes "
        f"{percent(thresholds.critical_importance)} in one column or {percent(thresholds.importance_share)} in all; "
        f"name {'it' if is_one else 'those that matter'} in critical to be told"
    )


def _by_size(columns: Mapping[str, ColumnAssessment], *verdicts: Verdict) -> tuple[str, ...]:
    """Names of the columns with these verdicts, in the order of the verdicts, then the greatest PSI first."""
    return tuple(
        sorted(
            (name for name, column in columns.items() if column.verdict in verdicts),
            key=lambda name: (verdicts.index(columns[name].verdict), -(columns[name].psi_adjusted or 0.0), name),
        )
    )


def _sentence(columns: Mapping[str, ColumnAssessment], rows: tuple[int, int]) -> str:
    compared = f"{rows[1]:,} rows against {rows[0]:,}"
    unjudged = [name for name, column in columns.items() if column.verdict is Verdict.INSUFFICIENT_DATA]
    why = _why_so_few([columns[name] for name in unjudged])
    note = f"; too few values to judge {_listed(unjudged)}{why}" if unjudged else ""
    if moved := _by_size(columns, Verdict.ALERT, Verdict.WARN):
        what = "; ".join(f"{name}: {_main_reason(columns[name])}" for name in moved[:NAMED])
        more = f"; and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
        return f"{len(moved)} of {len(columns)} columns moved in {compared}: {what}{more}{note}"
    if len(unjudged) == len(columns):
        return f"no column has enough values to judge in {compared}{why}"
    quiet = f"no column drifted in {compared}"
    if most := _by_size({name: column for name, column in columns.items() if column.p is not None}, Verdict.OK)[:1]:
        quiet += f"; most moved {most[0]}: PSI {columns[most[0]].psi:.3g}"
    return quiet + note


def _why_so_few(unjudged: Sequence[ColumnAssessment]) -> str:
    """The rows of the column whose rows count least, where those of one request are alike."""
    counted = [(each.rows_effective[1], each.rows[1]) for each in unjudged if each.rows_effective]
    if not counted or (fewest := min(counted))[0] == fewest[1]:
        return ""
    return f" ({fewest[1]:,} rows count as {fewest[0]:,}, for those of one request are alike)"


def _main_reason(column: ColumnAssessment) -> str:
    return next(each.text for each in column.reasons if each.verdict is column.verdict)


def _p_value(p: float | None) -> str:
    return f"p {p:.1g}" if p else "p < 1e-300"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
