"""Tables, references and windows for the tests of model_monitor."""

from datetime import UTC, datetime

import numpy as np

from trimtab.capture.profile import profile_table
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sketch import EXACT_BINS, sketch_table
from trimtab.capture.table import NumericColumn, Table, TextColumn

HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)
CREATED = "2026-11-20T00:00:00+00:00"
SOURCE = "s3://baselines/churn/statistics.json"


def text_column(cells):
    values = tuple(dict.fromkeys(cell for cell in cells if cell is not None))
    return TextColumn(np.array([-1 if cell is None else values.index(cell) for cell in cells], np.int64), values)


def table(**columns):
    made = {
        name: text_column(cells)
        if any(isinstance(cell, str) for cell in cells)
        else NumericColumn(np.array(cells, float))
        for name, cells in columns.items()
    }
    rows = len(next(iter(made.values())))
    return Table(HOUR, rows, rows, made)


def sketch(**columns):
    return sketch_table(table(**columns), most_bins=EXACT_BINS)


def reference(**columns):
    return reference_from_sketch(sketch(**columns), source="s3://b/train.csv", created=CREATED)


def window(of, **columns):
    return profile_table(table(**columns), of.grid)
