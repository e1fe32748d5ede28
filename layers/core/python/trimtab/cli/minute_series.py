"""The minute series of a canary from a CSV file."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trimtab.cli.options import InputError
from trimtab.rollout.series import Arm, Minute, Series

NEEDED = ("minute", "canary_requests", "canary_errors", "production_requests", "production_errors")
SLOW = ("canary_slow", "production_slow")
_MINUTE = timedelta(minutes=1)
_LAST_NUMBER = 10_000_000


def read_minute_series(path: str, share: float | None = None) -> Series:
    """The series in a file with the columns `NEEDED` and, both or neither, `SLOW`; others are ignored.

    `minute` is a number (0, 1, 2 …) or a time (ISO 8601; UTC unless it says otherwise); lines may come in any order. A
    minute that is not there is unknown, not zero. `share`: the canary's share of the traffic by its weight, 0 to 1, if
    known. Raises InputError naming the file and the line.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error.strerror if isinstance(error, OSError) else 'not UTF-8 text'}") from error
    rows = csv.reader(text.splitlines(), strict=True)
    minutes: dict[datetime, tuple[int, Minute]] = {}
    try:
        names = [name.strip() for name in next(rows, [])]
        _check_header(path, names)
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{path}, line {rows.line_num}"
            if len(cells) != len(names):
                raise InputError(f"{where}: {len(cells)} values, and the header has {len(names)} columns")
            minute = _minute(where, dict(zip(names, cells, strict=True)), share)
            if minute.at in minutes:
                raise InputError(f"{where}: this minute stands in line {minutes[minute.at][0]} already")
            minutes[minute.at] = (rows.line_num, minute)
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}") from error
    if not minutes:
        raise InputError(f"{path}: no minute in it")
    ordered = [minutes[at][1] for at in sorted(minutes)]
    return Series(tuple(ordered), started=ordered[0].at)


def _check_header(path: str, names: list[str]) -> None:
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise InputError(f"{path}, line 1: no column {', '.join(missing)}; there are {', '.join(names) or 'none'}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path}, line 1: column {', '.join(twice)} stands there twice")
    if len([name for name in SLOW if name in names]) == 1:
        raise InputError(f"{path}, line 1: {' and '.join(SLOW)} go together, and only one is there")


def _minute(where: str, cells: dict[str, str], share: float | None) -> Minute:
    return Minute(
        _time(where, cells["minute"].strip()), _arm(where, cells, "canary"), _arm(where, cells, "production"), share
    )


def _arm(where: str, cells: dict[str, str], arm: str) -> Arm:
    requests, errors = (_count(where, cells, f"{arm}_{what}") for what in ("requests", "errors"))
    slow = _count(where, cells, f"{arm}_slow") if f"{arm}_slow" in cells else None
    for name, number in (("errors", errors), ("slow", slow)):
        if number is not None and number > requests:
            raise InputError(f"{where}: {arm}_{name} is {number:,}, more than {arm}_requests, {requests:,}")
    return Arm(requests, errors, slow)


def _count(where: str, cells: dict[str, str], name: str) -> int:
    text = cells[name].strip()
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e15 or number != int(number):
        raise InputError(f"{where}: {name} is {text!r}, no count")
    return int(number)


def _time(where: str, text: str) -> datetime:
    if text.isdecimal() and text.isascii():
        if int(text) > _LAST_NUMBER:
            raise InputError(f"{where}: minute {text} is too large: give a number of minutes, or a time as in ISO 8601")
        return datetime.fromtimestamp(0, UTC) + int(text) * _MINUTE
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{where}: minute is {text!r}, neither a number nor a time as in ISO 8601") from error
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).replace(second=0, microsecond=0)
