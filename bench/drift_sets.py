"""Recorded data sets to replay: a folder of files and a small manifest, `dataset.json`, that says what is what.

Manifests of known public sets lie in bench/data_sets, for the files are not this project's to ship. Of others the
manifest lies in the folder itself, beside the files. Its keys are those of `Manifest`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.drift_traffic import HOUR, joined
from trimtab.capture.profile import texts_of
from trimtab.capture.table import Column, IntArray, NumericColumn, Table, TextColumn
from trimtab.capture.training import training_tables

KNOWN = Path(__file__).parent / "data_sets"
SHARED = Path(__file__).parents[2] / "shared" / "data" / "datasets"
"""Where the real data lies in the workplace this project was made in; without it the bench has only generated data."""
MANIFEST = "dataset.json"


class Change(BaseModel):
    """Where a drift is known to begin: at which row of `current`, counted from 0, and what kind it is. `covariate`:
    inputs move. `concept`: what the inputs mean moves, and inputs hardly do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int = Field(ge=0)
    kind: Literal["covariate", "concept"]


class Manifest(BaseModel):
    """What the files of a data set hold. Files are CSV (also .gz), Parquet or JSON Lines; a CSV file without a header
    has the columns of the first file that is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    reference: tuple[str, ...] = Field((), description="Files of the reference.")
    reference_rows: int = Field(0, ge=0, description="Without such files: the first so many rows of `current`.")
    current: tuple[str, ...] = Field(min_length=1, description="Files to replay.")
    labels: tuple[str, ...] = Field((), description="Files with the labels of `current`, when it has none itself.")
    key: str = Field("", description="Column that joins `current` and `labels`.")
    order: str = Field("", description="Column to sort `current` by. Default: as the rows stand.")
    label: str = ""
    prediction: str = ""
    score: str = Field("", description="Column with the probability of the label's greater value.")
    ignore: tuple[str, ...] = Field((), description="Columns that are no features.")
    categorical: tuple[str, ...] = Field((), description="Columns whose numbers are codes.")
    changes: tuple[Change, ...] = Field((), description="Known drifts, in order. None: nothing is known to drift.")


@dataclass(frozen=True)
class DataSet:
    """Rows in order of time. `labels`: of the reference's and of the current rows, None where there are none."""

    manifest: Manifest
    reference: Table
    current: Table
    labels: tuple[TextColumn, TextColumn] | None

    @property
    def clean(self) -> int:
        """How many of the current rows come before anything drifts."""
        return self.manifest.changes[0].row if self.manifest.changes else self.current.rows


def find_sets(folder: Path | None) -> Iterator[tuple[Path, Path]]:
    """Manifests and the folders of their files: those in a folder and those right below it, or else the known sets as
    far as they are there. Raises SystemExit when a given folder has none."""
    if folder is not None:
        found = sorted([*folder.glob(MANIFEST), *folder.glob(f"*/{MANIFEST}")])
        if not found:
            raise SystemExit(f"{folder}: no {MANIFEST} there, nor in a folder below")
        yield from ((each, each.parent) for each in found)
    elif SHARED.is_dir():
        yield from ((each, SHARED) for each in sorted(KNOWN.glob("*.json")))


def read_set(path: Path, folder: Path) -> DataSet:
    """The data set of a manifest, whose files' names are relative to the folder. Raises SystemExit that says what is
    wrong with it."""
    try:
        manifest = Manifest.model_validate_json(path.read_text())
        current = _ordered(_read(folder, manifest.current, names := _names(folder, manifest)), manifest.order)
        before = (
            _read(folder, manifest.reference, names)
            if manifest.reference
            else part(current, slice(0, manifest.reference_rows))
        )
        if not manifest.reference:
            current = part(current, slice(manifest.reference_rows, current.rows))
        return DataSet(
            manifest, _inputs(before, manifest), _inputs(current, manifest), _labels(folder, manifest, before, current)
        )
    except (ValueError, OSError, KeyError) as error:
        raise SystemExit(f"{path}: {error}") from error


def part(table: Table, rows: slice | IntArray) -> Table:
    """Some of a table's rows."""
    columns: dict[str, Column] = {
        name: TextColumn(column.codes[rows], column.values)
        if isinstance(column, TextColumn)
        else NumericColumn(column.values[rows])
        for name, column in table.columns.items()
    }
    count = len(np.arange(table.rows)[rows])
    return Table(HOUR, count, count, columns, table.outputs)


def _names(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """The columns of the first file, for files that do not name theirs."""
    first = (*manifest.reference, *manifest.current)[0]
    return tuple(_read(folder, (first,), ()).columns)


def _read(folder: Path, files: Sequence[str], names: tuple[str, ...]) -> Table:
    tables = []
    for name in files:
        with (folder / name).open("rb") as file:
            tables += training_tables(file, name, names)
    columns = {
        name: joined([_like(each.columns[name], tables[0].columns[name]) for each in tables])
        for name in tables[0].columns
    }
    rows = sum(each.rows for each in tables)
    return Table(HOUR, rows, rows, columns)


def _like(column: Column, first: Column) -> Column:
    """Numbers as texts where the column's first part is text."""
    is_text = isinstance(first, TextColumn) and isinstance(column, NumericColumn)
    return texts_of(column) if is_text else column


def _ordered(table: Table, by: str) -> Table:
    if not by:
        return table
    column = table.columns[by]
    if isinstance(column, TextColumn):
        ranks = np.argsort(np.argsort(column.values))
        return part(table, np.argsort(np.where(column.codes < 0, -1, ranks[column.codes]), kind="stable"))
    return part(table, np.argsort(column.values, kind="stable"))


def _inputs(table: Table, manifest: Manifest) -> Table:
    """Features, and what came out of the model."""
    left_out = {*manifest.ignore, manifest.key, manifest.order, manifest.label}
    columns = {name: column for name, column in table.columns.items() if name not in left_out}
    return replace(table, columns=columns, outputs=frozenset({manifest.prediction, manifest.score} & columns.keys()))


def _labels(folder: Path, manifest: Manifest, before: Table, current: Table) -> tuple[TextColumn, TextColumn] | None:
    if not manifest.label:
        return None
    now = current
    if manifest.labels:
        kept = _read(folder, manifest.labels, ())
        keys, wanted = (_texts(each.columns[manifest.key]) for each in (kept, current))
        order = np.argsort(keys)
        places = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(order) - 1)]
        if (keys[places] != wanted).any():
            raise ValueError(f"labels: some rows of {manifest.key} have none")
        now = part(kept, places)
    one, other = (_as_text(each.columns[manifest.label]) for each in (before, now))
    return one, other


def _texts(column: Column) -> np.ndarray:
    text = _as_text(column)
    return np.array(text.values)[text.codes]


def _as_text(column: Column) -> TextColumn:
    return texts_of(column) if isinstance(column, NumericColumn) else column
