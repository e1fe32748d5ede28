"""The minute series of a canary from a CSV file."""

from collections.abc import Mapping

from trimtab.cli.minute_table import read_minute_table
from trimtab.cli.options import InputError
from trimtab.rollout.series import Arm, Minute, Series

NEEDED = ("minute", "canary_requests", "canary_errors", "production_requests", "production_errors")
SLOW = ("canary_slow", "production_slow")


def read_minute_series(path: str, share: float | None = None) -> Series:
    """The series in a file with the columns `NEEDED` and, both or neither, `SLOW`; others are ignored.

    A minute that is not there is unknown, not zero. `share`: the canary's share of the traffic by its weight, 0 to 1,
    if known. Raises InputError naming the file and the line.
    """
    rows = read_minute_table(path, NEEDED)
    if len([name for name in SLOW if name in rows[0].cells]) == 1:
        raise InputError(f"{path}, line 1: {' and '.join(SLOW)} go together, and only one is there")
    minutes = [
        Minute(row.at, _arm(row.where, row.cells, "canary"), _arm(row.where, row.cells, "production"), share)
        for row in rows
    ]
    return Series(tuple(minutes), started=minutes[0].at)


def _arm(where: str, cells: Mapping[str, str], arm: str) -> Arm:
    requests, errors = (_count(where, cells, f"{arm}_{what}") for what in ("requests", "errors"))
    slow = _count(where, cells, f"{arm}_slow") if f"{arm}_slow" in cells else None
    for name, number in (("errors", errors), ("slow", slow)):
        if number is not None and number > requests:
            raise InputError(f"{where}: {arm}_{name} is {number:,}, more than {arm}_requests, {requests:,}")
    return Arm(requests, errors, slow)


def _count(where: str, cells: Mapping[str, str], name: str) -> int:
    text = cells[name]
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e15 or number != int(number):
        raise InputError(f"{where}: {name} is {text!r}, no count")
    return int(number)
