"""A CSV file with a line a minute, as every command on such files reads it."""

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trimtab.cli.options import InputError

MINUTE = timedelta(minutes=1)
EPOCH = datetime.fromtimestamp(0, UTC)
_LAST_NUMBER = 10_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line: `where` it stands (file and line, for messages), its minute (UTC), and its cells by column."""

    where: str
    at: datetime
    cells: Mapping[str, str]


def read_minute_table(path: str, needed: Collection[str], zero: datetime = EPOCH) -> list[Row]:
    """The lines of a file with at least the columns `needed`, one of them `minute`, in order of time.

    `minute` is a number (0, 1, 2 …; `zero` is what 0 means) or a time (ISO 8601; UTC unless it says otherwise); lines
    may come in any order, and empty ones do not count. Raises InputError naming the file and the line.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error.strerror if isinstance(error, OSError) else 'not UTF-8 text'}") from error
    lines = csv.reader(text.splitlines(), strict=True)
    rows: dict[datetime, tuple[int, Row]] = {}
    try:
        names = [name.strip() for name in next(lines, [])]
        _check_header(path, names, needed)
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{path}, line {lines.line_num}"
            if len(cells) != len(names):
                raise InputError(f"{where}: {len(cells)} values, and the header has {len(names)} columns")
            stripped = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
            row = Row(where, _time(where, stripped["minute"], zero), stripped)
            if row.at in rows:
                raise InputError(f"{where}: this minute stands in line {rows[row.at][0]} already")
            rows[row.at] = (lines.line_num, row)
    except csv.Error as error:
        raise InputError(f"{path}, line {lines.line_num}: {error}") from error
    if not rows:
        raise InputError(f"{path}: no minute in it")
    return [rows[at][1] for at in sorted(rows)]


def _check_header(path: str, names: list[str], needed: Collection[str]) -> None:
    missing = [name for name in needed if name not in names]
    if missing:
        raise InputError(f"{path}, line 1: no column {', '.join(missing)}; there are {', '.join(names) or 'none'}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path}, line 1: column {', '.join(twice)} stands there twice")


def _time(where: str, text: str, zero: datetime) -> datetime:
    if text.isdecimal() and text.isascii():
        if int(text) > _LAST_NUMBER:
            raise InputError(f"{where}: minute {text} is too large: give a number of minutes, or a time as in ISO 8601")
        return zero + int(text) * MINUTE
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{where}: minute is {text!r}, neither a number nor a time as in ISO 8601") from error
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).replace(second=0, microsecond=0)
