"""Free text among columns: which are such, and what is compared of them, their length.

Texts that hardly repeat are no categories: every window is full of values never seen. So a column of them, `review`, is
measured and becomes `review.characters`. Which it is, is decided

- by what is known of the endpoint: a column that a reference knows by its length is measured, one that it or the
  settings know as categorical is not;
- else by its name, where that can mean nothing else;
- else by the texts of one table (`are_free_texts`). Tables of few rows may be judged otherwise than larger ones of the
  same column. No harm comes of it: their texts are measured later, when a reference is made or compared with.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np

from trimtab.capture.layout import Layout
from trimtab.capture.sketch import ColumnSketch, Sketch, merge_numbers, sketch_numbers
from trimtab.capture.table import LONGEST_CATEGORY, Column, IntArray, NumericColumn, Table, TextColumn, canonical_text

MEASURED = ".characters"
_NAMES = frozenset({"prompt", "generated_text", "summary_text", "translation_text"})
"""What language models are asked and answer, as their containers call it."""
_LONGEST_LABEL = 64
_LONG_SHARE = 0.1
"""With at most this share of longer ones short texts are labels all the same: one message does not make them prose."""
_DISTINCT_SHARE = 0.5


def are_free_texts(texts: Sequence[str], counts: IntArray) -> bool:
    """Whether distinct texts, of which there are so many each, are no categories: more than a tenth are longer than 64
    characters, and at least half are distinct, or more than a tenth longer than any category that is kept."""
    lengths = np.array([len(text) for text in texts])
    most_long = _LONG_SHARE * int(counts.sum())
    if counts[lengths > _LONGEST_LABEL].sum() <= most_long:
        return False
    if int(np.count_nonzero(counts)) >= _DISTINCT_SHARE * int(counts.sum()):
        return True
    return bool(counts[lengths > LONGEST_CATEGORY].sum() > most_long)


def are_free_payloads(payloads: Sequence[str]) -> bool:
    """As `are_free_texts`, of texts in any order."""
    times = Counter(payloads)
    return are_free_texts(list(times), np.array(list(times.values()), np.int64))


def measure_free_texts(table: Table, known: Layout) -> Table:
    """The table with the columns of free text measured."""
    measured = {name for name, column in table.columns.items() if _is_measured(name, column, table, known)}
    return _measured(table, measured) if measured else table


def _measured(table: Table, measured: Collection[str]) -> Table:
    columns = {
        name + MEASURED if name in measured else name: characters(column) if name in measured else column
        for name, column in table.columns.items()
    }
    outputs = frozenset(name + MEASURED if name in measured else name for name in table.outputs)
    return replace(table, columns=columns, outputs=outputs)


def without_measure(name: str) -> str:
    """The name of the column that this one tells the length of, or the name itself."""
    return name.removesuffix(MEASURED)


def covers(names: Collection[str], name: str) -> bool:
    """Whether a column, or the texts that it tells the length of, is among the names."""
    return name in names or without_measure(name) in names


def characters(column: Column) -> NumericColumn:
    """How many characters each text has; of a number, its canonical spelling."""
    if isinstance(column, TextColumn):
        lengths = np.array([*map(len, column.values), np.nan])
        return NumericColumn(values=lengths[column.codes])
    distinct, codes = np.unique(column.values, return_inverse=True)
    lengths = np.array([np.nan if np.isnan(each) else len(canonical_text(repr(each))) for each in distinct.tolist()])
    return NumericColumn(values=lengths[codes] if len(lengths) else column.values)


def present(wanted: Iterable[str], columns: Collection[str]) -> list[str]:
    """Those of the wanted columns that are there, in order, each by the name that it has now."""
    return [each for name in wanted for each in (name, name + MEASURED) if each in columns]


def absent(wanted: Iterable[str], columns: Collection[str]) -> list[str]:
    """Those of the wanted columns that are not there, measured or not, sorted."""
    return sorted(name for name in set(wanted) if not present([name], columns))


def measured_sketch(sketch: Sketch, names: Collection[str]) -> Sketch:
    """The sketch with the texts of these columns measured, added to what was measured of them already. A column whose
    texts were too many to list stays as it is, and so does one that has a cell where a length stands too, for then that
    is another column."""
    listed = {name for name in names if _can_be_measured(name, sketch)}
    if not listed:
        return sketch
    columns: dict[str, ColumnSketch] = {}
    for name, column in sketch.columns.items():
        if name not in listed and not (name.endswith(MEASURED) and without_measure(name) in listed):
            columns[name] = column
            continue
        to = name + MEASURED if name in listed else name
        part = _characters_of_sketch(column) if name in listed else column
        columns[to] = _together(columns[to], part, sketch.rows) if to in columns else part
    outputs = frozenset(name + MEASURED if name in listed else name for name in sketch.outputs)
    return replace(sketch, columns=columns, outputs=outputs)


def measured_as_known[Counted: (Table, Sketch)](counted: Counted, known: Collection[str]) -> Counted:
    """The table or sketch with the columns measured of which the length alone is among the known names."""
    texts = {name for name in counted.columns if name + MEASURED in known and name not in known}
    if isinstance(counted, Sketch):
        return measured_sketch(counted, texts)
    texts = {name for name in texts if name + MEASURED not in counted.columns}
    return _measured(counted, texts) if texts else counted


def holds_texts(column: Column | ColumnSketch) -> bool:
    """Whether there are texts in the column."""
    return column.text_cells > 0 if isinstance(column, ColumnSketch) else isinstance(column, TextColumn)


def settled(sketch: Sketch, categorical: Collection[str] = ()) -> Sketch:
    """The sketch with columns measured throughout that are so in some of the tables it was made of."""
    return measured_sketch(
        sketch, [name for name in sketch.columns if name + MEASURED in sketch.columns and name not in categorical]
    )


def _is_measured(name: str, column: Column, table: Table, known: Layout) -> bool:
    length = name + MEASURED
    if length in table.columns:
        return False
    if name in known.categorical and length not in known.numeric:
        return False
    if length in known.numeric and name not in known.categorical:
        return True
    if not isinstance(column, TextColumn):
        return False
    if name.rpartition(".")[2] in _NAMES:
        return True
    if max(map(len, column.values), default=0) <= _LONGEST_LABEL:
        return False
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
    return are_free_texts(column.values, counts)


def _can_be_measured(name: str, sketch: Sketch) -> bool:
    column, length = sketch.columns.get(name), sketch.columns.get(name + MEASURED)
    if column is None or column.texts is None:
        return False
    return length is None or column.missing + length.missing >= sketch.rows


def _characters_of_sketch(column: ColumnSketch) -> ColumnSketch:
    """A sketch of texts as one of their lengths. Texts are known in their canonical spelling alone."""
    lengths = [(len(text), count) for text, count in (column.texts or {}).items()]
    values = column.numbers.lower_bounds().tolist()
    lengths += [
        (len(canonical_text(repr(value))), count)
        for value, count in zip(values, column.numbers.counts.tolist(), strict=True)
    ]
    sizes = np.array([size for size, _ in lengths], np.float64)
    counts = np.array([count for _, count in lengths], np.int64)
    return ColumnSketch(
        numbers=sketch_numbers(sizes, counts),
        missing=column.missing,
        minimum=float(sizes.min(initial=np.inf)),
        maximum=float(sizes.max(initial=-np.inf)),
        total=float((sizes * counts).sum()),
        squares=float((sizes * sizes * counts).sum()),
        integral=int(counts.sum()),
        by_request=column.by_request,
    )


def _together(one: ColumnSketch, other: ColumnSketch, rows: int) -> ColumnSketch:
    """Two columns of which each has the cells that the other lacks."""
    squares = one.by_request or other.by_request
    if one.by_request and other.by_request:
        # of the rows of a request the one or the other has all cells
        both = one.by_request + other.by_request
        squares = replace(both, cells=one.by_request.cells, gaps=max(0, both.gaps - one.by_request.cells))
    return replace(
        one,
        numbers=merge_numbers([one.numbers, other.numbers]),
        missing=one.missing + other.missing - rows,
        minimum=min(one.minimum, other.minimum),
        maximum=max(one.maximum, other.maximum),
        total=one.total + other.total,
        squares=one.squares + other.squares,
        integral=one.integral + other.integral,
        by_request=squares,
    )
