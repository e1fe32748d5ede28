"""What became of replayed windows, counted and told: false alarms, faults found, and how soon."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import beta

from bench.drift_replay import BY_ROWS, LATEST, Seen
from trimtab.drift.verdict import Verdict

CONFIDENCE = 0.95
HOURS_A_WEEK = 168

type Tally = dict[str, Any]
type Told = dict[str, Any]


def tally_of_windows(seen: Seen) -> Tally:
    """Counts of windows in which nothing was planted. Tallies of parts add (see `added`)."""
    return {
        "windows": len(seen.verdicts),
        "raised": len(seen.raised),
        "verdicts": {verdict.value: seen.verdicts.count(verdict) for verdict in Verdict},
        "rules": {
            rule: {"asked": len(said), "alarms": sum(said.values())} for rule, said in sorted(seen.alarms.items())
        },
    }


def tally_of_run(seen: Seen) -> Tally:
    """Of windows that all have the fault: the number, from 1, of the first in which an alert was raised or a rule had
    an alarm; 0: none of them."""
    alerting, warning = ({Verdict.ALERT}, {Verdict.ALERT, Verdict.WARN})
    return {
        "raised": [seen.raised[0] + 1 if seen.raised else 0],
        "first": [int(bool(seen.verdicts) and seen.verdicts[0] in alerting)],
        "warned": [int(bool(seen.verdicts) and seen.verdicts[0] in warning)],
        "rules": {rule: [_first(said)] for rule, said in sorted(seen.alarms.items())},
    }


def added(tallies: Sequence[Tally]) -> Tally:
    """The sum of tallies: numbers and lists add; a rule that was not asked everywhere counts where it was."""
    total: Tally = {}
    for tally in tallies:
        for key, value in tally.items():
            total[key] = (
                added([total.get(key, {}), value]) if isinstance(value, dict) else total.get(key, type(value)()) + value
            )
    return total


def rate(alarms: int, windows: int) -> Told:
    """Alarms per 1,000 windows, with the most there may be (exact one-sided binomial bound, 95 %)."""
    most = 1.0 if alarms >= windows else float(beta.ppf(CONFIDENCE, alarms + 1, windows - alarms))
    return {
        "windows": windows,
        "alarms": alarms,
        "per_1000": 1000 * alarms / windows if windows else None,
        "at_most": round(1000 * most, 2) if windows else None,
    }


def quiet_figures(tally: Tally) -> Told:
    """False alarms of every rule. Of Trimtab: alerts raised, and the windows that alert or warn, per 1,000."""
    windows, verdicts = tally["windows"], tally["verdicts"]
    ours = rate(tally["raised"], windows)
    ours |= {name.lower(): rate(verdicts[name], windows)["per_1000"] for name in ("ALERT", "WARN", "INSUFFICIENT_DATA")}
    return {
        "trimtab": ours,
        "rules": {rule: rate(each["alarms"], each["asked"]) for rule, each in tally["rules"].items()},
    }


def fault_figures(tally: Tally) -> Told:
    """How often a fault is found, within two windows and at all, and after how many windows."""
    ours = found(tally["raised"], LATEST)
    ours |= {"first": float(np.mean(tally["first"])), "warned": float(np.mean(tally["warned"]))}
    return {"trimtab": ours, "rules": {rule: found(numbers, LATEST) for rule, numbers in tally["rules"].items()}}


def found(numbers: Sequence[int], latest: int) -> Told:
    """Of the number of the window in which each run's fault was found (0: never): the share found within the first two
    and within `latest` windows, and the median and 95 % quantile of windows to find it, where so many were."""
    each = np.array(numbers)
    is_found = each > 0
    waits = np.sort(np.where(is_found, each, latest + 1))

    def quantile(share: float) -> int | None:
        wait = int(waits[max(0, int(np.ceil(share * len(waits))) - 1)])
        return wait if wait <= latest else None

    return {
        "runs": len(each),
        "found": float((is_found & (each <= BY_ROWS)).mean()),
        "found_later": float(is_found.mean()),
        "median": quantile(0.5),
        "p95": quantile(0.95),
    }


def order_figures(seen: Seen, rows: int, changes: Sequence[tuple[int, str]]) -> Told:
    """Of recorded rows as they stand: alerts before the known change, and windows from it to the alert, that one
    counted. The window that the change falls into belongs to neither unless it is its first."""
    clean = (changes[0][0] if changes else len(seen.verdicts) * rows) // rows
    onset = -(-changes[0][0] // rows) if changes else len(seen.verdicts)
    after = [number - onset + 1 for number in seen.raised if number >= clean]
    judged = seen.verdicts[:clean]
    return {
        "windows": len(seen.verdicts),
        "clean_windows": clean,
        "alerts": len(seen.raised),
        "early": sum(number < clean for number in seen.raised),
        "alert_windows": sum(verdict is Verdict.ALERT for verdict in judged),
        "changes": [list(change) for change in changes],
        "delay": max(0, after[0]) if after else None,
        "rules": {
            rule: {
                "before": rate(*_alarms(said, 0, clean)),
                "after": rate(*_alarms(said, onset, len(seen.verdicts))),
            }
            for rule, said in sorted(seen.alarms.items())
        },
    }


def week_figures(tallies: Sequence[Tally]) -> Told:
    """Alerts of each week, all endpoints together, and how soon the fault after the last week was found."""
    weeks = len(tallies[0]["weeks"])
    return {
        "endpoints": len(tallies),
        "weeks": [
            rate(sum(each["weeks"][week] for each in tallies), HOURS_A_WEEK * len(tallies)) for week in range(weeks)
        ],
        "alerting": [sum(each["alerting"][week] for each in tallies) for week in range(weeks)],
        "found": [each["found"] for each in tallies],
    }


def tally_of_weeks(seen: Seen, onset: int) -> Tally:
    """Alerts raised and windows alerting by week, and the window (from 1) in which an alert was raised for the fault
    from `onset` on; 0: none was, maybe because one stood already."""
    weeks = [range(first, first + HOURS_A_WEEK) for first in range(0, onset, HOURS_A_WEEK)]
    late = [number - onset + 1 for number in seen.raised if number >= onset]
    return {
        "weeks": [sum(number in week for number in seen.raised) for week in weeks],
        "alerting": [sum(seen.verdicts[number] is Verdict.ALERT for number in week) for week in weeks],
        "found": late[0] if late else 0,
    }


def _first(said: dict[int, bool]) -> int:
    return next((number + 1 for number, is_alarm in sorted(said.items()) if is_alarm), 0)


def _alarms(said: dict[int, bool], begin: int, end: int) -> tuple[int, int]:
    chosen = [is_alarm for number, is_alarm in said.items() if begin <= number < end]
    return sum(chosen), len(chosen)
