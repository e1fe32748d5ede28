"""The reference on one machine: made from captures or tables as build_reference makes it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from trimtab.capture.decode import Unreadable
from trimtab.capture.free_text import absent, covers, present
from trimtab.capture.reference import InvalidReferenceError, Reference, reference_from_sketch
from trimtab.capture.row_numbers import is_running_number, without_index
from trimtab.capture.sketch import EXACT_BINS, Sketch, merge_as_they_come, sketch_table
from trimtab.capture.table import Table
from trimtab.cli.naming import tell_outputs
from trimtab.cli.options import InputError
from trimtab.cli.parallel import map_parts
from trimtab.cli.reading import Account, place, read_part, reading_of
from trimtab.cli.sources import Part, find_files, parts_of, seekable
from trimtab.model_monitor.baseline import CONSTRAINTS, STATISTICS, reference_from_model_monitor
from trimtab.settings import EndpointSettings


@dataclass(frozen=True)
class BuiltReference:
    """A reference, its columns that are no features but number the rows, and how its files could be read."""

    reference: Reference
    running_numbers: frozenset[str]
    account: Account


def build_reference(pattern: str, settings: EndpointSettings, jobs: int) -> BuiltReference:
    """The reference of a file, folder, glob or S3 prefix, or of Model Monitor's statistics.json, with the
    constraints.json beside it if there is one. Raises InputError, InvalidReferenceError, OSError."""
    if pattern.endswith(STATISTICS):
        return BuiltReference(_of_model_monitor(pattern, settings), frozenset(), Account())
    parts = [part for path in find_files([pattern]) for part in parts_of(path, may_hold_rows=True)]
    account = Account()

    def sketches() -> Iterator[Sketch]:
        nonlocal account
        for sketch, of_part in map_parts(partial(_sketch_part, settings=settings), parts, jobs):
            account += of_part
            yield sketch

    sketch = merge_as_they_come(sketches(), most_bins=EXACT_BINS)
    if not sketch.rows and account.first:
        raise InputError("; ".join(place(*each) for each in account.first.values()))
    wanted = (*settings.columns, *settings.predictions) if settings.columns else ()
    missing = absent(wanted or settings.predictions, sketch.columns)
    if missing and sketch.rows:
        raise InvalidReferenceError(f"{pattern}: has no column {', '.join(missing)}")
    if wanted:
        sketch = replace(sketch, columns={name: sketch.columns[name] for name in present(wanted, sketch.columns)})
    sketch = without_index(sketch, wanted)
    reference = reference_from_sketch(
        sketch, source=pattern, created=datetime.now(UTC).isoformat(), categorical=settings.categorical
    )
    running = frozenset(name for name, column in sketch.columns.items() if is_running_number(column, sketch.rows))
    return BuiltReference(tell_outputs(reference), running, account)


def column_names(pattern: str, settings: EndpointSettings) -> Reference:
    """A reference of the first rows only, for the names of its columns. Raises as `build_reference`."""
    for path in find_files([pattern]):
        for item in read_part(parts_of(path, may_hold_rows=True)[0], reading_of(settings)):
            if isinstance(item, Table):
                sketch = without_index(sketch_table(_selected(item, settings)), settings.columns)
                return tell_outputs(reference_from_sketch(sketch, source=pattern, created=""))
    raise InvalidReferenceError(f"{pattern}: no rows to take names from")


def _of_model_monitor(path: str, settings: EndpointSettings) -> Reference:
    find_files([path])
    with seekable(Part(path, "table")) as file:
        statistics = file.read()
    try:
        with seekable(Part(f"{path.removesuffix(STATISTICS)}{CONSTRAINTS}", "table")) as file:
            constraints = file.read()
    except OSError:
        constraints = None
    reference = reference_from_model_monitor(
        statistics,
        constraints,
        path,
        datetime.now(UTC).isoformat(),
        columns=settings.columns,
        predictions=settings.predictions,
        categorical=settings.categorical,
    )
    return tell_outputs(reference)


def _sketch_part(part: Part, settings: EndpointSettings) -> tuple[Sketch, Account]:
    account = Account()

    def sketches() -> Iterator[Sketch]:
        nonlocal account
        for item in read_part(part, reading_of(settings)):
            if isinstance(item, Unreadable):
                account = account.with_unreadable(part, item)
            else:
                account = account.with_table(item)
                yield sketch_table(_selected(item, settings), most_bins=EXACT_BINS)

    return merge_as_they_come(sketches(), most_bins=EXACT_BINS), account


def _selected(table: Table, settings: EndpointSettings) -> Table:
    wanted = frozenset((*settings.columns, *settings.predictions)) if settings.columns else frozenset[str]()
    columns = {name: column for name, column in table.columns.items() if not wanted or covers(wanted, name)}
    outputs = table.outputs & columns.keys() | frozenset(present(settings.predictions, columns))
    return replace(table, columns=columns, outputs=outputs)
