"""What is wrong with a CSV file, and in which line: looked for only once it could not be read."""

import csv
from collections.abc import Iterator
from typing import IO

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
"""What people separate cells by besides commas."""
_LONGEST_LINE = 1 << 24


def first_odd_row(file: IO[bytes], cells: int) -> str | None:
    """The first row that has not so many cells or is not UTF-8, as `line 7: …`, with the line in which it begins; None
    when there is none, or it cannot be told. Reads the file on from where it stands, which is its beginning."""
    begins = 1
    rows = csv.reader(lines := _Lines(file))
    try:
        for row in rows:
            if row and len(row) != cells:
                return f"line {begins}: Expected {cells} columns, got {len(row)}"
            begins = rows.line_num + 1
    except UnicodeDecodeError:
        return f"line {lines.number}: not UTF-8"
    except csv.Error:
        pass
    return None


class _Lines:
    """The lines as text, and the `number` of the last one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE:
                raise csv.Error("a line without an end")
            for each in line.splitlines(keepends=True):  # a carriage return alone ends a row too
                self.number += 1
                yield each.decode("utf-8-sig" if self.number == 1 else "utf-8")


def other_separator(header: list[str], first: list[str]) -> str | None:
    """What separates the cells of a table whose header is one cell when commas do. None: it has one column, or more."""
    if len(header) != 1:
        return None
    row = ",".join(first)  # decimal commas
    return next((each for each in SEPARATORS if 0 < header[0].count(each) == row.count(each)), None)
