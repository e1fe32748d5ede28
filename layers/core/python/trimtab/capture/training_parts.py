"""Training data in several files: which objects of a folder hold it, and whether they go together."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Literal

from trimtab.capture.free_text import without_measure
from trimtab.capture.reference import InvalidReferenceError
from trimtab.capture.table import Table

type TrainingFormat = Literal["CSV", "Parquet", "JSON Lines"]

_FORMATS: dict[str, TrainingFormat] = {
    ".csv": "CSV",
    ".parquet": "Parquet",
    ".jsonl": "JSON Lines",
    ".json": "JSON Lines",
    ".ndjson": "JSON Lines",
}
_LOGS = {"_delta_log": "Delta", ".hoodie": "Hudi"}


def training_format(name: str) -> TrainingFormat | None:
    """What a file of training data is by the ending of its name, None when it is none."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    return "CSV" if suffixes[-2:] == [".csv", ".gz"] else _FORMATS.get(suffixes[-1]) if suffixes else None


def parts_of_folder(folder: str, names: Iterable[str]) -> list[str]:
    """The files that hold rows of those in a folder, whose address ends in "/", and below it.

    As Spark reads it: what begins with "_" or "." is none of it (_SUCCESS, checksums, _temporary/). Raises
    InvalidReferenceError that names the file when one is of another format than the others.
    """
    parts: list[str] = []
    for name in names:
        path = name.removeprefix(folder).split("/")
        if table := next((_LOGS[each] for each in path if each in _LOGS), None):
            raise InvalidReferenceError(f"{folder}: files of a {table} table hold deleted rows too: export it first")
        if path[-1] and not path[-1].endswith("_$folder$") and not any(each.startswith(("_", ".")) for each in path):
            parts.append(name)
    if not parts:
        raise InvalidReferenceError(f"{folder}: there is no file of training data under it")
    formats = {name: training_format(name) for name in parts}
    first = next((name for name in parts if formats[name]), parts[0])
    odd = next((name for name in parts if formats[name] != formats[first]), None)
    if odd:
        raise InvalidReferenceError(f"{odd}: of another format than {first}: the files of a folder must be alike")
    return parts


def of_one_header(parts: Iterable[tuple[str, Iterable[Table]]]) -> Iterator[Table]:
    """The tables of CSV files, given by name. Raises InvalidReferenceError that names the first one which has other
    columns than those before it, as when one has lost its header row."""
    first, known = "", frozenset[str]()
    for name, tables in parts:
        for table in tables:
            columns = frozenset(map(without_measure, table.columns))
            if not known:
                first, known = name, columns
            elif columns != known:
                raise InvalidReferenceError(
                    f"{name}, line 1: other columns than in {first}: {', '.join(sorted(columns ^ known)[:5])}"
                )
            yield table
