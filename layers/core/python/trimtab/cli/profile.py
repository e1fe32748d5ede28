"""`trimtab profile`: what capture files hold, file by file, and what of them could not be read."""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from trimtab.capture.decode import Unreadable
from trimtab.capture.faults import DETAIL_LENGTH, printable
from trimtab.capture.reference import InvalidReferenceError, Reference
from trimtab.capture.sketch import NUMERIC_SHARE
from trimtab.capture.table import Column, NumericColumn, number_of
from trimtab.cli.naming import named_by
from trimtab.cli.options import add_reading_options, settings_of
from trimtab.cli.output import count, print_json, share, tell
from trimtab.cli.parallel import map_parts
from trimtab.cli.reading import Account, Reading, line_of, read_part, reading_of
from trimtab.cli.references import column_names
from trimtab.cli.sources import Part, find_files, parts_of

_NOT_OPENED, _NOT_A_TABLE = "not_opened", "not_a_table"
_OF_THE_WHOLE = frozenset({_NOT_OPENED, _NOT_A_TABLE})
"""Reasons that are about a file and not a line of it."""


@dataclass(frozen=True)
class Cells:
    """Cells of one column that hold numbers, and that hold texts; the others are missing."""

    numbers: int = 0
    texts: int = 0

    def __add__(self, other: "Cells") -> "Cells":
        return Cells(self.numbers + other.numbers, self.texts + other.texts)


@dataclass(frozen=True)
class FileProfile:
    """What a file, or a part of one, holds. `columns` in order of appearance."""

    rows: int = 0
    columns: Mapping[str, Cells] = field(default_factory=dict)
    account: Account = field(default_factory=Account)


def add_profile_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "profile",
        help="what capture files hold and what of them cannot be read",
        description="Per file: records, rows, columns and their types, coverage, and why anything was not read.",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file, folder, glob or s3://bucket/prefix")
    parser.add_argument("--reference", metavar="PATH", help="training data that names the columns of nameless requests")
    add_reading_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the profiles. 0, whatever the files hold. Raises InputError for a path that is not there."""
    settings = settings_of(arguments)
    files = find_files(arguments.paths)
    reference = column_names(arguments.reference, settings) if arguments.reference else None
    parts = [part for path in files for part in parts_of(path)]
    work = partial(profile_part, reading=reading_of(settings), reference=reference)
    profiles = dict(_whole_files(parts, map_parts(work, parts, arguments.jobs)))
    total = sum((profile.account for profile in profiles.values()), Account())
    rows = sum(profile.rows for profile in profiles.values())
    if arguments.json:
        print_json(
            {
                "files": [
                    _file_document(path, profile, settings.categorical) for path, profile in sorted(profiles.items())
                ],
                "rows": rows,
                "coverage": total.coverage,
            }
        )
        return 0
    for path, profile in sorted(profiles.items()):
        tell("\n".join(_file_lines(path, profile, settings.categorical)))
    tell(f"{count(len(profiles), 'file')}, {count(rows, 'row')}, coverage {share(total.coverage)}")
    return 0


def profile_part(part: Part, reading: Reading, reference: Reference | None) -> FileProfile:
    """What a part holds. A file that cannot be opened, or is no table though its ending says so, is unreadable."""
    rows, columns, account = 0, dict[str, Cells](), Account()
    try:
        for item in read_part(part, reading):
            if isinstance(item, Unreadable):
                account = account.with_unreadable(part, item)
                continue
            table = (named_by(item, reference) or item) if reference and part.format != "table" else item
            rows += table.rows
            columns = _added(columns, {name: _cells(column) for name, column in table.columns.items()})
            account = account.with_table(table)
    except (OSError, InvalidReferenceError) as error:
        reason = _NOT_OPENED if isinstance(error, OSError) else _NOT_A_TABLE
        # the file is named above; a long path would leave no room for what is wrong
        detail = printable(str(error)).removeprefix(printable(part.path)).lstrip(",: ")
        account = account.with_unreadable(part, Unreadable(1, reason, detail[:DETAIL_LENGTH]))
    return FileProfile(rows, columns, account)


def kind_of(cells: Cells) -> str:
    """`numeric` by the rule of a reference, `categorical`, or `empty` without any value."""
    values = cells.numbers + cells.texts
    if not values:
        return "empty"
    return "numeric" if cells.numbers >= NUMERIC_SHARE * values else "categorical"


def _whole_files(parts: list[Part], profiles: Iterable[FileProfile]) -> Iterator[tuple[str, FileProfile]]:
    for path, group in groupby(zip(parts, profiles, strict=True), key=lambda pair: pair[0].path):
        whole = FileProfile()
        for _, profile in group:
            whole = FileProfile(
                whole.rows + profile.rows,
                _added(whole.columns, profile.columns),
                whole.account + profile.account,
            )
        yield path, whole


def _added(columns: Mapping[str, Cells], more: Mapping[str, Cells]) -> dict[str, Cells]:
    return {**columns, **{name: columns.get(name, Cells()) + cells for name, cells in more.items()}}


def _cells(column: Column) -> Cells:
    if isinstance(column, NumericColumn):
        return Cells(len(column) - int(np.isnan(column.values).sum()), column.invalid)
    used = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    is_number = np.array([number_of(value) is not None for value in column.values], bool)
    numbers = int(used[is_number].sum())
    return Cells(numbers, int(used.sum()) - numbers)


def _kinds(profile: FileProfile, categorical: frozenset[str]) -> dict[str, str]:
    kinds = {name: kind_of(cells) for name, cells in profile.columns.items()}
    return {name: "categorical" if name in categorical and kind != "empty" else kind for name, kind in kinds.items()}


def _file_document(path: str, profile: FileProfile, categorical: frozenset[str]) -> dict[str, Any]:
    return {
        "path": path,
        "records": profile.account.records,
        "rows": profile.rows,
        "columns": _kinds(profile, categorical),
        "unreadable": profile.account.unreadable,
        "reasons": dict(sorted(profile.account.reasons.items())),
        "coverage": profile.account.coverage,
    }


def _file_lines(path: str, profile: FileProfile, categorical: frozenset[str]) -> Iterator[str]:
    account = profile.account
    records, rows = count(account.records, "record"), count(profile.rows, "row")
    yield f"{printable(path)}: {records}, {rows}, coverage {share(account.coverage)}"
    kinds = _kinds(profile, categorical)
    for kind, number in Counter(kinds.values()).most_common():
        names = ", ".join(printable(name) for name, each in kinds.items() if each == kind)
        yield f"  {number:,} {kind}: {names}"
    for reason, times in account.reasons.most_common():
        part, item = account.first[reason]
        where = "" if reason in _OF_THE_WHOLE else f"line {line_of(part, item)}: "
        yield f"  not read: {times:,} {reason} ({where}{printable(item.detail)})"
